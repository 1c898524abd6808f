"""Each kind of failure, at each point: the branch-month stays as it was, the ledger says why, nothing leaks."""

from __future__ import annotations

import json
from collections.abc import Callable

import psycopg
import pytest
import structlog
from structlog.testing import capture_logs

from include.bigmeter.cli.drivers import DriverConnections
from include.bigmeter.dsn import OracleTarget, PostgresTarget
from include.bigmeter.errors import (
    BigmeterError,
    SourceFailed,
    SourceRefused,
    SourceUnavailable,
    StoreRefused,
    StoreUnavailable,
)
from include.bigmeter.sync.check import check
from include.bigmeter.sync.templates import MONTHLY_TEMPLATE, YEARLY_TEMPLATE
from tests.loading import Billing, Loading

SECRET = "SecretPerson"
POISONED = {
    "TB_TR_DEBT_TRN": ("CUST_NAME", "CUST_ADDRESS"),
    "TB_TR_DEBT_TEMP": ("METER_NO",),
    "TB_LT_ORGANIZATION": ("ORG_NAME",),
    "TB_LT_METERSIZE": ("SIZENAME",),
    "TB_LT_METERBRAND": ("BRANDNAME",),
    "TB_LT_METERSTATE": ("STATENAME",),
    "TB_LT_USETYPE": ("USENAME",),
}

SOURCE_FAULTS = [
    ("refuse@connect", SourceUnavailable),
    ("refuse=12514@connect", SourceUnavailable),
    ("drop@connect", SourceUnavailable),
    ("reset@login", SourceUnavailable),
    ("ora=1017@login", SourceRefused),
    ("ora=28000@login", SourceRefused),
    ("ora=1033@login", SourceUnavailable),
    ("drop@execute:1", SourceUnavailable),
    ("drop@execute:3", SourceUnavailable),
    ("reset@execute:2", SourceUnavailable),
    ("drop@rows:50", SourceUnavailable),
    ("reset@rows:90", SourceUnavailable),
    ("hang@execute:3", SourceUnavailable),
    ("freeze@execute:2", SourceUnavailable),
    ("ora=1555@execute:3", SourceUnavailable),
    ("ora=942@execute:2", SourceRefused),
    ("ora=904@execute:2", SourceRefused),
    ("ora=4030@execute:3", SourceFailed),
    ("ora=600@execute:2", SourceUnavailable),
]


@pytest.fixture
def poisoned(own_billing: Billing, own_loading: Loading) -> Loading:
    """Return a loading whose source has a secret in every text column, and November loaded before it was there."""
    own_loading.load("1063", "202511")
    for table, columns in POISONED.items():
        for column in columns:
            # The lookups' columns are short: what fits is still told apart from any real value.
            own_billing.server.interludes.make(f"UPDATE PWACIS.{table} SET {column} = '{SECRET}'")
    own_billing.server.counters.reset()
    return own_loading.with_settings(oracle_call_timeout_s=1)


def fail(loading: Loading, expected: type[BigmeterError]) -> str:
    """Load November, expect it to fail, and return everything that was said about it."""
    structlog.reset_defaults()
    with capture_logs() as logs, pytest.raises(expected) as caught:
        loading.load("1063", "202511")
    error = caught.value
    assert error.__suppress_context__ or error.__context__ is None
    said = [repr(error), str(error), json.dumps(logs, default=str), str(loading.ledger())]
    for note in (error.__cause__, error.__context__):
        said += [repr(note), str(note)] if note is not None else []
    return "\n".join(said)


