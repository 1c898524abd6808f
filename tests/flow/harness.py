"""What the flow tests ask of a stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from dev.oracle_standin.control import StandinControl
from dev.stack.local import LocalStack
from dev.stack.processes import wait_until
from dev.stack.rest import FINISHED, AirflowApi, Json, Refused, Reprocess, Run

BANGKOK = ZoneInfo("Asia/Bangkok")
BRANCHES = ("1060", "1061", "1062")
MONTHLY = "bigmeter_monthly_sync"
YEARLY = "bigmeter_yearly_init"
CONSUMER = "example_bigmeter_consumer"
TASK_TIMEOUT_S = 40
COHORT_SIZE = 200
BACKFILL_TIMEOUT_S = 900
_OF_AIRFLOW = {
    *("timestamp", "event", "level", "logger", "filename", "lineno", "loc", "error_detail"),
    *("dag_id", "run_id", "task_id", "map_index", "try_number", "ti_id"),
}
"""What Airflow itself puts into each event of a task's log."""
NOTICE_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class Flow:
    """What a test needs of the stack: Airflow's REST API, the product's database, the stand-in's faults."""

    stack: LocalStack
    control: StandinControl
    database: psycopg.Connection[tuple[Any, ...]]

    @property
    def api(self) -> AirflowApi:
        """Airflow's REST API."""
        return self.stack.airflow.api

    def run_month(self, form: Mapping[str, Any]) -> Run:
        """Trigger the monthly DAG and return the finished run."""
        return self.api.wait_for_run(MONTHLY, self.api.trigger(MONTHLY, form))

    def backfill(self, first: str, last: str, form: Mapping[str, Any] | None = None) -> list[Run]:
        """Backfill the monthly DAG from day to day, as the user interface asks; return its finished runs."""
        before = {run.run_id for run in self.api.runs(MONTHLY)}
        self._start_backfill(first, last, form)
        made = [run.run_id for run in self.api.runs(MONTHLY) if run.run_id not in before]

        def runs() -> list[Run]:
            return [run for run in self.api.runs(MONTHLY) if run.run_id in made]

        wait_until(lambda: all(run.state in FINISHED for run in runs()), BACKFILL_TIMEOUT_S, "the backfill", 0.5)
        return runs()

    def reprocessed(self, run: Run, first: str, last: str) -> Run:
        """Backfill the monthly DAG so that red runs are run again, and return one of them when it has ended."""

        def is_done() -> bool:
            now = self.api.run(MONTHLY, run.run_id)
            return now.run_type == "backfill" and now.state in FINISHED

        self._start_backfill(first, last, reprocess="failed")
        wait_until(is_done, BACKFILL_TIMEOUT_S, "the run that is run again", 0.5)
        return self.api.run(MONTHLY, run.run_id)

    def _start_backfill(
        self, first: str, last: str, form: Mapping[str, Any] | None = None, reprocess: Reprocess = "none"
    ) -> None:
        start = datetime.fromisoformat(f"{first}T00:00:00").replace(tzinfo=BANGKOK)
        end = datetime.fromisoformat(f"{last}T23:59:59").replace(tzinfo=BANGKOK)

        def is_started() -> bool:
            """Start it, unless Airflow, which looks every 30 s, has not noticed that the one before has ended."""
            try:
                self.api.backfill(MONTHLY, start, end, form=form, reprocess=reprocess)
            except Refused as refusal:
                if refusal.status != HTTPStatus.CONFLICT:
                    raise
                return False
            return True

        wait_until(is_started, NOTICE_TIMEOUT_S, "the end of the backfill before", 1)

    def delete_run(self, run: Run, dag_id: str = MONTHLY) -> None:
        """Delete a run, as the bin on its page does: the date that it had is free then."""
        self.api.delete_run(dag_id, run.run_id)

    def states(self, run: Run, task_id: str, dag_id: str = MONTHLY) -> dict[str, str | None]:
        """Return the states of a mapped task by the branch code in its name."""
        found = [one for one in self.api.task_instances(dag_id, run.run_id) if one.task_id == task_id]
        return {str(one.name).split()[0]: one.state for one in found}

    def state(self, run: Run, task_id: str, dag_id: str = MONTHLY) -> str | None:
        """Return the state of a task that is not mapped."""
        (found,) = [one.state for one in self.api.task_instances(dag_id, run.run_id) if one.task_id == task_id]
        return found

    def map_index(self, run: Run, task_id: str, branch_code: str) -> int:
        """Return the map index of a branch."""
        (index,) = [
            one.map_index
            for one in self.api.task_instances(MONTHLY, run.run_id)
            if one.task_id == task_id and str(one.name).startswith(branch_code)
        ]
        return index

    def summary(self, run: Run, dag_id: str = MONTHLY) -> Json:
        """Return what the run's summary leaves for machines."""
        return self.api.xcom(dag_id, run.run_id, "summary")

    def events(self, run: Run, task_id: str, branch_code: str, level: str, field: str) -> list[Json]:
        """Return the fields of the events in a branch's log that are of a level and have a field."""
        (task,) = [
            one
            for one in self.api.task_instances(MONTHLY, run.run_id)
            if one.task_id == task_id and str(one.name).startswith(branch_code)
        ]
        events = self.api.log_events(MONTHLY, run.run_id, task)
        own = [event for event in events if event.get("level") == level and field in event]
        return [{name: value for name, value in event.items() if name not in _OF_AIRFLOW} for event in own]

    def query(self, text: str, *binds: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query to the product's database."""
        return self.database.execute(text.encode(), binds).fetchall()

    def query_as_administrator(self, statement: str) -> None:
        """Change the product's database as its administrator."""
        with psycopg.connect(self.stack.postgres.dsn("bigmeter"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def months_in(self, months: list[str]) -> set[tuple[str, str]]:
        """Return which of the months are loaded, by branch and month, for their own fiscal year's cohort."""
        found = self.query(
            "SELECT branch_code, year_month FROM bm_loaded_months WHERE is_own_year AND year_month = ANY (%s)", months
        )
        return {(str(branch), str(month)) for branch, month in found}
