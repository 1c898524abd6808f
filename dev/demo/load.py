"""Have Airflow load what the plan asks for, through its own backfill, and show how far it is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import psycopg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from dev.demo.plan import Backfill, DemoPlan
from dev.stack.local import LocalStack
from dev.stack.rest import FINISHED, AirflowApi, Refused, Run

_POLL_S = 2.0
_TIMEOUT_S = 1800
_SIDE_BY_SIDE = 3

# A yearly run leaves two rows a branch in the ledger, its cohort and its history, a monthly run one.
_STEPS_OF = {"bigmeter_yearly_init": 2, "bigmeter_monthly_sync": 1}
_DONE_STEPS = """
SELECT run_id, count(DISTINCT (kind, branch_code)) FROM bm_sync_runs WHERE status = 'success' GROUP BY run_id
"""


class LoadError(Exception):
    """A run failed, or does not end; the message names it and where to look."""


def load(stack: LocalStack, plan: DemoPlan, branch_count: int, console: Console) -> None:
    """Load the cohorts, then the months, and return when all their runs have succeeded.

    What an earlier demo has loaded is not run again. The monthly DAG stays paused until the cohorts are there; its
    backfill is made before it is let run, so that the scheduler finds its latest run already there.

    :raises LoadError: if a run failed.
    """
    with (
        psycopg.connect(stack.data_dsn, autocommit=True) as database,
        Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        ) as progress,
    ):
        for backfill in (plan.yearly(), plan.monthly()):
            follower = _Follower(
                api=stack.airflow.api,
                database=database,
                plan=plan,
                backfill=backfill,
                steps=branch_count * _STEPS_OF[backfill.dag_id],
                progress=progress,
            )
            follower.run()


class _Follower:
    """One backfill: starts what is missing, follows its runs to their end."""

    def __init__(
        self,
        *,
        api: AirflowApi,
        database: psycopg.Connection[tuple[Any, ...]],
        plan: DemoPlan,
        backfill: Backfill,
        steps: int,
        progress: Progress,
    ) -> None:
        self._api = api
        self._database = database
        self._plan = plan
        self._backfill = backfill
        self._steps = steps
        self._progress = progress
        self._bars: dict[str, TaskID] = {}
        self._told: set[str] = set()

    def run(self) -> None:
        """Return when each part has a run that succeeded, this time or before.

        :raises LoadError: if one failed, or after half an hour.
        """
        runs = self._runs()
        self._say_what_is_there(runs)
        self._bars = {
            part: self._progress.add_task(f"{self._backfill.dag_id} {part}", total=self._steps)
            for part in self._backfill.loads
            if part not in self._told
        }
        if any(part not in runs or runs[part].state == "failed" for part in self._backfill.loads):
            self._start()
        self._api.set_paused(self._backfill.dag_id, False)
        deadline = time.monotonic() + _TIMEOUT_S
        while not self._is_done(self._runs()):
            if time.monotonic() > deadline:
                raise LoadError(f"{self._backfill.dag_id}: not done in {_TIMEOUT_S // 60} minutes; see the runs")
            time.sleep(_POLL_S)

    def _runs(self) -> dict[str, Run]:
        parts = ((self._plan.loaded_by(self._backfill, run), run) for run in self._api.runs(self._backfill.dag_id))
        return {part: run for part, run in parts if part is not None}

    def _say_what_is_there(self, runs: Mapping[str, Run]) -> None:
        """Tell apart what an earlier demo has loaded, which gets no bar, from what is loaded this time."""
        found = [part for part in self._backfill.loads if part in runs and runs[part].state == "success"]
        for part in found:
            self._say(part, "found loaded, not run again")
        self._told.update(found)

    def _say(self, part: str, outcome: str) -> None:
        self._progress.console.print(f"{self._backfill.dag_id} {part}: {outcome}", highlight=False)

    def _start(self) -> None:
        try:
            self._api.backfill(
                self._backfill.dag_id,
                self._backfill.first,
                self._backfill.last,
                reprocess="failed",
                max_active_runs=_SIDE_BY_SIDE,
            )
        except Refused as refusal:
            if refusal.status != HTTPStatus.CONFLICT:  # one that was interrupted goes on by itself
                raise

    def _is_done(self, runs: Mapping[str, Run]) -> bool:
        steps = {str(run_id): int(count) for run_id, count in self._database.execute(_DONE_STEPS).fetchall()}
        for part, bar in self._bars.items():
            run = runs.get(part)
            if run is None:
                continue
            is_loaded = run.state == "success"
            self._progress.update(bar, completed=self._steps if is_loaded else steps.get(run.run_id, 0))
            if run.state in FINISHED and part not in self._told:
                self._told.add(part)
                if not self._progress.console.is_terminal:
                    self._say(part, run.state)
        ended = [part for part in self._bars if part in runs and runs[part].state in FINISHED]
        if len(ended) < len(self._bars):
            return False
        failed = [part for part in ended if runs[part].state == "failed"]
        if failed:
            raise LoadError(
                f"{self._backfill.dag_id}: failed for {', '.join(failed)}; the task summary of the run says why"
            )
        return True
