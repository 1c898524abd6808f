"""Which failures are tried again, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from include.bigmeter import errors


def _decide(error: BaseException, try_number: int = 1, max_tries: int = 3) -> Any:
    from include.bigmeter.tasks.retries import RetryByCause

    return RetryByCause().evaluate(error, try_number, max_tries)


def _task_timeout() -> BaseException:
    from airflow.sdk.exceptions import AirflowTaskTimeout

    return AirflowTaskTimeout()


def _airflow_that_does_not_answer() -> BaseException:
    """What Airflow raises behind the task's own code, when it stores what the task returned."""
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time.comms import ErrorResponse

    return AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail=None))


@pytest.mark.parametrize(
    "error",
    [errors.SourceUnavailable("x"), errors.StoreUnavailable("x"), _task_timeout, _airflow_that_does_not_answer],
)
def test_what_is_unavailable_is_tried_again(error: Any) -> None:
    from airflow.sdk import RetryAction

    assert _decide(error() if callable(error) else error).action is RetryAction.RETRY


@pytest.mark.parametrize(
    "error",
    [
        errors.ConfigError("x"),
        errors.MissingCohortError("x"),
        errors.SourceRefused("x"),
        errors.StoreRefused("x"),
        errors.DataContractError("x"),
        errors.IncompleteMonthError("x"),
        errors.IncompleteCohortError("x"),
        ValueError("x"),
    ],
)
def test_what_does_not_pass_by_itself_fails_at_once(error: Exception) -> None:
    from airflow.sdk import RetryAction

    assert _decide(error).action is RetryAction.FAIL


@pytest.mark.parametrize(("try_number", "least_s", "most_s"), [(1, 60, 120), (2, 180, 420), (3, 600, 900)])
def test_the_delays_grow_from_one_minute_to_fifteen_and_are_spread(try_number: int, least_s: int, most_s: int) -> None:
    delays = {_decide(errors.SourceUnavailable("x"), try_number).retry_delay for _ in range(50)}
    assert min(delays) >= timedelta(seconds=least_s)
    assert max(delays) <= timedelta(seconds=most_s)
    assert len(delays) > 10


def test_after_somebody_clears_a_branch_the_delays_begin_anew() -> None:
    delay = _decide(errors.SourceUnavailable("x"), try_number=5, max_tries=7).retry_delay
    assert delay <= timedelta(seconds=120)
