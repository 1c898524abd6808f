"""Every column of every row, against what the generator knows to be true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from include.bigmeter.periods import Ym, fiscal_year_of, iter_months
from include.bigmeter.records import MEMBER_COLUMNS, READING_COLUMNS
from tests.loading import BRANCH_CODES, LAST_MONTH, Billing, Loading

MONTHS = tuple(iter_months(Ym("202510"), Ym(LAST_MONTH)))  # 13, from one October over a September to the next


@pytest.fixture(scope="module")
def loaded_database(module_database: str) -> str:
    """Return the database into which the first test loads 22 branches and 13 months."""
    return module_database


def normalized(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Compare numbers by value: 144 is 144.00."""
    return tuple(
        value.normalize() if isinstance(value, Decimal) and value.as_tuple().exponent else value for value in row
    )


def test_22_branches_and_13_months_are_exactly_what_the_generator_knows(
    billing: Billing, open_loading: Callable[[str], Loading], loaded_database: str
) -> None:
    loading = open_loading(loaded_database)
    fiscal_years = sorted({fiscal_year_of(ym) for ym in MONTHS})
    cohorts = {
        (code, year): loading.capture(code, year, accept_incomplete=True)
        for code in BRANCH_CODES
        for year in fiscal_years
    }
    outcomes = {(code, ym): loading.load(code, ym) for code in BRANCH_CODES for ym in MONTHS}

    stored_cohort = loading.rows(f"SELECT {', '.join(MEMBER_COLUMNS)} FROM bm_custcode_init")
    # A member is described by the bill that it was chosen by, which is also the one that is kept of that October.
    chosen_by = {"fiscal_year", "usage_rank", "present_water_usg"}
    expected_cohort = billing.truth(
        f"""
        SELECT {", ".join(f"{'c' if name in chosen_by else 'm'}.{name}" for name in MEMBER_COLUMNS)}
        FROM truth.expected_cohort AS c
        JOIN truth.expected_meter AS m USING (branch_code, cust_code, debt_ym)
        WHERE c.fiscal_year IN (SELECT unnest(?))
        """,
        fiscal_years,
    )
    assert fiscal_years == [2026, 2027]
    assert len(expected_cohort) > 8_000
    assert Counter(map(normalized, stored_cohort)) == Counter(map(normalized, expected_cohort))
    assert sum(outcome.counts.cohort_size for outcome in cohorts.values()) == len(expected_cohort)

    stored = loading.rows(f"SELECT {', '.join(READING_COLUMNS)} FROM bm_meter_details")
    expected = billing.truth(
        f"""
        SELECT {", ".join(f"m.{name}" for name in READING_COLUMNS)}, m.duplicates
        FROM truth.expected_meter AS m
        JOIN truth.expected_cohort AS c
          ON c.branch_code = m.branch_code AND c.cust_code = m.cust_code
         AND c.fiscal_year = CAST(left(m.year_month, 4) AS INTEGER) + (right(m.year_month, 2) >= '10')::INTEGER
        WHERE m.year_month BETWEEN ? AND ?
        """,
        MONTHS[0],
        MONTHS[-1],
    )
    assert len(stored) > 40_000
    assert Counter(map(normalized, stored)) == Counter(normalized(row[:-1]) for row in expected)
    assert sum(outcome.counts.duplicates for outcome in outcomes.values()) == sum(row[-1] for row in expected)


def test_what_is_loaded_shows_every_state_and_the_counts_say_the_same(
    open_loading: Callable[[str], Loading], loaded_database: str
) -> None:
    loading = open_loading(loaded_database)
    by_view = loading.rows(
        """
        SELECT fiscal_year, year_month, branch_code,
               count(*) FILTER (WHERE status = 'reported'), count(*) FILTER (WHERE status = 'zero'),
               count(*) FILTER (WHERE status = 'missing'), count(*)
        FROM bm_meter_status GROUP BY ALL
        """.replace("GROUP BY ALL", "GROUP BY fiscal_year, year_month, branch_code")
    )
    by_ledger = loading.rows(
        "SELECT fiscal_year, year_month, branch_code, reported, zero, missing, cohort_size FROM bm_sync_runs"
        " WHERE kind = 'monthly' AND status = 'success'"
    )
    assert len(by_ledger) == len(BRANCH_CODES) * len(MONTHS)
    assert Counter(by_view) == Counter(by_ledger)
    for state in (3, 4, 5):
        assert sum(row[state] for row in by_view) > 0


def test_a_second_load_of_everything_in_a_month_moves_no_row(
    open_loading: Callable[[str], Loading], loaded_database: str
) -> None:
    loading = open_loading(loaded_database)
    before = loading.state()
    for code in BRANCH_CODES:
        cohort = loading.capture(code, 2026, accept_incomplete=True)
        month = loading.load(code, "202609")
        assert not cohort.is_new
        assert (cohort.counts.inserted, cohort.counts.updated, cohort.counts.removed) == (0, 0, 0)
        assert (month.counts.inserted, month.counts.updated, month.counts.removed) == (0, 0, 0)
        assert month.counts.unchanged > 0
    assert loading.state() == before
