"""A server that accepts and stays silent: no driver's time-out applies, the command line's own does."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import psycopg
import pytest

from tests.command_line import Command
from tests.loading import Billing, Loading

NOVEMBER = ("month-once", "--ym", "202511")
LIMIT_S, MARGIN_S = 1, 4  # the margin is for the branches that do load


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Yield the port of a server whose system accepts each connection and which never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=8) as listener:
        yield int(listener.getsockname()[1])


@pytest.fixture
def environment(own_billing: Billing, database: str) -> dict[str, str]:
    """Return two branches and a short limit."""
    return {
        "ORACLE_DSN": own_billing.server.dsn,
        "POSTGRES_DSN": database,
        "BRANCHES": "1063 1065",
        "TASK_TIMEOUT_S": str(LIMIT_S),
    }


@pytest.mark.parametrize(
    ("setting", "dsn"), [("ORACLE_DSN", "u/p@127.0.0.1:{}/S"), ("POSTGRES_DSN", "postgres://u:p@127.0.0.1:{}/d")]
)
def test_a_server_that_never_answers_is_given_up_by_the_check(
    command: Command, environment: dict[str, str], silent_port: int, setting: str, dsn: str
) -> None:
    started = time.monotonic()
    answer = command({**environment, setting: dsn.format(silent_port)}, *NOVEMBER)
    assert LIMIT_S <= time.monotonic() - started < LIMIT_S + MARGIN_S
    assert (answer.status, answer.out) == (3, "")
    (line,) = answer.err.splitlines()
    assert line == f"error: check: no end after {LIMIT_S} s (TASK_TIMEOUT_S); is the database reachable?"


def test_a_monitor_that_asks_a_silent_server_gets_its_answer_in_time(
    command: Command, environment: dict[str, str], silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.bigmeter.cli.main.FRESHNESS_LIMIT_S", LIMIT_S)
    answer = command(
        {**environment, "POSTGRES_DSN": f"postgres://u:p@127.0.0.1:{silent_port}/d"}, "check", "--freshness"
    )
    assert (answer.status, answer.out) == (3, "")
    assert "check --freshness: no end after 1 s; is the database reachable?" in answer.err


def test_a_monitor_does_not_wait_for_a_ledger_that_somebody_holds(
    command: Command, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.bigmeter.store.transactions.SHORT_LIMIT_S", 0.2)
    with psycopg.connect(environment["POSTGRES_DSN"]) as holder:
        holder.execute("LOCK TABLE bm_sync_runs")
        answer = command(environment, "check", "--freshness", "--json")
    assert answer.status == 3
    assert answer.document()["error"] == "unavailable"


def test_a_branch_whose_server_never_answers_is_given_up_and_the_other_is_loaded(
    command: Command, environment: dict[str, str], own_billing: Billing, own_loading: Loading
) -> None:
    own_billing.server.faults.add("freeze@connect:2")  # the first connection is the check's
    started = time.monotonic()
    answer = command(environment, *NOVEMBER, "--json")
    assert LIMIT_S <= time.monotonic() - started < LIMIT_S + MARGIN_S
    assert answer.status == 3
    (report,) = answer.document()["reports"]
    assert list(report["failed"]) == ["1063"]
    assert report["failed"]["1063"] == "1063 2025-11: no end after 1 s (TASK_TIMEOUT_S); is the database reachable?"
    assert list(report["loaded"]) == ["1065"]
    ended = own_loading.rows(
        "SELECT branch_code, status, error_category FROM bm_sync_runs WHERE kind = 'monthly' ORDER BY branch_code"
    )
    assert ended == [("1063", "error", "unavailable"), ("1065", "success", None)]
