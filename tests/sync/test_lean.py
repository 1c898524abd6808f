"""What a branch-month needs of the machine it runs on, and a cohort of the source."""

from __future__ import annotations

from dev.benchmarks.branch_month import measure
from tests.loading import Billing, Loading


def test_a_branch_month_of_200_customers_needs_less_than_80_mb_above_the_bare_import(
    billing: Billing, database: str
) -> None:
    figures = measure(billing.server.dsn, database)
    assert [load["cohort_size"] for load in figures.loads] == [200] * 6
    assert figures.loads[0]["inserted"] > 150
    assert 1 < figures.above_import_mb < 80, figures


def test_a_cohort_costs_one_connection_one_round_trip_and_one_statement_text(
    own_billing: Billing, own_loading: Loading
) -> None:
    outcome = own_loading.capture("1063", 2026)
    counts = own_billing.server.counters.wait_until(lambda now: now.open_sessions == 0)
    assert outcome.counts.cohort_size == 200
    assert counts.connections == 1
    assert (counts.executes, counts.fetches, counts.distinct_statements) == (2, 0, 2)
    login, logoff, transaction = 2, 1, 2
    assert counts.round_trips <= 1 + transaction + login + logoff
    assert outcome.cost.round_trips == 1 + transaction
