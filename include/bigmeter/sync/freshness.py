"""What has not happened: months and cohorts that are due and not in, by the ledger.

With catchup off, a pause over two ticks loses a month without a word; so every month since the first loaded one is
looked at, not only the last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from include.bigmeter import schedule
from include.bigmeter.periods import Ym, dashed, fiscal_year_of, iter_months
from include.bigmeter.settings import FreshnessSettings, ScheduleSettings
from include.bigmeter.store.cohorts import read_first_cohorts
from include.bigmeter.store.ledger import read_loaded_months
from include.bigmeter.sync.attempt import store_of
from include.bigmeter.sync.connections import StoreConnections


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """A month (``2025-09``) that is due and not in for some of the branches."""

    ym: Ym
    branch_codes: tuple[str, ...]
    branches: int

    def sentence(self) -> str:
        """Say it in one line, with the next step."""
        late = len(self.branch_codes)
        who = "any branch" if late == self.branches else f"{late} of {self.branches} branches"
        codes = "" if late == self.branches else f" ({', '.join(self.branch_codes)})"
        return f"{dashed(self.ym)}: not loaded for {who}{codes}; run bigmeter_monthly_sync with ym {self.ym}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """The answer of a look: the last month that had to be in by then, and what is not."""

    due: Ym
    overdue: tuple[Overdue, ...]

    @property
    def is_fresh(self) -> bool:
        """True if every month that is due is in for every branch."""
        return not self.overdue

    def sentences(self) -> list[str]:
        """Say it, a line for each month."""
        if self.is_fresh:
            return [f"every month up to {dashed(self.due)} is loaded for every branch"]
        return [month.sentence() for month in self.overdue]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "is_fresh": self.is_fresh,
            "due": self.due,
            "overdue": {month.ym: list(month.branch_codes) for month in self.overdue},
        }


def read_freshness(
    connections: StoreConnections,
    schedule_settings: ScheduleSettings,
    settings: FreshnessSettings,
    *,
    branch_codes: Sequence[str],
    now: datetime,
) -> Freshness:
    """Compare the ledger with the schedule.

    :param branch_codes: the whole list.
    :param now: aware.
    :raises BigmeterError: if PostgreSQL cannot answer.
    """
    with store_of(connections) as store:
        loaded = {(month.year_month, month.branch_code) for month in read_loaded_months(store)}
        first_cohorts = read_first_cohorts(store)
    timezone = schedule.zone(schedule_settings.timezone)
    tick = schedule.latest_tick(schedule_settings.cron_monthly, timezone, now - timedelta(hours=settings.grace_h))
    due = schedule.month_of_tick(tick)
    return Freshness(due=due, overdue=tuple(find_overdue(due, branch_codes, loaded, first_cohorts)))


def find_overdue(
    due: Ym, branch_codes: Sequence[str], loaded: Set[tuple[Ym, str]], first_cohorts: Mapping[str, int]
) -> list[Overdue]:
    """Return the months that are not in for every branch, oldest first.

    A branch is expected from the fiscal year of its first cohort on, so that one that joins is not asked for years
    in which nobody followed it; one without any cohort is expected in the due month, so that it is noticed at all.

    :param due: the last month that has to be in; it is looked at even if nothing was ever loaded.
    :param loaded: (month, branch code), for the cohort of the month's own fiscal year.
    :param first_cohorts: fiscal year of the first cohort by branch code.
    """
    first = min((ym for ym, _ in loaded), default=due)
    overdue = []
    for ym in iter_months(min(first, due), due):
        expected = [
            code
            for code in branch_codes
            if ym == due or (code in first_cohorts and first_cohorts[code] <= fiscal_year_of(ym))
        ]
        late = tuple(code for code in expected if (ym, code) not in loaded)
        if late:
            overdue.append(Overdue(ym=ym, branch_codes=late, branches=len(expected)))
    return overdue
