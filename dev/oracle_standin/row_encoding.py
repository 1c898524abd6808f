"""Rows to bytes, the one place where speed decides: a column at a time, each with its own encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import chain, repeat
from typing import Any, TypeVar, cast

from dev.oracle_standin.oracle_date import DATE_SIZE, encode_date, encode_timestamp
from dev.oracle_standin.oracle_float import encode_double
from dev.oracle_standin.oracle_number import encode_with_length
from dev.oracle_standin.primitives import MAX_SHORT, byte_string
from dev.oracle_standin.values import Column, OracleType, Value

ROW_MARK = b"\x07"
NULL = b"\x00"
_LONG_END = b"\x00\x00"
_SIZES = [bytes((size,)) for size in range(256)]

# The value of a column has the type that its Column says; Any spares a check of each of millions of values.
_ColumnEncoder = Callable[[Sequence[Any]], Iterable[bytes]]
_Key = TypeVar("_Key", Decimal | str, datetime)


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


def _repetitive(encode: Callable[[_Key], bytes]) -> _ColumnEncoder:
    """Make the encoder of a column whose values often repeat themselves: each is then encoded once."""

    def encode_column(values: Sequence[_Key | None]) -> Iterable[bytes]:
        distinct = set(values)
        has_null = None in distinct
        distinct.discard(None)
        if len(distinct) * 2 > len(values) and not has_null:
            return map(encode, cast("Sequence[_Key]", values))
        encoded: dict[_Key | None, bytes] = {value: encode(value) for value in distinct if value is not None}
        encoded[None] = NULL
        return map(encoded.__getitem__, values)

    return encode_column


def _encoder(column: Column) -> _ColumnEncoder:
    encode = _ENCODERS[column.type]
    return _only_nulls if encode in (_texts, _raws) and not column.size else encode


def _doubles(values: Sequence[float | None]) -> Iterable[bytes]:
    return (NULL if value is None else b"\x08" + encode_double(value) for value in values)


def _date(value: datetime) -> bytes:
    return _SIZES[DATE_SIZE] + encode_date(value)


def _timestamp(value: datetime) -> bytes:
    return byte_string(encode_timestamp(value))


def _text(value: str | None) -> bytes:
    if not value:
        return NULL
    stored = value.encode()
    size = len(stored)
    return _SIZES[size] + stored if size <= MAX_SHORT else byte_string(stored)


def _texts(values: Sequence[str | None]) -> Iterable[bytes]:
    """Encode each text once if many repeat themselves, else all of them in a row."""
    distinct = set(values)
    if len(distinct) * 2 <= len(values):
        return map({value: _text(value) for value in distinct}.__getitem__, values)
    if None in distinct or "" in distinct:
        return map(_text, values)
    stored = list(map(str.encode, cast("Sequence[str]", values)))
    if max(map(len, stored)) > MAX_SHORT:
        return map(byte_string, stored)
    return [_SIZES[len(text)] + text for text in stored]


def _longs(values: Sequence[str | None]) -> Iterable[bytes]:
    return (_text(value) + _LONG_END for value in values)


def _raws(values: Sequence[bytes | None]) -> Iterable[bytes]:
    return (byte_string(value) if value else NULL for value in values)


def _only_nulls(values: Sequence[Value]) -> Iterable[bytes]:
    for value in values:
        if value:
            raise ValueError("a value in a column that was described with size 0")
        yield b""


_ENCODERS: dict[OracleType, _ColumnEncoder] = {
    OracleType.VARCHAR2: _texts,
    OracleType.CHAR: _texts,
    OracleType.LONG: _longs,
    OracleType.NUMBER: _repetitive(encode_with_length),
    OracleType.DATE: _repetitive(_date),
    OracleType.TIMESTAMP: _repetitive(_timestamp),
    OracleType.BINARY_DOUBLE: _doubles,
    OracleType.RAW: _raws,
}
