"""One story that all tests here are about: a month on two machines, one of which dies while its branches load.

Four of six branches run at once, two on each machine. A fault makes Oracle fall silent for one branch in the middle of
its queries, and a lock of ours stops the other three when their rows are written and their ledger rows are next. So
the machine that is killed has one branch that reads and one whose rows lie in an open transaction, whatever the
speed of this computer.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dev.billing_data.database import billing_database
from dev.billing_data.options import GeneratorOptions
from dev.oracle_standin.control import StandinControl
from dev.stack.airflow import REPOSITORY, own_environment
from dev.stack.local import LocalStack, StackOptions, running_stack
from dev.stack.processes import LeashedProcess, free_ports, wait_until
from dev.stack.rest import TaskInstance
from dev.stack.workers import Machine, Redis, Worker, celery_settings
from include.bigmeter.records import READING_COLUMNS
from tests.sinks import MessageSink, StatsdSink, connection_to

BRANCHES = ("1060", "1061", "1062", "1063", "1064", "1065")
SILENT = "1060"
MACHINES = (Machine(name="machine-a", slots=2), Machine(name="machine-b", slots=2))
AT_ONCE = 4
DAG_ID = "bigmeter_monthly_sync"
MONTH = "202502"
# A killed task is tried again 60 to 119 s later, by a hash of this date: it is one of those with 60.
LOGICAL_DATE = datetime(2025, 3, 6, tzinfo=UTC)
HEARTBEAT_TIMEOUT_S = 30
REDELIVERY_S = 90
DEADLINE_S = 240
US = "the test"

TUNED = {
    "BRANCHES": ",".join(BRANCHES),
    "SYNC_CONCURRENCY": str(AT_ONCE),
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(HEARTBEAT_TIMEOUT_S),
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    # By default the broker waits a day before it hands a dead worker's tasks to another one.
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": str(REDELIVERY_S),
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__UNACKED_RESTORE_INTERVAL": "5",
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__UNACKED_RESTORE_THROTTLE": "1",
}
_BILLING = GeneratorOptions(branches=BRANCHES, months=15, last_month="202510")
_BILLING_FILE = "billing.duckdb"
_COHORT = "202410"
_LOADERS = f"FROM pg_stat_activity WHERE usename = 'bigmeter' AND application_name <> '{US}'"
_WRITTEN = f"""
SELECT count(*) {_LOADERS} AND wait_event_type = 'Lock' AND pid IN (
    SELECT pid FROM pg_locks WHERE relation = 'bm_meter_details'::regclass AND mode = 'RowExclusiveLock' AND granted)
