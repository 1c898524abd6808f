"""What the exporter tells Prometheus of a cohort that is due, from a ledger in a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg

from docker.ledger_exporter import Ledger

AFTER_THE_YEARLY_RUN_OF_2025 = datetime(2025, 10, 17, 3, tzinfo=UTC)
OVERDUE = "bigmeter_overdue_cohort_branches"


def capture(dsn: str, fiscal_year: int, branch_codes: Sequence[str]) -> None:
    """Store a cohort of one customer for each of the branches."""
    with psycopg.connect(dsn) as store, store.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO bm_custcode_init (fiscal_year, branch_code, cust_code, debt_ym) VALUES (%s, %s, %s, %s)",
            [(fiscal_year, code, f"{code}0000001", f"{fiscal_year + 542}10") for code in branch_codes],
        )


def overdue_cohorts(dsn: str) -> dict[tuple[str, str], float]:
    """Return what Prometheus would see, by fiscal year and the October to ask for."""
    environment = {"REPORTS_DSN": dsn, "BRANCHES": "1060 1061 1063"}
    figures = {family.name: family for family in Ledger(environment, lambda: AFTER_THE_YEARLY_RUN_OF_2025).collect()}
    samples = figures[OVERDUE].samples
    return {(sample.labels["fiscal_year"], sample.labels["debt_ym"]): sample.value for sample in samples}


def test_branches_without_the_cohort_that_is_due_are_counted_with_the_october_to_ask_for(database: str) -> None:
    capture(database, 2025, ["1060", "1061", "1063"])
    capture(database, 2026, ["1061"])
    assert overdue_cohorts(database) == {("2026", "202510"): 2}


def test_a_cohort_that_every_branch_has_is_no_figure(database: str) -> None:
    capture(database, 2026, ["1060", "1061", "1063"])
    assert overdue_cohorts(database) == {}
