"""A month is announced when its last branch is in, whichever run brought it; the example for consumers takes it."""

from __future__ import annotations

from tests.flow.harness import BRANCHES, CONSUMER, Flow

MONTH = "202502"


def test_the_run_for_the_last_branch_completes_the_month_and_announces_it(flow: Flow) -> None:
    some = flow.run_month({"ym": MONTH, "branches": list(BRANCHES[:-1])})
    assert some.state == "success"
    assert flow.state(some, "publish") == "skipped"
    assert flow.api.asset_events(some.run_id) == []

    last = flow.run_month({"ym": MONTH, "branches": list(BRANCHES[-1:])})
    assert flow.state(last, "publish") == "success"
    (event,) = flow.api.asset_events(last.run_id)
    assert (event.name, event.partition_key) == ("bigmeter_meter_details", MONTH)
    loaded = flow.query(
        "SELECT count(*), sum(cohort_size), sum(reported), sum(zero), sum(missing), sum(usage_m3)::text"
        " FROM bm_loaded_months WHERE year_month = %s AND is_own_year",
        MONTH,
    )
    names = ("branches", "cohort_size", "reported", "zero", "missing", "usage_m3")
    assert [tuple(event.extra[name] for name in names)] == loaded
    assert loaded[0][0] == len(BRANCHES)


def test_a_month_for_another_years_cohort_is_not_announced(flow: Flow) -> None:
    """It is history for comparisons, and completes nobody's month."""
    run = flow.run_month({"ym": "202401", "cohort_fiscal_year": 2025})
    assert run.state == "success"
    assert flow.state(run, "publish") == "skipped"
    assert flow.api.asset_events(run.run_id) == []
    kinds = flow.query(
        "SELECT DISTINCT fiscal_year, is_own_year FROM bm_loaded_months WHERE year_month = %s AND run_id = %s",
        *("202401", run.run_id),
    )
    assert kinds == [(2025, False)]


def test_the_example_for_consumers_adds_an_announced_month_up(flow: Flow) -> None:
    flow.run_month({"ym": MONTH})
    run = flow.api.wait_for_run(CONSUMER, flow.api.trigger(CONSUMER, partition_key=MONTH))
    assert run.state == "success"
    totals = flow.api.xcom(CONSUMER, run.run_id, "total_month")
    assert [(line["branch_code"], line["reported"] + line["zero"] + line["missing"]) for line in totals] == flow.query(
        "SELECT branch_code, count(*) FROM bm_custcode_init WHERE fiscal_year = 2025 GROUP BY 1 ORDER BY 1"
    )