"""
_READING = f"SELECT count(*) {_LOADERS} AND state = 'idle in transaction'"
_OPEN_SINCE = f"SELECT count(*) {_LOADERS} AND xact_start < %s"

Rows = list[tuple[Any, ...]]


@dataclass(slots=True, kw_only=True)
class Story:
    """What was seen, in the order in which it was.

    ``settings`` are the names of those that a worker was started with. ``hosts`` is the machine of each branch that ran
    at the kill. ``delivered`` are Celery's ids of the tasks that the broker had given out by then, ``verdicts`` what
    became of them, ``undelivered`` how many messages it still held for a machine in the end. ``counts`` are what each
    branch returned, ``statsd`` has the figures that the machines sent, and ``messages`` are what a person was told who
    wants to hear of good runs as well. ``healthy_before`` and ``healthy_after`` say
    of each machine what its container's health check found before the kill and at the end.
    """

    settings: set[str] = field(default_factory=set)
    hosts: dict[str, str] = field(default_factory=dict)
    dead: str = ""
    reading: int = 0
    written: int = 0
    visible_at_kill: int = -1
    delivered: set[str] = field(default_factory=set)
    open_after_rollback: int = -1
    visible_of_the_dead: Rows = field(default_factory=list)
    state: str = ""
    tasks: dict[str, TaskInstance] = field(default_factory=dict)
    undelivered: int = -1
    verdicts: dict[str, str] = field(default_factory=dict)
    ledger: Rows = field(default_factory=list)
    writers: Rows = field(default_factory=list)
    stored: Rows = field(default_factory=list)
    expected: Rows = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)
    statsd: StatsdSink | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    healthy_before: dict[str, bool] = field(default_factory=dict)
    healthy_after: dict[str, bool] = field(default_factory=dict)

    @property
    def killed_branches(self) -> set[str]:
        """The branches that the dead machine was loading."""
        return {branch for branch, host in self.hosts.items() if host == self.dead}


@pytest.fixture(scope="module")
def story() -> Story:
    """Return the story when it has happened, and nothing of it runs any more."""
    directory = Path(tempfile.mkdtemp(prefix="bigmeter-celery-"))
    directory.chmod(0o711)  # the embedded PostgreSQL may run under another account
    (control_port,) = free_ports(1)
    with ExitStack() as parts:
        parts.callback(shutil.rmtree, directory, ignore_errors=True)
        broker = parts.enter_context(Redis(directory / "redis"))
        statsd = parts.enter_context(StatsdSink())
        sink = parts.enter_context(MessageSink())
        story = Story(expected=_expected_rows(directory / _BILLING_FILE), statsd=statsd, messages=sink.messages)
        told = {"NOTIFY_ON": "always", "AIRFLOW_CONN_BIGMETER_NOTIFY": json.dumps(connection_to(sink.url()))}
        options = StackOptions(
            directory=directory,
            standin_words=[
                *("--last-month", _BILLING.last_month, "--months", str(_BILLING.months)),
                *("--branches", ",".join(BRANCHES), "--database", str(directory / _BILLING_FILE)),
                *("--control-port", str(control_port)),
            ],
            settings=TUNED | told | _statsd_settings(statsd) | celery_settings(broker),
            is_scheduling=False,
        )
        stack = parts.enter_context(running_stack(options))
        workers = [parts.enter_context(Worker(stack.airflow, machine)) for machine in MACHINES]
        _capture_cohorts(stack, directory)
        for worker in workers:
            worker.wait_until_ready()
            story.settings |= worker.environment.keys()
            story.healthy_before[worker.name] = worker.is_healthy()
        control = parts.enter_context(StandinControl(control_port))
        _Narrator(stack, broker, {worker.name: worker for worker in workers}, control).tell(story)
    return story


def _statsd_settings(statsd: StatsdSink) -> dict[str, str]:
    return {
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
        "AIRFLOW__METRICS__STATSD_PORT": str(statsd.port),
        "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
    }


def _expected_rows(billing: Path) -> Rows:
    """Make the billing data and return what the month must hold by the generator's own account."""
    with billing_database(_BILLING, billing) as connection:
        return connection.execute(
            f"""
            SELECT {", ".join(f"m.{name}" for name in READING_COLUMNS)} FROM truth.expected_meter AS m
            JOIN truth.expected_cohort AS c USING (branch_code, cust_code)
            WHERE m.year_month = ? AND c.fiscal_year = 2025 ORDER BY m.branch_code, m.cust_code
            """,
            [MONTH],
        ).fetchall()


def _capture_cohorts(stack: LocalStack, directory: Path) -> None:
    """Have the command line choose the cohorts: the month is what this is about."""
    dsns = {"ORACLE_DSN": stack.oracle_dsn, "POSTGRES_DSN": stack.data_dsn, "BRANCHES": ",".join(BRANCHES)}
    with LeashedProcess(
        "init-once",
        [
            *(sys.executable, "-m", "include.bigmeter", "init-once"),
            *("--debt-ym", _COHORT, "--history-months", "0"),
        ],
        log=directory / "init-once.log",
        environment=own_environment() | dsns,
        directory=REPOSITORY,
    ) as command:
        command.wait(DEADLINE_S)


