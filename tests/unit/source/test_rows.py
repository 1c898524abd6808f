"""Rows of Oracle as values by column name."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest

from include.bigmeter.errors import DataContractError
from include.bigmeter.source.rows import RowParser

COLUMNS = ("cust_code", "use_type", "cust_name", "meter_no", "average", "present_water_usg", "debt_ym")
POISON = "นายพิษ"


def parse(**values: Any) -> dict[str, Any]:
    row = {"cust_code": "10630000001"} | values
    places = {name: place for place, name in enumerate(row)}
    return RowParser(places, COLUMNS, "1063 2025-09", "256809").parse(list(row.values()))


def refused(**values: Any) -> str:
    with pytest.raises(DataContractError, match=r"^1063 2025-09: ") as caught:
        parse(**values)
    assert POISON not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_a_column_that_the_template_lacks_is_null_but_the_month_is_the_one_asked_for() -> None:
    assert parse() == dict.fromkeys(COLUMNS) | {"cust_code": "10630000001", "debt_ym": "256809"}


def test_trailing_blanks_are_cut_from_codes_and_months_only() -> None:
    values = parse(cust_code="10630000001   ", use_type="28 ", debt_ym="256809  ", cust_name=" a ", meter_no="X1 ")
    assert values["cust_code"] == "10630000001"
    assert values["use_type"] == "28"
    assert values["debt_ym"] == "256809"
    assert values["cust_name"] == " a "
    assert values["meter_no"] == "X1 "


def test_leading_zeros_stay() -> None:
    assert parse(meter_no="000008")["meter_no"] == "000008"


@pytest.mark.parametrize(
    "number",
    [
        "0",
        "-5",
        "12345678901234567890123456789012345678",
        "-0.12345678901234567890123456789012345678",
        "1E+125",
        "1E-100",
    ],
)
def test_numbers_stay_exact_to_their_last_digit(number: str) -> None:
    value = parse(present_water_usg=Decimal(number))["present_water_usg"]
    assert isinstance(value, Decimal)
    assert value.as_tuple() == Decimal(number).as_tuple()
    assert parse(present_water_usg=number)["present_water_usg"].as_tuple() == Decimal(number).as_tuple()


def test_a_binary_double_becomes_the_decimal_that_it_is_written_as() -> None:
    assert parse(average=0.1)["average"] == Decimal("0.1")


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        Decimal("NaN"),
        Decimal("Infinity"),
        POISON,
        "1,000",
        "1 000",
        "0x1",
        "",
        "NaN",
        "๑",
    ],
)
def test_what_is_no_finite_number_is_refused_without_quoting_it(value: object) -> None:
    assert "a value of average from Oracle is no finite number" in refused(average=value)


@pytest.mark.parametrize("code", [None, "", "   "])
def test_a_row_without_a_customer_code_is_refused(code: str | None) -> None:
    assert "a row from Oracle has no cust_code" in refused(cust_code=code)


@pytest.mark.parametrize("month", ["256808", "202509", None, "", POISON])
def test_a_row_of_another_month_is_refused_without_quoting_it(month: str | None) -> None:
    assert "is of another month than 256809" in refused(debt_ym=month)
