"""All 22 branches by the command line, one of which fails: the other 21 are in."""

from __future__ import annotations

from collections.abc import Callable

from tests.command_line import Answer, Command
from tests.loading import BRANCH_CODES, Billing, Loading

FAILING = "1065"
OTHERS = [code for code in BRANCH_CODES if code != FAILING]
NO_TABLE = f"ora=942@execute,times=always,bind={FAILING}"
CHECK = 1  # connection of the check before any branch


def assert_only_one_failed(answer: Answer, loading: Loading, kind: str, table: str) -> None:
    """Check that 21 branches are in by the exit status, the report, the ledger and the rows."""
    assert answer.status == 1
    (report,) = answer.document()["reports"]
    assert (report["branches"], list(report["failed"]), list(report["loaded"])) == (22, [FAILING], OTHERS)
    assert "ORA-00942" in report["failed"][FAILING]
    ledger = loading.rows(
        "SELECT branch_code, status, error_category FROM bm_sync_runs WHERE kind = %s ORDER BY branch_code", kind
    )
    assert ledger == [
        (code, *(("error", "refused") if code == FAILING else ("success", None))) for code in BRANCH_CODES
    ]
    assert loading.rows(f"SELECT DISTINCT branch_code FROM {table} ORDER BY 1") == [(code,) for code in OTHERS]


def test_one_branch_that_fails_leaves_21_loaded(
    command: Command, billing: Billing, open_loading: Callable[[str], Loading], database: str
) -> None:
    loading = open_loading(database)
    environment = {"ORACLE_DSN": billing.server.dsn, "POSTGRES_DSN": database}
    assert (len(BRANCH_CODES), len(OTHERS)) == (22, 21)

    cohorts = ("init-once", "--debt-ym", "202510", "--history-months", "0", "--json")
    billing.server.faults.add(NO_TABLE)
    assert_only_one_failed(command(environment, *cohorts), loading, "yearly", "bm_custcode_init")
    billing.server.faults.clear()
    assert command(environment, *cohorts, "--branches", FAILING).status == 0

    billing.server.faults.add(NO_TABLE)
    billing.server.counters.reset()
    answer = command(environment, "month-once", "--ym", "202511", "--json")
    assert_only_one_failed(answer, loading, "monthly", "bm_meter_details")
    counts = billing.server.counters.wait_until(lambda now: now.open_sessions == 0)
    assert counts.connections == len(BRANCH_CODES) + CHECK
    # SET TRANSACTION READ ONLY, and of each template one text for all branches and batches (the check reads both).
    assert counts.distinct_statements == 1 + 2
