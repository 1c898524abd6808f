"""What a run remembers of its bad end until somebody has put it right, so that its good end is told as a recovery.

Airflow deletes what a task pushed when the task is cleared, but not what it keeps in its state store.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowRuntimeError

_KEY = "earlier_failure"
_MAY_BE_SKIPPED = "load_history"
log = structlog.get_logger("bigmeter")


def failed_tasks(context: Context) -> list[str]:
    """Return the tasks of the run that are failed now, a mapped one with its index: ``sync_branch_3``."""
    ti: Any = context["ti"]
    states = ti.get_task_states(ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
    return sorted(name for name, state in states.items() if state == "failed")


def are_branches_in(context: Context) -> bool:
    """Say whether each branch's task ended well; only the history of a cohort may be skipped."""
    ti: Any = context["ti"]
    plain = context["dag"].task_dict
    states = ti.get_task_states(ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
    of_branches = {name: state for name, state in states.items() if name not in plain}
    return all(
        state == "success" or (state == "skipped" and name.startswith(_MAY_BE_SKIPPED))
        for name, state in of_branches.items()
    )


def with_earlier_failure(context: Context, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's summary with how the run had ended before it was cleared, in ``earlier``.

    None while it fails, and where it had not failed.
    """
    failed = failed_tasks(context)
    if not failed:
        return {**summary, "earlier": recall_failure(context)}
    is_told = summary["problem"] or any(report["failed"] for report in summary["reports"])
    remember_failure(context, str(summary["sentence"]) if is_told else f"failed: {', '.join(failed)}")
    return {**summary, "earlier": None}


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
