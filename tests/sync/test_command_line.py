"""The command line from end to end: what it loads, what it prints, and its exit status."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from dev.oracle_standin.faults import parse_fault
from include.bigmeter.cli import load as cli_load
from include.bigmeter.periods import Ym, add_months
from include.bigmeter.source.template import MonthlyTemplate
from include.bigmeter.sync.connections import Connections
from include.bigmeter.sync.monthly import MonthJob, load_month
from include.bigmeter.sync.outcomes import MonthOutcome
from tests.command_line import Command
from tests.loading import Billing, Loading

NO_TABLE_FOR_1065 = "ora=942@execute,times=always,bind=1065"
NO_ORACLE_FOR_1065 = "drop@execute,times=always,bind=1065"
NOVEMBER = ("--ym", "256811")
COUNTS = ("inserted", "updated", "unchanged", "removed")


@pytest.fixture
def environment(own_billing: Billing, database: str) -> dict[str, str]:
    """Return what a person has set: both connections, and the two branches of the small set."""
    return {"ORACLE_DSN": own_billing.server.dsn, "POSTGRES_DSN": database, "BRANCHES": "1063 1065"}


def test_a_month_is_loaded_and_a_second_time_changes_nothing(
    command: Command, environment: dict[str, str], own_loading: Loading
) -> None:
    first = command(environment, "month-once", *NOVEMBER, "--json")
    assert first.status == 0
    (report,) = first.document()["reports"]
    assert (report["period"], report["failed"], report["loaded"].keys()) == ("2025-11", {}, {"1063", "1065"})
    ((stored,),) = own_loading.rows("SELECT count(*) FROM bm_meter_details WHERE year_month = '202511'")
    assert [report["totals"][name] for name in COUNTS] == [stored, 0, 0, 0]
    assert stored > 300
    before = own_loading.state()
    (report,) = command(environment, "month-once", *NOVEMBER, "--json").document()["reports"]
    assert [report["totals"][name] for name in COUNTS] == [0, 0, stored, 0]
    assert own_loading.state() == before


def test_a_person_sees_a_line_per_branch_and_how_it_ended(
    command: Command, environment: dict[str, str], own_loading: Loading
) -> None:
    answer = command(environment, "month-once", *NOVEMBER, "--branches", "1063")
    assert answer.status == 0
    assert "1063 น้ำพอง" in answer.out
    assert "1065" not in answer.out
    assert answer.out.splitlines()[-1] == "2025-11: 1 branch loaded"
    assert own_loading.rows("SELECT DISTINCT branch_code FROM bm_meter_details") == [("1063",)]


@pytest.mark.parametrize(
    ("fault", "status", "reason"), [(NO_TABLE_FOR_1065, 1, "ORA-00942"), (NO_ORACLE_FOR_1065, 3, "1065 2025-11: ")]
)
def test_a_branch_that_fails_leaves_the_other_loaded_and_the_exit_status_says_whether_to_try_again(
    *,
    command: Command,
    environment: dict[str, str],
    own_billing: Billing,
    own_loading: Loading,
    fault: str,
    status: int,
    reason: str,
) -> None:
    own_billing.server.faults.add(parse_fault(fault))
    answer = command(environment, "month-once", *NOVEMBER)
    assert answer.status == status
    *_, failed, sentence = answer.out.splitlines()
    assert failed.startswith("FAILED 1065 2025-11: ")
    assert reason in failed
    assert sentence == "2025-11: 1 of 2 branches failed: 1065"
    assert own_loading.rows("SELECT DISTINCT branch_code FROM bm_meter_details") == [("1063",)]


def test_a_year_is_begun_with_its_cohorts_and_their_history(command: Command, environment: dict[str, str]) -> None:
    answer = command({**environment, "DEBT_YM": "202510"}, "init-once", "--history-months", "2", "--json")
    assert answer.status == 0
    reports = answer.document()["reports"]
    months = [add_months(Ym("202510"), back) for back in (-1, 0)]
    assert [(report["kind"], report["period"]) for report in reports] == [
        ("yearly", "cohort 2026"),
        *(("monthly", f"{month[:4]}-{month[4:]}") for month in months),
    ]
    assert reports[0]["totals"]["inserted"] == 400
    assert all(report["failed"] == {} for report in reports)
    with psycopg.connect(environment["POSTGRES_DSN"]) as conn:
        kinds = conn.execute(
            "SELECT kind, year_month, count(*) FROM bm_sync_runs GROUP BY 1, 2 ORDER BY 1, 2"
        ).fetchall()
    assert kinds == [*(("history", month, 2) for month in months), ("yearly", None, 2)]


def test_a_database_without_tables_is_told_to_migrate_and_then_passes_the_check(
    command: Command, environment: dict[str, str], empty_database: str
) -> None:
    bare = {**environment, "POSTGRES_DSN": empty_database}
    refused = command(bare, "check")
    assert refused.status == 2
    assert "migrate" in refused.err
    assert command(bare, "migrate", "--json").document()["applied"]
    assert command(bare, "migrate").out == "applied: nothing to do\n"
    assert command(bare, "check").out == "status: ok\nbranches: 2\n"


def test_what_is_overdue_is_an_exit_status_for_a_monitor(command: Command, environment: dict[str, str]) -> None:
    answer = command(environment, "check", "--freshness")
    assert answer.status == 1
    assert "run bigmeter_yearly_init with debt_ym 20" in answer.out.splitlines()[0]
    assert command(environment, "check", "--freshness", "--json").document()["is_fresh"] is False


def test_a_server_that_freezes_for_one_branch_is_given_up_and_the_other_is_loaded(
    command: Command, environment: dict[str, str], own_billing: Billing, own_loading: Loading
) -> None:
    own_billing.server.faults.add(parse_fault("freeze@execute,times=always,bind=1063"))
    answer = command({**environment, "ORACLE_CALL_TIMEOUT_S": "1"}, "month-once", *NOVEMBER, "--json")
    assert answer.status == 3
    (report,) = answer.document()["reports"]
    assert report["failed"].keys() == {"1063"}
    assert report["failed"]["1063"].startswith("1063 2025-11: ")
    assert report["loaded"].keys() == {"1065"}
    ended = own_loading.rows(
        "SELECT branch_code, status, error_category FROM bm_sync_runs WHERE kind = 'monthly' ORDER BY branch_code"
    )
    assert ended == [("1063", "error", "unavailable"), ("1065", "success", None)]


def test_an_error_that_nobody_foresaw_stops_no_other_branch(
    command: Command, environment: dict[str, str], own_loading: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = load_month

    def failing(connections: Connections, template: MonthlyTemplate, job: MonthJob, *rest: Any) -> MonthOutcome:
        if job.branch_code == "1063":
            raise KeyError("a customer's name")
        return load(connections, template, job, *rest)

    monkeypatch.setattr(cli_load, "load_month", failing)
    answer = command(environment, "month-once", *NOVEMBER, "--json")
    assert answer.status == 1
    (report,) = answer.document()["reports"]
    assert report["failed"]["1063"].startswith("1063 2025-11: failed with KeyError (test_command_line.py, line ")
    assert report["loaded"].keys() == {"1065"}
    assert "a customer's name" not in answer.out + answer.err
    assert own_loading.rows("SELECT DISTINCT branch_code FROM bm_meter_details") == [("1065",)]
