"""A branch's cohort: chosen once, then frozen."""

from __future__ import annotations

import pytest

from include.bigmeter.errors import ConfigError, IncompleteCohortError
from include.bigmeter.periods import Ym
from tests.loading import Billing, Loading

BILLS = "UPDATE PWACIS.TB_TR_DEBT_TRN SET"
OF_OCTOBER = "WHERE ORG_OWNER_ID = 1063 AND DEBT_YM = '256810'"


def members(loading: Loading) -> list[tuple[object, ...]]:
    return loading.rows(
        "SELECT cust_code, usage_rank, present_water_usg, debt_ym, created_at FROM bm_custcode_init"
        " WHERE branch_code = '1063' AND fiscal_year = 2026 ORDER BY usage_rank"
    )


def test_a_cohort_is_the_200_largest_distinct_customers_in_rank_order(
    own_billing: Billing, own_loading: Loading
) -> None:
    expected = own_billing.truth(
        "SELECT cust_code, usage_rank FROM truth.expected_cohort WHERE branch_code = '1063' ORDER BY usage_rank"
    )
    assert [row[:2] for row in members(own_loading)] == expected
    assert len(expected) == 200


def test_a_second_capture_moves_no_row(own_loading: Loading) -> None:
    before = own_loading.state()
    again = own_loading.capture("1063", 2026)
    assert not again.is_new
    assert (again.counts.unchanged, again.counts.updated, again.counts.entered, again.counts.departed) == (200, 0, 0, 0)
    assert own_loading.state() == before


def test_a_frozen_cohort_follows_names_and_nothing_else_and_reports_who_would_change(
    own_billing: Billing, own_loading: Loading
) -> None:
    before = members(own_loading)
    largest = str(before[0][0])
    own_billing.server.interludes.make(
        f"{BILLS} PRESENT_WATER_USG = 0, CUST_NAME = 'changed' {OF_OCTOBER} AND TRIM(CUST_CODE) = '{largest}'"
    )
    second = str(before[1][0])
    own_billing.server.interludes.make(f"{BILLS} CUST_ADDRESS = 'moved' {OF_OCTOBER} AND TRIM(CUST_CODE) = '{second}'")
    again = own_loading.capture("1063", 2026)
    assert (again.counts.entered, again.counts.departed, again.counts.updated) == (1, 1, 1)
    assert members(own_loading) == before
    assert own_loading.rows("SELECT address FROM bm_custcode_init WHERE cust_code = %s", second) == [("moved",)]
    replaced = own_loading.capture("1063", 2026, recapture=True)
    assert replaced.is_new
    assert (replaced.counts.inserted, replaced.counts.removed) == (1, 1)
    assert largest not in {row[0] for row in members(own_loading)}


def test_a_recapture_keeps_the_readings_of_who_leaves(own_billing: Billing, own_loading: Loading) -> None:
    own_loading.load("1063", "202511")
    largest = str(members(own_loading)[0][0])
    own_billing.server.interludes.make(f"{BILLS} PRESENT_WATER_USG = 0 {OF_OCTOBER} AND TRIM(CUST_CODE) = '{largest}'")
    own_loading.capture("1063", 2026, recapture=True)
    assert own_loading.rows("SELECT count(*) FROM bm_meter_details WHERE cust_code = %s", largest) == [(1,)]


def test_an_empty_october_is_refused_and_changes_nothing(own_billing: Billing, own_loading: Loading) -> None:
    own_billing.server.interludes.make(f"{BILLS} CANCELFLAG = 'Y' {OF_OCTOBER}")
    before = own_loading.state()
    for options in ({}, {"recapture": True}, {"recapture": True, "accept_incomplete": True}):
        with pytest.raises(IncompleteCohortError, match="1063 cohort 2026: no customer with usage above 0"):
            own_loading.capture("1063", 2026, **options)
    assert own_loading.state() == before


def test_a_cohort_much_smaller_than_last_years_is_refused(own_billing: Billing, own_loading: Loading) -> None:
    own_billing.server.interludes.make(
        "UPDATE PWACIS.TB_TR_DEBT_TRN SET CANCELFLAG = 'Y'"
        " WHERE ORG_OWNER_ID = 1063 AND DEBT_YM = '256811' AND PRESENT_WATER_USG < 2000"
    )
    with pytest.raises(IncompleteCohortError, match="fewer than 80% of the 200 of the year before"):
        own_loading.capture("1063", 2027, ym=Ym("202511"))
    assert own_loading.capture("1063", 2027, ym=Ym("202511"), accept_incomplete=True).warnings


def test_a_month_that_is_no_october_does_not_refresh_a_cohort(own_loading: Loading) -> None:
    with pytest.raises(ConfigError, match="cohort of 2026 exists and 2025-11 is no October"):
        own_loading.capture("1063", 2026, ym=Ym("202511"))
    replaced = own_loading.capture("1063", 2026, ym=Ym("202511"), recapture=True)
    assert replaced.is_new
    assert replaced.warnings == ("1063 fiscal year 2026: chosen by 2025-11, which is no October",)
