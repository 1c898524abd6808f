"""The queries of the page for data engineers, run on a migrated database with two months and two cohorts in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from dev.stack.airflow import REPOSITORY
from include.bigmeter.errors import IncompleteMonthError
from include.bigmeter.periods import Ym, to_debt_ym
from include.bigmeter.records import CohortMember, MeterReading
from include.bigmeter.store.branches import write_branches
from include.bigmeter.store.cohorts import write_cohort
from include.bigmeter.store.ledger import record_error, record_success
from include.bigmeter.store.readings import write_month
from include.bigmeter.store.transactions import cohort_transaction, month_transaction
from tests.db.rows import BRANCH, COST, a_code, a_member, a_reading, an_attempt, an_outcome

PgConnection = psycopg.Connection[Any]
Row = tuple[Any, ...]
PAGE = REPOSITORY / "docs" / "consumers.md"
QUERIES = re.findall(
    r"([^\n]+):\n\n```sql\n(.*?)```", PAGE.read_text(encoding="utf-8").split("## Queries")[1], re.DOTALL
)


@pytest.fixture
def loaded(shared_conn: PgConnection) -> PgConnection:
    """Load 2025-08 and 2025-09 for the cohort of 2025, and September as history for that of 2026."""
    write_branches(shared_conn, {BRANCH: "กปภ.สาขาน้ำพอง", "1061": "กปภ.สาขาบ้านไผ่"})
    capture(shared_conn, 2025, [a_member(number) for number in (1, 2, 3)])
    capture(shared_conn, 2026, [a_member(number, fiscal_year=2026, debt_ym="256810") for number in (1, 4)])
    august, september, october = Ym("202508"), Ym("202509"), Ym("202510")
    load(shared_conn, august, 2025, [bill(august, 1, 100), bill(august, 2, 50), bill(august, 3, 30)])
    load(shared_conn, september, 2025, [bill(september, 1, 40), bill(september, 2, 0)])
    load(shared_conn, september, 2026, [bill(september, 1, 40), bill(september, 4, 70)])
    load(shared_conn, october, 2026, [bill(october, 1, 45), bill(october, 4, 80)])
    record_error(
        shared_conn,
        an_attempt(branch_code="1061"),
        category=IncompleteMonthError.category,
        message="1061 2025-09: 0 of 200 customers in Oracle; is billing closed?",
        seconds=1.0,
    )
    return shared_conn


def bill(ym: Ym, number: int, usage: int) -> MeterReading:
    return a_reading(number, year_month=ym, present_water_usg=Decimal(usage))


def capture(conn: PgConnection, fiscal_year: int, members: Sequence[CohortMember]) -> None:
    with cohort_transaction(conn, branch_code=BRANCH, fiscal_year=fiscal_year, task_timeout_s=60):
        write_cohort(conn, fiscal_year=fiscal_year, branch_code=BRANCH, members=members)


def load(conn: PgConnection, ym: Ym, fiscal_year: int, readings: Sequence[MeterReading]) -> None:
    attempt = an_attempt(year_month=ym, fiscal_year=fiscal_year, debt_ym=to_debt_ym(ym))
    with month_transaction(conn, branch_code=BRANCH, ym=ym, fiscal_year=fiscal_year, task_timeout_s=60):
        codes = [reading.cust_code for reading in readings]
        write_month(conn, ym=ym, branch_code=BRANCH, cust_codes=codes, readings=readings)
        record_success(conn, attempt, an_outcome(cohort_size=3, missing=3 - len(readings)), COST)


def ask(conn: PgConnection, words: str) -> list[Row]:
    """Run the one query of the page whose introduction has these words."""
    (query,) = [query for introduction, query in QUERIES if words in introduction]
    return conn.execute(query.encode()).fetchall()


def test_the_page_has_queries_and_each_of_them_runs(loaded: PgConnection) -> None:
    assert len(QUERIES) == PAGE.read_text(encoding="utf-8").split("## Queries")[1].count("```sql") >= 7
    for introduction, query in QUERIES:
        assert loaded.execute(query.encode()).fetchall(), f"{introduction}: the example finds nothing"


def test_a_branch_that_lacks_the_month_comes_first(loaded: PgConnection) -> None:
    rows = ask(loaded, "the branches that lack it")
    assert [(code, is_loaded) for code, _, is_loaded, *_ in rows] == [("1061", False), (BRANCH, True)]
    assert isinstance(rows[1][3], datetime)
    assert rows[1][5] == Decimal("0.667")


def test_meters_that_stand_still_and_those_without_a_bill_are_told_apart(loaded: PgConnection) -> None:
    rows = ask(loaded, "Whom to visit")
    assert [(row[2], row[3]) for row in rows] == [(a_code(2), "zero"), (a_code(3), "missing")]


def test_a_meter_that_fell_by_half_is_found_once(loaded: PgConnection) -> None:
    assert ask(loaded, "fell by half") == [(BRANCH, a_code(1), Decimal(100), Decimal(40))]


def test_september_can_be_compared_for_the_cohort_of_october(loaded: PgConnection) -> None:
    assert ask(loaded, "history for the new members") == [
        ("202509", "reported", 2, Decimal(110)),
        ("202510", "reported", 2, Decimal(125)),
    ]


def test_a_fiscal_year_counts_each_month_once(loaded: PgConnection) -> None:
    assert ask(loaded, "month by month") == [
        ("202508", 3, 0, 0, Decimal(180)),
        ("202509", 1, 1, 1, Decimal(40)),
    ]


def test_what_failed_says_why(loaded: PgConnection) -> None:
    ((_, branch, kind, ym, category, message, *_),) = ask(loaded, "What failed")
    assert (branch, kind, ym, category) == ("1061", "monthly", "202509", "incomplete")
    assert "is billing closed?" in message


def test_the_reading_role_of_the_page_may_read_the_views_and_write_nothing(loaded: PgConnection) -> None:
    (grants,) = re.findall(r"## Connect.*?```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    loaded.commit()
    try:
        loaded.execute(grants.replace("'...'", "'secret'").encode())
        loaded.execute("SET LOCAL ROLE bigmeter_reader")
        assert loaded.execute("SELECT count(*) FROM bm_meter_status WHERE is_own_year").fetchone() == (8,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            loaded.execute("DELETE FROM bm_meter_details")
    finally:
        loaded.rollback()
