"""What the summary makes of what the branches left behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from structlog.testing import capture_logs

from include.bigmeter.tasks import summaries

COUNTS = {
    "reported": 180, "zero": 8, "missing": 12, "inserted": 188, "updated": 0, "unchanged": 0, "removed": 0,
    "duplicates": 3, "usage_m3": "1234.5", "seconds": 0.4, "warnings": [], "cohort_size": 200, "entered": 1,
    "departed": 2, "tries": 1,
}  # fmt: skip


def a_job(code: str, **asked: object) -> dict[str, Any]:
    return {"branch_code": code, "name": f"กปภ.สาขา{code}", "ym": "202509", "fiscal_year": 2025, **asked}


class ATaskInstance:
    """What Airflow's task instance answers: the states, and what the tasks pushed, by task and key."""

    dag_id, run_id = "d", "r"

    def __init__(self, pushed: Mapping[tuple[str, str], Any], states: Mapping[str, str | None]) -> None:
        self._pushed, self._states = pushed, states

    def xcom_pull(self, task_ids: str | list[str], *, key: str = "return_value") -> Any:
        if isinstance(task_ids, list):
            return self._pushed.get((task_ids[0], key), [None])
        return self._pushed.get((task_ids, key))

    def get_task_states(self, dag_id: str, *, run_ids: list[str]) -> Mapping[str, Mapping[str, str | None]]:
        assert (dag_id, run_ids) == ("d", ["r"])
        return {"r": self._states}


def _month(pushed: Mapping[tuple[str, str], Any], states: Mapping[str, str | None]) -> dict[str, Any]:
    return summaries.summarize_month(ATaskInstance(pushed, states), "sync")


def test_a_branch_that_was_killed_is_reported_as_that() -> None:
    jobs = [a_job("1060"), a_job("1061")]
    pushed = {("check", "return_value"): jobs, ("sync", "return_value"): [{"branch_code": "1060", **COUNTS}]}
    summary = _month(pushed, {"sync_0": "success", "sync_1": "failed"})
    (report,) = summary["reports"]
    assert report["failed"]["1061"].startswith("ended without a word: killed")
    assert summary["sentence"] == "2025-09: 1 of 2 branches failed: 1061"


def test_a_branch_without_counts_is_not_in_whatever_its_colour() -> None:
    """A person marked it as a success, or stopped the run before it began."""
    jobs = [a_job("1060"), a_job("1061")]
    summary = _month({("check", "return_value"): jobs}, {"sync_0": "success", "sync_1": "skipped"})
    assert [(failed["task"], failed["state"]) for failed in summary["failed_tasks"]] == [
        ("sync_0", "success"),
        ("sync_1", "skipped"),
    ]
    (report,) = summary["reports"]
    assert report["failed"]["1060"].startswith("marked as a success by hand")
    assert report["failed"]["1061"] == "did not run (skipped)"


def test_a_branch_that_is_in_is_told_as_in_though_its_run_was_stopped() -> None:
    """Who marks a run as failed marks each branch of a task of which one runs, those that are in as well."""
    jobs = [a_job("1060"), a_job("1061")]
    pushed = {("check", "return_value"): jobs, ("sync", "return_value"): [{"branch_code": "1060", **COUNTS}]}
    summary = _month(pushed, {"sync_0": "failed", "sync_1": "failed"})
    (report,) = summary["reports"]
    assert (report["failed"].keys(), report["loaded"].keys()) == ({"1061"}, {"1060"})
    assert [failed["branch_code"] for failed in summary["failed_tasks"]] == ["1061"]


def test_the_log_gives_each_reason_and_each_warning_on_a_line_of_its_own_below_the_table() -> None:
    jobs = [a_job(code) for code in ("1060", "1061", "1063")]
    refused = (
        "1061 2025-09: Oracle refuses with ORA-00942; is each table of the template there, and may this user see it?"
    )
    warned = "1060 2025-09: this month's billing may be open"
    pushed = {
        ("check", "return_value"): jobs,
        ("sync", "return_value"): [{"branch_code": "1060", **COUNTS, "warnings": [warned]}],
        ("sync", "failure"): [{"subject": "1061", "category": "refused", "reason": refused}],
    }
    with capture_logs() as logs:
        _month(pushed, {"sync_0": "success", "sync_1": "failed", "sync_2": "failed"})
    told = [(entry["log_level"], entry["event"]) for entry in logs]
    assert told[-3:] == [
        ("warning", f"FAILED {refused}"),
        (
            "warning",
            "FAILED 1063 1063: ended without a word: killed, or its machine was lost; see its log, then clear it",
        ),
        ("warning", warned),
    ]
    assert all(level == "info" for level, _ in told[:-4])


