"""Where errors leave our code and become Airflow's: said in one line, free of data, noted for the summary."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from airflow.sdk.exceptions import AirflowRuntimeError, AirflowSkipException, AirflowTaskTimeout

from include.bigmeter.errors import BigmeterError, UnavailableError
from include.bigmeter.tasks import metrics
from include.bigmeter.tasks.runs import FAILURE_KEY

_ROOT = Path(__file__).parents[3]
log = structlog.get_logger("bigmeter")


class UnexpectedError(BigmeterError):
    """Something that nobody foresaw; its own text stays unsaid, since it may quote a row."""


@contextmanager
def told(
    ti: Any,  # noqa: ANN401 - see moments.py
    subject: str,
    kind: str | None = None,
    **about: object,
) -> Iterator[None]:
    """Run a task's work; an error is logged in one line, kept for the summary, and leaves without its history.

    :param ti: Airflow's task instance.
    :param subject: what the work is about: a branch code, or the name of the step.
    :param kind: ``monthly``, ``yearly`` or ``history`` for a branch, whose failures are counted.
    :param about: the period, for the log's fields, which are those of the line of a load that is in.
    :raises BigmeterError: one of ours, whatever happened.
    """
    try:
        yield
    except AirflowSkipException:
        raise
    except BigmeterError as error:
        failure = error
    except AirflowTaskTimeout:
        limit = f"{ti.task.execution_timeout.total_seconds():.0f} s{' (TASK_TIMEOUT_S)' if kind else ''}"
        failure = UnavailableError(f"{subject}: not finished after {limit}; is a server hanging?")
    except AirflowRuntimeError as error:
        failure = UnavailableError(f"{subject}: Airflow's API server failed: {error.error.error.value}")
    except Exception as error:  # noqa: BLE001 - raised again below, without the text that may quote a row
        failure = UnexpectedError(f"{subject}: {type(error).__name__} at {_place_of(error)}; please report it")
    else:
        return
    if kind:
        log.error(str(failure), category=failure.category, branch_code=subject, kind=kind, **about)
        metrics.count_failure(kind, subject, failure.category)
    else:
        log.error(str(failure), category=failure.category, subject=subject)
    try:
        ti.xcom_push(key=FAILURE_KEY, value={"subject": subject, "category": failure.category, "reason": str(failure)})
    except AirflowRuntimeError:
        log.warning("the failure could not be noted for the summary", subject=subject)
    raise failure.with_traceback(None) from None


def _place_of(error: BaseException) -> str:
    """Return the file and line of our own code, or of the last code, that raised it."""
    place = "an unknown place"
    traceback = error.__traceback__
    while traceback is not None:
        path = Path(traceback.tb_frame.f_code.co_filename)
        is_ours = path.is_relative_to(_ROOT / "include")
        if is_ours or place == "an unknown place":
            place = f"{path.relative_to(_ROOT) if is_ours else path.name}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place
