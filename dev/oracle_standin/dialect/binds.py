"""Binds of one statement: which converters turn a client's value into a DuckDB parameter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from dev.oracle_standin.backend import OracleError
from dev.oracle_standin.dialect import dates, numbers
from dev.oracle_standin.dialect.errors import ora, unimplemented
from dev.oracle_standin.values import Bind, Value

_MARK = "\0"
"""Stands round a parameter until the text is finished: no statement may contain it."""
_MARKED = re.compile("\0(\\d+)\0")


EVERY_SUM = -2
"""Stands among the wide binds for every sum of the statement."""


class TooWideError(Exception):
    """A number that the stored form of its neighbour cannot hold; translate again with that bind as exact."""

    def __init__(self, bind: int) -> None:
        super().__init__(bind)
        self.bind = bind


class Converter(Protocol):
    """Turns one bind value into a DuckDB parameter."""

    def convert(self, value: Value, bind: int) -> object:
        """Return the parameter for a value that is not None."""
        ...


def as_number(value: Value) -> Decimal:
    """Return a bind value as a NUMBER: a text is converted, as Oracle converts it.

    :raises OracleError: ORA-01722.
    """
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ora(1722)
        return numbers.rounded(value)
    if isinstance(value, str):
        return numbers.from_text(value)
    if isinstance(value, float):
        return Decimal(repr(value))
    raise ora(932, "NUMBER", type(value).__name__.upper())


@dataclass(frozen=True, slots=True)
class TextBind:
    """A text, as it is."""

    def convert(self, value: Value, bind: int) -> object:  # noqa: ARG002
        """Return the text; the empty one is NULL."""
        return value or None


@dataclass(frozen=True, slots=True)
class NumberTextBind:
    """A number as the text that Oracle makes of it."""

    def convert(self, value: Value, bind: int) -> object:  # noqa: ARG002
        """Return the text."""
        return numbers.to_text(as_number(value))


@dataclass(frozen=True, slots=True)
class NumberBind:
    """A number as ordered bytes."""

    def convert(self, value: Value, bind: int) -> object:  # noqa: ARG002
        """Return the bytes."""
        return numbers.encode(as_number(value))


@dataclass(frozen=True, slots=True)
class DecimalBind:
    """A number in the form in which a table stores its neighbour, so that the column is compared as it is."""

    precision: int
    scale: int

    def convert(self, value: Value, bind: int) -> object:
        """Return the digits as text.

        :raises TooWideError: when the form does not hold the number.
        """
        if isinstance(value, Decimal) and (text := str(value)).isdigit() and len(text) <= self.precision - self.scale:
            return text  # a whole number that fits: nearly every key and code, in a tenth of the time
        number = as_number(value)
        if not numbers.is_exact(number, self.precision, self.scale):
            raise TooWideError(bind)
        return f"{numbers.plain(number):f}"


@dataclass(frozen=True, slots=True)
class StoreBind:
    """A number on its way into a column: rounded to NUMBER(precision, scale), then in the column's stored form."""

    precision: int
    scale: int
    held_precision: int
    held_scale: int
    column: str

    def convert(self, value: Value, bind: int) -> object:  # noqa: ARG002
        """Return ordered bytes (``held_precision`` 0) or digits.

        :raises OracleError: ORA-01438.
        :raises NarrowColumnError: for what a stored plain NUMBER cannot hold.
        """
        number = as_number(value)
        if self.precision:
            number = numbers.fit(number, self.precision, self.scale)
        if not self.held_precision:
            return numbers.encode(number)
        return held_text(number, self.held_precision, self.held_scale, self.column)


class NarrowColumnError(OracleError):
    """A plain NUMBER whose stored form does not hold a new value; the column has to be stored as ordered bytes."""

    _TEXT = "a longer number in column "

    def __init__(self, column: str) -> None:
        super().__init__(3001, f"unimplemented feature: {self._TEXT}{column}")
        self.column = column

    @classmethod
    def of(cls, error: OracleError) -> NarrowColumnError | None:
        """Return the same error again if that is what came back from DuckDB as text."""
        _, found, column = error.message.partition(cls._TEXT)
        return cls(column) if found else None


