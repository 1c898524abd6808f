"""The demo's plan: which months are due, which cohorts they need, how far the billing data must reach."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dev.demo.plan import DemoPlan
from dev.stack.rest import Run
from include.bigmeter.settings import ScheduleSettings

SCHEDULE = ScheduleSettings.from_environment({})


def plan_at(text: str) -> DemoPlan:
    return DemoPlan.at(datetime.fromisoformat(text), SCHEDULE)


def a_run(interval_end: str, run_type: str = "backfill") -> Run:
    return Run(
        run_id="any",
        state="success",
        run_type=run_type,
        logical_date=None,
        data_interval_end=datetime.fromisoformat(interval_end),
    )


def test_the_last_six_due_months_are_loaded() -> None:
    assert plan_at("2026-11-23T12:00+07:00").months == ("202605", "202606", "202607", "202608", "202609", "202610")


@pytest.mark.parametrize(("moment", "newest"), [("2026-11-16T00:59:59Z", "202609"), ("2026-11-16T01:00:00Z", "202610")])
def test_a_month_is_due_from_its_tick_in_bangkok_on(moment: str, newest: str) -> None:
    assert plan_at(moment).months[-1] == newest


@pytest.mark.parametrize(
    ("moment", "fiscal_years", "last_month"),
    [
        ("2026-11-23T12:00+07:00", (2026, 2027), "202610"),
        ("2026-10-20T12:00+07:00", (2026, 2027), "202610"),  # the months end in September, the new cohort is due
        ("2026-10-16T01:29+07:00", (2026,), "202608"),
        ("2026-09-20T12:00+07:00", (2026,), "202608"),
        ("2027-03-20T12:00+07:00", (2026, 2027), "202702"),
        ("2027-04-20T12:00+07:00", (2027,), "202703"),
    ],
)
def test_the_cohorts_are_those_of_the_months_and_the_one_that_is_due(
    moment: str, fiscal_years: tuple[int, ...], last_month: str
) -> None:
    plan = plan_at(moment)
    assert plan.fiscal_years == fiscal_years
    assert plan.last_month == last_month


def test_the_backfills_reach_from_a_first_day_to_a_last_second() -> None:
    plan = plan_at("2026-11-23T12:00+07:00")
    assert plan.monthly().first == datetime.fromisoformat("2026-05-01T00:00+07:00")
    assert plan.monthly().last == datetime.fromisoformat("2026-10-31T23:59:59+07:00")
    assert plan.yearly().first == datetime.fromisoformat("2025-10-01T00:00+07:00")
    assert plan.yearly().last == datetime(2026, 11, 23, 5, tzinfo=UTC)


def test_a_run_is_known_by_what_it_loads() -> None:
    plan = plan_at("2026-11-23T12:00+07:00")
    assert plan.loaded_by(plan.monthly(), a_run("2026-11-16T01:00Z")) == "2026-10"
    assert plan.loaded_by(plan.monthly(), a_run("2026-11-16T01:00Z", "scheduled")) == "2026-10"
    assert plan.loaded_by(plan.yearly(), a_run("2026-10-15T18:30Z")) == "cohort 2027"


def test_a_run_by_hand_or_of_another_month_is_none_of_the_plan() -> None:
    plan = plan_at("2026-11-23T12:00+07:00")
    assert plan.loaded_by(plan.monthly(), a_run("2026-11-16T01:00Z", "manual")) is None
    assert plan.loaded_by(plan.monthly(), a_run("2026-05-16T01:00Z")) is None
