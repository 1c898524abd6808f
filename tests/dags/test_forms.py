"""The forms: what they offer, and what they refuse before a run begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def month_form() -> dict[str, Any]:
    from include.bigmeter.tasks.forms import month_form

    return month_form({})


@pytest.fixture
def cohort_form() -> dict[str, Any]:
    from include.bigmeter.tasks.forms import cohort_form

    return cohort_form({})


def _accepts(param: Any, value: object) -> bool:
    from airflow.sdk.exceptions import ParamValidationError

    try:
        param.resolve(value)
    except ParamValidationError:
        return False
    return True


def test_the_forms_have_the_names_that_users_rely_on(month_form: dict[str, Any], cohort_form: dict[str, Any]) -> None:
    assert list(month_form) == ["ym", "branches", "batch_size", "cohort_fiscal_year", "accept_incomplete"]
    assert list(cohort_form) == ["debt_ym", "branches", "recapture", "accept_incomplete", "history_months"]


def test_a_scheduled_run_takes_the_defaults(month_form: dict[str, Any], cohort_form: dict[str, Any]) -> None:
    assert [param.resolve() for param in month_form.values()] == [None, None, None, None, False]
    assert [param.resolve() for param in cohort_form.values()] == [None, None, False, False, 3]


def test_every_field_has_a_title_and_explains_itself(month_form: dict[str, Any], cohort_form: dict[str, Any]) -> None:
    for param in [*month_form.values(), *cohort_form.values()]:
        assert param.schema["title"]
        assert len(param.schema["description_md"]) > 15


def test_no_optional_text_has_the_empty_text_as_its_default(
    month_form: dict[str, Any], cohort_form: dict[str, Any]
) -> None:
    for param in [*month_form.values(), *cohort_form.values()]:
        if "null" in param.schema["type"]:
            assert param.value is None


@pytest.mark.parametrize("month", ["202509", "256809", " 202509 ", "2025-09", "2568-09"])
def test_a_month_that_the_form_takes_is_a_month_to_the_run(month: str, month_form: dict[str, Any]) -> None:
    from include.bigmeter.periods import parse_ym

    assert _accepts(month_form["ym"], month)
    assert parse_ym(month) == "202509"


@pytest.mark.parametrize("month", ["202509", "256809", " 202509 ", "2025-13", None])
def test_a_month_of_either_era_passes_and_a_thirteenth_is_left_to_our_own_message(
    month: str | None, month_form: dict[str, Any], cohort_form: dict[str, Any]
) -> None:
    assert _accepts(month_form["ym"], month)
    assert _accepts(cohort_form["debt_ym"], month)


@pytest.mark.parametrize("month", ["", "2025", "September", "20250916", 202509])
def test_what_is_no_month_at_all_is_refused_by_the_form(month: object, month_form: dict[str, Any]) -> None:
    assert not _accepts(month_form["ym"], month)


@pytest.mark.parametrize(("size", "is_accepted"), [(None, True), (1, True), (1000, True), (0, False), (1001, False)])
def test_a_batch_holds_1_to_1000_customers(size: int | None, is_accepted: bool, month_form: dict[str, Any]) -> None:
    assert _accepts(month_form["batch_size"], size) == is_accepted


@pytest.mark.parametrize(
    ("year", "is_accepted"), [(None, True), (2026, True), (2569, True), (26, False), (3000, False)]
)
def test_a_fiscal_year_is_taken_in_either_era(year: int | None, is_accepted: bool, month_form: dict[str, Any]) -> None:
    assert _accepts(month_form["cohort_fiscal_year"], year) == is_accepted


@pytest.mark.parametrize(("months", "is_accepted"), [(0, True), (13, True), (-1, False), (None, False)])
def test_history_is_a_number_of_months(months: int | None, is_accepted: bool, cohort_form: dict[str, Any]) -> None:
    assert _accepts(cohort_form["history_months"], months) == is_accepted


def test_branches_are_picked_by_name(month_form: dict[str, Any]) -> None:
    schema = month_form["branches"].schema
    assert len(schema["examples"]) == 22
    assert schema["values_display"]["1063"] == "1063 น้ำพอง"
    assert _accepts(month_form["branches"], ["1063", "1064"])
    assert _accepts(month_form["branches"], [])
    assert not _accepts(month_form["branches"], "1063")


def test_a_bad_list_of_branches_leaves_a_free_field(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from include.bigmeter.tasks.forms import branch_picker

    param = branch_picker({"BRANCHES": "1063,10"})
    assert "examples" not in param.schema
    assert _accepts(param, ["9999"])
