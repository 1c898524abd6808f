"""What is in the database after the demo: a line per branch, and what this time has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from rich.table import Table

from dev.demo.plan import DemoPlan
from include.bigmeter.branches import Branch
from include.bigmeter.periods import dashed

_TOTALS = """
SELECT b.code, b.name, count(l.year_month), coalesce(sum(l.reported), 0), coalesce(sum(l.zero), 0),
       coalesce(sum(l.missing), 0), coalesce(sum(l.usage_m3), 0)
FROM bm_branches AS b
LEFT JOIN bm_loaded_months AS l ON l.branch_code = b.code AND l.is_own_year AND l.year_month = ANY (%s)
GROUP BY b.code, b.name
ORDER BY b.code
"""
_CHANGES = """
SELECT count(*), coalesce(sum(inserted), 0), coalesce(sum(updated), 0), coalesce(sum(unchanged), 0),
       coalesce(sum(removed), 0)
FROM bm_sync_runs
WHERE id > %s
"""
_LAST_ENTRY = "SELECT coalesce(max(id), 0) FROM bm_sync_runs"
_COLUMNS = ("months", "reported", "zero", "missing", "m³")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What has been written since a moment, in loads of a branch and in rows."""

    loads: int
    inserted: int
    updated: int
    unchanged: int
    removed: int

    def sentence(self) -> str:
        """Say it in one line."""
        if not self.loads:
            return "Everything was loaded before: nothing was run, no row has changed."
        return (
            f"This time: {self.loads:,} loads of a branch; {self.inserted:,} rows inserted, {self.updated:,} updated,"
            f" {self.removed:,} removed, {self.unchanged:,} unchanged."
        )


def last_entry(database: psycopg.Connection[tuple[Any, ...]]) -> int:
    """Return the number of the latest entry of the ledger, 0 if it is empty."""
    row = database.execute(_LAST_ENTRY).fetchone()
    return int(row[0]) if row else 0


def changes_since(database: psycopg.Connection[tuple[Any, ...]], entry: int) -> Changes:
    """Return what the loads after an entry of the ledger have written."""
    loads, inserted, updated, unchanged, removed = database.execute(_CHANGES, [entry]).fetchall()[0]
    return Changes(
        loads=int(loads),
        inserted=int(inserted),
        updated=int(updated),
        unchanged=int(unchanged),
        removed=int(removed),
    )


def table(database: psycopg.Connection[tuple[Any, ...]], plan: DemoPlan) -> Table:
    """Return the table of the branches: customers times months by what came of them, and cubic metres."""
    rows = database.execute(_TOTALS, [list(plan.months)]).fetchall()
    shown = Table(title=f"{dashed(plan.months[0])} to {dashed(plan.months[-1])}", show_footer=True)
    shown.add_column("branch", footer="total", no_wrap=True)
    for place, name in enumerate(_COLUMNS, start=2):
        shown.add_column(name, footer=f"{sum(row[place] for row in rows):,.0f}", justify="right")
    for code, name, *counts in rows:
        shown.add_row(Branch(code, name or "").label, *(f"{count:,.0f}" for count in counts))
    return shown
