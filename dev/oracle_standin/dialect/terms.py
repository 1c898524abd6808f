"""A translated expression: its DuckDB text, its Oracle type, and the form in which DuckDB holds its value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto

from dev.oracle_standin.dialect import numbers
from dev.oracle_standin.dialect.binds import (
    DecimalBind,
    DoubleBind,
    NumberBind,
    Parameters,
    TextBind,
    TimeBind,
)
from dev.oracle_standin.dialect.errors import ora, unimplemented
from dev.oracle_standin.dialect.types import MAX_PRECISION, PLAIN_NUMBER_SCALE
from dev.oracle_standin.values import Column, OracleType

MAX_TEXT = 4000


class Kind(Enum):
    """An Oracle data type, as far as it decides what an expression means."""

    NUMBER = auto()
    VARCHAR2 = auto()
    CHAR = auto()
    DATE = auto()
    TIMESTAMP = auto()
    DOUBLE = auto()
    RAW = auto()
    INTERVAL = auto()
    NULL = auto()


TEXTS = frozenset({Kind.VARCHAR2, Kind.CHAR})
TIMES = frozenset({Kind.DATE, Kind.TIMESTAMP})


@dataclass(frozen=True, slots=True)
class Integer:
    """A NUMBER held as BIGINT: a count, a position, a whole literal."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """A NUMBER held as DECIMAL(precision, scale), as tables store it."""

    precision: int
    scale: int

    @property
    def whole(self) -> int:
        """Digits before the point."""
        return self.precision - self.scale


@dataclass(frozen=True, slots=True)
class Exact:
    """A NUMBER held as its own ordered bytes: what arithmetic gives."""


Form = Integer | Fixed | Exact
INTEGER, EXACT = Integer(), Exact()
_LARGEST_INTEGER = 10**18


@dataclass(frozen=True, slots=True)
class Term:
    """One translated expression.

    ``sql`` is DuckDB text whose value has the ``form`` (numbers only). A constant or a bind has no form yet: it takes
    the one that its neighbour needs. ``size`` is in characters; ``precision`` and ``scale`` are what Oracle describes.
    """

    sql: str
    kind: Kind
    form: Form | None = None
    size: int = 0
    precision: int = 0
    scale: int = PLAIN_NUMBER_SCALE
    constant: Decimal | str | datetime | None = None
    bind: int | None = None
    is_nullable: bool = True
    is_literal: bool = False

    @property
    def is_text(self) -> bool:
        """True for VARCHAR2 and CHAR."""
        return self.kind in TEXTS


NULL = Term("NULL", Kind.NULL)


def quoted(text: str) -> str:
    """Return a text as a DuckDB string literal."""
    return "'" + text.replace("'", "''") + "'"


def non_empty(sql: str) -> str:
    """Return a text that is NULL where it is empty.

    Not DuckDB's nullif, which writes its argument out twice: nested ten deep it would stand there a thousand times.
    """
    return f"list_filter([{sql}], lambda each: each <> '')[1]"


def text_literal(text: str) -> Term:
    """Return the term of ``'...'``; the empty text is NULL."""
    if not text:
        return replace(NULL, is_literal=True)
    return Term(quoted(text), Kind.CHAR, size=len(text), constant=text, is_nullable=False, is_literal=True)


def number_literal(value: Decimal) -> Term:
    """Return the term of a number constant."""
    form = INTEGER if value == value.to_integral_value() and value.copy_abs() < _LARGEST_INTEGER else EXACT
    term = Term("", Kind.NUMBER, form, constant=value, is_nullable=False, is_literal=True)
    return replace(term, sql=_constant(value, form))


def integer(sql: str, *, is_nullable: bool = True) -> Term:
    """Return a NUMBER term that DuckDB holds as BIGINT."""
    return Term(sql, Kind.NUMBER, INTEGER, is_nullable=is_nullable)


def exact(sql: str) -> Term:
    """Return a NUMBER term that DuckDB holds as ordered bytes."""
    return Term(sql, Kind.NUMBER, EXACT)


def varchar(sql: str, size: int = MAX_TEXT) -> Term:
    """Return a VARCHAR2 term."""
    return Term(sql, Kind.VARCHAR2, size=max(1, min(size, MAX_TEXT)))


def date(sql: str) -> Term:
    """Return a DATE term."""
    return Term(sql, Kind.DATE)


def _constant(value: Decimal, form: Form) -> str:
    if isinstance(form, Integer):
        return f"CAST({int(value)} AS BIGINT)"
    if isinstance(form, Fixed):
        return f"CAST('{numbers.plain(value):f}' AS DECIMAL({form.precision},{form.scale}))"
    return _blob(numbers.encode(value))


def _blob(raw: bytes) -> str:
    return "'" + "".join(f"\\x{byte:02X}" for byte in raw) + "'::BLOB"


def takes(form: Form, value: Decimal) -> bool:
    """Tell whether a form holds this very number."""
    if isinstance(form, Integer):
        return value == value.to_integral_value() and value.copy_abs() < _LARGEST_INTEGER
    if isinstance(form, Fixed):
        return numbers.is_exact(value, form.precision, form.scale)
    return True


@dataclass(frozen=True, slots=True)
class Forms:
    """Brings number terms to one form; knows the statement's binds."""

    parameters: Parameters

    def common(self, terms: Sequence[Term]) -> Form:
        """Return the cheapest form that holds every one of these numbers exactly."""
        form: Form | None = None
        for term in terms:
            if term.constant is None and term.bind is None and term.form is not None:
                form = term.form if form is None else _wider(form, term.form)
        is_wide = any(term.bind is not None and self.parameters.is_wide(term.bind) for term in terms)
        if form is None:
            has_bind = any(term.bind is not None for term in terms)
            form = EXACT if has_bind else INTEGER
        if is_wide:
            return EXACT
        if isinstance(form, Integer) and any(term.bind is not None for term in terms):
            form = Fixed(MAX_PRECISION, 10)
        for term in terms:
            if isinstance(term.constant, Decimal):
                if isinstance(form, Integer) and not takes(form, term.constant):
                    form = Fixed(MAX_PRECISION, 10)
                if not takes(form, term.constant):
                    return EXACT
        return form

    def sql(self, term: Term, form: Form) -> str:  # noqa: PLR0911 - one form, one return
        """Return the text of a NUMBER (or NULL) term in a form that is known to hold it."""
        if term.kind is Kind.NULL:
            return "NULL"
        if term.bind is not None:
            return self._bound(term.bind, form)
        if isinstance(term.constant, Decimal):
            return _constant(term.constant, form)
        if term.form == form or term.form is None:
            return term.sql
        if isinstance(form, Fixed):
            return f"CAST({term.sql} AS DECIMAL({form.precision},{form.scale}))"
        if isinstance(form, Exact):
            return f"ora_number(CAST({term.sql} AS VARCHAR))"
        if isinstance(term.form, Exact):
            return f"ora_integer({term.sql})"
        return f"CAST(trunc({term.sql}) AS BIGINT)"

    def exact(self, term: Term) -> str:
        """Return the text of a NUMBER term as ordered bytes."""
        return self.sql(term, EXACT)

    def integer(self, term: Term) -> str:
        """Return the text of a NUMBER term as BIGINT, its fraction cut off."""
        if term.bind is not None:
            return f"ora_integer({self.exact(term)})"
        if isinstance(term.constant, Decimal):
            whole = numbers.truncate(term.constant, Decimal(0))
            if whole.copy_abs() >= _LARGEST_INTEGER:
                raise ora(1426)
            return str(int(whole))
        return self.sql(term, INTEGER)

    def _bound(self, bind: int, form: Form) -> str:
        if isinstance(form, Fixed):
            name = self.parameters.add(bind, DecimalBind(form.precision, form.scale))
            return f"CAST({name} AS DECIMAL({form.precision},{form.scale}))"
        name = self.parameters.add(bind, NumberBind())
        return f"ora_integer(CAST({name} AS BLOB))" if isinstance(form, Integer) else f"CAST({name} AS BLOB)"

    def bound(self, bind: int, kind: Kind) -> str:
        """Return the text of a bind as a value of its own kind (not a number)."""
        if kind in TEXTS:
            return f"CAST({self.parameters.add(bind, TextBind())} AS VARCHAR)"
        if kind in TIMES:
            return f"CAST({self.parameters.add(bind, TimeBind(kind is Kind.DATE))} AS TIMESTAMP)"
        if kind is Kind.DOUBLE:
            return f"CAST({self.parameters.add(bind, DoubleBind())} AS DOUBLE)"
        if kind is Kind.RAW:
            return f"CAST({self.parameters.add(bind, TextBind())} AS BLOB)"
        raise unimplemented(f"a bind of type {kind.name}")


