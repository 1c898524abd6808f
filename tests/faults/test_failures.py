"""Each kind of failure, at each point: what is stored stays as it was, the ledger says why, nothing leaks."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from rich.console import Console

from dev.oracle_standin.faults import parse_fault
from include.bigmeter.branches import Branch
from include.bigmeter.cli.drivers import DriverConnections
from include.bigmeter.cli.load import Loader
from include.bigmeter.dsn import OracleTarget, PostgresTarget
from include.bigmeter.errors import (
    BigmeterError,
    ConfigError,
    DataContractError,
    IncompleteError,
    SourceFailed,
    SourceRefused,
    SourceUnavailable,
    StoreRefused,
    StoreUnavailable,
)
from include.bigmeter.records import MEMBER_COLUMNS, READING_COLUMNS
from include.bigmeter.settings import ScheduleSettings
from include.bigmeter.source.template import parse_monthly_template, parse_yearly_template
from include.bigmeter.sync.check import check
from include.bigmeter.sync.outcomes import CohortOutcome, MonthOutcome
from include.bigmeter.sync.report import Kind
from include.bigmeter.sync.templates import MONTHLY_TEMPLATE, YEARLY_TEMPLATE
from tests.conftest import MakeDatabase
from tests.faults.poison import POISON, as_printed, everything_logged, hidden, leaks, set_texts
from tests.loading import Billing, Loading, load_small, small_billing

SERIAL_NUMBERS = itertools.count()


@dataclass(frozen=True, slots=True)
class Work:
    """What is asked of branch 1063: its November, or its cohort of fiscal year 2026."""

    kind: Kind
    period: str
    table: str
    do: Callable[[Loading], MonthOutcome | CohortOutcome]

    @property
    def subject(self) -> str:
        """How messages name it."""
        return f"1063 {self.period}"


MONTH = Work("monthly", "2025-11", "bm_meter_details", lambda loading: loading.load("1063", "202511"))
REFRESH = Work("yearly", "fiscal year 2026", "bm_custcode_init", lambda loading: loading.capture("1063", 2026))
RECAPTURE = replace(REFRESH, do=lambda loading: loading.capture("1063", 2026, recapture=True))
WORKS = {"a month": MONTH, "a frozen cohort": REFRESH, "a recaptured cohort": RECAPTURE}

SOURCE_FAULTS: list[tuple[str, type[BigmeterError]]] = [
    ("refuse@connect", SourceUnavailable),
    ("refuse=12514@connect", SourceUnavailable),
    ("drop@connect", SourceUnavailable),
    ("reset@login", SourceUnavailable),
    ("ora=1017@login", SourceRefused),
    ("ora=28000@login", SourceRefused),
    ("ora=1033@login", SourceUnavailable),
    ("drop@execute:1", SourceUnavailable),
    ("drop@execute:{last}", SourceUnavailable),
    ("reset@execute:2", SourceUnavailable),
    ("drop@rows:50", SourceUnavailable),
    ("reset@rows:90", SourceUnavailable),
    ("hang@execute:{last}", SourceUnavailable),
    ("freeze@execute:2", SourceUnavailable),
    ("ora=1555@execute:{last}", SourceUnavailable),
    ("ora=1555@rows:50", SourceUnavailable),
    ("ora=1013@rows:60", SourceUnavailable),
    ("ora=942@execute:2", SourceRefused),
    ("ora=904@execute:2", SourceRefused),
    ("ora=1722@rows:70", SourceRefused),
    ("ora=4030@execute:{last}", SourceFailed),
    ("ora=600@execute:2", SourceUnavailable),
]
"""Where and how the source fails; ``{last}`` is the last query of the work."""


@pytest.fixture(scope="module")
def source() -> Iterator[Billing]:
    """Serve a small set for the tests of this module."""
    with small_billing() as small:
        yield small


@pytest.fixture(scope="module")
def poisoned_store(source: Billing, module_database: str) -> Loading:
    """Return a loading with what was stored before the source had poison in every text column."""
    loading = load_small(source, module_database)
    loading.load("1063", "202511")
    set_texts(source, POISON)
    return loading.with_settings(oracle_call_timeout_s=1)


@pytest.fixture
def poisoned(source: Billing, poisoned_store: Loading) -> Iterator[Loading]:
    """Return the loading with every customer renamed once more: whatever is loaded now would change rows."""
    source.server.faults.clear()
    set_texts(source, {"cust_name": f"{POISON['cust_name']} {next(SERIAL_NUMBERS)}"})
    yield poisoned_store
    source.server.faults.clear()


@pytest.fixture
def own_store(source: Billing, poisoned: Loading, temporary_database: MakeDatabase) -> Iterator[Loading]:
    """Return the loading into a copy of the database, which the test may break."""
    with temporary_database(str(conninfo_to_dict(poisoned.database)["dbname"])) as dsn:
        target = DriverConnections(OracleTarget.parse(source.server.dsn), PostgresTarget.parse(dsn))
        yield replace(poisoned, database=dsn, connections=target)


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt: the error, its ledger row, and everything that was said about it."""

    error: BaseException
    status: str
    category: str
    message: str
    said: str


