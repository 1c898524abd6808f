"""What a run was asked to load: its form and its clock become a month, or a cohort, once for the whole run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from include.bigmeter import schedule
from include.bigmeter.errors import ConfigError
from include.bigmeter.periods import (
    BUDDHIST_OFFSET_YEARS,
    FIRST_BUDDHIST_YEAR,
    Ym,
    add_months,
    dashed,
    fiscal_year_of,
    is_october,
    parse_ym,
    ym_of_date,
)
from include.bigmeter.settings import ScheduleSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class RunClock:
    """The times of a run, aware: when it was due (``run_after``), the date that lists show, its interval's end."""

    run_type: str
    run_after: datetime
    logical_date: datetime | None = None
    interval_end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthRequest:
    """The month that a monthly run loads, with whose cohort; a warning for the log where there is one."""

    ym: Ym
    cohort_fiscal_year: int
    warning: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortRequest:
    """The debt month, as a Gregorian month, whose usage chooses the cohort of ``fiscal_year``."""

    ym: Ym
    fiscal_year: int
    warning: str | None = None


def resolve_month(
    schedule_settings: ScheduleSettings,
    clock: RunClock,
    *,
    ym: str | None = None,
    cohort_fiscal_year: int | None = None,
) -> MonthRequest:
    """Resolve the month of a monthly run.

    :param ym: the form's month, in either era; None takes the run's own: the month before the one in which its data
        interval ends, for a run without one the month of the latest tick that is due.
    :param cohort_fiscal_year: the fiscal year whose cohort is followed, in either era; None takes the month's own.
    :raises ConfigError: for a month that is none or in the future, for ``ym`` in a backfill, and for a run that was
        dated by hand on a tick, which would load the month before the one that lists show for that date. Refused, it
        still holds that date's slot: a backfill makes no run for it, and the scheduler passes over it, until it is
        deleted; one that reprocesses makes this run its own, with the dates that it has.
    """
    timezone = schedule.zone(schedule_settings.timezone)
    if ym is not None:
        _refuse_in_backfill(clock, "ym")
        month = parse_ym(ym, "ym")
    else:
        misdated = _tick_given_by_hand(schedule_settings.cron_monthly, timezone, clock)
        if misdated is not None:
            raise ConfigError(
                f"logical date {misdated.astimezone(timezone):%Y-%m-%d %H:%M} is the date of a scheduled run;"
                " delete this run, then give the month in ym, or use Backfill for that date"
            )
        tick = clock.interval_end or schedule.latest_tick(schedule_settings.cron_monthly, timezone, clock.run_after)
        month = schedule.month_of_tick(tick.astimezone(timezone))
    return MonthRequest(
        ym=month,
        cohort_fiscal_year=fiscal_year_of(month) if cohort_fiscal_year is None else _cohort_year(cohort_fiscal_year),
        warning=_refuse_future(month, clock.run_after.astimezone(timezone), "ym"),
    )


def resolve_cohort(
    schedule_settings: ScheduleSettings, clock: RunClock, *, debt_ym: str | None = None
) -> CohortRequest:
    """Resolve the debt month and fiscal year of a yearly run.

    :param debt_ym: the form's month, in either era; None takes the October of the latest yearly tick that is due.
    :raises ConfigError: for a month that is none or in the future, and for ``debt_ym`` in a backfill.
    """
    timezone = schedule.zone(schedule_settings.timezone)
    if debt_ym is not None:
        _refuse_in_backfill(clock, "debt_ym")
        month = parse_ym(debt_ym, "debt_ym")
    else:
        moment = clock.interval_end or clock.run_after
        tick = schedule.latest_tick(schedule_settings.cron_yearly, timezone, moment)
        month = schedule.october_of_tick(tick)
    warning = _refuse_future(month, clock.run_after.astimezone(timezone), "debt_ym")
    return CohortRequest(ym=month, fiscal_year=fiscal_year_of(month), warning=warning)


def history_months(request: CohortRequest, months: int) -> tuple[Ym, ...]:
    """Return the months to load for a new cohort: so many, the last of them the debt month itself, oldest first."""
    return tuple(add_months(request.ym, offset) for offset in range(1 - months, 1))


def refuse_frozen(request: CohortRequest, *, has_cohort: bool, is_recapture: bool) -> None:
    """Refuse a debt month that is no October for a cohort that exists: it was chosen by an October's usage.

    :raises ConfigError: in that case, unless ``is_recapture``.
    """
    if has_cohort and not is_recapture and not is_october(request.ym):
        raise ConfigError(
            f"debt_ym: the cohort of {request.fiscal_year} exists and {dashed(request.ym)} is no October;"
            " give the October, or tick recapture to replace the cohort"
        )


def _tick_given_by_hand(cron: str, timezone: ZoneInfo, clock: RunClock) -> datetime | None:
    """Return the date of a run that bears a tick and yet does not cover the interval that begins there.

    By its dates and not by its type, which Airflow changes when a backfill reprocesses the run.
    """
    dated = clock.logical_date
    if dated is None or not schedule.is_tick(cron, timezone, dated):
        return None
    return dated if clock.interval_end is None or clock.interval_end <= dated else None


def _cohort_year(given: int) -> int:
    year = given - BUDDHIST_OFFSET_YEARS if given >= FIRST_BUDDHIST_YEAR else given
    if not 2000 <= year <= 2200:
        raise ConfigError(f"cohort_fiscal_year: {given} is no fiscal year of a cohort; write one such as 2026 or 2569")
    return year


def _refuse_in_backfill(clock: RunClock, parameter: str) -> None:
    if clock.run_type == "backfill":
        raise ConfigError(
            f"{parameter}: cannot be given with a backfill, whose runs share one form; leave it empty,"
            " each run then loads its own month"
        )


def _refuse_future(month: Ym, now: datetime, parameter: str) -> str | None:
    current = ym_of_date(now)
    if month > current:
        raise ConfigError(
            f"{parameter}: {dashed(month)} is in the future of this run ({dashed(current)}); give an earlier month"
        )
    return f"{dashed(month)} is the current month: its billing may still be open" if month == current else None
