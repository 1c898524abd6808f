"""Rows of a DuckDB result as the server takes them: all here, or still being made on a connection of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from itertools import islice
from typing import Any, Final, TypeAlias

import duckdb

from dev.oracle_standin.dialect import numbers
from dev.oracle_standin.dialect.translate import Held
from dev.oracle_standin.values import Value

RawRow: TypeAlias = tuple[Any, ...]
"""A row as DuckDB gives it."""

_CHUNK = 2048
_MEMO = 200_000


class _Memo(dict[bytes | None, Decimal | None]):
    """Remembers converted values: a result repeats most of its numbers."""

    def __init__(self, convert: Callable[[bytes], Decimal]) -> None:
        super().__init__({None: None})
        self._convert = convert

    def __missing__(self, key: bytes) -> Decimal:
        if len(self) > _MEMO:
            self.clear()
            self[None] = None
        value = self[key] = self._convert(key)
        return value


_EXACT: Final = _Memo(numbers.decode)


def _decimals(column: tuple[Any, ...]) -> Iterable[Decimal | None]:
    if None in column:
        return [None if value is None else Decimal(value) for value in column]
    return map(Decimal, column)


_FROM: Final[dict[Held, Callable[[tuple[Any, ...]], Iterable[Decimal | None]]]] = {
    Held.INTEGER: _decimals,
    Held.EXACT: lambda column: map(_EXACT.__getitem__, column),
}


def _decoded(rows: Sequence[RawRow], held: tuple[Held, ...]) -> list[tuple[Value, ...]]:
    converters = [_FROM.get(how) for how in held]
    if not rows or not any(converters):
        return list(rows)
    columns = zip(*rows, strict=True)
    decoded = (
        column if convert is None else convert(column) for column, convert in zip(columns, converters, strict=True)
    )
    return list(zip(*decoded, strict=True))


class ListedRows:
    """Rows that are all here."""

    def __init__(self, rows: Sequence[RawRow], held: tuple[Held, ...]) -> None:
        self._rows: Iterator[RawRow] = iter(rows)
        self._held = held

    def fetch(self, count: int) -> Sequence[tuple[Value, ...]]:
        """Return the next rows."""
        return _decoded(list(islice(self._rows, count)), self._held)

    def close(self) -> None:
        """Forget the rest."""
        self._rows = iter(())


class StreamedRows:
    """Rows that DuckDB still makes, on a connection of their own."""

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        first: list[RawRow],
        held: tuple[Held, ...],
        running: Callable[[duckdb.DuckDBPyConnection], AbstractContextManager[None]],
    ) -> None:
        self._running = running
        self._cursor: duckdb.DuckDBPyConnection | None = cursor
        self._waiting = first
        self._held = held

    def fetch(self, count: int) -> Sequence[tuple[Value, ...]]:
        """Return the next rows.

        :raises OracleError: what Oracle raises for a row that cannot be computed; ORA-01013.
        """
        while self._cursor is not None and len(self._waiting) < count:
            wanted = max(count - len(self._waiting), _CHUNK)
            with self._running(self._cursor):
                more = self._cursor.fetchmany(wanted)
            self._waiting += more
            if len(more) < wanted:
                self._release()
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return _decoded(taken, self._held)

    def _release(self) -> None:
        if self._cursor is not None:
            self._cursor.close()
            self._cursor = None

    def close(self) -> None:
        """Forget the rest, and free the connection."""
        self._release()
        self._waiting = []
