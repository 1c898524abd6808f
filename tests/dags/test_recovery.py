"""How a run ends, and what it remembers of a bad end."""

from __future__ import annotations

from typing import Any

import pytest

BAD: dict[str, Any] = {
    "sentence": "2025-09: 1 of 3 branches failed: 1061",
    "problem": None,
    "failed_tasks": [{"task": "sync_branch_1", "branch_code": "1061", "state": "failed"}],
    "reports": [{"failed": {"1061": "why"}}],
}
GOOD: dict[str, Any] = {
    "sentence": "2025-09: all 3 branches loaded",
    "problem": None,
    "failed_tasks": [],
    "reports": [{"failed": {}}],
}


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


class ATaskInstance:
    """The summary's own task instance: the states of its run, and what it pushes."""

    dag_id, run_id = "d", "r"

    def __init__(self, states: dict[str, str]) -> None:
        self._states = states
        self.pushed: dict[str, Any] = {}

    def get_task_states(self, _dag_id: str, run_ids: list[str]) -> dict[str, Any]:
        return {run_ids[0]: {**self._states, "summary": "running"}}

    def xcom_push(self, key: str, value: object) -> None:
        self.pushed[key] = value


def ended(store: AStore, summary: dict[str, Any], **states: str) -> object:
    """Return what the summary of a good run that ended so says of how it had ended before."""
    from include.bigmeter.tasks.recovery import conclude

    context: Any = {"ti": ATaskInstance(states), "task_state_store": store}
    told = conclude(context, summary)
    assert told.items() >= summary.items()
    return told["earlier"]


def failed(store: AStore, summary: dict[str, Any], **states: str) -> str:
    """Return why the summary of a run that ended so is red; it has left what it knows all the same."""
    from include.bigmeter.tasks.recovery import RunFailed, conclude

    ti = ATaskInstance(states)
    context: Any = {"ti": ti, "task_state_store": store}
    with pytest.raises(RunFailed) as raised:
        conclude(context, summary)
    assert not raised.value.is_retryable
    assert ti.pushed == {"return_value": {**summary, "earlier": None}}
    return str(raised.value)


def test_a_run_that_never_failed_has_nothing_to_remember() -> None:
    assert ended(AStore(), GOOD, sync_branch_0="success", publish="skipped") is None


def test_a_repaired_run_says_once_how_it_had_ended() -> None:
    store = AStore()
    assert failed(store, BAD, sync_branch_1="failed", publish="upstream_failed") == BAD["sentence"]
    assert ended(store, GOOD, sync_branch_1="success", publish="success") == BAD["sentence"]
    assert ended(store, GOOD, sync_branch_1="success", publish="success") is None


@pytest.mark.parametrize("state", ["skipped", "success", "upstream_failed"])
def test_a_branch_that_is_not_in_fails_the_run_whatever_airflow_thinks_of_it(state: str) -> None:
    """A person stopped the run before the branch began, or marked it as a success."""
    assert failed(AStore(), BAD, sync_branch_1=state, publish="skipped") == BAD["sentence"]


@pytest.mark.parametrize("state", ["failed", "upstream_failed"])
def test_a_step_that_is_not_done_though_all_branches_are_in_is_named(state: str) -> None:
    store = AStore()
    sentence = "2025-09: all 3 branches loaded; not done: publish"
    assert failed(store, GOOD, sync_branch_0="success", publish=state) == sentence
    assert ended(store, GOOD, sync_branch_0="success", publish="success") == sentence


@pytest.mark.parametrize(
    ("states", "is_repaired"),
    [
        ({"sync_branch_1": "success", "publish": "upstream_failed"}, True),
        ({"sync_branch_1": "failed", "publish": "upstream_failed"}, False),
        ({"sync_branch_1": "skipped", "publish": "skipped"}, False),
    ],
)
def test_a_branch_that_was_cleared_alone_is_noticed(states: dict[str, str], *, is_repaired: bool) -> None:
    from include.bigmeter.tasks import recovery

    context: Any = {"ti": ATaskInstance(states)}
    assert recovery.repaired_since(context, BAD) == (BAD["failed_tasks"] if is_repaired else [])
    assert recovery.repaired_since(context, GOOD) == []


def test_a_branch_that_somebody_marked_as_a_success_has_not_been_repaired() -> None:
    from include.bigmeter.tasks import recovery

    marked = {**BAD, "failed_tasks": [{"task": "sync_branch_1", "branch_code": "1061", "state": "success"}]}
    context: Any = {"ti": ATaskInstance({"sync_branch_1": "success"})}
    assert recovery.repaired_since(context, marked) == []


def test_a_store_that_does_not_answer_costs_the_summary_nothing() -> None:
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time.comms import ErrorResponse

    store = AStore(AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail=None)))
    assert failed(store, BAD, sync_branch_1="failed") == BAD["sentence"]
    assert ended(store, GOOD, sync_branch_1="success") is None
