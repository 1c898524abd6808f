"""Rows to bytes, the one place where speed decides: a column at a time, each with its own encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import chain, repeat
from typing import Any, Generic, TypeVar

from dev.oracle_standin.oracle_date import encode_date, encode_timestamp
from dev.oracle_standin.oracle_float import encode_double
from dev.oracle_standin.oracle_number import encode_number
from dev.oracle_standin.primitives import MAX_SHORT, byte_string
from dev.oracle_standin.values import Column, OracleType, Value

ROW_MARK = b"\x07"
NULL = b"\x00"
_LONG_END = b"\x00\x00"
_SIZES = [bytes((size,)) for size in range(256)]
_MEMO_LIMIT = 65536

# The value of a column has the type that its Column says; Any spares a check of each of millions of values.
_ColumnEncoder = Callable[[Iterable[Any]], Iterable[bytes]]
_Key = TypeVar("_Key", Decimal, datetime)


class RowEncoder:
    """Encode the rows of one result.

    A column described with size 0 is one that is always NULL: the driver then reads no bytes for it at all.
    """

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self._encoders = tuple(_encoder(column) for column in columns)

    def encode(self, rows: Sequence[tuple[Value, ...]]) -> bytes:
        """Return the rows as ROW messages, one behind the other.

        :raises ValueError: if a row has more or fewer values than there are columns, or a value where only NULL can be.
        """
        columns = list(zip(*rows, strict=True))
        if rows and len(columns) != len(self._encoders):
            raise ValueError(f"rows of {len(columns)} values for {len(self._encoders)} columns")
        encoded = [encode(column) for encode, column in zip(self._encoders, columns, strict=True)] if rows else []
        return b"".join(chain.from_iterable(zip(repeat(ROW_MARK, len(rows)), *encoded, strict=True)))


class _Memo(dict[_Key | None, bytes], Generic[_Key]):
    """Values already encoded: most numbers and dates of a result come again and again."""

    def __init__(self, encode: Callable[[_Key], bytes]) -> None:
        super().__init__({None: NULL})
        self._encode: Callable[[_Key], bytes] = encode

    def __missing__(self, value: _Key | None) -> bytes:
        assert value is not None  # noqa: S101 - NULL is always there
        if len(self) >= _MEMO_LIMIT:
            self.clear()
            self[None] = NULL
        stored = self._encode(value)
        encoded = _SIZES[len(stored)] + stored
        self[value] = encoded
        return encoded


# Shared by all sessions: a dict's operations are atomic, and two threads that both encode a value agree on it.
_NUMBERS = _Memo(encode_number)
_DATES = _Memo(encode_date)
_TIMESTAMPS = _Memo(encode_timestamp)


def _encoder(column: Column) -> _ColumnEncoder:
    encode = _ENCODERS[column.type]
    return _only_nulls if encode in (_texts, _raws) and not column.size else encode


def _numbers(values: Iterable[Decimal | None]) -> Iterable[bytes]:
    return map(_NUMBERS.__getitem__, values)


def _dates(values: Iterable[datetime | None]) -> Iterable[bytes]:
    return map(_DATES.__getitem__, values)


def _timestamps(values: Iterable[datetime | None]) -> Iterable[bytes]:
    return map(_TIMESTAMPS.__getitem__, values)


def _doubles(values: Iterable[float | None]) -> Iterable[bytes]:
    return (NULL if value is None else b"\x08" + encode_double(value) for value in values)


def _text(value: str | None) -> bytes:
    if not value:
        return NULL
    stored = value.encode()
    size = len(stored)
    return _SIZES[size] + stored if size <= MAX_SHORT else byte_string(stored)


def _texts(values: Iterable[str | None]) -> Iterable[bytes]:
    return map(_text, values)


def _longs(values: Iterable[str | None]) -> Iterable[bytes]:
    return (_text(value) + _LONG_END for value in values)


def _raws(values: Iterable[bytes | None]) -> Iterable[bytes]:
    return (byte_string(value) if value else NULL for value in values)


def _only_nulls(values: Iterable[Value]) -> Iterable[bytes]:
    for value in values:
        if value:
            raise ValueError("a value in a column that was described with size 0")
        yield b""


_ENCODERS: dict[OracleType, _ColumnEncoder] = {
    OracleType.VARCHAR2: _texts,
    OracleType.CHAR: _texts,
    OracleType.LONG: _longs,
    OracleType.NUMBER: _numbers,
    OracleType.DATE: _dates,
    OracleType.TIMESTAMP: _timestamps,
    OracleType.BINARY_DOUBLE: _doubles,
    OracleType.RAW: _raws,
}
