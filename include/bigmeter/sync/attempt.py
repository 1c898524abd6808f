"""One attempt at one branch: what every kind of load has in common.

The attempt opens its connections, translates the drivers' errors, and leaves a row in the ledger: a success writes it
in the data's own transaction, a failure here, on a fresh connection, after everything else was rolled back.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import oracledb
import psycopg
import structlog

from include.bigmeter.errors import BigmeterError
from include.bigmeter.records import RunIdentity
from include.bigmeter.source.failures import as_source_error
from include.bigmeter.store import ledger
from include.bigmeter.store.failures import as_store_error
from include.bigmeter.sync.connections import Connections

log = structlog.get_logger("bigmeter")

StoreConnection = psycopg.Connection[tuple[Any, ...]]


class Stopwatch:
    """The wall clock of an attempt: when it began, and for how long it has been running."""

    def __init__(self) -> None:
        self.started_at = datetime.now(UTC)
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the attempt began."""
        return round(time.monotonic() - self._start, 3)


@contextmanager
def source_of(connections: Connections, where: str) -> Iterator[oracledb.Connection]:
    """Open Oracle for a branch; what the driver raises inside leaves as one of ours.

    :param where: branch and month, for the message.
    """
    try:
        with connections.open_source() as connection:
            yield connection
    except oracledb.Error as error:
        raise as_source_error(error, where) from None


@contextmanager
def store_of(connections: Connections, where: str) -> Iterator[StoreConnection]:
    """Open PostgreSQL for a branch; what the driver raises inside leaves as one of ours."""
    try:
        with connections.open_store() as connection:
            yield connection
    except psycopg.Error as error:
        raise as_store_error(error, where) from None


@contextmanager
def recorded(
    connections: Connections,
    identity: RunIdentity,
    *,
    kind: ledger.Kind,
    branch_code: str,
    period: str,
    fiscal_year: int,
) -> Iterator[Stopwatch]:
    """Run an attempt and leave its failure, if it fails, in the ledger.

    A failure to write the ledger is logged and never hides the first error.
    """
    stopwatch = Stopwatch()
    try:
        yield stopwatch
    except BaseException as error:
        failure = ledger.Failure.of(error)
        try:
            with store_of(connections, f"{branch_code} ledger") as store:
                ledger.record_error(
                    store,
                    identity,
                    kind=kind,
                    branch_code=branch_code,
                    period=period,
                    fiscal_year=fiscal_year,
                    started_at=stopwatch.started_at,
                    failure=failure,
                )
        except BigmeterError as ledger_error:
            log.warning("the failure is not in the ledger", branch=branch_code, reason=str(ledger_error))
        raise