def _wider(left: Form, right: Form) -> Form:
    if left == right:
        return left
    if isinstance(left, Exact) or isinstance(right, Exact):
        return EXACT
    one = left if isinstance(left, Fixed) else Fixed(19, 0)
    other = right if isinstance(right, Fixed) else Fixed(19, 0)
    whole, scale = max(one.whole, other.whole), max(one.scale, other.scale)
    return Fixed(whole + scale, scale) if whole + scale <= MAX_PRECISION else EXACT


def of_column(sql: str, column: Column, stored: str) -> Term:  # noqa: PLR0911 - one type, one return
    """Return the term of a table's column.

    :param stored: the DuckDB type of the column.
    """
    nullable = column.is_nullable
    match column.type:
        case OracleType.NUMBER:
            return Term(
                sql,
                Kind.NUMBER,
                _form_of(stored),
                precision=column.precision,
                scale=column.scale if column.precision else PLAIN_NUMBER_SCALE,
                is_nullable=nullable,
            )
        case OracleType.VARCHAR2 | OracleType.LONG:
            return Term(sql, Kind.VARCHAR2, size=column.size or MAX_TEXT, is_nullable=nullable)
        case OracleType.CHAR:
            return Term(sql, Kind.CHAR, size=column.size, is_nullable=nullable)
        case OracleType.DATE:
            return Term(sql, Kind.DATE, is_nullable=nullable)
        case OracleType.TIMESTAMP:
            return Term(sql, Kind.TIMESTAMP, scale=column.scale, is_nullable=nullable)
        case OracleType.BINARY_DOUBLE:
            return Term(sql, Kind.DOUBLE, is_nullable=nullable)
        case OracleType.RAW:
            return Term(sql, Kind.RAW, size=column.size, is_nullable=nullable)
    raise unimplemented(f"a column of type {column.type.name}")


