"""The sync from end to end: the generated billing database behind the stand-in, and a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import duckdb
import psycopg
import pytest

from dev.billing_data.database import billing_database
from dev.billing_data.options import GeneratorOptions
from dev.billing_data.schema import CATALOGUE
from dev.oracle_standin.duckdb_backend import DuckDBBackend
from dev.oracle_standin.server import StandinServer, running_server
from include.bigmeter.branches import BRANCHES_FILE, read_branches
from include.bigmeter.cli.drivers import DriverConnections
from include.bigmeter.dsn import OracleTarget, PostgresTarget
from include.bigmeter.periods import Ym, fiscal_year_of, october_of
from include.bigmeter.records import RunIdentity
from include.bigmeter.settings import LoadSettings
from include.bigmeter.source.template import (
    MonthlyTemplate,
    YearlyTemplate,
    load_monthly_template,
    load_yearly_template,
)
from include.bigmeter.sync.monthly import MonthJob, load_month
from include.bigmeter.sync.outcomes import CohortOutcome, MonthOutcome
from include.bigmeter.sync.templates import MONTHLY_TEMPLATE, YEARLY_TEMPLATE
from include.bigmeter.sync.yearly import CohortJob, capture_cohort

LAST_MONTH = "202610"
BRANCH_CODES = tuple(branch.code for branch in read_branches(BRANCHES_FILE))


@dataclass(frozen=True, slots=True)
class Billing:
    """The source: the running stand-in, and a look behind it that only tests have."""

    server: StandinServer
    duckdb: duckdb.DuckDBPyConnection

    def truth(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the generator's own tables."""
        return self.duckdb.cursor().execute(query, list(values)).fetchall()


@pytest.fixture(scope="session")
def billing_server() -> Iterator[Billing]:
    """Serve the default set of 22 branches and 25 months."""
    with (
        billing_database(GeneratorOptions(last_month=LAST_MONTH)) as connection,
        running_server(DuckDBBackend(connection, CATALOGUE)) as server,
    ):
        yield Billing(server, connection)


@pytest.fixture
def billing(billing_server: Billing) -> Iterator[Billing]:
    """Yield the source with its counters at 0; faults are gone afterwards."""
    billing_server.server.faults.clear()
    billing_server.server.counters.reset()
    yield billing_server
    billing_server.server.faults.clear()


@dataclass(frozen=True, slots=True)
class Loading:
    """Loads branches as the command line does, and reads what came of it."""

    connections: DriverConnections
    database: str
    settings: LoadSettings = field(default_factory=lambda: LoadSettings.from_environment({}))
    monthly: MonthlyTemplate = field(default_factory=lambda: load_monthly_template(MONTHLY_TEMPLATE))
    yearly: YearlyTemplate = field(default_factory=lambda: load_yearly_template(YEARLY_TEMPLATE))
    identity: RunIdentity = field(default_factory=lambda: RunIdentity(run_id="a test"))

    def with_settings(self, **changes: Any) -> Loading:
        """Return the same with other settings."""
        return replace(self, settings=replace(self.settings, **changes))

    def capture(self, branch_code: str, fiscal_year: int, **options: Any) -> CohortOutcome:
        """Capture a branch's cohort by the October of its fiscal year."""
        options = {"ym": october_of(fiscal_year)} | options
        job = CohortJob(branch_code=branch_code, fiscal_year=fiscal_year, **options)
        return capture_cohort(self.connections, self.yearly, job, self.settings, self.identity)

    def load(self, branch_code: str, ym: str, **options: Any) -> MonthOutcome:
        """Load a branch-month."""
        options = {"cohort_fiscal_year": fiscal_year_of(Ym(ym))} | options
        job = MonthJob(branch_code=branch_code, ym=Ym(ym), **options)
        return load_month(self.connections, self.monthly, job, self.settings, self.identity)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Read what is committed."""
        with psycopg.connect(self.database) as conn:
            return conn.execute(query, values).fetchall()

    def state(self) -> list[tuple[Any, ...]]:
        """Return every stored row with the transaction that wrote it, the ledger left out."""
        return self.rows(
            "SELECT 'd', xmin::text, ctid::text, d.*::text FROM bm_meter_details AS d ORDER BY 4"
        ) + self.rows("SELECT 'c', xmin::text, ctid::text, c.*::text FROM bm_custcode_init AS c ORDER BY 4")

    def ledger(self) -> list[tuple[Any, ...]]:
        """Return kind, branch, status, category and message of each attempt, in order."""
        return self.rows(
            "SELECT kind, branch_code, status, error_category, error_message FROM bm_sync_runs ORDER BY id"
        )


@pytest.fixture
def open_loading(billing: Billing) -> Callable[[str], Loading]:
    """Return a function that loads from the stand-in into the database of a connection string."""

    def open_for(database: str) -> Loading:
        target = DriverConnections(OracleTarget.parse(billing.server.dsn), PostgresTarget.parse(database))
        return Loading(target, database)

    return open_for


@pytest.fixture
def loading(open_loading: Callable[[str], Loading], database: str) -> Loading:
    """Load into a database of this test's own."""
    return open_loading(database)


@contextmanager
def small_billing() -> Iterator[Billing]:
    """Serve a small set that may be changed: two branches, 260 customers each, September to November 2025."""
    options = GeneratorOptions(branches=("1063", "1065"), customers=260, months=3, last_month="202511")
    with (
        billing_database(options) as connection,
        running_server(DuckDBBackend(connection, CATALOGUE)) as server,
    ):
        yield Billing(server, connection)


def load_small(billing: Billing, database: str) -> Loading:
    """Load the small set into a database; the cohorts of fiscal year 2026 are captured."""
    target = DriverConnections(OracleTarget.parse(billing.server.dsn), PostgresTarget.parse(database))
    loading = Loading(target, database)
    for code in ("1063", "1065"):
        loading.capture(code, 2026)
    billing.server.counters.reset()
    return loading


@pytest.fixture
def own_billing() -> Iterator[Billing]:
    """Serve a small set that a test may change."""
    with small_billing() as billing:
        yield billing


@pytest.fixture
def own_loading(own_billing: Billing, database: str) -> Loading:
    """Load the small set into a database of this test's own; the cohorts of fiscal year 2026 are captured."""
    return load_small(own_billing, database)
