"""Which month and which cohort a run loads."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from include.bigmeter.errors import ConfigError
from include.bigmeter.periods import Ym
from include.bigmeter.runs import (
    CohortRequest,
    RunClock,
    history_months,
    refuse_frozen,
    resolve_cohort,
    resolve_month,
)
from include.bigmeter.settings import ScheduleSettings

SETTINGS = ScheduleSettings.from_environment({})


def bangkok(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=ZoneInfo("Asia/Bangkok"))


def a_scheduled_run(year: int, month: int, run_type: str = "scheduled") -> RunClock:
    """Build the clock of the monthly run that is due on the 16th of a month."""
    end = bangkok(year, month, 16, 8)
    start = bangkok(year - (month == 1), 12 if month == 1 else month - 1, 16, 8)
    return RunClock(run_type=run_type, run_after=end, logical_date=start, interval_end=end)


def a_yearly_run(year: int, run_type: str = "scheduled") -> RunClock:
    """Build the clock of the yearly run of 16 October."""
    tick = bangkok(year, 10, 16, 1, 30)
    return RunClock(run_type=run_type, run_after=tick, logical_date=tick, interval_end=tick)


@pytest.mark.parametrize(
    ("year", "month", "ym", "fiscal_year"),
    [(2025, 10, "202509", 2025), (2025, 11, "202510", 2026), (2026, 1, "202512", 2026), (2025, 9, "202508", 2025)],
)
def test_a_scheduled_run_loads_the_month_before_for_that_months_cohort(
    year: int, month: int, ym: str, fiscal_year: int
) -> None:
    request = resolve_month(SETTINGS, a_scheduled_run(year, month))
    assert (request.ym, request.cohort_fiscal_year, request.warning) == (ym, fiscal_year, None)


def test_a_backfill_of_january_to_september_is_january_to_september() -> None:
    clocks = [a_scheduled_run(2025, month, "backfill") for month in range(2, 11)]
    assert [resolve_month(SETTINGS, clock).ym for clock in clocks] == [f"2025{month:02d}" for month in range(1, 10)]


def test_a_months_interval_is_read_in_bangkok_and_not_in_utc() -> None:
    settings = ScheduleSettings.from_environment({"CRON_MONTHLY": "0 0 5 1 * *"})
    end = bangkok(2025, 10, 1, 5).astimezone(ZoneInfo("UTC"))  # still September there
    clock = RunClock(run_type="scheduled", run_after=end, interval_end=end)
    assert resolve_month(settings, clock).ym == "202509"


def test_a_manual_run_without_a_date_takes_the_latest_month_that_is_due() -> None:
    before = RunClock(run_type="manual", run_after=bangkok(2025, 10, 16, 7, 59))
    after = RunClock(run_type="manual", run_after=bangkok(2025, 10, 16, 8))
    assert resolve_month(SETTINGS, before).ym == "202508"
    assert resolve_month(SETTINGS, after).ym == "202509"


def test_a_forms_month_wins_in_either_era() -> None:
    clock = RunClock(run_type="manual", run_after=bangkok(2025, 11, 20), logical_date=bangkok(2025, 11, 20))
    assert resolve_month(SETTINGS, clock, ym="256803").ym == "202503"
    assert resolve_month(SETTINGS, clock, ym="202410").cohort_fiscal_year == 2025
    assert resolve_month(SETTINGS, clock, ym="202410", cohort_fiscal_year=2026).cohort_fiscal_year == 2026


def test_a_cohorts_year_is_read_in_either_era_and_checked() -> None:
    clock = RunClock(run_type="manual", run_after=bangkok(2025, 11, 20))
    assert resolve_month(SETTINGS, clock, cohort_fiscal_year=2569).cohort_fiscal_year == 2026
    for year in (1, 1999, 2300):
        with pytest.raises(ConfigError, match=f"^cohort_fiscal_year: {year} is no fiscal year"):
            resolve_month(SETTINGS, clock, cohort_fiscal_year=year)


def test_a_month_with_a_backfill_is_refused() -> None:
    with pytest.raises(ConfigError, match="^ym: cannot be given with a backfill"):
        resolve_month(SETTINGS, a_scheduled_run(2025, 3, "backfill"), ym="202501")
    with pytest.raises(ConfigError, match="^debt_ym: cannot be given with a backfill"):
        resolve_cohort(SETTINGS, a_yearly_run(2025, "backfill"), debt_ym="256810")


@pytest.mark.parametrize("run_type", ["manual", "operator_triggered", "backfill"])
def test_a_run_dated_by_hand_on_a_tick_is_refused_also_when_a_backfill_has_made_it_its_own(run_type: str) -> None:
    tick = bangkok(2025, 10, 16, 8)
    clock = RunClock(run_type=run_type, run_after=bangkok(2025, 11, 1), logical_date=tick, interval_end=tick)
    with pytest.raises(ConfigError, match="2025-10-16 08:00 .* delete this run, then .* ym, or use Backfill"):
        resolve_month(SETTINGS, clock)
    if run_type != "backfill":
        assert resolve_month(SETTINGS, clock, ym="202509").ym == "202509"


def test_a_month_in_the_future_is_refused_and_the_current_one_warned_about() -> None:
    clock = RunClock(run_type="manual", run_after=bangkok(2025, 10, 20))
    with pytest.raises(ConfigError, match="^ym: 2025-11 is in the future"):
        resolve_month(SETTINGS, clock, ym="202511")
    with pytest.raises(ConfigError, match="^debt_ym: 2026-10 is in the future"):
        resolve_cohort(SETTINGS, clock, debt_ym="256910")
    assert "may still be open" in (resolve_month(SETTINGS, clock, ym="202510").warning or "")


def test_the_current_month_is_bangkoks_also_when_utc_is_a_day_behind() -> None:
    clock = RunClock(run_type="manual", run_after=bangkok(2025, 11, 1, 3).astimezone(ZoneInfo("UTC")))
    assert resolve_month(SETTINGS, clock, ym="202511").ym == "202511"


def test_a_yearly_run_reads_its_own_october() -> None:
    for run_type in ("scheduled", "backfill"):
        request = resolve_cohort(SETTINGS, a_yearly_run(2025, run_type))
        assert (request.ym, request.fiscal_year) == ("202510", 2026)


def test_a_manual_yearly_run_never_asks_for_an_october_that_is_not_billed_yet() -> None:
    early = RunClock(run_type="manual", run_after=bangkok(2025, 10, 16, 1, 29))
    late = RunClock(run_type="manual", run_after=bangkok(2025, 10, 16, 1, 30))
    assert resolve_cohort(SETTINGS, early).ym == "202410"
    assert resolve_cohort(SETTINGS, late).ym == "202510"


def test_a_given_debt_month_has_its_own_fiscal_year() -> None:
    clock = RunClock(run_type="manual", run_after=bangkok(2025, 12, 1))
    assert resolve_cohort(SETTINGS, clock, debt_ym="256809").fiscal_year == 2025
    assert resolve_cohort(SETTINGS, clock, debt_ym="256810").fiscal_year == 2026


def test_history_ends_with_the_debt_month_itself() -> None:
    request = CohortRequest(ym=Ym("202510"), fiscal_year=2026)
    assert history_months(request, 3) == ("202508", "202509", "202510")
    assert history_months(request, 13)[0] == "202410"
    assert history_months(request, 0) == ()


def test_only_an_october_refreshes_a_cohort_that_exists() -> None:
    november = CohortRequest(ym=Ym("202511"), fiscal_year=2026)
    with pytest.raises(ConfigError, match="cohort of 2026 exists and 2025-11 is no October"):
        refuse_frozen(november, has_cohort=True, is_recapture=False)
    refuse_frozen(november, has_cohort=True, is_recapture=True)
    refuse_frozen(november, has_cohort=False, is_recapture=False)
    refuse_frozen(CohortRequest(ym=Ym("202510"), fiscal_year=2026), has_cohort=True, is_recapture=False)
