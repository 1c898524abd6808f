"""What a run came to: how each branch ended, from the tasks' states and from what they left behind.

Airflow itself is only reached through the task instance that is handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Protocol

import structlog

from include.bigmeter.branches import Branch
from include.bigmeter.periods import Ym, dashed
from include.bigmeter.records import exact_sum
from include.bigmeter.sync.report import MONTHLY_COLUMNS, BranchLine, RunReport
from include.bigmeter.tasks.runs import CHECK_TASK, FAILURE_KEY, Job

Json = Mapping[str, Any]
log = structlog.get_logger("bigmeter")


class TaskInstance(Protocol):
    """What a summary asks of Airflow's task instance."""

    dag_id: str
    run_id: str

    def xcom_pull(self, task_ids: str | list[str], *, key: str = ...) -> Any:  # noqa: ANN401 - whatever was pushed
        """Return what a task pushed, or for a list of tasks all that their instances pushed."""
        ...

    def get_task_states(self, dag_id: str, *, run_ids: list[str]) -> Mapping[str, Mapping[str, str | None]]:
        """Return the states of runs by run id, then task id, with the map index: ``sync_branch_3``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchEnd:
    """How the task of one branch ended: Airflow's state, the counts it returned, the failure it noted.

    ``task`` is how Airflow's states call it: ``sync_branch_3``.
    """

    task: str
    state: str | None
    counts: Json | None = None
    failure: Json | None = None

    def reason(self) -> str:
        """Say why there are no counts."""
        if self.failure:
            return str(self.failure["reason"])
        if self.state == "upstream_failed":
            return "not started: a step before it failed"
        if self.state == "failed":
            return "ended without a word: killed, or its machine was lost; see its log, then clear it"
        if self.state == "success":
            return "marked as a success by hand, which loads nothing; clear it"
        return f"did not run ({self.state or 'no state'})"


def summarize_month(ti: TaskInstance, sync_task: str) -> dict[str, Any]:
    """Log the table of a monthly run and return its summary."""
    jobs: list[Job] | None = ti.xcom_pull(CHECK_TASK)
    if not jobs:
        return _tell([], [{"task": CHECK_TASK, "branch_code": None, "state": "failed"}], problem=_why_not_planned(ti))
    ends = _ends(ti, sync_task, jobs)
    report = RunReport(kind="monthly", period=dashed(Ym(jobs[0]["ym"])), lines=_lines(jobs, ends))
    return _tell([report], _not_in(ends))


def summarize_year(ti: TaskInstance, capture_task: str, history_task: str) -> dict[str, Any]:
    """Log the tables of a yearly run, the cohorts and their history, and return its summary."""
    jobs: list[Job] | None = ti.xcom_pull(CHECK_TASK)
    if not jobs:
        return _tell([], [{"task": CHECK_TASK, "branch_code": None, "state": "failed"}], problem=_why_not_planned(ti))
    captured = _ends(ti, capture_task, jobs)
    reports = [RunReport(kind="yearly", period=f"cohort {jobs[0]['fiscal_year']}", lines=_lines(jobs, captured))]
    history: dict[str, BranchEnd] = {}
    if months := jobs[0]["history"]:
        history = {
            code: replace(end, counts=_add_months_up(end.counts) if end.counts else None)
            for code, end in _ends(ti, history_task, jobs).items()
            if captured[code].counts is not None  # else the branch is already in the first table, with its reason
        }
    if history:
        period = f"history {dashed(months[0])} to {dashed(months[-1])}"
        reports.append(RunReport(kind="monthly", period=period, lines=_lines(jobs, history)))
    return _tell(reports, _not_in(captured) + _not_in(history))


def _ends(ti: TaskInstance, task_id: str, jobs: Sequence[Job]) -> dict[str, BranchEnd]:
    """Match what a mapped task left behind to the branches, by branch code; the state decides what counts.

    A failed branch that returned its counts and noted no failure is in: a person marked it afterwards, or stopped the
    run, at which Airflow marks all branches of a task of which one runs. It deletes both when another try begins.
    """
    states = ti.get_task_states(ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
    counts_of = _by("branch_code", ti.xcom_pull([task_id]))
    failure_of = _by("subject", ti.xcom_pull([task_id], key=FAILURE_KEY))
    ends = {}
    for index, job in enumerate(jobs):
        code, task = job["branch_code"], f"{task_id}_{index}"
        state, failure = states.get(task), failure_of.get(code)
        if state == "success" or (state == "failed" and failure is None):
            ends[code] = BranchEnd(task=task, state=state, counts=counts_of.get(code))
        else:
            ends[code] = BranchEnd(task=task, state=state, failure=failure)
    return ends


def _not_in(ends: Mapping[str, BranchEnd]) -> list[Json]:
    return [
        {"task": end.task, "branch_code": code, "state": end.state} for code, end in ends.items() if end.counts is None
    ]


def _lines(jobs: Sequence[Job], ends: Mapping[str, BranchEnd]) -> list[BranchLine]:
    return [
        BranchLine(
            branch=Branch(job["branch_code"], job["name"]),
            counts=end.counts,
            reason=None if end.counts is not None else end.reason(),
        )
        for job in jobs
        if (end := ends.get(job["branch_code"])) is not None
    ]


def _add_months_up(result: Json) -> dict[str, Any]:
    months: Sequence[Json] = result["months"]
    return {
        "branch_code": result["branch_code"],
        **{name: sum(int(month[name]) for month in months) for name in MONTHLY_COLUMNS},
        "usage_m3": str(exact_sum(Decimal(month["usage_m3"]) for month in months)),
        "seconds": sum(float(month["seconds"]) for month in months),
        "warnings": [warning for month in months for warning in month["warnings"]],
        "tries": result["tries"],
    }


def _why_not_planned(ti: TaskInstance) -> str:
    failure = ti.xcom_pull(CHECK_TASK, key=FAILURE_KEY)
    return str(failure["reason"]) if failure else "the check ended without a word; see its log"


def _tell(reports: Sequence[RunReport], failed_tasks: Sequence[Json], problem: str | None = None) -> dict[str, Any]:
    """Write the tables to the log, and return codes and counts for messages and machines.

    Reasons and warnings follow their table, a line each: the table's last column lies beyond the edge of a screen.

    :param failed_tasks: those whose branches are not in, as Airflow's states call them, with their states.
    :param problem: why nothing was loaded at all, if so.
    """
    for report in reports:
        for line in report.to_text().splitlines():
            log.info(line)
        for remark in report.remarks():
            log.warning(remark)
    return {
        "sentence": f"nothing was loaded: {problem}" if problem else "; ".join(report.sentence() for report in reports),
        "problem": problem,
        "failed_tasks": list(failed_tasks),
        "reports": [report.to_json() for report in reports],
    }


def _by(key: str, pushed: Iterable[Json | None] | None) -> dict[str, Json]:
    return {str(item[key]): item for item in pushed or () if item}