# After a reset the driver leaves its socket to the garbage collector.
@pytest.mark.filterwarnings("ignore:Exception ignored in.*socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("fault", "expected"), SOURCE_FAULTS)
def test_a_source_that_fails_at_any_point_leaves_the_month_as_it_was(
    own_billing: Billing, poisoned: Loading, fault: str, expected: type[BigmeterError]
) -> None:
    before = poisoned.state()
    own_billing.server.faults.add(fault)
    said = fail(poisoned, expected)
    assert own_billing.server.faults.struck == 1
    assert SECRET not in said
    assert poisoned.state() == before
    kind, branch, status, category, message = poisoned.ledger()[-1]
    assert (kind, branch, status, category) == ("monthly", "1063", "error", expected.category)
    assert message.startswith("1063 2025-11: ")
    assert "\n" not in message
    own_billing.server.faults.clear()
    assert poisoned.load("1063", "202511").counts.updated > 150  # and the way is free again


def test_a_host_that_is_not_found_is_said_without_its_name(loading: Loading) -> None:
    nowhere = OracleTarget(user="u", password="p", host="no-such-host.invalid", service_name="S")
    connections = DriverConnections(nowhere, PostgresTarget.parse(loading.database))
    with pytest.raises(SourceUnavailable, match="check: cannot reach Oracle .*; is the host name right"):
        check(connections, loading.settings, [], monthly=MONTHLY_TEMPLATE, yearly=YEARLY_TEMPLATE)


def raise_in_trigger(table: str) -> str:
    return f"""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'row is %', NEW USING ERRCODE = '23514'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse();
    """


STORE_BREAKAGES: dict[str, tuple[str, type[BigmeterError]]] = {
    "a row is refused by a trigger": (raise_in_trigger("bm_meter_details"), StoreRefused),
    "a row breaks a constraint": (
        "ALTER TABLE bm_meter_details ADD CONSTRAINT short CHECK (length(cust_name) < 5) NOT VALID",
        StoreRefused,
    ),
    "the ledger row is refused": (
        "ALTER TABLE bm_sync_runs ADD CONSTRAINT none CHECK (status <> 'success') NOT VALID",
        StoreRefused,
    ),
}


@pytest.mark.parametrize("breakage", STORE_BREAKAGES)
def test_a_store_that_refuses_a_row_leaves_the_month_as_it_was(poisoned: Loading, breakage: str) -> None:
    statement, expected = STORE_BREAKAGES[breakage]
    before = poisoned.state()
    with psycopg.connect(poisoned.database, autocommit=True) as conn:
        conn.execute(statement)
    said = fail(poisoned, expected)
    assert SECRET not in said
    assert poisoned.state() == before
    assert poisoned.ledger()[-1][2:4] == ("error", expected.category)


def kill_the_load(loading: Loading) -> Callable[[object], None]:
    """Return a change that ends the load's PostgreSQL session, as a restart of the server would."""

    def kill(_session: object) -> None:
        with psycopg.connect(loading.database, autocommit=True) as conn:
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    return kill


def test_a_store_that_goes_away_midway_leaves_the_month_as_it_was(own_billing: Billing, poisoned: Loading) -> None:
    before = poisoned.state()
    own_billing.server.between_executes(2, kill_the_load(poisoned))
    said = fail(poisoned, StoreUnavailable)
    assert SECRET not in said
    assert poisoned.state() == before
    assert poisoned.ledger()[-1][2:4] == ("error", "unavailable")


def test_a_failure_nobody_foresaw_is_in_the_ledger_without_its_text(
    poisoned: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_arguments: object, **_options: object) -> None:
        raise RuntimeError(f"a row of {SECRET}")

    monkeypatch.setattr("include.bigmeter.sync.monthly.write_month", explode)
    before = poisoned.state()
    with pytest.raises(RuntimeError):
        poisoned.load("1063", "202511")
    assert poisoned.state() == before
    assert poisoned.ledger()[-1][2:] == ("error", "unexpected", "1063 2025-11: RuntimeError")


@pytest.mark.parametrize("ledger_error", [StoreUnavailable("the ledger is locked"), RuntimeError(f"a row of {SECRET}")])
def test_a_ledger_that_cannot_be_written_never_hides_why_the_branch_failed(
    own_billing: Billing, poisoned: Loading, monkeypatch: pytest.MonkeyPatch, ledger_error: Exception
) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise ledger_error

    monkeypatch.setattr("include.bigmeter.sync.attempt.record_error", refuse)
    own_billing.server.faults.add("ora=1017@execute")
    said = fail(poisoned, SourceRefused)
    assert "ORA-01017" in said
    assert "the failure is not in the ledger" in said
    assert SECRET not in said


def test_a_success_says_counts_and_codes_only(poisoned: Loading) -> None:
    structlog.reset_defaults()
    with capture_logs() as logs:
        outcome = poisoned.load("1063", "202511")
    assert len([entry for entry in logs if entry["log_level"] == "info"]) == 1
    assert SECRET not in json.dumps(logs, default=str) + json.dumps(outcome.to_json()) + str(poisoned.ledger())
    assert poisoned.rows("SELECT count(*) FROM bm_meter_details WHERE cust_name = %s", SECRET) != [(0,)]
