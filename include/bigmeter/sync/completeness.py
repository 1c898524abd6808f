"""Whether a month is in for every branch, by the ledger: the question before anybody is told that it is.

A month is in once it was loaded for its own sake after it had ended. Before that its billing is open; and what is
loaded as history for a new cohort is there to compare with: the run of its month still has to load and announce it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from include.bigmeter.periods import Ym, end_of, fiscal_year_of
from include.bigmeter.records import exact_sum
from include.bigmeter.store import ledger
from include.bigmeter.sync.attempt import store_of
from include.bigmeter.sync.connections import StoreConnections


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthCompleteness:
    """A month for the cohorts of its own fiscal year: who is not in yet, and the counts of those who are."""

    ym: Ym
    missing_branches: tuple[str, ...]
    branches: int
    cohort_size: int
    reported: int
    zero: int
    missing: int
    usage_m3: Decimal

    def to_json(self) -> dict[str, Any]:
        """Return the counts as plain values; cubic metres stay exact as text."""
        return {
            "year_month": self.ym,
            "fiscal_year": fiscal_year_of(self.ym),
            "branches": self.branches,
            "cohort_size": self.cohort_size,
            "reported": self.reported,
            "zero": self.zero,
            "missing": self.missing,
            "usage_m3": str(self.usage_m3),
        }


def is_in(month: ledger.LoadedMonth, timezone: ZoneInfo) -> bool:
    """Say whether a month was loaded by a run of its own after it had ended; what was adopted is taken as found."""
    ended = end_of(month.year_month, timezone)
    return month.is_adopted or (month.own_load_at is not None and month.own_load_at >= ended)


def read_completeness(
    connections: StoreConnections, *, ym: Ym, branch_codes: Sequence[str], timezone: ZoneInfo
) -> MonthCompleteness:
    """Look the month up for all branches of a list, whichever run loaded them.

    :raises BigmeterError: if PostgreSQL cannot answer.
    """
    with store_of(connections) as store:
        months = ledger.read_loaded_months(store, ym=ym)
    loaded = {month.branch_code: month for month in months if is_in(month, timezone)}
    in_list = [loaded[code] for code in branch_codes if code in loaded]
    return MonthCompleteness(
        ym=ym,
        missing_branches=tuple(code for code in branch_codes if code not in loaded),
        branches=len(in_list),
        cohort_size=sum(month.cohort_size for month in in_list),
        reported=sum(month.reported for month in in_list),
        zero=sum(month.zero for month in in_list),
        missing=sum(month.missing for month in in_list),
        usage_m3=exact_sum(month.usage_m3 or Decimal(0) for month in in_list),
    )
