"""What has not happened: months and cohorts that are due and not in, by the ledger.

With catchup off, a pause over two ticks loses a month without a word; so every month since the first loaded one is
looked at, not only the last. A month that was loaded before it had ended is not in. Of the cohorts only the latest is
looked at: an older one that is missing shows in its months.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from include.bigmeter import schedule
from include.bigmeter.errors import BigmeterError, Category
from include.bigmeter.periods import Ym, dashed, fiscal_year_of, iter_months, october_of
from include.bigmeter.settings import FreshnessSettings, ScheduleSettings
from include.bigmeter.store.cohorts import count_cohorts, read_first_cohorts
from include.bigmeter.store.ledger import read_loaded_months
from include.bigmeter.store.transactions import short_transaction
from include.bigmeter.sync.attempt import store_of
from include.bigmeter.sync.completeness import is_in
from include.bigmeter.sync.connections import StoreConnections


class OverdueError(BigmeterError):
    """Something that is due has not happened."""

    category: ClassVar[Category] = "incomplete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """A month (``2025-09``) that is due and not in for some of the branches.

    ``branches`` is how many are expected to have it, ``is_whole_list`` whether these are all that there are.
    """

    ym: Ym
    branch_codes: tuple[str, ...]
    branches: int
    is_whole_list: bool = True

    def sentence(self) -> str:
        """Say it in one line, with the next step."""
        is_any = self.is_whole_list and len(self.branch_codes) == self.branches
        whom = "any branch" if is_any else _some(self.branch_codes, self.branches)
        these = "" if is_any else " and these branches"
        return f"{dashed(self.ym)}: not loaded for {whom}; run bigmeter_monthly_sync with ym {self.ym}{these}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueCohort:
    """The cohort of the latest fiscal year, which is due and not captured for some of the branches."""

    fiscal_year: int
    branch_codes: tuple[str, ...]
    branches: int

    def sentence(self) -> str:
        """Say it in one line, with the next step."""
        is_any = len(self.branch_codes) == self.branches
        whom = "any branch" if is_any else _some(self.branch_codes, self.branches)
        october = october_of(self.fiscal_year)
        return f"cohort {self.fiscal_year}: not captured for {whom}; run bigmeter_yearly_init with debt_ym {october}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """The answer of a look: the last month that had to be in by then, and what is not in."""

    due: Ym
    overdue: tuple[Overdue, ...]
    overdue_cohort: OverdueCohort | None = None

    @property
    def is_fresh(self) -> bool:
        """True if every month and the cohort that are due are in for every branch."""
        return not self.overdue and self.overdue_cohort is None

    def sentences(self) -> list[str]:
        """Say it, a line for each thing that is overdue, in the order in which to put it right."""
        if self.is_fresh:
            return [f"every month up to {dashed(self.due)} is loaded for every branch"]
        cohort = [self.overdue_cohort.sentence()] if self.overdue_cohort else []
        return cohort + [month.sentence() for month in self.overdue]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        cohort = self.overdue_cohort
        return {
            "is_fresh": self.is_fresh,
            "due": self.due,
            "overdue": {month.ym: list(month.branch_codes) for month in self.overdue},
            "overdue_cohorts": {str(cohort.fiscal_year): list(cohort.branch_codes)} if cohort else {},
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
    :raises BigmeterError: if PostgreSQL cannot answer, or takes more than ten seconds for an answer.
    """
    timezone = schedule.zone(schedule_settings.timezone)
    deadline = now - timedelta(hours=settings.grace_h)
    due = schedule.month_of_tick(schedule.latest_tick(schedule_settings.cron_monthly, timezone, deadline))
    october = schedule.october_of_tick(schedule.latest_tick(schedule_settings.cron_yearly, timezone, deadline))
    fiscal_year = fiscal_year_of(october)
    with store_of(connections) as store, short_transaction(store):
        loaded = {
            (month.year_month, month.branch_code) for month in read_loaded_months(store) if is_in(month, timezone)
        }
        first_cohorts = read_first_cohorts(store)
        captured = count_cohorts(store, fiscal_year=fiscal_year).keys()
    return Freshness(
        due=due,
        overdue=tuple(find_overdue(due, branch_codes, loaded, first_cohorts)),
        overdue_cohort=find_overdue_cohort(fiscal_year, branch_codes, captured),
    )


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
            is_whole_list = len(expected) == len(branch_codes)
            overdue.append(Overdue(ym=ym, branch_codes=late, branches=len(expected), is_whole_list=is_whole_list))
    return overdue


def find_overdue_cohort(fiscal_year: int, branch_codes: Sequence[str], captured: Set[str]) -> OverdueCohort | None:
    """Return the cohort of a fiscal year that is due, if a branch lacks it.

    :param captured: the codes of the branches that have it.
    """
    late = tuple(code for code in branch_codes if code not in captured)
    return OverdueCohort(fiscal_year=fiscal_year, branch_codes=late, branches=len(branch_codes)) if late else None


def _some(late: Sequence[str], branches: int) -> str:
    return f"{len(late)} of {branches} {'branch' if branches == 1 else 'branches'} ({', '.join(late)})"
