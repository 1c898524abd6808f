"""Months in both eras and the fiscal years they belong to."""

import pytest

from include.bigmeter.errors import ConfigError
from include.bigmeter.periods import (
    Ym,
    add_months,
    fiscal_year_of,
    is_october,
    iter_months,
    october_of,
    parse_ym,
    to_debt_ym,
)


@pytest.mark.parametrize(
    ("text", "ym"),
    [("202509", "202509"), ("256809", "202509"), (" 202410\n", "202410"), ("2025-09", "202509"), ("2568-12", "202512")],
)
def test_a_month_is_read_in_either_era_and_with_the_dash_of_our_messages(text: str, ym: str) -> None:
    assert parse_ym(text) == ym


@pytest.mark.parametrize(
    "text",
    [
        *("2025-13", "202513", "202500", "20250", "2025099", "", "   ", "๒๐๒๕๐๙", "000001", "239912", "-20259"),
        *("2025--09", "20-2509", "2025-9", "2025/09"),
    ],
)
def test_what_is_no_month_is_refused_with_the_name_of_the_setting(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^debt_ym: .*YYYYMM"):
        parse_ym(text, "debt_ym")


@pytest.mark.parametrize(
    ("ym", "fiscal_year"), [("202409", 2024), ("202410", 2025), ("202412", 2025), ("202501", 2025), ("202509", 2025)]
)
def test_a_fiscal_year_runs_from_october_to_september(ym: str, fiscal_year: int) -> None:
    assert fiscal_year_of(Ym(ym)) == fiscal_year


def test_the_october_of_a_fiscal_year_opens_it() -> None:
    assert october_of(2025) == "202410"
    assert is_october(october_of(2025))
    assert not is_october(Ym("202411"))
    assert fiscal_year_of(october_of(2025)) == 2025
    assert fiscal_year_of(add_months(october_of(2025), -1)) == 2024


def test_months_are_added_across_the_turn_of_the_year() -> None:
    assert add_months(Ym("202412"), 1) == "202501"
    assert add_months(Ym("202501"), -1) == "202412"
    assert add_months(Ym("202501"), -13) == "202312"
    assert add_months(Ym("202501"), 0) == "202501"
    assert list(iter_months(Ym("202411"), Ym("202502"))) == ["202411", "202412", "202501", "202502"]
    assert list(iter_months(Ym("202502"), Ym("202411"))) == []


def test_oracle_has_the_month_in_the_buddhist_era_unless_told_otherwise() -> None:
    assert to_debt_ym(Ym("202410")) == "256710"
    assert to_debt_ym(Ym("202410"), "gregorian") == "202410"
