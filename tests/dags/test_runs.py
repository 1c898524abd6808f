"""Whole runs inside this process, with the work of a branch replaced: what Airflow makes of how it ends."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from include.bigmeter import errors

pytestmark = pytest.mark.usefixtures("airflow_database")

MONTHLY, YEARLY = "bigmeter_monthly_sync", "bigmeter_yearly_init"
POISON = "นายพิษ รั่วไหล"
COUNTS = {
    "cohort_size": 200, "reported": 180, "zero": 8, "missing": 12, "inserted": 188, "updated": 0, "unchanged": 0,
    "removed": 0, "duplicates": 3, "entered": 0, "departed": 0, "usage_m3": "1234.5", "seconds": 0.4,
    "oracle_seconds": 0.3, "round_trips": 4, "warnings": [],
}  # fmt: skip
MINUTES = itertools.count()


class Branches:
    """The work of the tasks, replaced: each branch loads, or fails as it is told to; what was asked is kept."""

    def __init__(self) -> None:
        self.failures: dict[str, list[BaseException]] = {}
        self.history_failures: dict[str, BaseException] = {}
        self.check_failure: BaseException | None = None
        self.asked: list[dict[str, Any]] = []
        self.not_loaded: tuple[str, ...] = ()

    def check(self, _settings: object, _branches: object) -> None:
        if self.check_failure:
            raise self.check_failure

    def load(self, job: dict[str, Any], _identity: object) -> dict[str, Any]:
        self.asked.append(job)
        if failures := self.failures.get(job["branch_code"]):
            raise failures.pop(0)
        return {"branch_code": job["branch_code"], "ym": job["ym"], **COUNTS}

    def load_history(self, job: dict[str, Any], _identity: object, _progress: object) -> dict[str, Any]:
        if failure := self.history_failures.get(job["branch_code"]):
            raise failure
        months = [{"branch_code": job["branch_code"], "ym": ym, **COUNTS} for ym in job["history"]]
        return {"branch_code": job["branch_code"], "months": months}

    def completeness(self, ym: str, branch_codes: list[str], _timezone: str) -> Any:
        from decimal import Decimal

        from include.bigmeter.periods import Ym
        from include.bigmeter.sync.completeness import MonthCompleteness

        return MonthCompleteness(
            ym=Ym(ym),
            missing_branches=self.not_loaded,
            branches=len(branch_codes),
            cohort_size=4400,
            reported=4000,
            zero=100,
            missing=300,
            usage_m3=Decimal("1.5"),
        )


@pytest.fixture
def branches(monkeypatch: pytest.MonkeyPatch) -> Branches:
    from include.bigmeter.tasks import loads, retries

    replaced = Branches()
    monkeypatch.setattr(loads, "check", replaced.check)
    monkeypatch.setattr(loads, "load_month", replaced.load)
    monkeypatch.setattr(loads, "capture_cohort", replaced.load)
    monkeypatch.setattr(loads, "load_history", replaced.load_history)
    monkeypatch.setattr(loads, "month_completeness", replaced.completeness)
    monkeypatch.setattr(retries, "DELAY_WINDOWS_S", ((0, 0),) * 3)  # dag.test() sleeps them
    monkeypatch.setenv("BRANCHES", "1060 1061 1063")
    return replaced


class Run:
    """A finished run: its state, the states of its tasks by id and name, the summary that it left."""

    def __init__(self, dag_run: Any) -> None:
        self.state = str(dag_run.state)
        self.instances = {
            (ti.task_id, ti.rendered_map_index or ti.map_index): ti for ti in dag_run.get_task_instances()
        }
        self.states = {name: str(ti.state) for name, ti in self.instances.items()}
        self.summary: dict[str, Any] = self.xcom("summary")
        self._dag_run = dag_run

    def xcom(self, task_id: str, key: str = "return_value", index: int = -1) -> Any:
        return next(ti for ti in self.instances.values() if (ti.task_id, ti.map_index) == (task_id, index)).xcom_pull(
            task_ids=task_id, key=key, map_indexes=index
        )


@pytest.fixture
def run(read_dags: Callable[[], Any]) -> Callable[..., Run]:
    """Return a function that runs a DAG by hand and returns the run; each run has a moment of its own."""

    def run_it(dag_id: str, form: Mapping[str, Any] | None = None, **at: Any) -> Run:
        dag = read_dags().dags[dag_id]
        moment = datetime(2025, 11, 20, 3, next(MINUTES), tzinfo=UTC)
        return Run(dag.test(run_conf=dict(form or {}), **{"logical_date": moment, **at}))

    return run_it


def test_a_month_is_planned_once_and_loaded_for_every_branch(branches: Branches, run: Callable[..., Run]) -> None:
    done = run(MONTHLY)
    assert done.state == "success"
    assert done.states == {
        ("check", -1): "success",
        ("sync_branch", "1060 ขอนแก่น(ชั้นพิเศษ)"): "success",
        ("sync_branch", "1061 บ้านไผ่"): "success",
        ("sync_branch", "1063 น้ำพอง"): "success",
        ("publish", -1): "success",
        ("summary", -1): "success",
    }
    assert sorted((job["branch_code"], job["ym"], job["cohort_fiscal_year"]) for job in branches.asked) == [
        ("1060", "202510", 2026),
        ("1061", "202510", 2026),
        ("1063", "202510", 2026),
    ]
    assert done.summary["sentence"] == "2025-10: all 3 branches loaded"
    assert done.summary["reports"][0]["totals"]["reported"] == 540


def test_the_form_chooses_month_branches_batch_and_cohort(branches: Branches, run: Callable[..., Run]) -> None:
    form = {"ym": "256809", "branches": ["1063"], "batch_size": 7, "cohort_fiscal_year": 2026}
    run(MONTHLY, {**form, "accept_incomplete": True})
    (job,) = branches.asked
    assert (job["ym"], job["branch_code"], job["cohort_fiscal_year"]) == ("202509", "1063", 2026)
    assert job["settings"]["batch_size"] == 7
    assert job["accept_incomplete"] is True


def test_one_branch_that_fails_leaves_the_others_loaded_and_the_run_failed(
    branches: Branches, run: Callable[..., Run]
) -> None:
    branches.failures["1061"] = [errors.SourceRefused("1061 2025-10: ORA-00942; grant SELECT")]
    done = run(MONTHLY)
    assert done.state == "failed"
    assert done.states["sync_branch", "1061 บ้านไผ่"] == "failed"
    assert done.states["sync_branch", "1063 น้ำพอง"] == "success"
    assert done.states["publish", -1] == "upstream_failed"
    assert done.states["summary", -1] == "failed"
    assert done.summary["sentence"] == "2025-10: 1 of 3 branches failed: 1061"
    assert done.xcom("summary", "failure")["reason"] == done.summary["sentence"]
    assert done.summary["failed_tasks"] == [{"task": "sync_branch_1", "branch_code": "1061", "state": "failed"}]
    (report,) = done.summary["reports"]
    assert report["failed"] == {"1061": "1061 2025-10: ORA-00942; grant SELECT"}
    assert set(report["loaded"]) == {"1060", "1063"}
    assert done.instances["sync_branch", "1061 บ้านไผ่"].try_number == 1


def test_an_unavailable_source_is_tried_again_and_the_recovered_branch_says_how_often(
    branches: Branches, run: Callable[..., Run]
) -> None:
    branches.failures["1061"] = [errors.SourceUnavailable("1061 2025-10: ORA-12537")] * 2
    done = run(MONTHLY)
    assert done.state == "success"
    (report,) = done.summary["reports"]
    assert report["failed"] == {}
    assert {code: counts["tries"] for code, counts in report["loaded"].items()} == {"1060": 1, "1061": 3, "1063": 1}


def test_after_four_tries_a_branch_is_given_up(branches: Branches, run: Callable[..., Run]) -> None:
    branches.failures["1061"] = [errors.SourceUnavailable("1061 2025-10: ORA-12537")] * 9
    done = run(MONTHLY, {"branches": ["1061"]})
    assert done.state == "failed"
    assert len(branches.asked) == 4
    assert done.summary["reports"][0]["failed"] == {"1061": "1061 2025-10: ORA-12537"}


def test_a_failed_check_is_one_failure_and_the_summary_says_why(branches: Branches, run: Callable[..., Run]) -> None:
    branches.check_failure = errors.ConfigError("migrations: 1 is pending; run make migrate")
    done = run(MONTHLY)
    assert done.state == "failed"
    assert sorted(name for name, state in done.states.items() if state == "failed") == [("check", -1), ("summary", -1)]
    assert branches.asked == []
    assert done.summary["problem"] == "migrations: 1 is pending; run make migrate"
    assert done.summary["sentence"] == "nothing was loaded: migrations: 1 is pending; run make migrate"


@pytest.mark.parametrize(
    ("form", "variables", "message"),
    [
        ({"ym": "2025-13"}, {}, r"^ym: '2025-13' is not a month"),
        ({"branches": ["9999"]}, {}, r"^branches: 9999 not in the list"),
        ({}, {"BATCH_SIZE": "0"}, r"^BATCH_SIZE: '0' is not a whole number"),
        ({}, {"BRANCHES": "106"}, r"^BRANCHES: '106' is not a branch code; write 4 digits"),
    ],
)
def test_bad_input_fails_in_the_check_with_one_line_that_names_it(
    form: dict[str, Any],
    variables: dict[str, str],
    message: str,
    *,
    branches: Branches,
    run: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    done = run(MONTHLY, form)
    assert done.state == "failed"
    assert branches.asked == []
    assert re.search(message, done.summary["problem"])
    assert "\n" not in done.summary["problem"]


def test_a_manual_run_dated_on_a_tick_is_refused(branches: Branches, run: Callable[..., Run]) -> None:
    done = run(MONTHLY, logical_date=datetime(2025, 10, 16, 1, tzinfo=UTC))
    assert done.state == "failed"
    assert "delete this run, then give the month in ym, or use Backfill" in done.summary["problem"]


def test_a_manual_run_without_a_date_takes_the_latest_month_that_is_due(
    branches: Branches, run: Callable[..., Run]
) -> None:
    done = run(MONTHLY, {"branches": ["1060"]}, logical_date=None, run_after=datetime(2025, 3, 2, tzinfo=UTC))
    assert done.state == "success"
    assert branches.asked[0]["ym"] == "202501"


def test_no_data_of_an_unforeseen_error_reaches_log_or_xcom(
    branches: Branches, run: Callable[..., Run], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    branches.failures["1061"] = [ValueError(f"DETAIL: Failing row contains ({POISON})")]
    done = run(MONTHLY, {"branches": ["1061"]})
    printed = capfd.readouterr()
    assert done.state == "failed"
    failure = done.xcom("sync_branch", "failure", 0)
    assert failure["category"] == "unexpected"
    assert re.match(r"1061: ValueError at \S+:\d+; please report it$", failure["reason"])
    assert "please report it" in printed.out + printed.err + caplog.text
    assert POISON not in printed.out + printed.err + caplog.text + str(done.summary)


def test_a_complete_month_is_announced_with_its_partition_and_counts(
    branches: Branches, run: Callable[..., Run]
) -> None:
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session

    started = datetime.now(UTC)
    run(MONTHLY, {"ym": "202501", "branches": ["1060"]})
    with create_session() as session:
        events = session.query(AssetEvent).where(AssetEvent.timestamp >= started).all()
        (event,) = events
        assert event.partition_key == "202501"
        assert event.extra["branches"] == 3
        assert event.extra["usage_m3"] == "1.5"


@pytest.mark.parametrize(
    ("form", "not_loaded"), [({"ym": "202501"}, ("1063",)), ({"ym": "202501", "cohort_fiscal_year": 2026}, ())]
)
def test_a_month_that_is_not_complete_or_not_its_own_cohorts_is_not_announced(
    form: dict[str, Any], not_loaded: tuple[str, ...], branches: Branches, run: Callable[..., Run]
) -> None:
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session

    started = datetime.now(UTC)
    branches.not_loaded = not_loaded
    done = run(MONTHLY, form)
    assert done.state == "success"
    assert done.states["publish", -1] == "skipped"
    with create_session() as session:
        assert session.query(AssetEvent).where(AssetEvent.timestamp >= started).count() == 0


def test_a_year_is_captured_and_its_history_follows_branch_by_branch(
    branches: Branches, run: Callable[..., Run]
) -> None:
    done = run(YEARLY)
    assert done.state == "success"
    assert set(done.states.values()) == {"success"}
    assert ("load_history", "1063 น้ำพอง") in done.states
    assert [(job["ym"], job["fiscal_year"]) for job in branches.asked] == [("202510", 2026)] * 3
    assert branches.asked[0]["history"] == ["202508", "202509", "202510"]
    cohorts, history = done.summary["reports"]
    assert cohorts["period"] == "cohort 2026"
    assert history["period"] == "history 2025-08 to 2025-10"
    assert history["totals"]["reported"] == 3 * 540


def test_history_is_loaded_only_for_branches_that_have_a_cohort(branches: Branches, run: Callable[..., Run]) -> None:
    branches.failures["1061"] = [errors.IncompleteCohortError("1061: 3 of 200")]
    branches.history_failures["1063"] = errors.IncompleteMonthError("1063 2025-08: 20 of 200")
    done = run(YEARLY)
    assert done.state == "failed"
    assert done.states["load_history", "1060 ขอนแก่น(ชั้นพิเศษ)"] == "success"
    assert sorted(state for (task, _), state in done.states.items() if task == "load_history") == [
        "failed",
        "success",
        "upstream_failed",
    ]
    cohorts, history = done.summary["reports"]
    assert cohorts["failed"] == {"1061": "1061: 3 of 200"}
    assert history["failed"] == {"1063": "1063 2025-08: 20 of 200"}
    assert set(history["loaded"]) == {"1060"}


def test_no_history_is_loaded_if_none_is_wanted(branches: Branches, run: Callable[..., Run]) -> None:
    done = run(YEARLY, {"history_months": 0, "recapture": True, "debt_ym": "256710"})
    assert done.state == "success"
    assert {state for (task, _), state in done.states.items() if task == "load_history"} == {"skipped"}
    assert [(job["ym"], job["fiscal_year"], job["recapture"]) for job in branches.asked] == [("202410", 2025, True)] * 3
    assert len(done.summary["reports"]) == 1


def test_a_branch_that_takes_too_long_is_tried_again_and_then_says_how_long_it_had(
    branches: Branches, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowTaskTimeout

    monkeypatch.setenv("TASK_TIMEOUT_S", "77")
    branches.failures["1061"] = [AirflowTaskTimeout("Timeout")] * 9
    done = run(MONTHLY, {"branches": ["1061"]})
    assert len(branches.asked) == 4
    assert "not finished after 77 s (TASK_TIMEOUT_S)" in done.summary["reports"][0]["failed"]["1061"]
