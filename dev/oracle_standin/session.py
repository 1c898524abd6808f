"""A logged-in session: what each request does to the backend, and the reply. It blocks: it has its own thread."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat

from dev.oracle_standin.backend import BackendSession, OracleError
from dev.oracle_standin.bind_values import Values
from dev.oracle_standin.counters import Counters
from dev.oracle_standin.cursors import Cursor, CursorTable
from dev.oracle_standin.faults import Fault, FaultPlan
from dev.oracle_standin.interludes import Interludes
from dev.oracle_standin.login import MAX_OPEN_CURSORS
from dev.oracle_standin.ora_messages import named_error
from dev.oracle_standin.replies import (
    CANCELLED,
    NO_DATA_FOUND,
    ROW_HEADER,
    call_end,
    describe,
    row_counts,
    status,
)
from dev.oracle_standin.requests import Execute, Fetch, FunctionNumber, Request, Simple
from dev.oracle_standin.row_encoding import RowEncoder
from dev.oracle_standin.statements import Kind
from dev.oracle_standin.values import Bind, Column, Value

_SLICE = 10_000
"""Rows are read and encoded by so many, so that a break is heeded in the middle of a huge fetch."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply; if a fault strikes in the middle of it, the part in front of the fault and the part behind."""

    message: bytes
    fault: Fault | None = None
    rest: bytes = b""