def fail(loading: Loading, work: Work, expected: type[BaseException]) -> Failure:
    """Do the work as the command line does, expect it to fail, and return everything that was said about it."""
    raised: list[BaseException] = []

    def do(_branch: Branch) -> MonthOutcome | CohortOutcome:
        try:
            return work.do(loading)
        except BaseException as error:
            raised.append(error)
            raise

    terminal, printed = io.StringIO(), io.StringIO()
    progress = Console(file=terminal, force_terminal=True)
    loader = Loader(
        {}, ScheduleSettings.from_environment({}), loading.settings, loading.connections, progress, loading.identity
    )
    with everything_logged() as logged:
        report, failures = loader.load_each(work.kind, work.period, [Branch("1063", "น้ำพอง")], do)
    (error,) = raised
    assert isinstance(error, expected), as_printed(error)
    Console(file=printed, width=400).print(report.narrow_table(), *report.remarks(), *map(str, failures))
    [(status, category, message, row)] = loading.rows(
        "SELECT status, error_category, error_message, r::text FROM bm_sync_runs AS r ORDER BY id DESC LIMIT 1"
    )
    said = [as_printed(error)] if isinstance(error, BigmeterError) else []
    said += [*logged.events, *logged.records, row]
    said += [report.to_text(), json.dumps(report.to_json()), printed.getvalue(), terminal.getvalue()]
    return Failure(error, status, category, message, "\n".join(said))


def assert_only_told(failure: Failure, work: Work, category: str) -> None:
    """Check that the failure is in the ledger, in one line with its branch and period, and gives nobody away."""
    assert leaks(failure.said) == []
    assert (failure.status, failure.category) == ("error", category)
    assert failure.message.startswith(f"{work.subject}: ")
    assert "\n" not in failure.message
    assert failure.message in failure.said
    assert is_tried_again(failure.error) == (category == "unavailable")


def is_tried_again(error: BaseException) -> bool:
    """Say what the policy of the mapped tasks makes of an error as it really is."""
    from airflow.sdk import RetryAction

    from include.bigmeter.tasks.retries import RetryByCause

    return RetryByCause().evaluate(error, try_number=1, max_tries=3).action is RetryAction.RETRY


