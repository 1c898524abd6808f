"""How a run ends: with the colour of its summary, and remembering a bad end until somebody has put it right.

Airflow deletes what a task pushed when the task is cleared, but not what it keeps in its state store.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import structlog
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowRuntimeError

from include.bigmeter.errors import BigmeterError, Category
from include.bigmeter.tasks.runs import RETURN_KEY

_KEY = "earlier_failure"
_NOT_DONE = ("failed", "upstream_failed")
log = structlog.get_logger("bigmeter")


class RunFailed(BigmeterError):
    """Not everything that the run was asked for is in: what is left says the summary."""

    category: ClassVar[Category] = "incomplete"


def task_states(context: Context) -> Mapping[str, str | None]:
    """Return the states of the run's tasks as they are now, a mapped one by its index: ``sync_branch_3``."""
    ti: Any = context["ti"]
    states: Mapping[str, Mapping[str, str | None]] = ti.get_task_states(ti.dag_id, run_ids=[ti.run_id])
    return states.get(ti.run_id, {})


def conclude(context: Context, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the summary of a run that did all it was asked for; how it had ended before it was cleared: ``earlier``.

    The summary of any other run is left as an XCom, and the task fails, and with it the run. Airflow would call a run
    good in which a person stopped the branches before they began: it counts what was skipped as done.

    :raises RunFailed: if a branch is not in, or a step failed or could not start.
    """
    reason = _why_failed(task_states(context), summary)
    if reason is None:
        return {**summary, "earlier": recall_failure(context)}
    remember_failure(context, reason)
    context["ti"].xcom_push(key=RETURN_KEY, value={**summary, "earlier": None})
    raise RunFailed(reason)


def repaired_since(context: Context, summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what failed by this summary and has succeeded since: it was cleared without what follows it.

    What a person marked as a success was one when the summary was written, and has repaired nothing.
    """
    states = task_states(context)
    return [
        failed
        for failed in summary["failed_tasks"]
        if states.get(failed["task"]) == "success" and failed["state"] != "success"
    ]


def remember_failure(context: Context, sentence: str) -> None:
    """Keep, with the task that runs, how its run ended badly."""
    try:
        context["task_state_store"].set(_KEY, sentence)
    except AirflowRuntimeError as error:
        log.warning("the recovery of this run will not be told", reason=error.error.error.value)


def recall_failure(context: Context) -> str | None:
    """Return how the run ended before it was cleared, and forget it; None if it did not end badly."""
    store = context["task_state_store"]
    try:
        sentence = store.get(_KEY)
        if sentence is None:
            return None
        store.delete(_KEY)
    except AirflowRuntimeError as error:
        log.warning("whether this run had failed before is not known", reason=error.error.error.value)
        return None
    return str(sentence)


def _why_failed(states: Mapping[str, str | None], summary: Mapping[str, Any]) -> str | None:
    if summary["failed_tasks"]:
        return str(summary["sentence"])
    not_done = sorted(name for name, state in states.items() if state in _NOT_DONE)
    return f"{summary['sentence']}; not done: {', '.join(not_done)}" if not_done else None