def _form_of(stored: str) -> Form:
    stored = stored.upper()
    if stored.startswith("DECIMAL"):
        precision, scale = stored[len("DECIMAL(") : -1].split(",")
        return Fixed(int(precision), int(scale))
    if stored in ("BIGINT", "INTEGER", "SMALLINT", "TINYINT"):
        return INTEGER
    if stored == "BLOB":
        return EXACT
    raise unimplemented(f"a NUMBER stored as {stored}")


def described(name: str, term: Term) -> Column:  # noqa: PLR0911 - one type, one return
    """Return the result column that Oracle describes for a term."""
    match term.kind:
        case Kind.NUMBER:
            scale = term.scale if term.precision else PLAIN_NUMBER_SCALE
            return Column(name, OracleType.NUMBER, 0, term.precision, scale, term.is_nullable)
        case Kind.VARCHAR2:
            return Column(name, OracleType.VARCHAR2, max(1, term.size), is_nullable=term.is_nullable)
        case Kind.CHAR:
            return Column(name, OracleType.CHAR, max(1, term.size), is_nullable=term.is_nullable)
        case Kind.DATE:
            return Column(name, OracleType.DATE, is_nullable=term.is_nullable)
        case Kind.TIMESTAMP:
            return Column(name, OracleType.TIMESTAMP, scale=6, is_nullable=term.is_nullable)
        case Kind.DOUBLE:
            return Column(name, OracleType.BINARY_DOUBLE, is_nullable=term.is_nullable)
        case Kind.RAW:
            return Column(name, OracleType.RAW, max(1, term.size), is_nullable=term.is_nullable)
        case Kind.NULL:
            return Column(name, OracleType.VARCHAR2, 1)
    raise unimplemented("a column of type INTERVAL")
