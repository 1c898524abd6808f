"""The months before for a new cohort, as the yearly form asks for them, through a real scheduler."""

from __future__ import annotations

from include.bigmeter.periods import Ym, iter_months
from tests.flow.harness import YEARLY, Flow

OCTOBER, SAME_MONTH_LAST_YEAR = Ym("202410"), Ym("202310")


def test_thirteen_months_of_history_reach_back_to_the_same_month_of_last_year(flow: Flow) -> None:
    form = {"debt_ym": OCTOBER, "branches": ["1060"], "history_months": 13}
    run = flow.api.wait_for_run(YEARLY, flow.api.trigger(YEARLY, form))
    try:
        assert run.state == "success"
        cohort, history = flow.summary(run, YEARLY)["reports"]
        assert (cohort["totals"]["inserted"], cohort["totals"]["removed"]) == (0, 0)  # it stands, and is kept
        assert history["period"] == "history 2023-10 to 2024-10"
        loaded = flow.query(
            "SELECT year_month, fiscal_year, is_own_year FROM bm_loaded_months"
            " WHERE run_id = %s AND branch_code = '1060' ORDER BY year_month",
            run.run_id,
        )
        months = list(iter_months(SAME_MONTH_LAST_YEAR, OCTOBER))
        assert loaded == [(ym, 2025, ym == OCTOBER) for ym in months]
    finally:
        flow.query("DELETE FROM bm_meter_details WHERE branch_code = '1060' AND year_month <= '202410' RETURNING 1")
        flow.query("DELETE FROM bm_sync_runs WHERE run_id = %s AND year_month IS NOT NULL RETURNING 1", run.run_id)
