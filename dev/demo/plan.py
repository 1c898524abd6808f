"""What the demo loads, from the clock alone: the last months that are due, and the cohorts that they need."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from dev.stack.rest import Run
from include.bigmeter.periods import Ym, add_months, dashed, fiscal_year_of, october_of
from include.bigmeter.schedule import latest_tick, month_of_tick, october_of_tick, zone
from include.bigmeter.settings import ScheduleSettings

MONTHS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """A backfill of one DAG: the dates that it is asked for, and what each of its runs loads, in words."""

    dag_id: str
    first: datetime
    last: datetime
    loads: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPlan:
    """The months to load, oldest first, the cohorts before them, and the last month that the billing data must hold."""

    months: tuple[Ym, ...]
    fiscal_years: tuple[int, ...]
    last_month: Ym
    schedule: ScheduleSettings
    now: datetime

    @classmethod
    def at(cls, now: datetime, schedule: ScheduleSettings, months: int = MONTHS) -> Self:
        """Plan for a moment.

        The cohorts reach to the latest that is due, since the scheduler starts that yearly run by itself.
        """
        timezone = zone(schedule.timezone)
        newest = month_of_tick(latest_tick(schedule.cron_monthly, timezone, now))
        due = tuple(add_months(newest, back) for back in range(1 - months, 1))
        latest_october = october_of_tick(latest_tick(schedule.cron_yearly, timezone, now))
        return cls(
            months=due,
            fiscal_years=tuple(range(fiscal_year_of(due[0]), fiscal_year_of(latest_october) + 1)),
            last_month=max(newest, latest_october),
            schedule=schedule,
            now=now,
        )

    def yearly(self) -> Backfill:
        """Return the backfill of the cohorts."""
        return Backfill(
            dag_id="bigmeter_yearly_init",
            first=self._first_day(october_of(self.fiscal_years[0])),
            last=self.now,
            loads=tuple(f"cohort {fiscal_year}" for fiscal_year in self.fiscal_years),
        )

    def monthly(self) -> Backfill:
        """Return the backfill of the months, from the first day of the first to the last day of the last."""
        return Backfill(
            dag_id="bigmeter_monthly_sync",
            first=self._first_day(self.months[0]),
            last=self._first_day(add_months(self.months[-1], 1)) - timedelta(seconds=1),
            loads=tuple(dashed(month) for month in self.months),
        )

    def loaded_by(self, backfill: Backfill, run: Run) -> str | None:
        """Say which part of a backfill a run loads; None for a run that is none of its runs."""
        if run.run_type not in {"scheduled", "backfill"} or run.data_interval_end is None:
            return None
        tick = run.data_interval_end.astimezone(zone(self.schedule.timezone))
        if backfill.dag_id == "bigmeter_yearly_init":
            part = f"cohort {fiscal_year_of(october_of_tick(tick))}"
        else:
            part = dashed(month_of_tick(tick))
        return part if part in backfill.loads else None

    def _first_day(self, month: Ym) -> datetime:
        return datetime(int(month[:4]), int(month[4:]), 1, tzinfo=zone(self.schedule.timezone))
