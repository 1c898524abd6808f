"""What a run remembers of its bad end."""

from __future__ import annotations

from typing import Any

import pytest

BAD: dict[str, Any] = {
    "sentence": "2025-09: 1 of 3 branches failed: 1061",
    "problem": None,
    "reports": [{"failed": {"1061": "why"}}],
}
GOOD: dict[str, Any] = {"sentence": "2025-09: all 3 branches loaded", "problem": None, "reports": [{"failed": {}}]}


class AStore:
    """Airflow's state store of one task of one run, which outlives clearing."""

    def __init__(self, error: BaseException | None = None) -> None:
        self._kept: dict[str, str] = {}
        self._error = error

    def set(self, key: str, value: str) -> None:
        self._fail()
        self._kept[key] = value

    def get(self, key: str) -> str | None:
        self._fail()
        return self._kept.get(key)

    def delete(self, key: str) -> None:
        del self._kept[key]

    def _fail(self) -> None:
        if self._error:
            raise self._error


def ended(store: AStore, summary: dict[str, Any], **states: str) -> object:
    """Return what the summary of a run that ended so says of how it had ended before."""
    from include.bigmeter.tasks.recovery import with_earlier_failure

    class Ti:
        dag_id, run_id = "d", "r"

        @staticmethod
        def get_task_states(_dag_id: str, run_ids: list[str]) -> dict[str, Any]:
            return {run_ids[0]: {**states, "summary": "running"}}

    context: Any = {"ti": Ti(), "task_state_store": store}
    told = with_earlier_failure(context, summary)
    assert told.items() >= summary.items()
    return told["earlier"]


def test_a_run_that_never_failed_has_nothing_to_remember() -> None:
    assert ended(AStore(), GOOD, sync_branch_0="success", publish="skipped") is None


def test_a_repaired_run_says_once_how_it_had_ended() -> None:
    store = AStore()
    assert ended(store, BAD, sync_branch_1="failed", publish="upstream_failed") is None
    assert ended(store, GOOD, sync_branch_1="success", publish="success") == BAD["sentence"]
    assert ended(store, GOOD, sync_branch_1="success", publish="success") is None


def test_a_task_that_failed_though_all_branches_are_in_is_remembered_by_its_name() -> None:
    store = AStore()
    assert ended(store, GOOD, sync_branch_0="success", publish="failed") is None
    assert ended(store, GOOD, sync_branch_0="success", publish="success") == "failed: publish"


@pytest.mark.parametrize("states", [{"sync_branch_1": "failed"}, {"sync_branch_1": "success"}])
def test_a_store_that_does_not_answer_costs_the_summary_nothing(states: dict[str, str]) -> None:
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time.comms import ErrorResponse

    store = AStore(AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail=None)))
    assert ended(store, BAD, **states) is None
