"""Read what the driver asks for after login: piggybacks in front, then one function."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from dev.oracle_standin.backend import OracleError
from dev.oracle_standin.bind_values import BindDescriptor, UnreadableRequest, Values, read_descriptor, read_rows
from dev.oracle_standin.cursors import Cursor, CursorTable
from dev.oracle_standin.primitives import ProtocolError, Reader
from dev.oracle_standin.statements import Kind, Statement, read_statement

FUNCTION_MESSAGE = 3
_PIGGYBACK_MESSAGE = 17
_ONE_WAY_MESSAGE = 26
_SESSION_RELEASE = 163

_MAX_BINDS = 65535
_MAX_EXECUTIONS = 10_000_000
_FLAG_ROW_COUNTS = 0x4000
_REEXECUTE_COMMIT = 0x1


class FunctionNumber(IntEnum):
    """The functions that this server knows, by their numbers."""

    REEXECUTE = 4
    FETCH = 5
    LOGOFF = 9
    COMMIT = 14
    ROLLBACK = 15
    REEXECUTE_AND_FETCH = 78
    EXECUTE = 94
    PING = 147


class _Piggyback(IntEnum):
    CLOSE_CURSORS = 105
    END_TO_END = 135
    SET_SCHEMA = 152
    APPLICATION_CONTEXT = 154
    SESSION_STATE = 176


_OPTION_PARSE = 0x1
_OPTION_DEFINE = 0x10
_OPTION_EXECUTE = 0x20
_OPTION_FETCH = 0x40
_OPTION_COMMIT = 0x100
_OPTION_BATCH_ERRORS = 0x80000
_FLAG_SCROLLABLE = 0x2


@dataclass(frozen=True, slots=True)
class Execute:
    """Run a statement, or only describe it.

    :param cursor_number: 0 opens a new cursor.
    :param statement: what to run; for an open cursor, its own.
    :param is_described_only: ``cursor.parse()``: nothing runs, and binds have no values.
    :param descriptors: of the binds, if they came with this request; else the cursor's own hold.
    :param rows: one tuple of bind values for each execution; empty if the statement has no binds.
    :param executions: how often DML or PL/SQL runs.
    :param rows_wanted: of a query, at once; None if none is to be fetched yet.
    :param is_parse: the client has no description of the columns yet.
    """

    cursor_number: int
    statement: Statement
    is_described_only: bool
    descriptors: tuple[BindDescriptor, ...]
    rows: tuple[Values, ...]
    executions: int
    rows_wanted: int | None
    is_parse: bool
    commits: bool
    returns_row_counts: bool


@dataclass(frozen=True, slots=True)
class Fetch:
    """Read on from a cursor."""

    cursor_number: int
    rows_wanted: int


@dataclass(frozen=True, slots=True)
class Simple:
    """A function without a body: ping, commit, rollback, logoff."""

    number: FunctionNumber


@dataclass(frozen=True, slots=True)
class Request:
    """One request: what its piggybacks ask for, and its function."""

    function: Execute | Fetch | Simple
    closed_cursors: tuple[int, ...] = ()
    schema: str | None = None


@dataclass(slots=True)
class _Piggybacks:
    closed_cursors: list[int]
    schema: str | None = None


def read_request(reader: Reader, cursors: CursorTable) -> Request:
    """Read one whole request.

    :raises OutOfBytes: if more of it is to come.
    :raises UnreadableRequest: for a function or a bind that this server does not know how to read to its end.
    :raises ProtocolError: for what no driver sends.
    """
    piggybacks = _Piggybacks([])
    while (message := reader.u8()) != FUNCTION_MESSAGE:
        if message == _PIGGYBACK_MESSAGE:
            _read_piggyback(reader, piggybacks)
        elif message == _ONE_WAY_MESSAGE:
            _read_one_way(reader)
        else:
            raise ProtocolError(f"message {message} where a request should be")
    number = reader.u8()
    reader.u8()
    function: Execute | Fetch | Simple
    if number == FunctionNumber.EXECUTE:
        function = _read_execute(reader, cursors)
    elif number in (FunctionNumber.REEXECUTE, FunctionNumber.REEXECUTE_AND_FETCH):
        function = _read_reexecute(reader, cursors, has_fetch=number == FunctionNumber.REEXECUTE_AND_FETCH)
    elif number == FunctionNumber.FETCH:
        function = Fetch(reader.ub(), reader.ub())
    else:
        try:
            function = Simple(FunctionNumber(number))
        except ValueError:
            raise _unimplemented(f"function {number}") from None
    return Request(function, tuple(piggybacks.closed_cursors), piggybacks.schema)


def _read_execute(reader: Reader, cursors: CursorTable) -> Execute:
    options = reader.ub()
    cursor_number = reader.ub()
    has_sql = reader.u8()
    reader.ub()  # length of the SQL text
    reader.u8()
    reader.ub()  # count of the numbers behind the text: always 13
    reader.raw(2)
    reader.ub()
    rows_wanted = reader.ub()
    reader.ub()  # greatest LONG
    reader.u8()
    bind_count = reader.ub()
    reader.raw(6)
    reader.skip_ub(2)  # defines, registration
    reader.raw(3)
    reader.ub()
    reader.u8()
    reader.skip_ub(2)
    _pointer_and_length(reader)  # row-count array ...
    reader.u8()
    _pointer_and_length(reader)  # SQL signature
    _pointer_and_length(reader)  # SQL id ...
    reader.u8()
    _pointer_and_length(reader)  # chunk ids
    sql = reader.text() if has_sql else None
    numbers = [reader.ub(8) for _ in range(13)]
    if options & _OPTION_DEFINE:
        raise _unimplemented("fetching as another type, as LOBs need it")
    if bind_count > _MAX_BINDS:
        raise ProtocolError(f"{bind_count} binds")
    descriptors = tuple(read_descriptor(reader) for _ in range(bind_count))
    statement = read_statement(sql) if sql is not None else _cursor(cursors, cursor_number).statement
    is_query = statement.kind is Kind.QUERY
    is_described_only = not options & _OPTION_EXECUTE
    executions = 1 if is_query else _checked_executions(numbers[1])
    rows = () if is_described_only else read_rows(reader, statement, descriptors, executions)
    flags = numbers[9]
    if options & _OPTION_BATCH_ERRORS:
        raise _unimplemented("batcherrors")
    if flags & _FLAG_SCROLLABLE:
        raise _unimplemented("scrollable cursors")
    return Execute(
        cursor_number=cursor_number,
        statement=statement,
        is_described_only=is_described_only,
        descriptors=descriptors,
        rows=rows,
        executions=executions,
        rows_wanted=rows_wanted if options & _OPTION_FETCH else None,
        is_parse=bool(options & _OPTION_PARSE),
        commits=bool(options & _OPTION_COMMIT),
        returns_row_counts=bool(flags & _FLAG_ROW_COUNTS),
    )


def _read_reexecute(reader: Reader, cursors: CursorTable, *, has_fetch: bool) -> Execute:
    cursor_number = reader.ub()
    count = reader.ub()
    reader.ub()
    options = reader.ub()
    cursor = _cursor(cursors, cursor_number)
    is_query = cursor.statement.kind is Kind.QUERY
    executions = 1 if is_query else _checked_executions(count)
    return Execute(
        cursor_number=cursor_number,
        statement=cursor.statement,
        is_described_only=False,
        descriptors=cursor.descriptors,
        rows=read_rows(reader, cursor.statement, cursor.descriptors, executions),
        executions=executions,
        rows_wanted=count if has_fetch else None,
        is_parse=False,
        commits=bool(options & _REEXECUTE_COMMIT),
        returns_row_counts=False,
    )


def _read_piggyback(reader: Reader, found: _Piggybacks) -> None:
    number = reader.u8()
    reader.u8()
    if number == _Piggyback.CLOSE_CURSORS:
        reader.u8()
        found.closed_cursors += [reader.ub() for _ in range(reader.ub())]
    elif number == _Piggyback.SET_SCHEMA:
        reader.u8()
        found.schema = reader.sized_text()
    elif number == _Piggyback.END_TO_END:
        _skip_end_to_end(reader)
    elif number == _Piggyback.APPLICATION_CONTEXT:
        _skip_application_context(reader)
    elif number == _Piggyback.SESSION_STATE:
        reader.ub(8)
    else:
        raise ProtocolError(f"piggyback {number}, which cannot be skipped")


def _skip_end_to_end(reader: Reader) -> None:
    """Skip what the session calls itself: the lengths come first, then the texts of those that are not 0."""
    reader.raw(2)
    reader.ub()
    lengths = [_pointer_and_length(reader) for _ in range(9)]
    for length in (*lengths[:3], lengths[5], lengths[8]):
        if length:
            reader.byte_string()


def _skip_application_context(reader: Reader) -> None:
    reader.u8()
    reader.ub()
    reader.u8()
    count = reader.ub()
    reader.ub()
    reader.u8()
    reader.byte_string()
    for _ in range(count):
        reader.sized_byte_string()
        reader.sized_byte_string()
        reader.ub()


def _read_one_way(reader: Reader) -> None:
    number = reader.u8()
    reader.u8()
    if number != _SESSION_RELEASE:
        raise ProtocolError(f"one-way function {number}, which cannot be skipped")
    reader.raw(2)
    reader.ub()


def _pointer_and_length(reader: Reader) -> int:
    """Skip a pointer and return the length behind it."""
    reader.u8()
    return reader.ub()


def _cursor(cursors: CursorTable, number: int) -> Cursor:
    try:
        return cursors.get(number)
    except OracleError as error:
        raise UnreadableRequest(error) from None


def _checked_executions(count: int) -> int:
    if count > _MAX_EXECUTIONS:
        raise ProtocolError(f"{count} executions in one request")
    return count


def _unimplemented(feature: str) -> UnreadableRequest:
    return UnreadableRequest(OracleError(3001, f"unimplemented feature: {feature} (this is a stand-in)"))
