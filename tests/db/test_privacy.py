"""Whatever fails, no customer's name or address is in what a log, an XCom or the ledger could take up."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import sql

from include.bigmeter.errors import BigmeterError
from include.bigmeter.store.cohorts import replace_cohort, write_cohort
from include.bigmeter.store.ledger import record_error, record_success
from include.bigmeter.store.readings import write_month
from include.bigmeter.store.transactions import cohort_transaction, month_transaction
from tests.db.rows import BRANCH, COST, FISCAL_YEAR, POISON, YM, a_code, a_member, a_reading, an_attempt, an_outcome

PgConnection = psycopg.Connection[Any]
TEXT_COLUMNS = (
    *("org_name", "use_type", "use_name", "cust_name", "address", "route_code", "meter_no", "meter_size"),
    *("meter_brand", "meter_state"),
)
POISONED = dict.fromkeys(TEXT_COLUMNS, POISON)


def write_rows(conn: PgConnection, **changes: Any) -> None:
    with month_transaction(conn, branch_code=BRANCH, ym=YM, fiscal_year=FISCAL_YEAR, task_timeout_s=60):
        readings = [a_reading(1, **POISONED), a_reading(2, **(POISONED | changes))]
        write_month(conn, ym=YM, branch_code=BRANCH, cust_codes=[a_code(1), a_code(2)], readings=readings)
        record_success(conn, an_attempt(), an_outcome(), COST)


def write_members(conn: PgConnection, **changes: Any) -> None:
    with cohort_transaction(conn, branch_code=BRANCH, fiscal_year=FISCAL_YEAR, task_timeout_s=60):
        members = [a_member(1, **POISONED), a_member(2, **(POISONED | changes))]
        write_cohort(conn, fiscal_year=FISCAL_YEAR, branch_code=BRANCH, members=members)
        replace_cohort(conn, fiscal_year=FISCAL_YEAR, branch_code=BRANCH, members=members)


def raising_with_the_row(table: str, event: str) -> Callable[[PgConnection], None]:
    def prepare(conn: PgConnection) -> None:
        conn.execute(
            """CREATE FUNCTION quote_row() RETURNS trigger LANGUAGE plpgsql AS
               $$ DECLARE quoted text := to_jsonb(coalesce(new, old));
                  BEGIN RAISE EXCEPTION '%', quoted USING DETAIL = quoted, COLUMN = 'cust_name'; END $$"""
        )
        conn.execute(
            sql.SQL("CREATE TRIGGER quote_row BEFORE {} ON {} FOR EACH ROW EXECUTE FUNCTION quote_row()").format(
                sql.SQL(event), sql.Identifier(table)
            )
        )

    return prepare


def a_check_on_names(table: str) -> Callable[[PgConnection], None]:
    def prepare(conn: PgConnection) -> None:
        conn.execute(
            sql.SQL("ALTER TABLE {} ADD CONSTRAINT no_poison CHECK (cust_name NOT LIKE '%Poison%')").format(
                sql.Identifier(table)
            )
        )

    return prepare


def a_number_column(table: str) -> Callable[[PgConnection], None]:
    """COPY quotes the whole line in its CONTEXT when a value does not fit the column's type."""

    def prepare(conn: PgConnection) -> None:
        conn.execute(
            sql.SQL("ALTER TABLE {} ALTER COLUMN cust_name TYPE integer USING cust_name::integer").format(
                sql.Identifier(table)
            )
        )

    return prepare


def drop_views(conn: PgConnection) -> None:
    conn.execute("DROP VIEW bm_meter_status, bm_freshness, bm_loaded_months")


FAILURES: dict[str, tuple[Callable[..., None], list[Callable[[PgConnection], None]], dict[str, Any]]] = {
    "reading: a check": (write_rows, [], {"debt_ym": "256813"}),
    "reading: a check on the name itself": (write_rows, [a_check_on_names("bm_meter_details")], {}),
    "reading: a null key": (write_rows, [], {"cust_code": None}),
    "reading: a NUL in a text": (write_rows, [], {"cust_name": POISON + "\x00"}),
    "reading: half a character": (write_rows, [], {"address": POISON + "\ud800"}),
    "reading: a text for a number": (write_rows, [], {"average": POISON}),
    "reading: COPY into another type": (write_rows, [drop_views, a_number_column("bm_meter_details")], {}),
    "reading: a value too long for its index": (write_rows, [], {"cust_code": POISON + "x" * 1_000_000}),
    "reading: the server quotes the row": (write_rows, [raising_with_the_row("bm_meter_details", "INSERT")], {}),
    "member: a check": (write_members, [], {"debt_ym": "256813"}),
    "member: a null key": (write_members, [], {"cust_code": None}),
    "member: a NUL in a text": (write_members, [], {"meter_no": POISON + "\x00"}),
    "member: a text for a number": (write_members, [], {"present_water_usg": POISON}),
    "member: COPY into another type": (write_members, [drop_views, a_number_column("bm_custcode_init")], {}),
    "member: the server quotes the row": (write_members, [raising_with_the_row("bm_custcode_init", "INSERT")], {}),
}


@pytest.mark.parametrize("name", FAILURES)
def test_no_failure_tells_a_name(conn: PgConnection, caplog: pytest.LogCaptureFixture, name: str) -> None:
    caplog.set_level(logging.DEBUG)
    write, prepare, changes = FAILURES[name]
    for change in prepare:
        change(conn)
    conn.commit()
    with pytest.raises(BigmeterError) as caught:
        write(conn, **changes)
    error = caught.value
    told = [caplog.text, *traceback.format_exception(error)]
    link: BaseException | None = error
    while link:
        told += [str(link), repr(link), repr(link.args)]
        link = link.__context__
    record_error(conn, an_attempt(), category=error.category, message=str(error), seconds=1)
    told += [str(row) for row in conn.execute("SELECT r FROM bm_sync_runs AS r").fetchall()]
    assert BRANCH in str(error)
    assert "Poison" not in "\n".join(told)
    assert "พิษณุ" not in "\n".join(told)
    assert conn.execute("SELECT count(*) FROM bm_meter_details").fetchone() == (0,)
    assert conn.execute("SELECT count(*) FROM bm_custcode_init").fetchone() == (0,)
