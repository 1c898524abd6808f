"""A branch-month: what a load does, what it costs, and what it refuses."""

from __future__ import annotations

import threading

import pytest

from include.bigmeter.errors import IncompleteMonthError, MissingCohortError
from tests.loading import Billing, Loading

BILLS = "UPDATE PWACIS.TB_TR_DEBT_TRN SET"
OF_NOVEMBER = "WHERE ORG_OWNER_ID = 1063 AND DEBT_YM = '256811'"


def change(billing: Billing, statement: str) -> None:
    """Change the source as another session would."""
    billing.server.interludes.make(statement)


def customer_of(loading: Loading, rank: int = 1) -> str:
    [(code,)] = loading.rows(
        "SELECT cust_code FROM bm_custcode_init WHERE branch_code = '1063' AND usage_rank = %s", rank
    )
    return str(code)


def test_a_second_load_moves_no_row_and_says_so(own_loading: Loading) -> None:
    first = own_loading.load("1063", "202511")
    before = own_loading.state()
    second = own_loading.load("1063", "202511")
    assert first.counts.inserted == second.counts.unchanged > 150
    assert (second.counts.inserted, second.counts.updated, second.counts.removed) == (0, 0, 0)
    assert own_loading.state() == before
    assert [row[2] for row in own_loading.ledger()] == ["success"] * 4


def test_a_corrected_bill_updates_its_row_alone(own_billing: Billing, own_loading: Loading) -> None:
    own_loading.load("1063", "202511")
    corrected = customer_of(own_loading)
    change(own_billing, f"{BILLS} PRESENT_WATER_USG = 77777 {OF_NOVEMBER} AND TRIM(CUST_CODE) = '{corrected}'")
    outcome = own_loading.load("1063", "202511")
    assert (outcome.counts.updated, outcome.counts.inserted, outcome.counts.removed) == (1, 0, 0)
    [(usage, created, updated)] = own_loading.rows(
        "SELECT present_water_usg, created_at, updated_at FROM bm_meter_details WHERE cust_code = %s", corrected
    )
    assert usage == 77777
    assert updated > created


def test_a_withdrawn_bill_is_removed_and_counted(own_billing: Billing, own_loading: Loading) -> None:
    first = own_loading.load("1063", "202511")
    withdrawn = customer_of(own_loading, 2)
    change(own_billing, f"{BILLS} CANCELFLAG = 'Y' {OF_NOVEMBER} AND TRIM(CUST_CODE) = '{withdrawn}'")
    outcome = own_loading.load("1063", "202511")
    assert outcome.counts.removed == 1
    assert outcome.counts.missing == (first.counts.missing or 0) + 1
    assert own_loading.rows(
        "SELECT status FROM bm_meter_status WHERE cust_code = %s AND year_month = '202511'", withdrawn
    ) == [("missing",)]


def test_one_connection_one_round_trip_a_batch_one_statement_text(own_billing: Billing, own_loading: Loading) -> None:
    outcome = own_loading.load("1063", "202511")
    batches = 2
    counts = own_billing.server.counters.wait_until(lambda now: now.open_sessions == 0)
    assert outcome.counts.cohort_size == 200
    assert counts.connections == 1
    assert counts.distinct_statements == 1 + 1  # SET TRANSACTION READ ONLY, and the template's
    assert counts.executes == 1 + batches
    assert counts.fetches == 0
    login, logoff, transaction = 2, 1, 2  # two phases; one; set and rollback
    assert counts.round_trips <= batches + transaction + login + logoff
    assert outcome.cost.round_trips == batches + transaction


@pytest.mark.parametrize(("batch_size", "batches"), [(1, 200), (199, 2), (200, 1), (1000, 1)])
def test_any_batch_size_gives_the_same_rows_from_one_statement(
    own_billing: Billing, own_loading: Loading, batch_size: int, batches: int
) -> None:
    own_loading.load("1063", "202511")
    before = own_loading.state()
    own_billing.server.counters.reset()
    outcome = own_loading.with_settings(batch_size=batch_size).load("1063", "202511")
    counts = own_billing.server.counters.read()
    assert (counts.executes, counts.distinct_statements) == (1 + batches, 2)
    live = (outcome.counts.reported or 0) + (outcome.counts.zero or 0) + _null_usage(own_loading)
    assert outcome.counts.unchanged == live
    assert own_loading.state() == before


