"""What the scenes of the guide are played on: a real stack whose parts can be made to fail, and a record of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg

from dev.oracle_standin.control import StandinControl
from dev.stack.airflow import ADMIN, EXAMPLES, REPOSITORY, bundle_settings, own_environment
from dev.stack.local import LocalStack, StackOptions, running_stack
from dev.stack.processes import StackError, free_ports, wait_until
from dev.stack.rest import FINISHED, AirflowApi, Json, Run
from include.bigmeter.periods import Ym, fiscal_year_of, to_debt_ym
from include.bigmeter.store.transactions import month_transaction

MONTHLY = "bigmeter_monthly_sync"
YEARLY = "bigmeter_yearly_init"
FRESHNESS = "bigmeter_freshness"
CONSUMER = "example_bigmeter_consumer"
BRANCHES = ("1060", "1061", "1062", "1063", "1064", "1245")
POOL = "oracle"
CALL_TIMEOUT_S = 30
_TASK_TIMEOUT_S = 90
_MONTHS = 21
_RUN_TIMEOUT_S = 900
_ALONE_TIMEOUT_S = 15
_WORKER = "airflow worker -- LocalExecutor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provoked:
    """Something that was made to go wrong, and what the system said to it."""

    how: str
    said: str


@dataclass(frozen=True, slots=True)
class Stage:
    """A stack of a few branches, with the means to break it."""

    stack: LocalStack
    control: StandinControl
    provoked: list[Provoked] = field(default_factory=list)

    @property
    def api(self) -> AirflowApi:
        """Airflow's REST API."""
        return self.stack.airflow.api

    def run(self, dag_id: str, form: Mapping[str, Any] | None = None) -> Run:
        """Trigger a DAG and return its finished run."""
        return self.finished(dag_id, self.api.trigger(dag_id, form))

    def finished(self, dag_id: str, run_id: str) -> Run:
        """Return a run when it has ended."""
        return self.api.wait_for_run(dag_id, run_id, _RUN_TIMEOUT_S)

    def wait_for_state(self, dag_id: str, run_id: str, task: str, state: str) -> None:
        """Return when a task, named ``check`` or by its branch code, has a state.

        :raises StackError: if its run ends before.
        """

        def has_state() -> bool:
            if self.states(dag_id, run_id).get(task) == state:
                return True
            if self.api.run(dag_id, run_id).state in FINISHED:
                raise StackError(f"{dag_id} {task} was not {state}: {self.states(dag_id, run_id)}")
            return False

        wait_until(has_state, _RUN_TIMEOUT_S, f"{dag_id} {task} to be {state}", poll_s=1)

    def states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        """Return the states of a run's tasks, a mapped one (but history) by its branch code."""
        found = [one for one in self.api.task_instances(dag_id, run_id) if one.task_id != "load_history"]
        codes = self._branches_of(dag_id, run_id) if any(one.map_index >= 0 for one in found) else []
        return {codes[one.map_index] if one.map_index >= 0 else one.task_id: one.state for one in found}

    def map_index(self, dag_id: str, run_id: str, branch_code: str) -> int:
        """Return the map index of a branch."""
        return self._branches_of(dag_id, run_id).index(branch_code)

    def _branches_of(self, dag_id: str, run_id: str) -> list[str]:
        # By the plan: Airflow stores the name that its lists show only when a task has ended for good.
        return [str(job["branch_code"]) for job in self.api.xcom(dag_id, run_id, "check")]

    def summary(self, run: Run, dag_id: str = MONTHLY) -> Json:
        """Return what a run's summary leaves for machines."""
        return self.api.xcom(dag_id, run.run_id, "summary")

    def expect(self, how: str, said: str, words: str) -> None:
        """Record what the system said, after making sure that it is what the guide explains.

        :raises StackError: if it said something else.
        """
        if words not in said:
            raise StackError(f"{how}: expected {words!r}, but it said {said!r}")
        self.provoked.append(Provoked(how=how, said=said))

    def expect_problem(self, how: str, words: str, form: Mapping[str, Any]) -> Run:
        """Trigger a month that is refused as a whole, and record why."""
        run = self.run(MONTHLY, form)
        if run.state != "failed":
            raise StackError(f"{how}: the run is {run.state}")
        self.expect(how, str(self.summary(run)["problem"]), words)
        return run

    def expect_retry(self, how: str, words: str, dag_id: str, run_id: str, task: str) -> None:
        """Wait until a task waits for its next try, and record why."""
        self.wait_for_state(dag_id, run_id, task, "up_for_retry")
        index = -1 if task == "check" else self.map_index(dag_id, run_id, task)
        name = "check" if task == "check" else "sync_branch"
        failure = self.api.xcom(dag_id, run_id, name, map_index=index, key="failure")
        self.expect(how, str(failure["reason"]), words)

    def mark_failed(self, run_id: str, branch_code: str) -> None:
        """Mark a branch as failed, as the button with the cross does."""
        self.api.mark_task(MONTHLY, run_id, "sync_branch", self.map_index(MONTHLY, run_id, branch_code), "failed")

    def make_pool(self, slots: int) -> None:
        """Make the pool that ``ORACLE_POOL`` names, as *Admin > Pools* does."""
        self._send("POST", "/api/v2/pools", {"name": POOL, "slots": slots, "include_deferred": False})

    def kill_task(self) -> None:
        """Kill the process of the one task that runs, as a machine that runs out of memory does.

        :raises TimeoutError: if none runs, or several.
        """
        running: list[int] = []

        def is_alone() -> bool:  # the process of the task before it may not be gone yet
            running[:] = _running_tasks()
            return len(running) == 1

        wait_until(is_alone, _ALONE_TIMEOUT_S, "one task to run alone", poll_s=0.2)
        os.kill(running[0], signal.SIGKILL)

    def withdraw_bills(self, branch_code: str, month: Ym) -> None:
        """Cancel four of five bills of a branch-month in Oracle: billing is not closed yet."""
        self.control.run(
            "UPDATE PWACIS.TB_TR_DEBT_TRN SET CANCELFLAG = 'W'"
            f" WHERE ORG_OWNER_ID = {branch_code} AND DEBT_YM = '{to_debt_ym(month)}'"
            " AND CANCELFLAG IS NULL AND MOD(CUST_ID, 5) > 0"
        )

    def return_bills(self) -> None:
        """Take back what ``withdraw_bills`` did."""
        self.control.run("UPDATE PWACIS.TB_TR_DEBT_TRN SET CANCELFLAG = NULL WHERE CANCELFLAG = 'W'")

    def ask_the_command_line(self, *words: str) -> tuple[int, str]:
        """Run the command line as a monitor does, without Airflow; return its exit status and what it printed."""
        settings = {"POSTGRES_DSN": self.stack.data_dsn, "BRANCHES": ",".join(BRANCHES)}
        command = [sys.executable, "-m", "include.bigmeter", *words]
        environment = own_environment() | settings
        done = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def loaded_months(self) -> list[str]:
        """Return the months that the monthly DAG has loaded, by the ledger."""
        query = "SELECT DISTINCT year_month FROM bm_loaded_months WHERE is_own_year AND dag_id = %s ORDER BY 1"
        with psycopg.connect(self.stack.data_dsn) as connection:
            return [ym for (ym,) in connection.execute(query, [MONTHLY])]

    @contextmanager
    def held(self, branch_code: str, month: Ym) -> Iterator[None]:
        """Hold a branch-month within the block, as another load of it does."""
        with (
            psycopg.connect(self.stack.data_dsn) as connection,
            month_transaction(
                connection,
                branch_code=branch_code,
                ym=month,
                fiscal_year=fiscal_year_of(month),
                task_timeout_s=_RUN_TIMEOUT_S,
            ),
        ):
            yield

    def administer(self, statement: str) -> None:
        """Run a statement in the product's database as its administrator."""
        with psycopg.connect(self.stack.postgres.dsn("bigmeter"), autocommit=True) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def broken(self, fault: str) -> Iterator[None]:
        """Have the Oracle stand-in fail within the block."""
        self.control.add_fault(fault)
        try:
            yield
        finally:
            self.control.clear_faults()

    @contextmanager
    def administered(self, statement: str, undo: str) -> Iterator[None]:
        """Change PostgreSQL within the block."""
        self.administer(statement)
        try:
            yield
        finally:
            self.administer(undo)

    def parse_dags(self, **settings: str) -> None:
        """Have the DAG files read anew, with these settings besides."""
        environment = self.stack.airflow.environment
        before = dict(environment)
        environment.update(settings)
        try:
            self.stack.airflow.run_command("reparse", "airflow", "dag-processor", "--num-runs", "1")
        finally:
            environment.clear()
            environment.update(before)

    def _send(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        url = self.stack.airflow.url
        with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
            login = {"username": ADMIN, "password": self.stack.airflow.password}
            token = client.post("/auth/token", json=login).raise_for_status().json()["access_token"]
            answer = client.request(method, path, json=dict(body), headers={"Authorization": f"Bearer {token}"})
            answer.raise_for_status()


@contextmanager
def opened_stage(directory: Path, last_month: Ym, tell: Callable[[str], None]) -> Iterator[Stage]:
    """Start a stack with six branches and enough months of bills; the pool that it is told to use is not there yet.

    :param last_month: the last month with bills, Gregorian.
    :raises StackError: if a part does not start.
    """
    (control_port,) = free_ports(1)
    options = StackOptions(
        directory=directory,
        standin_words=[
            *("--last-month", last_month, "--months", str(_MONTHS), "--branches", ",".join(BRANCHES)),
            *("--control-port", str(control_port)),
        ],
        settings={
            "BRANCHES": ",".join(BRANCHES),
            "ORACLE_POOL": POOL,
            "ORACLE_CALL_TIMEOUT_S": str(CALL_TIMEOUT_S),
            "TASK_TIMEOUT_S": str(_TASK_TIMEOUT_S),
            **bundle_settings(examples=EXAMPLES),
            # Once: a second time could undo ``parse_dags`` before its picture is taken.
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "7200",
            "AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD": "14400",
        },
        parallelism=6,
    )
    with (
        running_stack(options, tell) as stack,
        StandinControl(control_port) as control,
    ):
        yield Stage(stack, control)


def _running_tasks() -> list[int]:
    """Return the processes of the tasks that run now; one that has ended and waits to be noticed is none."""
    return [
        child
        for process in _descendants(os.getpid())
        if _command_of(process).startswith(_WORKER)
        for child in _children(process)
        if _command_of(child)  # empty of a process that has ended
    ]


def _descendants(process: int) -> Iterator[int]:
    for child in _children(process):
        yield child
        yield from _descendants(child)


def _children(process: int) -> list[int]:
    found: list[int] = []
    for threads in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):  # it may have ended meanwhile
            found += map(int, threads.read_text().split())
    return found


def _command_of(process: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""
