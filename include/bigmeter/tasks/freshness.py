"""The task of the DAG that notices what has not happened."""

from __future__ import annotations

import os
from typing import Any

import structlog
from airflow.sdk import Context, get_current_context

from include.bigmeter.branches import load_branches
from include.bigmeter.settings import FreshnessSettings, ScheduleSettings
from include.bigmeter.tasks.failures import told
from include.bigmeter.tasks.moments import clock_of
from include.bigmeter.tasks.recovery import recall_failure, remember_failure

FRESHNESS_TASK = "find_overdue"
FRESHNESS_KEY = "freshness"
"""The XCom with what is overdue; that of a run that found nothing is its return value."""

log = structlog.get_logger("bigmeter")


def find_overdue() -> dict[str, Any]:
    """Compare the ledger with the schedule: which months and cohorts are due and not in, and for which branches.

    Red means that something is overdue, and its log says what and what to do; it is not tried again, and nothing is
    changed. An unavailable PostgreSQL is tried four times.
    """
    context = get_current_context()
    ti = context["ti"]
    with told(ti, FRESHNESS_TASK):
        from include.bigmeter.sync import freshness  # noqa: PLC0415 - the driver is too heavy for a DAG file
        from include.bigmeter.tasks.connections import HookConnections  # noqa: PLC0415 - only needed here

        seen = freshness.read_freshness(
            HookConnections(),
            ScheduleSettings.from_environment(os.environ),
            FreshnessSettings.from_environment(os.environ),
            branch_codes=[branch.code for branch in load_branches(os.environ)],
            now=clock_of(context).run_after,
        )
        sentences = seen.sentences()
        if seen.is_fresh:
            log.info(sentences[0])
            return {**seen.to_json(), "sentences": sentences, "was_overdue": _was_overdue(context)}
        for sentence in sentences:
            log.error(sentence)
        ti.xcom_push(key=FRESHNESS_KEY, value={**seen.to_json(), "sentences": sentences})
        remember_failure(context, sentences[0])
        raise freshness.OverdueError("; ".join(sentences))


def _was_overdue(context: Context) -> bool:
    """Say whether this run, before it was cleared, or the run before it had failed."""
    if recall_failure(context):
        return True
    previous: Any = context["ti"].get_previous_dagrun()
    return previous is not None and str(getattr(previous.state, "value", previous.state)) == "failed"
