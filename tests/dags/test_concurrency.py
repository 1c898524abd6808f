"""SYNC_CONCURRENCY as the scheduler has it: in the form of a DAG that Airflow stores, which is all that it reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

BRANCH_TASKS = [
    ("bigmeter_monthly_sync", "sync_branch"),
    ("bigmeter_yearly_init", "capture_cohort"),
    ("bigmeter_yearly_init", "load_history"),
]


@pytest.mark.parametrize(("dag_id", "task_id"), BRANCH_TASKS)
@pytest.mark.parametrize(("setting", "limit"), [({}, 4), ({"SYNC_CONCURRENCY": "2"}, 2)], ids=["default", "two"])
def test_the_stored_form_limits_the_branches_of_all_runs(
    dag_id: str,
    task_id: str,
    setting: dict[str, str],
    limit: int,
    *,
    read_dags: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    stored = DagSerialization.from_dict(DagSerialization.to_dict(read_dags().dags[dag_id]))
    task = stored.get_task(task_id)
    assert task.max_active_tis_per_dag == limit
    assert task.max_active_tis_per_dagrun is None  # so that a backfill's runs share the limit
