"""Everything on one machine: a PostgreSQL for Airflow and the product, an Oracle stand-in, Airflow."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from dev.stack.airflow import REPOSITORY, Airflow, AirflowOptions, own_environment
from dev.stack.postgres import EmbeddedPostgres, Role, secret
from dev.stack.processes import LeashedProcess
from include.bigmeter.dsn import OracleTarget, PostgresTarget
from include.bigmeter.settings import ORACLE_CONNECTION_ID, POSTGRES_CONNECTION_ID

DAG_IDS = ("bigmeter_yearly_init", "bigmeter_monthly_sync", "bigmeter_freshness")
LOADER = "bigmeter"
_STANDIN_TIMEOUT_S = 180
_MIGRATION_TIMEOUT_S = 120
_STANDIN_READY = "ready"

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackOptions:
    """What a stack is made of.

    :param directory: where its data, secrets and logs are kept, and found again by the next one.
    :param oracle_dsn: the Oracle to read, as ``ORACLE_DSN``; None starts a stand-in with ``standin_words`` as its
        command line.
    :param settings: the product's own environment variables.
    :param is_scheduling: False leaves out the runs that the clock would start.
    :param parallelism: tasks at once.
    """

    directory: Path
    oracle_dsn: str | None = None
    standin_words: Sequence[str] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    is_scheduling: bool = True
    parallelism: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStack:
    """A stack that runs: its Airflow, and the connection strings of the product's database and of Oracle."""

    airflow: Airflow
    postgres: EmbeddedPostgres
    data_dsn: str = field(repr=False)
    oracle_dsn: str = field(repr=False)


@contextmanager
def running_stack(options: StackOptions, tell: Tell = lambda _: None) -> Iterator[LocalStack]:
    """Start the parts, side by side where they do not wait for each other, and end them all at the end.

    Both databases are migrated, the DAGs are parsed and, on the first start, paused.

    :param tell: is told in a few words what is done next.
    :raises StackError: if a part does not start; its message names the log.
    """
    directory = options.directory
    logs = directory / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as parts:
        tell("PostgreSQL starts, the billing data are made")
        oracle = parts.enter_context(_Oracle(options, logs))
        postgres = parts.enter_context(EmbeddedPostgres(directory / "postgres"))
        data = Role(name=LOADER, password=secret(directory / "bigmeter.password"), database="bigmeter")
        metadata = Role(name="airflow", password=secret(directory / "airflow.password"), database="airflow")
        for role in (data, metadata):
            postgres.ensure(role)
        airflow = parts.enter_context(
            Airflow(
                AirflowOptions(
                    home=directory / "airflow",
                    metadata_dsn=postgres.dsn_of(metadata, scheme="postgresql+psycopg2"),
                    settings=options.settings,
                    is_scheduling=options.is_scheduling,
                    parallelism=options.parallelism,
                )
            )
        )
        tell("the tables of both databases are made")
        with _start_migration(options.settings, postgres.dsn_of(data), logs) as migration:
            airflow.migrate()
            migration.wait(_MIGRATION_TIMEOUT_S)
        tell("the billing data are made")
        oracle_dsn = oracle.dsn()
        airflow.connect(ORACLE_CONNECTION_ID, OracleTarget.parse(oracle_dsn).airflow_connection())
        airflow.connect(POSTGRES_CONNECTION_ID, PostgresTarget.parse(postgres.dsn_of(data)).airflow_connection())
        tell("Airflow starts")
        airflow.start()
        airflow.wait_until_ready(DAG_IDS)
        yield LocalStack(airflow=airflow, postgres=postgres, data_dsn=postgres.dsn_of(data), oracle_dsn=oracle_dsn)


class _Oracle:
    """The Oracle of a stack: the one that the options name, or a stand-in of its own."""

    def __init__(self, options: StackOptions, logs: Path) -> None:
        self._given = options.oracle_dsn
        self._command = [sys.executable, "-m", "dev.standin", *options.standin_words]
        self._log = logs / "standin.log"
        self._process: LeashedProcess | None = None

    def __enter__(self) -> Self:
        if self._given is None:
            self._process = LeashedProcess(
                "the Oracle stand-in",
                self._command,
                log=self._log,
                environment=own_environment(),
                directory=REPOSITORY,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.stop()

    def dsn(self) -> str:
        """Return the DSN, which a stand-in prints before it says that it is ready, once it has."""
        process = self._process
        if process is None:
            return self._given or ""
        process.wait_until(lambda: _STANDIN_READY in process.output().splitlines(), _STANDIN_TIMEOUT_S, "be ready")
        lines = process.output().splitlines()
        return lines[lines.index(_STANDIN_READY) - 1].strip()


def _start_migration(settings: Mapping[str, str], data_dsn: str, logs: Path) -> LeashedProcess:
    return LeashedProcess(
        "the product's migrations",
        [sys.executable, "-m", "include.bigmeter", "migrate"],
        log=logs / "migrate.log",
        environment=own_environment() | dict(settings) | {"POSTGRES_DSN": data_dsn},
        directory=REPOSITORY,
    )
