"""NUMBER: its bytes are ordered as its values are, and arithmetic is exact where a float would not be."""

from __future__ import annotations

import random
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest

from dev.oracle_standin.dialect import numbers
from dev.oracle_standin.duckdb_backend import DuckDBSession
from tests.unit.standin.asking import ask, change


def _some(count: int, seed: int) -> list[Decimal]:
    chance = random.Random(seed)  # noqa: S311 - drawn for a test
    drawn = [
        Decimal(chance.randint(-(10 ** chance.randint(1, 38)), 10 ** chance.randint(1, 38))).scaleb(
            chance.randint(-30, 20)
        )
        for _ in range(count)
    ]
    return [Decimal(0), *drawn]


def test_the_bytes_give_the_number_back_and_keep_the_order() -> None:
    values = _some(3000, 1)
    encoded = [numbers.encode(value) for value in values]
    assert [numbers.decode(raw) for raw in encoded] == values
    assert [numbers.decode(raw) for raw in sorted(encoded)] == sorted(values)


def test_equal_numbers_have_equal_bytes_however_they_are_written() -> None:
    assert len({numbers.encode(Decimal(text)) for text in ("100", "1e2", "100.000", "0.1e3")}) == 1
    assert len({numbers.encode(Decimal(text)) for text in ("0", "-0", "0.00", "0e10")}) == 1


def test_quotients_have_39_or_40_digits_rounded_half_up() -> None:
    chance = random.Random(2)  # noqa: S311 - drawn for a test
    for _ in range(500):
        a, b = Decimal(chance.randint(1, 10**9)), Decimal(chance.randint(1, 10**9))
        quotient = numbers.decode(numbers.encode(numbers.divide(a, b)))
        exact = Fraction(int(a), int(b))
        error = abs(Fraction(quotient) - exact) / exact
        assert error < Fraction(1, 10**38)


def test_arithmetic_on_columns_is_exact(reader: DuckDBSession) -> None:
    for left, right in zip(_some(40, 3), _some(40, 4)[1:], strict=False):
        with localcontext(prec=200):
            wanted = [numbers.decode(numbers.encode(value)) for value in (left + right, left - right, left * right)]
        sql = "SELECT a + b, a - b, a * b FROM (SELECT :x a, :y b FROM DUAL)"
        assert list(ask(reader, sql, left, right)[0]) == wanted


@pytest.mark.parametrize(
    ("text", "value"), [("1", "1"), (" -1.50 ", "-1.5"), (".5", "0.5"), ("1e3", "1000"), ("007", "7"), ("+2.", "2")]
)
def test_a_text_becomes_a_number(text: str, value: str) -> None:
    assert numbers.from_text(text) == Decimal(value)


def test_a_sum_may_be_longer_than_the_stored_form(session: DuckDBSession) -> None:
    largest = Decimal("9" * 28)
    change(session, "UPDATE METERS SET USAGE_M3 = :n WHERE ID IN (1, 2, 3)", largest)
    (row,) = ask(session, "SELECT SUM(USAGE_M3), MAX(USAGE_M3 + USAGE_M3), AVG(USAGE_M3) FROM METERS WHERE ID < 4")
    assert row == (Decimal("29999999999999999999999999997"), Decimal("19999999999999999999999999998"), largest)
    running = ask(session, "SELECT SUM(USAGE_M3) OVER (ORDER BY ID) FROM METERS WHERE ID < 4")
    assert [str(value) for (value,) in running] == [str(int("9" * 28) * times) for times in (1, 2, 3)]


def test_sums_and_averages_of_columns_are_exact(reader: DuckDBSession) -> None:
    (row,) = ask(reader, "SELECT SUM(USAGE_M3), AVG(USAGE_M3), SUM(USAGE_M3 / 3), SUM(ID) FROM METERS")
    assert row == (
        Decimal("17.5"),
        Decimal("5.83333333333333333333333333333333333333"),
        Decimal("5.83333333333333333333333333333333333333"),
        Decimal(10),
    )