class _Narrator:
    """Lets the story happen."""

    def __init__(self, stack: LocalStack, broker: Redis, workers: dict[str, Worker], control: StandinControl) -> None:
        self._api = stack.airflow.api
        self._data_dsn = stack.data_dsn
        self._broker = broker
        self._workers = workers
        self._control = control

    def tell(self, story: Story) -> None:
        """Write down what happens."""
        self._control.add_fault(f"hang@execute:2,bind={SILENT}")
        with self._connect() as database:
            with self._connect() as lock, lock.transaction():
                lock.execute("LOCK TABLE bm_sync_runs IN SHARE MODE")
                self._api.set_paused(DAG_ID, False)
                run_id = self._api.trigger(DAG_ID, {"ym": MONTH}, logical_date=LOGICAL_DATE)
                self._kill_in_the_middle(story, run_id, database)
            self._roll_back(story, database)
            story.state = self._api.wait_for_run(DAG_ID, run_id, DEADLINE_S).state
            story.tasks = self._branches_of(run_id)
            (report,) = self._api.xcom(DAG_ID, run_id, "summary")["reports"]
            story.counts = report["loaded"]
            self._let_the_broker_deliver_again(story)
            self._read(story, run_id, database)
            wait_until(lambda: bool(story.messages), DEADLINE_S, "the message of the run")
            story.healthy_after = {name: worker.is_healthy() for name, worker in self._workers.items()}

    def _kill_in_the_middle(self, story: Story, run_id: str, database: psycopg.Connection[Any]) -> None:
        def is_in_the_middle() -> bool:
            story.reading, story.written = _count(database, _READING), _count(database, _WRITTEN)
            return (story.reading, story.written) == (1, AT_ONCE - 1)

        wait_until(is_in_the_middle, DEADLINE_S, "one branch that reads, three whose rows are written")
        tasks = self._branches_of(run_id)
        story.hosts = {branch: task.host for branch, task in tasks.items() if task.state == "running"}
        story.dead = story.hosts[SILENT]
        story.visible_at_kill = _count(database, "SELECT count(*) FROM bm_meter_details")
        with self._broker.client() as client:
            story.delivered = {_celery_id(message) for message in client.hvals("unacked")}
        self._workers[story.dead].kill()

    def _roll_back(self, story: Story, database: psycopg.Connection[Any]) -> None:
        """Wait until PostgreSQL has ended the dead machine's transactions; our lock is released now."""
        now = datetime.now(UTC)

        def is_rolled_back() -> bool:
            story.open_after_rollback = _count(database, _OPEN_SINCE, now)
            return story.open_after_rollback == 0

        wait_until(is_rolled_back, HEARTBEAT_TIMEOUT_S, "the end of the dead machine's transactions")
        story.visible_of_the_dead = database.execute(
            "SELECT branch_code, cust_code FROM bm_meter_details WHERE branch_code = ANY (%s)",
            [list(story.killed_branches)],
        ).fetchall()

    def _let_the_broker_deliver_again(self, story: Story) -> None:
        with self._broker.client() as client:

            def is_delivered() -> bool:
                story.undelivered = client.hlen("unacked")
                return story.undelivered == 0

            wait_until(is_delivered, DEADLINE_S, "the second delivery of the dead machine's tasks")
        with self._broker.client(1) as results:
            for celery_id in story.delivered:
                story.verdicts[celery_id] = json.loads(results.get(f"celery-task-meta-{celery_id}") or "{}")["status"]

    def _read(self, story: Story, run_id: str, database: psycopg.Connection[Any]) -> None:
        story.ledger = database.execute(
            "SELECT branch_code, status, try_number, inserted, updated, unchanged, removed FROM bm_sync_runs"
            " WHERE kind = 'monthly' AND run_id = %s ORDER BY branch_code, id",
            [run_id],
        ).fetchall()
        story.writers = database.execute(
            "SELECT branch_code, count(*), count(DISTINCT xmin::text), bool_and(updated_at = created_at)"
            " FROM bm_meter_details GROUP BY branch_code ORDER BY branch_code"
        ).fetchall()
        story.stored = database.execute(
            f"SELECT {', '.join(READING_COLUMNS)} FROM bm_meter_details ORDER BY branch_code, cust_code".encode()
        ).fetchall()

    def _branches_of(self, run_id: str) -> dict[str, TaskInstance]:
        tasks = self._api.task_instances(DAG_ID, run_id)
        return {str(task.name).split()[0]: task for task in tasks if task.task_id == "sync_branch" and task.name}

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._data_dsn, autocommit=True, application_name=US)


def _count(database: psycopg.Connection[Any], query: str, *binds: object) -> int:
    (count,) = database.execute(query.encode(), binds).fetchone() or (-1,)
    return int(count)


def _celery_id(unacknowledged: str) -> str:
    message = json.loads(unacknowledged)[0]
    return str(message["headers"]["id"])
