"""What became of a branch: the ledger's counts, with what the log, XCom and the reports say besides."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from include.bigmeter.periods import Ym
from include.bigmeter.records import SourceCost
from include.bigmeter.store.ledger import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class _BranchOutcome:
    branch_code: str
    ym: Ym
    fiscal_year: int
    counts: Outcome
    seconds: float
    cost: SourceCost
    warnings: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values on one level, without what does not apply; cubic metres stay exact as text."""
        counts = {name: value for name, value in asdict(self.counts).items() if value is not None}
        if "usage_m3" in counts:
            counts["usage_m3"] = str(counts["usage_m3"])
        return {
            "branch_code": self.branch_code,
            "ym": self.ym,
            "fiscal_year": self.fiscal_year,
            **counts,
            "seconds": self.seconds,
            "oracle_seconds": self.cost.seconds,
            "round_trips": self.cost.round_trips,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthOutcome(_BranchOutcome):
    """A branch-month that is in.

    *reported*, *zero* and *missing* add up to the cohort; *inserted*, *updated* and *unchanged* to the live rows.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortOutcome(_BranchOutcome):
    """A branch's cohort that is in.

    ``is_new`` says that this run captured it, for the first time or by ``recapture``; else it is frozen, and
    *entered* and *departed* count who would be in and out were it chosen now.
    """

    is_new: bool

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values on one level."""
        # super() without arguments does not work in a slotted dataclass, which is a second class of that name
        return {**_BranchOutcome.to_json(self), "is_new": self.is_new}