def held_text(number: Decimal, precision: int, scale: int, column: str) -> str:
    """Return the digits of a number that a column of DECIMAL(precision, scale) must hold as it is.

    :raises NarrowColumnError: rather than round.
    """
    if not numbers.is_exact(number, precision, scale):
        raise NarrowColumnError(column)
    return f"{numbers.plain(number):f}"


@dataclass(frozen=True, slots=True)
class CountBind:
    """A count of rows: the fraction cut off, below 0 is 0."""

    is_strict: bool = False
    """True for ``<``: the number itself is not counted."""

    def convert(self, value: Value, bind: int) -> object:  # noqa: ARG002
        """Return the count."""
        return row_count(as_number(value), is_strict=self.is_strict)


@dataclass(frozen=True, slots=True)
class TimeBind:
    """A DATE or TIMESTAMP."""

    is_date: bool

    def convert(self, value: Value, bind: int) -> object:  # noqa: ARG002
        """Return the moment; a DATE has whole seconds."""
        if not isinstance(value, datetime):
            raise unimplemented("a bind of this type")
        return value.replace(microsecond=0) if self.is_date else value


@dataclass(frozen=True, slots=True)
class ClockBind:
    """SYSDATE: the moment at which the statement runs, in whole seconds."""

    def convert(self, value: Value, bind: int) -> object:  # noqa: ARG002
        """Return the moment."""
        return datetime.now().replace(microsecond=0)  # noqa: DTZ005 - Oracle's SYSDATE has no zone


@dataclass(frozen=True, slots=True)
class DateTextBind:
    """A text that Oracle turns into a DATE by the session's format."""

    model: str

    def convert(self, value: Value, bind: int) -> object:  # noqa: ARG002
        """Return the moment.

        :raises OracleError: ORA-018xx.
        """
        return dates.from_text(str(value), self.model, datetime.now())  # noqa: DTZ005 - Oracle's SYSDATE has no zone


@dataclass(frozen=True, slots=True)
class DoubleBind:
    """A BINARY_DOUBLE."""

    def convert(self, value: Value, bind: int) -> object:  # noqa: ARG002
        """Return the float."""
        return value if isinstance(value, float) else float(as_number(value))


def row_count(number: Decimal, *, is_strict: bool = False) -> int:
    """Return how many rows satisfy ``ROWNUM <= number``, or ``<`` if strict."""
    whole = numbers.ceil(number) - 1 if is_strict else numbers.floor(number)
    return max(0, min(int(whole), 2**62))


@dataclass(slots=True)
class Parameters:
    """The DuckDB parameters of one statement, in order."""

    wide: frozenset[int] = frozenset()
    entries: list[tuple[int, Converter]] = field(default_factory=list)

    def add(self, bind: int, converter: Converter) -> str:
        """Return what stands for a bind under a converter until :meth:`numbered`."""
        entry = (bind, converter)
        if entry not in self.entries:
            self.entries.append(entry)
        return f"{_MARK}{self.entries.index(entry)}{_MARK}"

    def numbered(self, sql: str) -> tuple[str, tuple[tuple[int, Converter], ...]]:
        """Return the finished text with ``$1``, ``$2``, … and the entries that it really uses, in that order."""
        used: list[int] = []

        def number(match: re.Match[str]) -> str:
            index = int(match[1])
            if index not in used:
                used.append(index)
            return f"${used.index(index) + 1}"

        text = _MARKED.sub(number, sql)
        return text, tuple(self.entries[index] for index in used)

    @property
    def is_exact(self) -> bool:
        """True when sums in the stored form were found to overflow: all arithmetic is then done on exact numbers."""
        return EVERY_SUM in self.wide

    def is_wide(self, bind: int) -> bool:
        """Tell whether this bind's number was found not to fit its neighbour's stored form."""
        return bind in self.wide


def values_of(entries: Sequence[tuple[int, Converter]], binds: Sequence[Bind]) -> list[object]:
    """Return the DuckDB parameters for one execution.

    :raises OracleError: what a conversion raises.
    :raises TooWideError: see :class:`DecimalBind`.
    """
    out: list[object] = []
    for index, converter in entries:
        if index < 0:
            out.append(converter.convert(None, index))
            continue
        value = binds[index].value
        out.append(None if value is None or value == "" else converter.convert(value, index))
    return out
