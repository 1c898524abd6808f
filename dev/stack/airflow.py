"""Airflow as its real components, each a process: database migration, API server, scheduler, DAG processor."""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from dev.stack.postgres import secret
from dev.stack.processes import LeashedProcess, StackError, free_ports
from dev.stack.rest import AirflowApi
from include.bigmeter.dsn import as_airflow_variable

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = REPOSITORY / "docs" / "examples"
_PRELOAD = Path(__file__).with_name("preload")
ADMIN = "admin"
_MIGRATE_TIMEOUT_S = 300
_START_TIMEOUT_S = 300
# What somebody has set for a real installation must not reach this one.
_PRODUCT_SETTINGS = frozenset(
    {
        *("ORACLE_DSN", "POSTGRES_DSN", "TIMEZONE", "CRON_YEARLY", "CRON_MONTHLY", "BRANCHES", "BATCH_SIZE"),
        *("COHORT_SIZE", "DEBT_YM_ERA", "SYNC_CONCURRENCY", "MIN_REPORTED_SHARE", "ORACLE_CALL_TIMEOUT_S"),
        *("TASK_TIMEOUT_S", "ORACLE_POOL", "MODE", "YM", "DEBT_YM", "CRON_FRESHNESS", "FRESHNESS_GRACE_H", "NOTIFY_ON"),
    }
)


def own_environment() -> dict[str, str]:
    """Return our environment without any setting of Airflow or of the product, with the repository to import from."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "PYTHON", "PG", "BIGMETER")) and name not in _PRODUCT_SETTINGS
    }
    return {**inherited, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1", "TZ": "UTC"}


def bundle_settings(**others: Path) -> dict[str, str]:
    """Return the setting that names the DAG bundles: the repository's own, and others by name and directory."""
    bundles = [
        {
            "name": name,
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(path), "refresh_interval": 300},
        }
        for name, path in {"bigmeter": REPOSITORY, **others}.items()
    ]
    return {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles)}


@dataclass(frozen=True, slots=True, kw_only=True)
class AirflowOptions:
    """How an Airflow is set up.

    ``settings`` are the product's own environment variables.
    ``is_scheduling`` False leaves out the runs that the clock would start, so that a test has only its own.
    ``parallelism`` is tasks at once.
    """

    home: Path
    metadata_dsn: str
    settings: Mapping[str, str] = field(default_factory=dict)
    is_scheduling: bool = True
    parallelism: int = 8


class Airflow:
    """A running Airflow: LocalExecutor, the repository as its only bundle, one user ``admin`` with a password."""

    def __init__(self, options: AirflowOptions) -> None:
        self._options = options
        self._home = options.home
        self._home.mkdir(parents=True, exist_ok=True)
        self._api_port, self._scheduler_port = free_ports(2)
        self._components: list[LeashedProcess] = []
        self.password = secret(self._home / "admin.password")
        self.environment = own_environment() | self._airflow_settings() | dict(options.settings)
        self.api = AirflowApi(self.url, ADMIN, self.password)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address of the user interface and the REST API."""
        return f"http://127.0.0.1:{self._api_port}"

    @property
    def is_running(self) -> bool:
        """True while all components run."""
        return bool(self._components) and all(component.is_running for component in self._components)

    @property
    def logs(self) -> Path:
        """The directory of the components' logs."""
        return self._home / "components"

    def migrate(self) -> None:
        """Bring the metadata database to this Airflow's schema.

        :raises StackError: if that fails.
        """
        password_file = Path(self.environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
        password_file.touch(mode=0o600)
        password_file.write_text(json.dumps({ADMIN: self.password}), encoding="utf-8")
        with self._component("db migrate", "db", "migrate") as migration:
            migration.wait(_MIGRATE_TIMEOUT_S)

    def connect(self, connection_id: str, connection: Mapping[str, object]) -> None:
        """Give it an Airflow connection, before it is started."""
        name, value = as_airflow_variable(connection_id, connection)
        self.environment[name] = value

    def start(self) -> None:
        """Start the components; ``wait_until_ready`` returns when they work."""
        server = ("api-server", "--host", "127.0.0.1", "--port", str(self._api_port))
        self._components = [
            self._component("scheduler", "scheduler", "--skip-serve-logs"),
            self._component("dag-processor", "dag-processor"),
            # It keeps no state, and lingers for seconds after its last answer.
            self._component("api-server", *server, grace_s=1.0),
        ]

    def wait_until_ready(self, dag_ids: Sequence[str]) -> None:
        """Return when the API answers, the scheduler and the DAG processor beat, and these DAGs are parsed.

        :raises StackError: if a component ends, a DAG file cannot be imported, or it takes too long.
        """
        scheduler, processor, server = self._components
        server.wait_until(self.api.is_up, _START_TIMEOUT_S, "answer")
        scheduler.wait_until(lambda: self.api.is_healthy("scheduler"), _START_TIMEOUT_S, "heartbeat")
        processor.wait_until(lambda: self._has_parsed(dag_ids), _START_TIMEOUT_S, "parse the DAG files")

    def stop(self) -> None:
        """End all components, the API server last, since tasks report to it."""
        self.api.close()
        for component in self._components[:2]:
            component.ask_to_stop()
        for component in self._components:
            component.stop()
        self._components.clear()

    def run_command(self, name: str, *words: str, timeout_s: float = 120) -> str:
        """Run a Python module with this Airflow's environment to its end and return its output.

        :raises StackError: if it fails.
        """
        with LeashedProcess(
            name,
            [sys.executable, "-m", *words],
            log=self._log(name),
            environment=self.environment,
            directory=REPOSITORY,
        ) as command:
            command.wait(timeout_s)
            return command.output()

    def _has_parsed(self, dag_ids: Sequence[str]) -> bool:
        errors = self.api.import_errors()
        if errors:
            raise StackError("; ".join(f"{file}: {trace.strip().splitlines()[-1]}" for file, trace in errors.items()))
        return self.api.dag_ids() >= set(dag_ids)

    def _component(self, name: str, *words: str, grace_s: float = 10.0) -> LeashedProcess:
        return LeashedProcess(
            f"airflow {name}",
            [sys.executable, "-m", "airflow", *words],
            log=self._log(name),
            environment=self.environment | {"PYTHONPATH": f"{REPOSITORY}:{_PRELOAD}"}
            if name == "scheduler"
            else self.environment,
            directory=REPOSITORY,
            grace_s=grace_s,
        )

    def _log(self, name: str) -> Path:
        self.logs.mkdir(parents=True, exist_ok=True)
        return self.logs / f"{name.replace(' ', '-')}.log"

    def _airflow_settings(self) -> dict[str, str]:
        fernet_key = base64.urlsafe_b64encode(secret(self._home / "fernet.key").encode()[:24].ljust(32, b"=")).decode()
        return {
            "AIRFLOW_HOME": str(self._home),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
            "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__FERNET_KEY": fernet_key,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": str(self._options.parallelism),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._home / "passwords.json"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
            **bundle_settings(),
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(self._home / "bundles"),
            # Nobody edits the files here; each parse costs a second of a core that tasks need.
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
            "AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD": "900",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self._options.metadata_dsn,
            # Else the stand-in's password, "bigmeter", is blotted out of every name in the logs.
            "AIRFLOW__LOGGING__MIN_LENGTH_MASKED_SECRET": "9",
            "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "True",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": "127.0.0.1",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(self._scheduler_port),
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": str(self._options.is_scheduling),
            # All share two cores: an answer may take longer than the five seconds that Airflow allows.
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            # A task's supervisor that misses the end of its process holds its slot for this long (5 s by default).
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }
