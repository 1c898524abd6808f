"""Who is among the largest, and which of a customer's rows is kept."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from include.bigmeter.source.ranking import Values, precedence, rank_by_usage


def a_row(code: str, usage: object = 1, **values: Any) -> Values:
    number = usage if usage is None else Decimal(str(usage))
    return {"cust_code": code, "meter_no": None, "address": None, "present_water_usg": number} | values


def codes(members: list[Values]) -> list[str]:
    return [member["cust_code"] for member in members]


class Counting:
    """Rows that know how many of them were read."""

    def __init__(self, rows: list[Values]) -> None:
        self.rows, self.read = rows, 0

    def __iter__(self) -> Iterator[Values]:
        for row in self.rows:
            self.read += 1
            yield row


@pytest.mark.parametrize("is_ordered", [True, False])
def test_the_largest_come_first_and_ties_by_code_in_binary_order(is_ordered: bool) -> None:
    rows = [a_row("b", 9), a_row("é", 5), a_row("a", 5), a_row("Z", 5), a_row("c", 4)]
    assert codes(rank_by_usage(rows, 3, is_ordered=is_ordered)[0]) == ["b", "Z", "a"]


@pytest.mark.parametrize("is_ordered", [True, False])
def test_only_usage_above_0_enters(is_ordered: bool) -> None:
    rows = [a_row("n", None), a_row("a", "0.001"), a_row("b", 0), a_row("c", -3), a_row("d", None)]
    assert codes(rank_by_usage(rows, 200, is_ordered=is_ordered)[0]) == ["a"]


def test_ordered_rows_are_read_until_the_tie_at_the_last_rank_is_over() -> None:
    rows = Counting([a_row("c", 9), a_row("d", 5), a_row("b", 5), a_row("a", 5), a_row("e", 4), a_row("f", 3)])
    assert codes(rank_by_usage(rows, 2, is_ordered=True)[0]) == ["c", "a"]
    assert rows.read == 5


def test_ordered_rows_are_read_no_further_than_usage_0() -> None:
    rows = Counting([a_row("a", 2), a_row("b", 0), a_row("c", 0)])
    assert codes(rank_by_usage(rows, 200, is_ordered=True)[0]) == ["a"]
    assert rows.read == 2


def test_rows_that_break_their_promised_order_are_all_read() -> None:
    rows = Counting([a_row("a", 2), a_row("b", 3), a_row("c", 1), a_row("d", 9), a_row("e", 0), a_row("f", 8)])
    assert codes(rank_by_usage(rows, 2, is_ordered=True)[0]) == ["d", "f"]
    assert rows.read == 6


@pytest.mark.parametrize("is_ordered", [True, False])
def test_a_customer_in_several_rows_enters_once_with_the_best_and_is_counted(is_ordered: bool) -> None:
    rows = [
        a_row("a", 9, meter_no="1"), a_row("a", 9, meter_no="2"), a_row("a", 9, meter_no=None), a_row("b", 8),
        a_row("a", 7, meter_no="3"), a_row("c", 6), a_row("c", 6),
    ]  # fmt: skip
    members, duplicates = rank_by_usage(rows, 2, is_ordered=is_ordered)
    assert [(row["cust_code"], row["meter_no"]) for row in members] == [("a", "2"), ("b", None)]
    assert duplicates == (2 if is_ordered else 3)


def test_a_large_branch_in_no_order_is_ranked_as_if_all_were_kept() -> None:
    chance = random.Random(1)  # noqa: S311 - the same rows every time
    rows = [a_row(f"{chance.randrange(4000):05}", chance.randrange(-5, 900), meter_no=str(n)) for n in range(20_000)]
    best: dict[str, Values] = {}
    for row in rows:
        if row["present_water_usg"] > 0:
            best[row["cust_code"]] = max(best.get(row["cust_code"], row), row, key=precedence)
    expected = sorted(best.values(), key=lambda row: (-row["present_water_usg"], row["cust_code"]))[:200]
    members, duplicates = rank_by_usage(rows, 200, is_ordered=False)
    assert members == expected
    chosen = set(codes(expected))
    assert duplicates == sum(row["cust_code"] in chosen and row["present_water_usg"] > 0 for row in rows) - 200


def test_usages_that_differ_in_their_last_of_38_digits_are_told_apart() -> None:
    small, large = "12345678901234567890123456789012345677", "12345678901234567890123456789012345678"
    assert codes(rank_by_usage([a_row("a", small), a_row("b", large)], 1, is_ordered=False)[0]) == ["b"]


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ({"usage": None}, {"usage": -1}),
        ({"usage": 1, "meter_no": "9"}, {"usage": 2, "meter_no": "1"}),
        ({"meter_no": None, "address": "z"}, {"meter_no": "0", "address": None}),
        ({"meter_no": "10"}, {"meter_no": "9"}),
        ({"meter_no": "Z"}, {"meter_no": "a"}),
        ({"meter_no": "z"}, {"meter_no": "ก"}),
        ({"address": None}, {"address": "a"}),
        ({"address": "a"}, {"address": "b"}),
    ],
)
def test_the_higher_usage_then_the_greater_meter_number_then_the_rest_wins(
    less: dict[str, Any], more: dict[str, Any]
) -> None:
    assert precedence(a_row("x", **less)) < precedence(a_row("x", **more))
