"""Several machines on one: a Redis, and Celery workers that know no more than a machine of their own would.

An Airflow becomes one with workers by ``celery_settings``, among the settings that it is started with.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
import yaml

from dev.stack import machine_name
from dev.stack.airflow import REPOSITORY, Airflow
from dev.stack.postgres import secret
from dev.stack.processes import LeashedProcess, StackError, free_ports

_COMPOSE_FILE = REPOSITORY / "docker-compose.worker.yaml"
_REDIS_TIMEOUT_S = 30
_WORKER_TIMEOUT_S = 180
_REDIS_CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {directory}
# Nothing here outlives the processes that it is for.
save ""
appendonly no
"""
# Of Airflow's settings those that a worker on another machine has as well, by the image and docker-compose.worker.yaml:
# no database, no connections, no key but the one that signs requests for logs. The rest it asks the API server for.
_OF_A_WORKER = (
    "AIRFLOW__API__SECRET_KEY",
    "AIRFLOW__CELERY__",
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__",
    "AIRFLOW__CORE__DAGS_FOLDER",
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
    "AIRFLOW__CORE__EXECUTOR",
    "AIRFLOW__CORE__LOAD_EXAMPLES",
    "AIRFLOW__CORE__PLUGINS_FOLDER",
    "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_",
    "AIRFLOW__LOGGING__",
    "AIRFLOW__METRICS__",
    "AIRFLOW__USAGE_DATA_COLLECTION__",
    "AIRFLOW__WORKERS__",
)


class Redis:
    """A Redis server with a password, on a free loopback port, that keeps nothing on disk.

    :param directory: where its configuration and log lie; made if it is not there.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._password = ""
        self._port = 0
        self._process: LeashedProcess | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def url(self, database: int = 0) -> str:
        """Return the URL of one of its numbered databases, with the password."""
        return f"redis://:{self._password}@127.0.0.1:{self._port}/{database}"

    def client(self, database: int = 0) -> redis.Redis:
        """Return a client that decodes text."""
        return redis.Redis.from_url(self.url(database), decode_responses=True)

    def start(self) -> None:
        """Start it.

        :raises StackError: if it is not installed, with what to do, or does not answer.
        """
        # Our own environment's, which the development packages bring on Linux; else one that is installed.
        binary = shutil.which("redis-server", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        if binary is None:
            raise StackError(
                "redis-server is not installed, and Celery's workers need one: run make env (Linux), or install redis"
                " (macOS: brew install redis)"
            )
        self._directory.mkdir(parents=True, exist_ok=True)
        (self._port,) = free_ports(1)
        self._password = secret(self._directory / "redis.password")
        configuration = self._directory / "redis.conf"
        configuration.touch(mode=0o600)  # not on the command line, which every account can read
        configuration.write_text(
            _REDIS_CONFIGURATION.format(port=self._port, password=self._password, directory=self._directory),
            encoding="utf-8",
        )
        self._process = LeashedProcess(
            "Redis",
            [binary, str(configuration)],
            log=self._directory / "redis.log",
            environment={"LC_ALL": "C"},
            directory=self._directory,
        )
        try:
            self._process.wait_until(self._answers, _REDIS_TIMEOUT_S, "answer")
        except StackError:
            self.stop()
            raise

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


def celery_settings(broker: Redis) -> dict[str, str]:
    """Return the settings of an Airflow whose tasks run on workers, as docker-compose.yaml has them."""
    return {
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CELERY__BROKER_URL": broker.url(0),
        "AIRFLOW__CELERY__RESULT_BACKEND": broker.url(1),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine that runs one worker.

    :param name: under which Airflow shows it.
    :param slots: tasks at once.
    """

    name: str
    slots: int


class Worker:
    """A Celery worker of an Airflow, as on another machine: with a home and a name of its own.

    What it runs, and how its health is asked for, is what docker-compose.worker.yaml says. It does share the directory
    of the logs, since Airflow asks all machines for them at one and the same port.
    """

    def __init__(self, airflow: Airflow, machine: Machine) -> None:
        self.name = machine.name
        self._home = Path(airflow.environment["AIRFLOW_HOME"]).with_name(machine.name)
        self._log = airflow.logs / f"{machine.name}.log"
        self._process: LeashedProcess | None = None
        inherited = {
            name: value
            for name, value in airflow.environment.items()
            if not name.startswith("AIRFLOW") or name.startswith(_OF_A_WORKER)
        }
        self._service = yaml.safe_load(_COMPOSE_FILE.read_text(encoding="utf-8"))["services"]["worker"]
        self.environment = inherited | {
            machine_name.VARIABLE: machine.name,
            "HOSTNAME": machine.name,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "AIRFLOW_HOME": str(self._home),
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": str(machine.slots),
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "dev.stack.machine_name.machine_name",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(Path(airflow.environment["AIRFLOW_HOME"]) / "logs"),
        }

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, without waiting."""
        self._home.mkdir(parents=True, exist_ok=True)
        *shell, script = self._service["command"]
        self._process = LeashedProcess(
            self.name,
            [*shell, f"{script} --skip-serve-logs --celery-hostname celery@{self.name}"],
            log=self._log,
            environment=self.environment,
            directory=REPOSITORY,
            end_signal="SIGKILL",
        )

    def wait_until_ready(self) -> None:
        """Return when it takes tasks.

        :raises StackError: if it ends, or takes too long.
        """
        process = self._process
        if process is None:
            raise StackError(f"{self.name} was not started")
        process.wait_until(lambda: f"{self.name} ready" in process.output(), _WORKER_TIMEOUT_S, "be ready")

    def is_healthy(self) -> bool:
        """Ask for its health as a container of it is asked."""
        kind, script = self._service["healthcheck"]["test"]
        if kind != "CMD-SHELL":
            raise StackError(f"docker-compose.worker.yaml: the health check is of kind {kind}; this runs CMD-SHELL")
        words = ["sh", "-c", script.replace("$$", "$")]
        asked = subprocess.run(words, env=self.environment, cwd=REPOSITORY, capture_output=True, check=False)
        return asked.returncode == 0

    def kill(self) -> None:
        """Kill it (SIGKILL) and all its processes, as when its machine dies; return when they are gone."""
        if self._process is not None:
            self._process.stop()
            self._process = None
