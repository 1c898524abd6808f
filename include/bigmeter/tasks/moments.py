"""What the domain wants to know of the Airflow run that a task belongs to."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Context

from include.bigmeter.records import RunIdentity
from include.bigmeter.runs import RunClock


def clock_of(context: Context) -> RunClock:
    """Return the times of the run; a manual run without a logical date has no data interval."""
    dag_run: Any = context["dag_run"]
    return RunClock(
        run_type=_run_type(dag_run),
        run_after=dag_run.run_after,
        logical_date=dag_run.logical_date,
        interval_end=dag_run.data_interval_end,
    )


def identity_of(context: Context) -> RunIdentity:
    """Return who asks, for the ledger."""
    ti: Any = context["ti"]
    return RunIdentity(
        run_id=ti.run_id,
        dag_id=ti.dag_id,
        try_number=ti.try_number,
        triggered_by=_run_type(context["dag_run"]),
    )


def _run_type(dag_run: Any) -> str:  # noqa: ANN401 - Airflow's own model, private to its task runner
    return str(getattr(dag_run.run_type, "value", dag_run.run_type))
