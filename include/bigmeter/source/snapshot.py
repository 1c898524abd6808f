"""One read-only transaction on Oracle: every statement in it sees the same moment, and what it costs is counted."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import oracledb

from include.bigmeter.errors import ConfigError, DataContractError
from include.bigmeter.records import SourceCost
from include.bigmeter.source.failures import source_errors


@dataclass(slots=True)
class Snapshot:
    """A read-only transaction and what it has cost so far."""

    cursor: oracledb.Cursor
    rows_per_trip: int
    started: float = field(default_factory=time.monotonic)
    round_trips: int = 0
    is_measured: bool = False
    seconds: float = 0.0

    def execute(self, sql: str, binds: Mapping[str, str]) -> None:
        """Run a statement; its rows come from :meth:`iter_rows`."""
        self._count_call()
        self.cursor.execute(sql, dict(binds))

    def description(self) -> list[oracledb.FetchInfo]:
        """Return the columns of the last statement's rows."""
        return self.cursor.description or []

    def iter_rows(self) -> Iterator[Sequence[Any]]:
        """Yield the last statement's rows, ``rows_per_trip`` of them a round trip."""
        while rows := self.cursor.fetchmany(self.rows_per_trip):
            yield from rows
            if len(rows) < self.rows_per_trip:
                return
            self._count_call()

    def end(self, connection: oracledb.Connection) -> None:
        """End the transaction, as far as the line still allows."""
        self._count_call()
        # Everything is read or lost by now: a line that breaks here must not hide the first error.
        with suppress(oracledb.Error):
            connection.rollback()

    def cost(self) -> SourceCost:
        """Return what it has cost, from its first statement to its end."""
        return SourceCost(seconds=self.seconds, round_trips=self.round_trips)

    def _count_call(self) -> None:
        if not self.is_measured:
            self.round_trips += 1


@contextmanager
def read_only_snapshot(
    connection: oracledb.Connection, where: str, call_timeout_s: float, rows_per_trip: int
) -> Iterator[Snapshot]:
    """Open a read-only transaction, so that every statement in it sees the same moment, and end it by rollback.

    Driver errors leave it as ours.

    :param where: branch and month, for messages.
    :param call_timeout_s: the most that one round trip may take; 0 is no limit.
    :param rows_per_trip: rows fetched in a round trip; more than a statement returns makes it one round trip.
    """
    with source_errors(where):
        connection.call_timeout = milliseconds(call_timeout_s)
        connection.autocommit = False
        with connection.cursor() as cursor:
            # Asking for more rows than can come makes Oracle say at once that there are no more: one round trip.
            cursor.arraysize = cursor.prefetchrows = rows_per_trip
            cursor.outputtypehandler = _as_decimal
            snapshot = Snapshot(cursor, rows_per_trip)
            with _counted_round_trips(connection, snapshot):
                try:
                    snapshot.execute("SET TRANSACTION READ ONLY", {})
                    yield snapshot
                except (oracledb.Error, ConfigError, DataContractError):
                    snapshot.end(connection)
                    raise
                else:  # and not after a time-out from outside: a reply may still be under way
                    snapshot.end(connection)
                finally:
                    snapshot.seconds = time.monotonic() - snapshot.started


@contextmanager
def _counted_round_trips(connection: oracledb.Connection, snapshot: Snapshot) -> Iterator[None]:
    """Have the driver count its round trips where it can (thin mode from 26.1 on), else count our own calls."""
    if not (connection.thin and hasattr(connection, "round_trip_callback")):
        yield
        return
    previous = connection.round_trip_callback

    def count(name: str) -> object:
        snapshot.round_trips += 1
        return None if previous is None else previous(name)

    snapshot.is_measured = True
    connection.round_trip_callback = count
    try:
        yield
    finally:
        with suppress(oracledb.Error):  # on a lost connection it cannot be set, and need not be
            connection.round_trip_callback = previous


def _as_decimal(cursor: oracledb.Cursor, column: oracledb.FetchInfo) -> oracledb.Var | None:
    if column.type_code is oracledb.DB_TYPE_NUMBER:
        return cursor.var(Decimal, arraysize=cursor.arraysize)
    return None


def milliseconds(seconds: float) -> int:
    """Return a time-out in the driver's unit."""
    return round(seconds * 1000)
