"""``check --freshness`` for a cron or a monitor: its exit status, from PostgreSQL alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from include.bigmeter.periods import Ym, add_months, dashed, fiscal_year_of, to_debt_ym, ym_of_date
from include.bigmeter.store.cohorts import write_cohort
from include.bigmeter.store.ledger import record_success
from include.bigmeter.store.transactions import cohort_transaction, month_transaction
from tests.command_line import Command
from tests.db.rows import COST, a_member, an_attempt, an_outcome

BRANCHES = ("1063", "1065")
FRESHNESS = ("check", "--freshness")


@pytest.fixture
def this_month() -> Ym:
    """Return the calendar month of the command's own clock."""
    return ym_of_date(datetime.now(ZoneInfo("Asia/Bangkok")))


@pytest.fixture
def complete(database: str, this_month: Ym) -> Iterator[psycopg.Connection[Any]]:
    """Yield a connection to a database in which all that can be due is in, on whatever day of the month."""
    months = [add_months(this_month, -back) for back in range(4)]
    years = range(fiscal_year_of(months[-1]), fiscal_year_of(this_month) + 1)
    with psycopg.connect(database) as conn:
        for code in BRANCHES:
            for year in years:
                with cohort_transaction(conn, branch_code=code, fiscal_year=year, task_timeout_s=60):
                    members = [a_member(fiscal_year=year, branch_code=code)]
                    write_cohort(conn, fiscal_year=year, branch_code=code, members=members)
            for ym in months:
                year = fiscal_year_of(ym)
                attempt = an_attempt(branch_code=code, fiscal_year=year, year_month=ym, debt_ym=to_debt_ym(ym))
                with month_transaction(conn, branch_code=code, ym=ym, fiscal_year=year, task_timeout_s=60):
                    record_success(conn, attempt, an_outcome(), COST)
        yield conn


@pytest.fixture
def environment(database: str) -> dict[str, str]:
    """Return what a monitor has set: no Oracle."""
    return {"POSTGRES_DSN": database, "BRANCHES": " ".join(BRANCHES)}


def test_all_that_is_due_is_in_is_0_and_a_branch_month_that_is_not_is_1(
    command: Command, environment: dict[str, str], complete: psycopg.Connection[Any], this_month: Ym
) -> None:
    fresh = command(environment, *FRESHNESS)
    assert (fresh.status, fresh.err) == (0, "")
    assert fresh.out.startswith("every month up to ")
    document = command(environment, *FRESHNESS, "--json").document()
    assert (document["is_fresh"], document["overdue"], document["overdue_cohorts"]) == (True, {}, {})

    lost = add_months(this_month, -2)  # its tick was in the month before this one, whatever day it is
    complete.execute("DELETE FROM bm_sync_runs WHERE branch_code = '1065' AND year_month = %s", [lost])
    complete.commit()
    stale = command(environment, *FRESHNESS)
    assert (stale.status, stale.err) == (1, "")
    assert stale.out == (
        f"{dashed(lost)}: not loaded for 1 of 2 branches (1065);"
        f" run bigmeter_monthly_sync with ym {lost} and these branches\n"
    )
    answer = command(environment, *FRESHNESS, "--json")
    assert (answer.status, answer.document()["is_fresh"], answer.document()["overdue"]) == (1, False, {lost: ["1065"]})


@pytest.mark.parametrize(
    ("setting", "value"),
    [("FRESHNESS_GRACE_H", "soon"), ("CRON_MONTHLY", "0 8 31 * *"), ("BRANCHES", "106"), ("POSTGRES_DSN", " ")],
)
def test_a_setting_that_is_wrong_is_2_and_named(
    command: Command, environment: dict[str, str], setting: str, value: str
) -> None:
    answer = command({**environment, setting: value}, *FRESHNESS)
    assert (answer.status, answer.out) == (2, "")
    (line,) = answer.err.splitlines()
    assert line.startswith(f"error: {setting}: ")


def test_a_database_without_tables_is_2_and_told_to_migrate(
    command: Command, environment: dict[str, str], empty_database: str
) -> None:
    answer = command({**environment, "POSTGRES_DSN": empty_database}, *FRESHNESS, "--json")
    assert answer.status == 2
    assert answer.document()["error"] == "configuration"
    assert "migrate" in answer.document()["message"]


def test_a_postgresql_that_is_away_is_3(command: Command, environment: dict[str, str]) -> None:
    away = {**environment, "POSTGRES_DSN": "postgres://reader:s3cret@127.0.0.1:1/bigmeter"}
    answer = command(away, *FRESHNESS)
    assert (answer.status, answer.out) == (3, "")
    (line,) = answer.err.splitlines()
    assert line.startswith("error: PostgreSQL cannot be reached")
    assert "s3cret" not in line
    assert command(away, *FRESHNESS, "--json").document()["error"] == "unavailable"
