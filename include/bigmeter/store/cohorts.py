"""The cohorts, ``bm_custcode_init``: captured once a fiscal year, then frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import psycopg
from psycopg.rows import class_row, tuple_row

from include.bigmeter.records import MEMBER_COLUMNS, CohortMember
from include.bigmeter.store.failures import store_errors
from include.bigmeter.store.statements import statement
from include.bigmeter.store.transactions import own_transaction, require_transaction

_as_row = attrgetter(*MEMBER_COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortCounts:
    """What a yearly write did, and how Oracle's result compares with the cohort that was stored before it.

    ``entered`` and ``departed`` are customer codes: those in Oracle's result alone and in the stored cohort alone. A
    frozen cohort does not follow them, a recapture does. Both are empty at the first capture.
    """

    is_first_capture: bool
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    entered: tuple[str, ...] = ()
    departed: tuple[str, ...] = ()


def read_cohort(conn: psycopg.Connection[Any], *, fiscal_year: int, branch_code: str) -> list[CohortMember]:
    """Return the cohort of a branch and fiscal year, largest first; an empty list if none was captured."""
    key = {"fiscal_year": fiscal_year, "branch_code": branch_code}
    subject = f"{branch_code} fiscal year {fiscal_year}"
    with own_transaction(conn, subject), conn.cursor(row_factory=class_row(CohortMember)) as cursor:
        return cursor.execute(statement("read_cohort"), key).fetchall()


def count_cohorts(conn: psycopg.Connection[Any], *, fiscal_year: int) -> dict[str, int]:
    """Return the size of each cohort of a fiscal year by branch code; a branch without one is not in it."""
    key = {"fiscal_year": fiscal_year}
    with own_transaction(conn), conn.cursor(row_factory=tuple_row) as cursor:
        return dict(cursor.execute(statement("count_cohorts"), key))


def read_first_cohorts(conn: psycopg.Connection[Any]) -> dict[str, int]:
    """Return the fiscal year of each branch's first cohort by branch code; a branch without one is not in it."""
    with own_transaction(conn), conn.cursor(row_factory=tuple_row) as cursor:
        return dict(cursor.execute(statement("read_first_cohorts")))


def write_cohort(
    conn: psycopg.Connection[Any], *, fiscal_year: int, branch_code: str, members: Sequence[CohortMember]
) -> CohortCounts:
    """Capture a branch's cohort, or refresh the one that is stored, within :func:`cohort_transaction`.

    A stored cohort is frozen: its members' descriptive columns follow Oracle; usage, rank, debt_ym and created_at
    stay, as does the row of a member that is not in ``members``, and nobody enters.

    :param members: Oracle's result, one per customer, all of this branch and fiscal year.
    :raises StoreRefused: if PostgreSQL refuses a row.
    """
    subject = _copy_in(conn, "write_cohort", fiscal_year, branch_code, members)
    key: dict[str, int | str] = {"fiscal_year": fiscal_year, "branch_code": branch_code}
    with store_errors(subject), conn.cursor(row_factory=tuple_row) as cursor:
        entered, departed, stayed = _compare(cursor, key)
        if not departed and not stayed:
            inserted, _ = cursor.execute(statement("upsert_cohort"), key).fetchone() or (0, 0)
            return CohortCounts(is_first_capture=True, inserted=inserted)
        updated = cursor.execute(statement("refresh_cohort")).rowcount
    return CohortCounts(
        is_first_capture=False, updated=updated, unchanged=len(stayed) - updated, entered=entered, departed=departed
    )


def replace_cohort(
    conn: psycopg.Connection[Any], *, fiscal_year: int, branch_code: str, members: Sequence[CohortMember]
) -> CohortCounts:
    """Make the stored cohort Oracle's result, within :func:`cohort_transaction`: a recapture.

    The readings of former members stay. A member that stays keeps ``created_at``. An empty result removes nobody.

    :param members: Oracle's result, one per customer, all of this branch and fiscal year.
    :raises StoreRefused: if PostgreSQL refuses a row.
    """
    subject = _copy_in(conn, "replace_cohort", fiscal_year, branch_code, members)
    key: dict[str, int | str] = {"fiscal_year": fiscal_year, "branch_code": branch_code}
    with store_errors(subject), conn.cursor(row_factory=tuple_row) as cursor:
        entered, departed, stayed = _compare(cursor, key)
        inserted, updated = cursor.execute(statement("upsert_cohort"), key).fetchone() or (0, 0)
        removed = cursor.execute(statement("delete_former_members"), key).rowcount if members else 0
    is_first = not departed and not stayed
    return CohortCounts(
        is_first_capture=is_first,
        inserted=inserted,
        updated=updated,
        unchanged=len(members) - inserted - updated,
        removed=removed,
        entered=() if is_first else entered,
        departed=departed,
    )


def _copy_in(
    conn: psycopg.Connection[Any], caller: str, fiscal_year: int, branch_code: str, members: Sequence[CohortMember]
) -> str:
    require_transaction(conn, caller)
    subject = f"{branch_code} fiscal year {fiscal_year}"
    if any(member.fiscal_year != fiscal_year or member.branch_code != branch_code for member in members):
        raise ValueError(f"{subject}: a member belongs to another branch or year")
    if len({member.cust_code for member in members}) != len(members):
        raise ValueError(f"{subject}: one customer twice")
    with store_errors(subject), conn.cursor() as cursor:
        cursor.execute(statement("create_incoming_cohort"))
        with cursor.copy(statement("copy_incoming_cohort")) as copy:
            for member in members:
                copy.write_row(_as_row(member))
    return subject


def _compare(
    cursor: psycopg.Cursor[tuple[Any, ...]], key: dict[str, int | str]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the codes in Oracle's result alone, in the stored cohort alone, and in both."""
    rows = cursor.execute(statement("compare_cohort"), key).fetchall()
    entered = tuple(code for code, is_stored, _ in rows if not is_stored)
    departed = tuple(code for code, _, is_incoming in rows if not is_incoming)
    stayed = tuple(code for code, is_stored, is_incoming in rows if is_stored and is_incoming)
    return entered, departed, stayed
