"""Which failures are tried again, and when."""

from __future__ import annotations

import random
from datetime import timedelta

from airflow.sdk import Context, RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowRuntimeError, AirflowTaskTimeout

from include.bigmeter.errors import BigmeterError

RETRIES = 3
DELAY_WINDOWS_S = ((60, 120), (180, 420), (600, 900))
"""From when to when each retry may start, in seconds after the failure; drawn, so that 22 branches spread out."""


class RetryByCause(RetryPolicy):
    """Try again what may succeed in a few minutes, and fail everything else at once.

    Retried are an unavailable Oracle or PostgreSQL, the task's own time-out, and Airflow's API server that does not
    take what a task returns: the load behind it is in, and the next try finds it *unchanged*. A refusal (a locked
    account), a broken contract, half a month or a wrong setting stays what it is until a person looks at it.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,  # noqa: ARG002 - the policy's interface
    ) -> RetryDecision:
        """Decide by the error's class; the counting starts anew when somebody clears the task.

        :param max_tries: the number of the try before the last: a task with 3 retries that was never cleared has 3.
        """
        is_retryable = isinstance(exception, AirflowTaskTimeout | AirflowRuntimeError) or (
            isinstance(exception, BigmeterError) and exception.is_retryable
        )
        if not is_retryable:
            return RetryDecision.fail("the cause does not pass by itself")
        retries_left = max_tries - try_number + 1
        window = DELAY_WINDOWS_S[min(max(RETRIES - retries_left, 0), RETRIES - 1)]
        delay = timedelta(seconds=round(random.uniform(*window)))  # noqa: S311 - spreads load, guards nothing
        return RetryDecision.retry(delay, reason=f"unavailable: tried again in {delay.total_seconds():.0f} s")