class Session:
    """Answer the requests of one client.

    ``register`` and ``cancel`` are called from the event loop; everything else runs in the session's thread, one at
    a time.
    """

    def __init__(self, backend: BackendSession, faults: FaultPlan, interludes: Interludes, counters: Counters) -> None:
        self.cursors = CursorTable(MAX_OPEN_CURSORS)
        self.in_transaction = False
        self._backend = backend
        self._faults = faults
        self._interludes = interludes
        self._counters = counters
        self._is_cancelled = False
        self._answered: Request | None = None
        self._opened: Cursor | None = None

    def register(self, request: Request) -> None:
        """Keep what the next request must find: the driver sends bind descriptors once and then values only."""
        function = request.function
        if isinstance(function, Execute) and function.descriptors:
            cursor = self.cursors.find(function.cursor_number)
            if cursor is not None:
                cursor.descriptors = function.descriptors

    def prepare(self, request: Request) -> None:
        """Do what the piggybacks ask for; they hold even if the call behind them is abandoned."""
        for number in request.closed_cursors:
            self.cursors.close(number)
        if request.schema is not None:
            self._backend.set_schema(request.schema)

    def answer(self, request: Request) -> Reply:
        """Run a request's function."""
        self._is_cancelled = False
        self._answered, self._opened = request, None
        function = request.function
        try:
            if isinstance(function, Execute):
                return self._execute(function)
            if isinstance(function, Fetch):
                return self._fetch(function)
            return self._simple(function)
        except OracleError as error:
            return self._failure(error)
        finally:
            self.in_transaction = self._backend.is_in_transaction

    def abandon(self, request: Request) -> None:
        """Undo what the client will never hear of an answer: a cursor it has no number for, rows that it missed."""
        if self._answered is request and self._opened is not None:
            self.cursors.close(self._opened.number)
            self._opened = None
        self.lose_place(request)

    def lose_place(self, request: Request) -> None:
        """Make sure that nobody reads on behind rows that the client may have missed."""
        function = request.function
        cursor: Cursor | None = None
        if self._answered is request and self._opened is not None:
            cursor = self._opened
        elif isinstance(function, Execute | Fetch):
            cursor = self.cursors.find(function.cursor_number)
        if cursor is not None:
            cursor.stop_reading()
            cursor.described = None

    def cancel(self) -> None:
        """Stop the running call soon."""
        self._is_cancelled = True
        self._backend.cancel()

    def close(self) -> None:
        """Let go of the cursors and of the backend's session."""
        self.cursors.close_all()
        self._backend.close()

    def _simple(self, function: Simple) -> Reply:
        if function.number is FunctionNumber.COMMIT:
            self._commit()
        elif function.number is FunctionNumber.ROLLBACK:
            self._backend.rollback()
        return Reply(status(in_transaction=self._backend.is_in_transaction))

    def _execute(self, function: Execute) -> Reply:
        self._interludes.make_due()
        statement = function.statement
        if statement.out_names:
            raise OracleError(3001, "unimplemented feature: OUT binds (this is a stand-in)")
        if function.cursor_number:
            cursor = self.cursors.get(function.cursor_number)
            cursor.statement = statement
        else:
            self.cursors.check_room()
            cursor = Cursor(statement, descriptors=function.descriptors)
        if function.is_described_only:
            return self._describe(function, cursor)
        if len(cursor.descriptors) != len(statement.bind_names):
            raise OracleError(1008, "not all variables bound")
        if statement.kind is Kind.QUERY:
            return self._query(function, cursor)
        return self._change(function, cursor)

    def _describe(self, function: Execute, cursor: Cursor) -> Reply:
        columns: tuple[Column, ...] = ()
        if cursor.statement.kind is Kind.QUERY:
            columns = self._backend.describe(cursor.statement.sql)
        self._keep(cursor)
        return Reply(self._described(function, cursor, columns) + self._success(cursor))

    def _query(self, function: Execute, cursor: Cursor) -> Reply:
        values = function.rows[0] if function.rows else ()
        result = self._backend.execute(cursor.statement.sql, _binds(cursor, values))
        if result.rows is None:
            raise OracleError(604, "error occurred at recursive SQL level 1: a query without rows")
        cursor.values = values
        cursor.start_reading(result.rows)
        is_new = self._keep(cursor)
        described = self._described(function, cursor, result.columns)
        if function.commits:
            self._commit()
        if function.rows_wanted is None:
            return Reply(described + self._success(cursor))
        return self._send_rows(cursor, function.rows_wanted, described, is_new=is_new)

    def _change(self, function: Execute, cursor: Cursor) -> Reply:
        sql = cursor.statement.sql
        every_values: Iterable[Values] = function.rows or repeat((), function.executions)
        counts: list[int] = []
        try:
            for values in every_values:
                if self._is_cancelled:
                    raise CANCELLED
                counts.append(self._backend.execute(sql, _binds(cursor, values)).row_count)
            if function.commits:
                self._commit()
        except OracleError as error:
            return self._failure(error, sum(counts))
        self._keep(cursor)
        counted = row_counts(counts) if function.returns_row_counts else b""
        return Reply(counted + self._success(cursor, sum(counts)))

    def _fetch(self, function: Fetch) -> Reply:
        cursor = self.cursors.get(function.cursor_number)
        if cursor.rows is None:
            raise OracleError(1002, "fetch out of sequence")
        return self._send_rows(cursor, function.rows_wanted, b"", is_new=False)

    def _send_rows(self, cursor: Cursor, wanted: int, described: bytes, *, is_new: bool) -> Reply:
        """Send what is wanted, or what is left and then "no data found".

        If exactly what is wanted was left, the driver is told so only when it asks again, as by Oracle.
        """
        parts = [described]
        is_end = False
        while wanted and not is_end:
            count = min(wanted, _SLICE)
            rows = self._next_rows(cursor, count, is_new=is_new)
            wanted -= len(rows)
            is_end = len(rows) < count
            if rows and len(parts) == 1:
                parts.append(ROW_HEADER)
            sent = cursor.rows_sent
            cursor.rows_sent += len(rows)
            struck = self._faults.strike_rows(sent, len(rows), cursor.statement.sql, (cursor.values,))
            if struck is not None:
                return self._break_off(cursor, rows, struck, parts, is_end=is_end, is_new=is_new)
            self._counters.add(rows=len(rows))
            parts.append(cursor.encoder.encode(rows))
        parts.append(self._rows_end(cursor, is_end=is_end))
        return Reply(b"".join(parts))

    def _next_rows(self, cursor: Cursor, count: int, *, is_new: bool) -> Sequence[tuple[Value, ...]]:
        try:
            if self._is_cancelled:
                raise CANCELLED
            assert cursor.rows is not None  # noqa: S101 - the callers have seen to it
            return cursor.rows.fetch(count)
        except OracleError:
            self._forget(cursor, is_new=is_new)
            raise

    def _break_off(
        self,
        cursor: Cursor,
        rows: Sequence[tuple[Value, ...]],
        struck: tuple[Fault, int],
        parts: list[bytes],
        *,
        is_end: bool,
        is_new: bool,
    ) -> Reply:
        """Let a fault strike in the middle of a reply; only behind a delay does the rest follow."""
        fault, count = struck
        before = b"".join(parts) + cursor.encoder.encode(rows[:count])
        self._counters.add(rows=len(rows) if fault.kind == "delay" else count)
        if fault.kind == "ora":
            self._forget(cursor, is_new=is_new)
            return Reply(before + self._failure(named_error(fault.ora, fault.message)).message)
        return Reply(before, fault, cursor.encoder.encode(rows[count:]) + self._rows_end(cursor, is_end=is_end))

    def _rows_end(self, cursor: Cursor, *, is_end: bool) -> bytes:
        if is_end:
            cursor.stop_reading()
        return self._success(cursor, cursor.rows_sent, NO_DATA_FOUND if is_end else None)

    def _described(self, function: Execute, cursor: Cursor, columns: tuple[Column, ...]) -> bytes:
        """Return the description of the columns, if the client does not know it."""
        if not function.is_parse and cursor.described == columns:
            return b""
        if cursor.described != columns:
            cursor.described, cursor.encoder = columns, RowEncoder(columns)
        return describe(columns) if columns else b""

    def _keep(self, cursor: Cursor) -> bool:
        """Give a new cursor its number, and tell whether it is new."""
        if cursor.number:
            return False
        self.cursors.open(cursor)
        self._opened = cursor
        return True

    def _forget(self, cursor: Cursor, *, is_new: bool) -> None:
        """Stop reading after a failure; the driver never learns the number of a new cursor, so that is closed."""
        if is_new:
            self.cursors.close(cursor.number)
        else:
            cursor.stop_reading()

    def _commit(self) -> None:
        self._backend.commit()
        self._counters.add(commits=1)

    def _success(self, cursor: Cursor, row_count: int = 0, error: OracleError | None = None) -> bytes:
        return call_end(
            in_transaction=self._backend.is_in_transaction,
            cursor_number=cursor.number,
            row_count=row_count,
            error=error,
        )

    def _failure(self, error: OracleError, row_count: int = 0) -> Reply:
        return Reply(call_end(in_transaction=self._backend.is_in_transaction, row_count=row_count, error=error))


def _binds(cursor: Cursor, values: Values) -> list[Bind]:
    return [
        Bind(name, descriptor.type, value)
        for name, descriptor, value in zip(cursor.statement.bind_names, cursor.descriptors, values, strict=True)
    ]
