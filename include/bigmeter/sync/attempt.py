"""One attempt at one branch: what every kind of load has in common.

The attempt opens its connections, translates the drivers' errors, and leaves a row in the ledger: a success writes it
in the data's own transaction, a failure here, on a fresh connection, after everything else was rolled back.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import oracledb
import psycopg
import structlog

from include.bigmeter.errors import BigmeterError, Category, TimeIsUp
from include.bigmeter.source.failures import source_errors
from include.bigmeter.store.failures import connecting
from include.bigmeter.store.ledger import Attempt, record_error
from include.bigmeter.sync.connections import Connections, StoreConnections

log = structlog.get_logger("bigmeter")

_TASK_TIMEOUT = "AirflowTaskTimeout"  # by name: this package knows no Airflow


class Stopwatch:
    """The wall clock of an attempt."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the attempt began."""
        return round(time.monotonic() - self._start, 3)


@contextmanager
def source_of(connections: Connections, subject: str) -> Iterator[oracledb.Connection]:
    """Open Oracle for a block; what the driver raises inside leaves as one of ours.

    :param subject: branch and period, or the step, for the message.
    """
    with source_errors(subject), connections.open_source() as connection:
        yield connection


@contextmanager
def store_of(connections: StoreConnections) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Open PostgreSQL for a block; what the driver raises while it connects leaves as one of ours."""
    with ExitStack() as stack:
        with connecting():
            connection = stack.enter_context(connections.open_store())
        yield connection


@contextmanager
def recorded(connections: Connections, attempt: Attempt) -> Iterator[Stopwatch]:
    """Run an attempt and leave its failure, if it fails, in the ledger.

    A failure to write the ledger, whatever it is, is logged and never hides the first error, which alone decides
    whether the attempt is made again.
    """
    stopwatch = Stopwatch()
    try:
        yield stopwatch
    except BaseException as error:
        category, message = _safe_words(error, attempt.subject)
        try:
            with store_of(connections) as store:
                record_error(store, attempt, category=category, message=message, seconds=stopwatch.seconds)
        except Exception as ledger_error:  # noqa: BLE001 - the first error is raised below
            reason = _safe_words(ledger_error, attempt.subject)[1]
            log.warning("the failure is not in the ledger", branch_code=attempt.branch_code, reason=reason)
        raise


def _safe_words(error: BaseException, subject: str) -> tuple[Category, str]:
    """Return category and message of a failure; the text of an error that is not ours may quote a row."""
    if isinstance(error, BigmeterError):
        return error.category, str(error)
    name = type(error).__name__
    if isinstance(error, TimeIsUp) or name == _TASK_TIMEOUT:
        return "unavailable", f"{subject}: not finished in time (TASK_TIMEOUT_S); is a server hanging?"
    return "unexpected", f"{subject}: {name}"
