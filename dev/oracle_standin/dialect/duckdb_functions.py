"""The functions that DuckDB lacks: NUMBER arithmetic, Oracle's text and date functions, as Python callables."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import duckdb
from duckdb.func import FunctionNullHandling

from dev.oracle_standin.dialect import dates, numbers
from dev.oracle_standin.dialect.binds import held_text
from dev.oracle_standin.dialect.errors import ora, unimplemented
from dev.oracle_standin.dialect.terms import MAX_TEXT

_date_text = lru_cache(maxsize=65536)(dates.format_date)
_trunc_date = lru_cache(maxsize=65536)(dates.truncate)
_decode = lru_cache(maxsize=65536)(numbers.decode)
_encode = lru_cache(maxsize=65536)(numbers.encode)


def _now() -> datetime:
    return datetime.now()  # noqa: DTZ005 - Oracle's DATE has no zone


@lru_cache(maxsize=65536)
def _number(text: str) -> bytes:
    return numbers.encode(Decimal(text))


@lru_cache(maxsize=65536)
def _to_number(text: str) -> bytes:
    return numbers.encode(numbers.from_text(text))


def _binary(work: Callable[[Decimal, Decimal], Decimal]) -> Callable[[bytes, bytes], bytes]:
    return lambda left, right: _encode(work(_decode(left), _decode(right)))


def _unary(work: Callable[[Decimal], Decimal]) -> Callable[[bytes], bytes]:
    return lambda value: _encode(work(_decode(value)))


def _sum(values: list[bytes | None]) -> bytes | None:
    total: Decimal | None = None
    for value in values:
        if value is not None:
            number = _decode(value)
            total = number if total is None else numbers.add(total, number)
    return None if total is None else numbers.encode(total)


def _sign(value: Decimal) -> Decimal:
    return Decimal((value > 0) - (value < 0))


def _integer(value: bytes) -> int:
    whole = int(numbers.truncate(_decode(value), Decimal(0)))
    return max(-(2**62), min(whole, 2**62))


def _fit(value: bytes, precision: int, scale: int) -> bytes:
    return _encode(numbers.fit(_decode(value), precision, scale))


def _substr_from(text: str, start: int) -> str | None:
    return _substr(text, start, len(text))


def _substr(text: str, start: int, count: int) -> str | None:
    if count < 1:
        return None
    first = start - 1 if start > 0 else (0 if start == 0 else len(text) + start)
    if first < 0:
        return None
    return text[first : first + count] or None


def _instr(text: str, part: str, start: int, occurrence: int) -> int:
    if occurrence < 1:
        raise unimplemented("an occurrence below 1 in INSTR")
    if start == 0:
        return 0
    if start > 0:
        at = start - 2
        for _ in range(occurrence):
            at = text.find(part, at + 1)
            if at < 0:
                return 0
        return at + 1
    end = len(text) + start + len(part)
    at = -1
    for _ in range(occurrence):
        at = text.rfind(part, 0, max(end, 0))
        if at < 0:
            return 0
        end = at + len(part) - 1
    return at + 1


def _pad(text: str, width: int, fill: str, *, is_left: bool) -> str | None:
    if width < 1:
        return None
    if any(unicodedata.east_asian_width(c) in "WF" or unicodedata.combining(c) or c >= "\u0e31" for c in text + fill):
        raise unimplemented("padding of text whose width on a terminal is not its length")
    if width > MAX_TEXT:
        raise ora(1489)
    if len(text) >= width:
        return text[:width]
    padding = (fill * width)[: width - len(text)]
    return padding + text if is_left else text + padding


def _pattern(pattern: str, escape: str) -> str:
    at = 0
    while at < len(pattern):
        if pattern[at] == escape:
            if pattern[at + 1 : at + 2] not in ("%", "_", escape):
                raise ora(1424)
            at += 1
        at += 1
    return pattern


def _short(text: str) -> str:
    if len(text.encode()) > MAX_TEXT:
        raise ora(1489)
    return text


_NUMBER, _TEXT, _TIME, _COUNT = "BLOB", "VARCHAR", "TIMESTAMP", "BIGINT"

_FUNCTIONS: dict[str, tuple[Callable[..., Any], list[str], str]] = {
    "ora_number": (_number, [_TEXT], _NUMBER),
    "ora_to_number": (_to_number, [_TEXT], _NUMBER),
    "ora_number_text": (lambda value: numbers.to_text(_decode(value)), [_NUMBER], _TEXT),
    "ora_plain": (lambda value: f"{_decode(value):f}", [_NUMBER], _TEXT),
    "ora_held": (
        lambda value, precision, scale, column: held_text(_decode(value), precision, scale, column),
        [_NUMBER, _COUNT, _COUNT, _TEXT],
        _TEXT,
    ),
    "ora_integer": (_integer, [_NUMBER], _COUNT),
    "ora_fit": (_fit, [_NUMBER, _COUNT, _COUNT], _NUMBER),
    "ora_add": (_binary(numbers.add), [_NUMBER, _NUMBER], _NUMBER),
    "ora_subtract": (_binary(numbers.subtract), [_NUMBER, _NUMBER], _NUMBER),
    "ora_multiply": (_binary(numbers.multiply), [_NUMBER, _NUMBER], _NUMBER),
    "ora_divide": (_binary(numbers.divide), [_NUMBER, _NUMBER], _NUMBER),
    "ora_mod": (_binary(numbers.modulo), [_NUMBER, _NUMBER], _NUMBER),
    "ora_power": (_binary(numbers.power), [_NUMBER, _NUMBER], _NUMBER),
    "ora_round": (_binary(numbers.round_half_up), [_NUMBER, _NUMBER], _NUMBER),
    "ora_trunc": (_binary(numbers.truncate), [_NUMBER, _NUMBER], _NUMBER),
    "ora_floor": (_unary(numbers.floor), [_NUMBER], _NUMBER),
    "ora_ceil": (_unary(numbers.ceil), [_NUMBER], _NUMBER),
    "ora_abs": (_unary(lambda value: value.copy_abs()), [_NUMBER], _NUMBER),
    "ora_sign": (_unary(_sign), [_NUMBER], _NUMBER),
    "ora_sum": (_sum, ["BLOB[]"], _NUMBER),
    "ora_format": (lambda value, model: numbers.format_number(_decode(value), model), [_NUMBER, _TEXT], _TEXT),
    "ora_parse": (lambda text, model: _encode(numbers.parse_formatted(text, model)), [_TEXT, _TEXT], _NUMBER),
    "ora_substr_from": (_substr_from, [_TEXT, _COUNT], _TEXT),
    "ora_substr": (_substr, [_TEXT, _COUNT, _COUNT], _TEXT),
    "ora_instr": (_instr, [_TEXT, _TEXT, _COUNT, _COUNT], _COUNT),
    "ora_lpad": (lambda text, width, fill: _pad(text, width, fill, is_left=True), [_TEXT, _COUNT, _TEXT], _TEXT),
    "ora_rpad": (lambda text, width, fill: _pad(text, width, fill, is_left=False), [_TEXT, _COUNT, _TEXT], _TEXT),
    "ora_pattern": (_pattern, [_TEXT, _TEXT], _TEXT),
    "ora_short": (_short, [_TEXT], _TEXT),
    "ora_date": (lambda text, model: dates.from_text(text, model, _now()), [_TEXT, _TEXT], _TIME),
    "ora_to_date": (lambda text, model: dates.parse_date(text, model, _now()), [_TEXT, _TEXT], _TIME),
    "ora_to_timestamp": (
        lambda text, model: dates.parse_date(text, model, _now(), is_timestamp=True),
        [_TEXT, _TEXT],
        _TIME,
    ),
    "ora_date_text": (_date_text, [_TIME, _TEXT], _TEXT),
    "ora_trunc_date": (_trunc_date, [_TIME, _TEXT], _TIME),
    "ora_round_date": (dates.round_date, [_TIME, _TEXT], _TIME),
    "ora_add_days": (lambda value, days: dates.add_days(value, _decode(days)), [_TIME, _NUMBER], _TIME),
    "ora_days_between": (lambda later, earlier: _encode(dates.days_between(later, earlier)), [_TIME, _TIME], _NUMBER),
    "ora_add_months": (lambda value, months: dates.add_months(value, _decode(months)), [_TIME, _NUMBER], _TIME),
    "ora_months_between": (
        lambda later, earlier: _encode(dates.months_between(later, earlier)),
        [_TIME, _TIME],
        _NUMBER,
    ),
    "ora_last_day": (dates.last_day, [_TIME], _TIME),
}


_MAY_GIVE_NULL = frozenset({"ora_sum", "ora_substr", "ora_substr_from", "ora_lpad", "ora_rpad"})
"""Functions that make NULL of what is not null; DuckDB wants to know."""


def _null_for_null(function: Callable[..., Any], arity: int) -> Callable[..., Any]:
    """Return a function that gives NULL for NULL, with as many parameters as DuckDB counts."""
    if arity == 1:
        return lambda a: None if a is None else function(a)
    if arity == 2:
        return lambda a, b: None if a is None or b is None else function(a, b)
    return lambda a, b, c: None if a is None or b is None or c is None else function(a, b, c)


def install(connection: duckdb.DuckDBPyConnection) -> None:
    """Define the functions in a DuckDB database, once; every connection to it then has them."""
    present = {
        row[0]
        for row in connection.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_name LIKE 'ora\\_%' ESCAPE '\\'"
        ).fetchall()
    }
    for name, (function, parameters, result) in _FUNCTIONS.items():
        if name in present:
            continue
        types: list[Any] = list(parameters)
        if name in _MAY_GIVE_NULL:
            null_proof = _null_for_null(function, len(types))
            connection.create_function(name, null_proof, types, result, null_handling=FunctionNullHandling.SPECIAL)
        else:
            connection.create_function(name, function, types, result)
