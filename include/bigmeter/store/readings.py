"""The readings of a branch-month, ``bm_meter_details``."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any

import psycopg
from psycopg.rows import scalar_row, tuple_row

from include.bigmeter.periods import Ym, dashed
from include.bigmeter.records import READING_COLUMNS, MeterReading, WriteCounts
from include.bigmeter.store.failures import store_errors
from include.bigmeter.store.statements import statement
from include.bigmeter.store.transactions import own_transaction, require_transaction

_as_row = attrgetter(*READING_COLUMNS)


def count_stored(conn: psycopg.Connection[Any], *, ym: Ym, branch_code: str, cust_codes: Collection[str]) -> int:
    """Return how many of these customers have a stored reading of the branch-month."""
    key = {"ym": ym, "branch_code": branch_code, "cust_codes": list(cust_codes)}
    with own_transaction(conn, f"{branch_code} {dashed(ym)}"), conn.cursor(row_factory=scalar_row) as cursor:
        return int(cursor.execute(statement("count_stored_readings"), key).fetchone() or 0)


def write_month(
    conn: psycopg.Connection[Any],
    *,
    ym: Ym,
    branch_code: str,
    cust_codes: Collection[str],
    readings: Sequence[MeterReading],
) -> WriteCounts:
    """Make the stored rows of a cohort's members those of Oracle, within :func:`month_transaction`.

    Rows in which nothing differs are not written, so that a second load leaves ``xmin`` and ``updated_at`` alone.
    A member's row without a reading here is removed; rows of customers outside the cohort stay. Without any reading
    nothing is removed: an empty result never deletes.

    :param cust_codes: the members of the cohort.
    :param readings: one per customer, all of this branch and month.
    :raises StoreRefused: if PostgreSQL refuses a row.
    """
    require_transaction(conn, "write_month")
    subject = f"{branch_code} {dashed(ym)}"
    if not readings:
        return WriteCounts()
    if any(reading.year_month != ym or reading.branch_code != branch_code for reading in readings):
        raise ValueError(f"{subject}: a reading belongs to another branch or month")
    if len({reading.cust_code for reading in readings}) != len(readings):
        raise ValueError(f"{subject}: two readings of one customer")
    key = {"ym": ym, "branch_code": branch_code}
    with store_errors(subject), conn.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(statement("create_incoming_readings"))
        with cursor.copy(statement("copy_incoming_readings")) as copy:
            for reading in readings:
                copy.write_row(_as_row(reading))
        inserted, updated = cursor.execute(statement("upsert_readings"), key).fetchone() or (0, 0)
        removed = cursor.execute(
            statement("delete_withdrawn_readings"), key | {"cust_codes": list(cust_codes)}
        ).rowcount
    unchanged = len(readings) - inserted - updated
    return WriteCounts(inserted=inserted, updated=updated, unchanged=unchanged, removed=removed)