def test_a_run_without_a_problem_has_no_line_below_its_table() -> None:
    pushed = {
        ("check", "return_value"): [a_job("1060")],
        ("sync", "return_value"): [{"branch_code": "1060", **COUNTS}],
    }
    with capture_logs() as logs:
        _month(pushed, {"sync_0": "success"})
    assert logs[-1]["event"] == "2025-09: 1 branch loaded"
    assert {entry["log_level"] for entry in logs} == {"info"}


def test_the_state_decides_whether_what_was_pushed_still_counts() -> None:
    jobs = [a_job("1060"), a_job("1061")]
    failure = {"subject": "1060", "category": "refused", "reason": "1060: old"}
    pushed = {
        ("check", "return_value"): jobs,
        ("sync", "return_value"): [{"branch_code": code, **COUNTS} for code in ("1060", "1061")],
        ("sync", "failure"): [failure],
    }
    (report,) = _month(pushed, {"sync_0": "success", "sync_1": "running"})["reports"]
    assert set(report["loaded"]) == {"1060"}
    assert report["failed"] == {"1061": "did not run (running)"}


def test_results_are_matched_by_branch_and_not_by_their_place() -> None:
    jobs = [a_job(code) for code in ("1060", "1061", "1063")]
    pushed = {
        ("check", "return_value"): jobs,
        ("sync", "return_value"): [
            {"branch_code": "1063", **COUNTS, "reported": 3},
            {"branch_code": "1060", **COUNTS, "reported": 1},
        ],
        ("sync", "failure"): [{"subject": "1061", "category": "refused", "reason": "1061: ORA-00942"}],
    }
    (report,) = _month(pushed, {"sync_0": "success", "sync_1": "failed", "sync_2": "success"})["reports"]
    assert {code: counts["reported"] for code, counts in report["loaded"].items()} == {"1060": 1, "1063": 3}
    assert report["failed"] == {"1061": "1061: ORA-00942"}


def test_a_check_that_was_killed_leaves_a_problem_and_no_branches() -> None:
    summary = _month({}, {"check": "failed"})
    assert summary["problem"] == "the check ended without a word; see its log"
    assert summary["reports"] == []


def test_the_history_of_a_year_adds_its_months_up_and_leaves_out_branches_without_a_cohort() -> None:
    jobs = [a_job(code, history=["202508", "202509"]) for code in ("1060", "1061")]
    pushed = {
        ("check", "return_value"): jobs,
        ("capture", "return_value"): [{"branch_code": "1060", **COUNTS}],
        ("capture", "failure"): [{"subject": "1061", "category": "refused", "reason": "1061: no"}],
        ("history", "return_value"): [{"branch_code": "1060", "months": [COUNTS, COUNTS], "tries": 1}],
    }
    states = {"capture_0": "success", "capture_1": "failed", "history_0": "success", "history_1": "upstream_failed"}
    summary = summaries.summarize_year(ATaskInstance(pushed, states), "capture", "history")
    cohorts, history = summary["reports"]
    assert cohorts["failed"] == {"1061": "1061: no"}
    assert history["loaded"]["1060"]["reported"] == 360
    assert history["usage_m3"] == "2469.0"
    assert history["branches"] == 1


def test_no_history_wanted_means_no_second_table() -> None:
    jobs = [a_job("1060", history=[])]
    pushed = {("check", "return_value"): jobs, ("capture", "return_value"): [{"branch_code": "1060", **COUNTS}]}
    summary = summaries.summarize_year(
        ATaskInstance(pushed, {"capture_0": "success", "history_0": "skipped"}), "capture", "history"
    )
    assert [report["kind"] for report in summary["reports"]] == ["yearly"]
