"""What became of a branch: the counts that travel to the ledger, the log, XCom and the reports."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from include.bigmeter.periods import Ym


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthOutcome:
    """A branch-month that is in: counts of customers and rows, cubic metres, seconds.

    *reported*, *zero* and *missing* add up to the cohort; *inserted*, *updated* and *unchanged* to the live rows.
    """

    branch_code: str
    ym: Ym
    fiscal_year: int
    cohort_size: int
    reported: int
    zero: int
    missing: int
    inserted: int
    updated: int
    unchanged: int
    removed: int
    duplicates: int
    usage_m3: Decimal
    seconds: float
    oracle_seconds: float
    round_trips: int
    warnings: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values; cubic metres stay exact as text."""
        return {**asdict(self), "usage_m3": str(self.usage_m3), "warnings": list(self.warnings)}


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortOutcome:
    """A branch's cohort that is in: its size, what was written, and who would enter and leave were it chosen now.

    ``is_new`` says that this run captured it, for the first time or by ``recapture``.
    """

    branch_code: str
    ym: Ym
    fiscal_year: int
    is_new: bool
    cohort_size: int
    inserted: int
    updated: int
    unchanged: int
    removed: int
    entering: int
    leaving: int
    duplicates: int
    seconds: float
    oracle_seconds: float
    round_trips: int
    warnings: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {**asdict(self), "warnings": list(self.warnings)}
