"""What the server answers: the description of columns, and the record that ends every call."""

from __future__ import annotations

from collections.abc import Sequence

from dev.oracle_standin.backend import OracleError
from dev.oracle_standin.bind_values import MAX_STRING
from dev.oracle_standin.primitives import byte_string, sb, sized_text, ub
from dev.oracle_standin.values import Column, OracleType

NO_DATA_FOUND = OracleError(1403, "no data found")
CANCELLED = OracleError(1013, "user requested cancel of current operation")

_STATUS_MESSAGE = 9
_ERROR_MESSAGE = 4
_DESCRIBE_MESSAGE = 16
_PARAMETER_MESSAGE = 8
_IN_TRANSACTION = 0x2
_UTF8 = 873
_BYTES_PER_CHARACTER = 4
_BUFFER_SIZES = {
    OracleType.NUMBER: 22,
    OracleType.DATE: 7,
    OracleType.TIMESTAMP: 11,
    OracleType.BINARY_DOUBLE: 8,
    OracleType.LONG: 0,
}
_TEXTS = (OracleType.VARCHAR2, OracleType.CHAR)

ROW_HEADER = bytes((6, 1, 0, 0, 0, 0, 0, 0))
"""Comes once in front of the rows of a reply; drivers use none of its fields."""


def status(*, in_transaction: bool) -> bytes:
    """End a call that can carry neither rows nor an error."""
    return bytes((_STATUS_MESSAGE,)) + ub(_IN_TRANSACTION * in_transaction) + b"\x00"


def call_end(
    *, in_transaction: bool, cursor_number: int = 0, row_count: int = 0, error: OracleError | None = None
) -> bytes:
    """End a call with its outcome.

    :param cursor_number: 0 leaves the driver's number as it is.
    :param row_count: rows changed, or for a query rows sent so far.
    :param error: None for success; ``NO_DATA_FOUND`` is the end of the rows, not a failure.
    """
    position = error.position if error else 0
    parts = [
        bytes((_ERROR_MESSAGE,)),
        ub(_IN_TRANSACTION * in_transaction),
        b"\x00",
        ub(row_count & 0xFFFFFFFF),
        b"\x00\x00\x00",
        ub(cursor_number),
        sb(position if abs(position) < 0x8000 else 0),
        bytes(6),  # SQL type, flags, warnings
        bytes(5),  # rowid
        bytes(6),  # OS error, statement and call number, padding, iterations, logical rowid
        bytes(3),  # batch errors
        ub(error.code if error else 0),
        ub(row_count),
    ]
    if error:
        parts.append(byte_string(f"ORA-{error.code:05d}: {error.message}\n".encode()))
    return b"".join(parts)


def row_counts(counts: Sequence[int]) -> bytes:
    """Tell the rows changed by each execution of an array."""
    return bytes((_PARAMETER_MESSAGE, 0, 0, 0, 0)) + ub(len(counts)) + b"".join(map(ub, counts))


def describe(columns: Sequence[Column]) -> bytes:
    """Describe the columns of a query."""
    parts = [bytes((_DESCRIBE_MESSAGE, 0)), ub(16384), ub(len(columns))]
    if columns:
        parts.append(b"\x00")
    parts += (_column(column, position) for position, column in enumerate(columns, 1))
    parts.append(bytes(6))  # current date, four flags, cache key
    return b"".join(parts)


def buffer_size(column: Column) -> int:
    """Return the size in bytes that a column is described with; 0 says that it is always NULL (but for LONG)."""
    if column.type in _TEXTS:
        return min(column.size * _BYTES_PER_CHARACTER, MAX_STRING)
    return _BUFFER_SIZES.get(column.type, column.size)


def _column(column: Column, position: int) -> bytes:
    is_text = column.type in _TEXTS or column.type is OracleType.LONG
    return b"".join(
        (
            bytes((column.type, 0, column.precision & 0xFF, column.scale & 0xFF)),
            ub(buffer_size(column)),
            bytes(4),  # array elements, continuation flags, type OID, version
            ub(_UTF8 if is_text else 0),
            bytes((is_text,)),
            ub(column.size if column.type in _TEXTS else 0),
            b"\x00",
            bytes((column.is_nullable, len(column.name.encode()) & 0xFF)),
            sized_text(column.name),
            b"\x00\x00",
            ub(position),
            b"\x00",
        )
    )