# After a reset the driver leaves its socket to the garbage collector.
@pytest.mark.filterwarnings("ignore:Exception ignored in.*socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("work", [MONTH, REFRESH], ids=["a month", "a cohort"])
@pytest.mark.parametrize(("fault", "expected"), SOURCE_FAULTS)
def test_a_source_that_fails_at_any_point_leaves_everything_as_it_was(
    source: Billing, poisoned: Loading, work: Work, fault: str, expected: type[BigmeterError]
) -> None:
    before, struck = poisoned.state(), source.server.faults.struck
    armed = parse_fault(fault.format(last=3 if work is MONTH else 2))
    if armed.kind == "ora":
        armed = replace(armed, message=f"a row holds {POISON['cust_name']} and {POISON['address']}")
    source.server.faults.add(armed)
    failure = fail(poisoned, work, expected)
    assert source.server.faults.struck == struck + 1
    assert_only_told(failure, work, expected.category)
    assert leaks("\n".join(hidden(failure.error))) == []
    assert poisoned.state() == before
    source.server.faults.clear()
    assert work.do(poisoned).counts.updated > 150  # and the way is free again


def test_a_host_that_is_not_found_is_said_without_its_name(loading: Loading) -> None:
    nowhere = OracleTarget(user="u", password="p", host="no-such-host.invalid", service_name="S")
    connections = DriverConnections(nowhere, PostgresTarget.parse(loading.database))
    with pytest.raises(SourceUnavailable, match="check: cannot reach Oracle .*; is the host name right"):
        check(connections, loading.settings, [], monthly=MONTHLY_TEMPLATE, yearly=YEARLY_TEMPLATE)


@dataclass(frozen=True, slots=True)
class Wrong:
    """A template whose rows are not what they have to be: what is written instead of a part of the shipped one."""

    part: str
    instead: str
    expected: type[BigmeterError]

    def of(self, loading: Loading) -> Loading:
        """Return the loading with this fault in both templates."""
        monthly, yearly = (
            path.read_text(encoding="utf-8").replace(self.part, self.instead)
            for path in (MONTHLY_TEMPLATE, YEARLY_TEMPLATE)
        )
        return replace(
            loading,
            monthly=parse_monthly_template(monthly, "monthly.sql"),
            yearly=parse_yearly_template(yearly, "yearly.sql"),
        )


WRONG_ROWS = {
    "rows of other months": Wrong("trn.DEBT_YM = :DEBT_YM", "trn.DEBT_YM <> :DEBT_YM", DataContractError),
    "an address for a month": Wrong("trn.DEBT_YM AS", "trn.CUST_ADDRESS AS", DataContractError),
    "no key": Wrong("trn.CUST_CODE AS", "NULLIF(trn.CUST_CODE, trn.CUST_CODE) AS", DataContractError),
    "a name for a number": Wrong("trn.PRESENT_WATER_USG AS", "trn.CUST_NAME AS", DataContractError),
    "a number for a key": Wrong("trn.CUST_CODE AS", "trn.ORG_OWNER_ID AS", ConfigError),
    "no row": Wrong("trn.CANCELFLAG IS NULL", "trn.CANCELFLAG = trn.CUST_NAME", IncompleteError),
}
ONLY_OF_A_MONTH = {
    "a customer that was not asked for": Wrong("trn.CUST_CODE AS", "trn.CUST_NAME AS", DataContractError),
    "an address for an average": Wrong("cm.AVERAGE AS", "trn.CUST_ADDRESS AS", DataContractError),
}


@pytest.mark.parametrize(
    ("work", "wrong"),
    [
        *(
            pytest.param(work, wrong, id=f"{name}: {what}")
            for name, work in WORKS.items()
            for what, wrong in WRONG_ROWS.items()
        ),
        *(pytest.param(MONTH, wrong, id=f"a month: {what}") for what, wrong in ONLY_OF_A_MONTH.items()),
    ],
)
def test_rows_that_break_the_contract_leave_everything_as_it_was(poisoned: Loading, work: Work, wrong: Wrong) -> None:
    before = poisoned.state()
    failure = fail(wrong.of(poisoned), work, wrong.expected)
    assert leaks(failure.said) == []
    assert (failure.status, failure.category) == ("error", wrong.expected.category)
    assert poisoned.state() == before


def a_trigger(statement: str) -> str:
    """Return the DDL of a trigger that runs a statement for each row that is written."""
    return f"""
        CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {statement}; RETURN new; END $$;
        CREATE TRIGGER break BEFORE INSERT OR UPDATE ON {{table}} FOR EACH ROW EXECUTE FUNCTION break();
    """


STORE_BREAKAGES: dict[str, tuple[str, type[BigmeterError]]] = {
    "a row is refused by a trigger": (
        a_trigger("RAISE EXCEPTION 'row is %', new USING ERRCODE = '23514', DETAIL = new::text"),
        StoreRefused,
    ),
    "a row breaks a constraint": (
        "ALTER TABLE {table} ADD CONSTRAINT short CHECK (length(cust_name) < 5) NOT VALID",
        StoreRefused,
    ),
    "COPY takes a text for a number": (
        "DROP VIEW bm_meter_status, bm_freshness, bm_loaded_months;"
        " ALTER TABLE {table} ALTER COLUMN cust_name TYPE integer USING length(cust_name)",
        StoreRefused,
    ),
    "the ledger row is refused": (
        "ALTER TABLE bm_sync_runs ADD CONSTRAINT none CHECK (status <> 'success') NOT VALID",
        StoreRefused,
    ),
    "the statement is cancelled": (
        a_trigger("PERFORM pg_cancel_backend(pg_backend_pid()), pg_sleep(5)"),
        StoreUnavailable,
    ),
    "the session is ended": (
        a_trigger("PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(5)"),
        StoreUnavailable,
    ),
}


@pytest.mark.parametrize("work", WORKS.values(), ids=WORKS)
@pytest.mark.parametrize("breakage", STORE_BREAKAGES)
def test_a_store_that_refuses_or_fails_leaves_everything_as_it_was(
    own_store: Loading, work: Work, breakage: str
) -> None:
    statements, expected = STORE_BREAKAGES[breakage]
    with psycopg.connect(own_store.database, autocommit=True) as conn:
        conn.execute(statements.format(table=work.table).encode())
    before = own_store.state()
    failure = fail(own_store, work, expected)
    assert_only_told(failure, work, expected.category)
    assert leaks("\n".join(hidden(failure.error))) == []
    assert own_store.state() == before


@pytest.mark.parametrize("work", WORKS.values(), ids=WORKS)
def test_a_text_that_postgresql_cannot_hold_leaves_everything_as_it_was(
    source: Billing, poisoned: Loading, work: Work
) -> None:
    before = poisoned.state()
    set_texts(source, {"address": f"{POISON['address']}\x00"})
    failure = fail(poisoned, work, StoreRefused)
    set_texts(source, {"address": POISON["address"]})
    assert_only_told(failure, work, "contract")
    assert leaks("\n".join(hidden(failure.error))) == []
    assert poisoned.state() == before


def kill_the_load(loading: Loading) -> Callable[[object], None]:
    """Return a change that ends the load's PostgreSQL session, as a restart of the server would."""

    def kill(_session: object) -> None:
        with psycopg.connect(loading.database, autocommit=True) as conn:
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    return kill


@pytest.mark.parametrize("work", WORKS.values(), ids=WORKS)
def test_a_store_that_goes_away_midway_leaves_everything_as_it_was(
    source: Billing, poisoned: Loading, work: Work
) -> None:
    before = poisoned.state()
    source.server.between_executes(1, kill_the_load(poisoned))
    failure = fail(poisoned, work, StoreUnavailable)
    assert_only_told(failure, work, "unavailable")
    assert poisoned.state() == before


@pytest.mark.parametrize(
    ("work", "writer"),
    [
        (MONTH, "monthly.write_month"),
        (REFRESH, "yearly.write_cohort"),
        (RECAPTURE, "yearly.replace_cohort"),
    ],
    ids=WORKS,
)
def test_a_failure_nobody_foresaw_is_told_without_its_text(
    poisoned: Loading, monkeypatch: pytest.MonkeyPatch, work: Work, writer: str
) -> None:
    def explode(*_arguments: object, **rows: Any) -> None:
        raise RuntimeError(f"a row of {rows}")

    monkeypatch.setattr(f"include.bigmeter.sync.{writer}", explode)
    before = poisoned.state()
    failure = fail(poisoned, work, RuntimeError)
    assert leaks(str(failure.error)) == list(POISON)  # it would have told everything
    assert leaks(failure.said) == []
    assert failure.message == f"{work.subject}: RuntimeError"
    assert poisoned.state() == before


@pytest.mark.parametrize("ledger_error", [StoreUnavailable("the ledger is locked"), RuntimeError(str(POISON))])
@pytest.mark.parametrize("work", [MONTH, REFRESH], ids=["a month", "a cohort"])
def test_a_ledger_that_cannot_be_written_never_hides_why_the_branch_failed(
    source: Billing, poisoned: Loading, monkeypatch: pytest.MonkeyPatch, work: Work, ledger_error: Exception
) -> None:
    """The first error decides whether the branch is tried again: a refusal that passes for something else locks."""

    def refuse(*_arguments: object, **_options: object) -> None:
        raise ledger_error

    monkeypatch.setattr("include.bigmeter.sync.attempt.record_error", refuse)
    source.server.faults.add(parse_fault("ora=1017@execute:2"))
    failure = fail(poisoned, work, SourceRefused)
    assert "ORA-01017" in str(failure.error)
    assert "the failure is not in the ledger" in failure.said
    assert leaks(failure.said) == []


@pytest.mark.parametrize("work", WORKS.values(), ids=WORKS)
def test_a_failure_behind_the_last_row_takes_every_row_back(
    poisoned: Loading, monkeypatch: pytest.MonkeyPatch, work: Work
) -> None:
    def explode(*_arguments: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("include.bigmeter.sync.monthly.record_success", explode)
    monkeypatch.setattr("include.bigmeter.sync.yearly.record_success", explode)
    before = poisoned.state()
    fail(poisoned, work, RuntimeError)
    assert poisoned.state() == before


@pytest.mark.parametrize("work", WORKS.values(), ids=WORKS)
def test_a_success_says_counts_and_codes_only(poisoned: Loading, work: Work) -> None:
    with everything_logged() as logged:
        outcome = work.do(poisoned)
    assert len(logged.events) == 1
    ledger = poisoned.rows("SELECT r::text FROM bm_sync_runs AS r")
    assert leaks("\n".join([*logged.events, *logged.records, json.dumps(outcome.to_json()), str(ledger)])) == []
    assert outcome.counts.updated > 150


def test_every_text_that_is_loaded_was_poisoned(poisoned: Loading) -> None:
    """Else the tests above would look for what nothing could have told."""
    for work, columns in ((MONTH, READING_COLUMNS), (REFRESH, MEMBER_COLUMNS)):
        work.do(poisoned)
        keys_and_numbers = {
            *("year_month", "fiscal_year", "branch_code", "cust_code", "debt_ym", "usage_rank"),
            *("average", "present_meter_count", "present_water_usg"),
        }
        texts = [name for name in columns if name not in keys_and_numbers]
        assert set(texts) == set(POISON)
        rows = poisoned.rows(f"SELECT {', '.join(texts)} FROM {work.table} WHERE branch_code = '1063'")
        assert len(rows) > 150
        for name, values in zip(texts, zip(*rows, strict=True), strict=True):
            told = {leak for value in values if value is not None for leak in leaks(value)}
            assert told == {name}, name