def _null_usage(loading: Loading) -> int:
    [(count,)] = loading.rows("SELECT count(*) FROM bm_meter_details WHERE present_water_usg IS NULL")
    return int(count)


def test_all_batches_see_one_moment(own_billing: Billing, own_loading: Loading) -> None:
    own_billing.server.between_executes(2, f"{BILLS} PRESENT_WATER_USG = 1 {OF_NOVEMBER}")
    own_loading.load("1063", "202511")
    [(changed,)] = own_loading.rows("SELECT count(*) FROM bm_meter_details WHERE present_water_usg = 1")
    assert changed < 10  # the change came between the two batches: neither has it
    own_loading.load("1063", "202511")
    [(changed,)] = own_loading.rows("SELECT count(*) FROM bm_meter_details WHERE present_water_usg = 1")
    assert changed > 150


def test_a_branch_without_a_cohort_is_an_error_that_names_the_yearly_dag(
    own_billing: Billing, own_loading: Loading
) -> None:
    with pytest.raises(
        MissingCohortError, match="1063 2025-09: no cohort of fiscal year 2025; run bigmeter_yearly_init"
    ):
        own_loading.load("1063", "202509")
    assert own_billing.server.counters.read().connections == 0
    assert own_loading.ledger()[-1][:4] == ("monthly", "1063", "error", "configuration")


def test_an_unbilled_month_is_refused_and_accepted_only_where_nothing_is_stored(
    own_billing: Billing, own_loading: Loading
) -> None:
    change(own_billing, f"{BILLS} CANCELFLAG = 'Y' {OF_NOVEMBER}")
    with pytest.raises(IncompleteMonthError, match=r"1063 2025-11: 0 of 200 customers in Oracle; is billing closed\?"):
        own_loading.load("1063", "202511")
    accepted = own_loading.load("1063", "202511", accept_incomplete=True)
    assert accepted.counts.missing == 200
    change(own_billing, f"{BILLS} CANCELFLAG = NULL {OF_NOVEMBER}")
    own_loading.load("1063", "202511")
    before = own_loading.state()
    change(own_billing, f"{BILLS} CANCELFLAG = 'Y' {OF_NOVEMBER}")
    with pytest.raises(IncompleteMonthError, match="an empty result never deletes"):
        own_loading.load("1063", "202511", accept_incomplete=True)
    assert own_loading.state() == before


def test_a_month_that_shrinks_is_refused_until_a_person_accepts_it(own_billing: Billing, own_loading: Loading) -> None:
    own_loading.load("1063", "202511")
    before = own_loading.state()
    change(own_billing, f"{BILLS} CANCELFLAG = 'Y' {OF_NOVEMBER} AND PRESENT_WATER_USG < 2000")
    with pytest.raises(IncompleteMonthError, match="accept_incomplete") as caught:
        own_loading.load("1063", "202511")
    assert own_loading.state() == before
    assert own_loading.ledger()[-1][3:] == ("incomplete", str(caught.value))
    outcome = own_loading.load("1063", "202511", accept_incomplete=True)
    assert outcome.counts.removed > 40
    assert outcome.warnings


def test_history_for_a_new_cohort_stands_beside_the_old_cohorts_rows(own_loading: Loading) -> None:
    outcome = own_loading.load("1063", "202509", cohort_fiscal_year=2026)
    assert outcome.fiscal_year == 2026
    assert own_loading.rows(
        "SELECT DISTINCT fiscal_year, year_month, is_own_year FROM bm_meter_status WHERE branch_code = '1063'"
    ) == [(2026, "202509", False)]


def test_a_second_load_of_the_same_branch_month_waits_for_the_first(own_billing: Billing, own_loading: Loading) -> None:
    own_loading.load("1063", "202511")
    own_billing.server.faults.add("delay=1@execute:2")
    outcomes: list[int] = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(own_loading.load("1063", "202511").counts.unchanged))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 2
    assert own_billing.server.counters.read().most_sessions == 1
