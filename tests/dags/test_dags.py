"""The DAGs as Airflow sees them: names, schedules, limits, retries, manuals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.dags.airflow_home import ROOT

BANGKOK = ZoneInfo("Asia/Bangkok")
MONTHLY, YEARLY = "bigmeter_monthly_sync", "bigmeter_yearly_init"
LOADS = (MONTHLY, YEARLY)
FRESHNESS = "bigmeter_freshness"
BRANCH_TASKS = [(MONTHLY, "sync_branch"), (YEARLY, "capture_cohort"), (YEARLY, "load_history")]


def test_the_bundle_holds_the_three_dags(dags: dict[str, Any]) -> None:
    assert set(dags) == {*LOADS, FRESHNESS}


def test_airflow_looks_for_dags_in_no_other_file_of_the_repository() -> None:
    from airflow.utils.file import list_py_file_paths

    found = {Path(name).relative_to(ROOT).as_posix() for name in list_py_file_paths(ROOT)}
    assert found == {f"dags/{name}.py" for name in (*LOADS, FRESHNESS)}


def test_a_dag_survives_the_way_through_airflows_database(dags: dict[str, Any]) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    for dag in dags.values():
        stored = DagSerialization.from_dict(DagSerialization.to_dict(dag))
        assert set(stored.task_dict) == set(dag.task_dict)
        assert list(stored.params) == list(dag.params)


def _intervals(dag: Any, first: datetime, last: datetime) -> list[tuple[datetime, datetime, datetime]]:
    from airflow.serialization.serialized_objects import DagSerialization

    stored = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    infos: Any = stored.iter_dagrun_infos_between(first, last)
    return [(info.data_interval.start, info.data_interval.end, info.run_after) for info in infos]


def test_a_backfill_of_january_to_september_ends_its_intervals_in_february_to_october(dags: dict[str, Any]) -> None:
    runs = _intervals(dags[MONTHLY], datetime(2025, 1, 1, tzinfo=BANGKOK), datetime(2025, 9, 30, tzinfo=BANGKOK))
    assert [end.astimezone(BANGKOK) for _, end, _ in runs] == [
        datetime(2025, month, 16, 8, tzinfo=BANGKOK) for month in range(2, 11)
    ]
    assert runs[-1][2] == datetime(2025, 10, 16, 1, tzinfo=UTC)


def test_the_yearly_dag_runs_once_a_year_on_16_october_at_half_past_one(dags: dict[str, Any]) -> None:
    runs = _intervals(dags[YEARLY], datetime(2024, 1, 1, tzinfo=BANGKOK), datetime(2026, 11, 1, tzinfo=BANGKOK))
    assert [run_after.astimezone(BANGKOK) for _, _, run_after in runs] == [
        datetime(year, 10, 16, 1, 30, tzinfo=BANGKOK) for year in (2024, 2025, 2026)
    ]


def test_cron_and_zone_come_from_the_environment(read_dags: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRON_MONTHLY", "0 15 6 20 * *")
    monkeypatch.setenv("TIMEZONE", "UTC")
    dag = read_dags().dags[MONTHLY]
    first, *_ = _intervals(dag, datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC))
    assert first[:2] == (datetime(2025, 1, 20, 6, 15, tzinfo=UTC), datetime(2025, 2, 20, 6, 15, tzinfo=UTC))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CRON_MONTHLY", "30 0 8 16 * *"),
        ("CRON_MONTHLY", "0 8 1,16 * *"),
        ("CRON_YEARLY", "at half past one"),
        ("TIMEZONE", "Asia/Bangkog"),
        ("SYNC_CONCURRENCY", "0"),
    ],
)
def test_a_wrong_schedule_is_an_import_error_that_names_the_variable(
    variable: str, value: str, read_dags: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    bag = read_dags()
    assert bag.dags == {}
    assert len(bag.import_errors) == 3
    for error in bag.import_errors.values():
        assert f"ConfigError: {variable}: " in error.strip().splitlines()[-1]


def test_no_run_before_the_deployment_is_made_up_and_no_old_month_is_refused(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        assert dag.catchup is False
        assert dag.start_date < datetime(2016, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("dag_id", "task_id"), BRANCH_TASKS)
def test_branches_run_a_few_at_a_time_and_each_within_its_time(
    dag_id: str, task_id: str, read_dags: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_CONCURRENCY", "3")
    monkeypatch.setenv("TASK_TIMEOUT_S", "600")
    dag = read_dags().dags[dag_id]
    task = dag.get_task(task_id)
    assert task.max_active_tis_per_dag == 3
    assert dag.max_active_tasks == 3
    assert task.execution_timeout == timedelta(seconds=600)
    assert task.pool == "default_pool"


def test_more_than_sixteen_branches_at_once_are_possible(
    read_dags: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_CONCURRENCY", "40")
    assert {dag.max_active_tasks for dag in read_dags().dags.values()} == {40}


@pytest.mark.parametrize(("dag_id", "task_id"), BRANCH_TASKS)
def test_a_pool_is_used_if_one_is_named(
    dag_id: str, task_id: str, read_dags: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORACLE_POOL", "oracle")
    assert read_dags().dags[dag_id].get_task(task_id).pool == "oracle"


def test_every_task_has_a_time_out_and_retries_by_cause(dags: dict[str, Any]) -> None:
    from include.bigmeter.tasks.retries import RetryByCause

    for dag in dags.values():
        for task in dag.tasks:
            assert task.execution_timeout is not None
            assert task.retries == 3
            assert isinstance(task.retry_policy, RetryByCause)


def test_the_order_is_check_branches_summary(dags: dict[str, Any]) -> None:
    monthly = dags[MONTHLY]
    assert monthly.get_task("check").upstream_task_ids == set()
    assert monthly.get_task("sync_branch").upstream_task_ids == {"check"}
    assert monthly.get_task("publish").upstream_task_ids == {"sync_branch"}
    assert monthly.get_task("summary").upstream_task_ids == {"check", "sync_branch", "publish"}
    yearly = dags[YEARLY]
    assert yearly.get_task("capture_cohort").upstream_task_ids == {"check"}
    assert yearly.get_task("load_history").upstream_task_ids >= {"capture_cohort"}
    assert yearly.get_task("summary").upstream_task_ids >= {"check", "load_history"}


def test_the_summary_runs_whatever_happens_and_gives_the_run_its_colour(dags: dict[str, Any]) -> None:
    for dag_id in LOADS:
        summary = dags[dag_id].get_task("summary")
        assert summary.is_teardown
        assert summary.on_failure_fail_dagrun
        assert summary.downstream_task_ids == set()


def test_each_dag_explains_itself_and_so_does_each_task(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        assert dag.description
        for words in ("What it does", "When", "By hand"):
            assert words in dag.doc_md
        for task in dag.tasks:
            function: Any = getattr(task, "python_callable", None)
            assert len(str(task.doc_md or function.__doc__)) > 80
    for dag_id in LOADS:
        for words in ("When a branch is red", "accept_incomplete"):
            assert words in dags[dag_id].doc_md


def test_dag_files_are_wiring_of_at_most_eighty_lines() -> None:
    import ast

    for path in (ROOT / "dags").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        assert len(text.splitlines()) <= 80
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.If | ast.For | ast.While | ast.Try)]
