"""The report of a whole run: a line per branch, the totals, and the sentence that says how it ended."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from include.bigmeter.branches import Branch
from include.bigmeter.records import exact_sum

Kind = Literal["monthly", "yearly"]

MONTHLY_COLUMNS = ("reported", "zero", "missing", "inserted", "updated", "unchanged", "removed", "duplicates")
YEARLY_COLUMNS = ("cohort_size", "inserted", "updated", "unchanged", "removed", "entered", "departed", "duplicates")
_CHANGES = ("inserted", "updated", "removed")
_PLAIN_WIDTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchLine:
    """What a run did for one branch: the counts of its outcome, or the reason why there are none."""

    branch: Branch
    counts: Mapping[str, Any] | None = None
    reason: str | None = None

    @property
    def is_loaded(self) -> bool:
        """True if the branch's data are in."""
        return self.counts is not None

    def named_reason(self) -> str:
        """Return the reason, which most often begins with the branch's code, and with the branch's name if not."""
        if not self.reason:
            return self.branch.label
        is_named = self.reason.startswith((f"{self.branch.code} ", f"{self.branch.code}:"))
        return self.reason if is_named else f"{self.branch.label}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """A run over its branches; ``period`` is how a person writes it (``2025-09``, ``cohort 2026``)."""

    kind: Kind
    period: str
    lines: Sequence[BranchLine]

    @property
    def failed(self) -> list[BranchLine]:
        """The branches whose data are not in."""
        return [line for line in self.lines if not line.is_loaded]

    @property
    def columns(self) -> tuple[str, ...]:
        """The counts that the table shows."""
        return MONTHLY_COLUMNS if self.kind == "monthly" else YEARLY_COLUMNS

    def headings(self) -> dict[str, str]:
        """Return what the table calls each count.

        In a cohort that was kept, not captured, nobody entered or departed: its counts are those who would.
        """
        would: dict[str, str] = {}
        if any(line.counts and line.counts.get("is_new") is False for line in self.lines):
            would = {"entered": "would enter", "departed": "would leave"}
        return {name: would.get(name, name.replace("cohort_size", "cohort")) for name in self.columns}

    def totals(self) -> dict[str, int]:
        """Return the sums of the counts over the branches that are in."""
        return {name: sum(int(line.counts[name]) for line in self.lines if line.counts) for name in self.columns}

    def usage_m3(self) -> Decimal:
        """Return the sum of the billed cubic metres over the branches that are in."""
        return exact_sum(Decimal(line.counts["usage_m3"]) for line in self.lines if line.counts)

    def sentence(self) -> str:
        """Say in one line how the run ended, naming each branch that failed."""
        branches = "1 branch" if len(self.lines) == 1 else f"{len(self.lines)} branches"
        if not self.failed:
            return f"{self.period}: {'' if len(self.lines) == 1 else 'all '}{branches} loaded"
        names = ", ".join(line.branch.code for line in self.failed)
        return f"{self.period}: {len(self.failed)} of {branches} failed: {names}"

    def remarks(self) -> list[str]:
        """Return why each branch that failed did, and what was noticed about the others, a line each."""
        failed = [f"FAILED {line.named_reason()}" for line in self.failed]
        return failed + [warning for line in self.lines if line.counts for warning in line.counts.get("warnings", ())]

    def narrow_table(self) -> Table:
        """Return a table that fits into 80 columns: what differs in how rows were written is added up."""
        headings = self.headings()
        kept = [name for name in self.columns if name not in {*_CHANGES, "duplicates"}]
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
        table.add_column("branch", no_wrap=True)
        for heading in [*(headings[name] for name in kept), "changed"]:
            table.add_column(heading, justify="right", no_wrap=True)
        if self.kind == "monthly":
            table.add_column("m³", justify="right", no_wrap=True)
        for line in self.lines:
            if line.counts is None:
                table.add_row(line.branch.label, "failed")
                continue
            cells = [f"{int(line.counts[name]):,}" for name in kept]
            cells.append(f"{sum(int(line.counts[name]) for name in _CHANGES):,}")
            if self.kind == "monthly":
                cells.append(f"{Decimal(line.counts['usage_m3']):,.0f}")
            table.add_row(line.branch.label, *cells)
        return table

    def table(self) -> Table:
        """Return the table of the branches, with the totals in its foot."""
        totals = self.totals()
        table = Table(title=f"{self.kind} {self.period}", show_footer=True)
        table.add_column("branch", footer="total", no_wrap=True)
        for name, heading in self.headings().items():
            table.add_column(heading, footer=f"{totals[name]:,}", justify="right")
        if self.kind == "monthly":
            table.add_column("m³", footer=f"{self.usage_m3():,.0f}", justify="right")
        table.add_column("seconds", justify="right")
        table.add_column("result")
        for line in self.lines:
            table.add_row(line.branch.label, *self._cells(line))
        return table

    def _cells(self, line: BranchLine) -> list[str | Text]:
        if line.counts is None:
            blanks = [""] * (len(self.columns) + (self.kind == "monthly") + 1)
            return [*blanks, Text(f"FAILED {line.reason or ''}".strip())]
        cells: list[str | Text] = [f"{int(line.counts[name]):,}" for name in self.columns]
        if self.kind == "monthly":
            cells.append(f"{Decimal(line.counts['usage_m3']):,.0f}")
        remark = "; ".join(line.counts.get("warnings", ())) or "ok"
        return [*cells, f"{line.counts['seconds']:.1f}", Text(remark)]

    def to_text(self) -> str:
        """Return the table and the sentence as plain text, for a log."""
        text = io.StringIO()
        plain = Console(file=text, width=_PLAIN_WIDTH, force_terminal=False, color_system=None)
        plain.print(self.table())
        plain.print(self.sentence(), markup=False, highlight=False)
        return text.getvalue()

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values: counts and codes, no customer's data."""
        return {
            "kind": self.kind,
            "period": self.period,
            "branches": len(self.lines),
            "failed": {line.branch.code: line.reason or "" for line in self.failed},
            "totals": self.totals(),
            "headings": self.headings(),
            **({"usage_m3": str(self.usage_m3())} if self.kind == "monthly" else {}),
            "loaded": {line.branch.code: dict(line.counts) for line in self.lines if line.counts is not None},
        }
