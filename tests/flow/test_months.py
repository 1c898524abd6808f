"""Months through a real scheduler: a backfill, a bad night and its repair, a second run, requests that are refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from dev.stack.rest import Refused
from tests.flow.harness import BANGKOK, BRANCHES, COHORT_SIZE, MONTHLY, YEARLY, Flow

JANUARY_TO_SEPTEMBER = [f"2025{month:02d}" for month in range(1, 10)]
NO_TABLE_FOR_1061 = "ora=942@execute,times=always,bind=1061"


def test_the_cohorts_of_a_year_are_chosen_for_every_branch(flow: Flow) -> None:
    sizes = dict(
        flow.query("SELECT branch_code, count(*) FROM bm_custcode_init WHERE fiscal_year = 2025 GROUP BY branch_code")
    )
    assert sizes.keys() == set(BRANCHES)
    assert max(sizes.values()) == COHORT_SIZE
    run, *_ = flow.api.runs(YEARLY)
    assert flow.states(run, "capture_cohort", YEARLY) == dict.fromkeys(BRANCHES, "success")


def test_a_backfill_from_january_to_september_loads_these_nine_months(flow: Flow) -> None:
    runs = flow.backfill("2025-01-01", "2025-09-30")
    assert [run.state for run in runs] == ["success"] * 9
    expected = {(branch, month) for branch in BRANCHES for month in JANUARY_TO_SEPTEMBER}
    assert flow.months_in(JANUARY_TO_SEPTEMBER) == expected
    loads = "SELECT branch_code, year_month FROM bm_sync_runs WHERE status = 'success' AND run_id = ANY (%s)"
    assert sorted(flow.query(loads, [run.run_id for run in runs])) == sorted(expected)
    counts = flow.query(
        "SELECT l.branch_code, l.year_month, l.reported, l.zero, l.missing, l.fiscal_year, count(c.cust_code)"
        " FROM bm_loaded_months AS l JOIN bm_custcode_init AS c USING (fiscal_year, branch_code)"
        " WHERE l.year_month = ANY (%s) GROUP BY 1, 2, 3, 4, 5, 6",
        JANUARY_TO_SEPTEMBER,
    )
    assert len(counts) == len(expected)
    for _branch, _month, reported, zero, missing, fiscal_year, cohort in counts:
        assert (reported + zero + missing, fiscal_year) == (cohort, 2025)
        assert reported > cohort / 2
    stored = flow.query(
        "SELECT year_month, count(*) FROM bm_meter_details WHERE year_month = ANY (%s) GROUP BY 1", JANUARY_TO_SEPTEMBER
    )
    assert dict(stored) == {
        month: sum(reported + zero for _, of, reported, zero, *_ in counts if of == month)
        + _bills_without_usage(flow, month)
        for month in JANUARY_TO_SEPTEMBER
    }
    elsewhere = flow.query("SELECT count(*) FROM bm_meter_details WHERE year_month IN ('202410', '202510')")
    assert elsewhere == [(0,)]


def test_a_branch_that_fails_at_night_leaves_the_others_loaded_and_one_click_repairs_it(flow: Flow) -> None:
    flow.control.add_fault(NO_TABLE_FOR_1061)
    run = flow.run_month({"ym": "202411"})
    assert run.state == "failed"
    assert flow.states(run, "sync_branch") == {"1060": "success", "1061": "failed", "1062": "success"}
    assert flow.months_in(["202411"]) == {("1060", "202411"), ("1062", "202411")}
    summary = flow.summary(run)
    assert "1061" in summary["sentence"]
    (report,) = summary["reports"]
    assert report["failed"].keys() == {"1061"}
    assert "ORA-00942" in report["failed"]["1061"]
    assert report["loaded"].keys() == {"1060", "1062"}
    assert flow.query(
        "SELECT branch_code, error_category FROM bm_sync_runs WHERE run_id = %s AND status = 'error'", run.run_id
    ) == [("1061", "refused")]

    assert flow.events(run, "sync_branch", "1061", "error", "category") == [
        {"category": "refused", "branch_code": "1061", "kind": "monthly", "ym": "202411", "fiscal_year": 2025}
    ]
    (told,) = flow.events(run, "sync_branch", "1060", "info", "reported")
    loaded = {"branch_code": "1060", "kind": "monthly", "ym": "202411", "fiscal_year": 2025, **report["loaded"]["1060"]}
    assert told.items() >= {name: loaded[name] for name in told}.items()
    assert {"reported", "zero", "missing", "inserted", "oracle_seconds", "round_trips", "seconds"} <= told.keys()

    flow.control.clear_faults()
    others = "SELECT id FROM bm_sync_runs WHERE run_id = %s AND branch_code <> '1061'"
    loads_of_others = flow.query(others, run.run_id)
    flow.api.clear(MONTHLY, run.run_id, [("sync_branch", flow.map_index(run, "sync_branch", "1061"))])
    repaired = flow.api.wait_for_run(MONTHLY, run.run_id)
    assert repaired.state == "success"
    assert flow.months_in(["202411"]) == {(branch, "202411") for branch in BRANCHES}
    assert flow.query(others, run.run_id) == loads_of_others
    (report,) = flow.summary(repaired)["reports"]
    assert report["failed"] == {}
    assert report["loaded"].keys() == set(BRANCHES)


def test_a_second_run_of_a_month_changes_nothing_and_says_so(
    flow: Flow, fingerprint: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    assert flow.run_month({"ym": "202412"}).state == "success"
    before = fingerprint("202412")
    assert {branch for branch, *_ in before} == set(BRANCHES)
    again = flow.run_month({"ym": "256712"})  # the same month in the Buddhist era
    assert again.state == "success"
    assert fingerprint("202412") == before
    (report,) = flow.summary(again)["reports"]
    totals = report["totals"]
    assert (totals["inserted"], totals["updated"], totals["removed"]) == (0, 0, 0)
    assert totals["unchanged"] == len(before)


def test_a_run_for_one_branch_loads_that_branch_alone(flow: Flow) -> None:
    run = flow.run_month({"ym": "202410", "branches": ["1062"]})
    try:
        assert run.state == "success"
        assert flow.states(run, "sync_branch") == {"1062": "success"}
        assert flow.months_in(["202410"]) == {("1062", "202410")}
        assert flow.states(run, "publish") == {"None": "skipped"}
    finally:
        flow.query("DELETE FROM bm_meter_details WHERE year_month = '202410' RETURNING 1")
        flow.query("DELETE FROM bm_sync_runs WHERE year_month = '202410' RETURNING 1")


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"ym": "2025-13"}, ("ym", "2025-13")),
        ({"ym": "209901"}, ("ym", "2099-01", "future")),
        ({"ym": "202502", "branches": ["9999"]}, ("branches", "9999")),
        ({"ym": "202601"}, ("bigmeter_yearly_init", "2026")),
    ],
    ids=["a month that is none", "a month in the future", "an unknown branch", "a year without cohorts"],
)
def test_a_bad_request_is_refused_in_one_sentence_and_nothing_is_written(
    flow: Flow, form: dict[str, Any], words: tuple[str, ...]
) -> None:
    rows = (
        "SELECT 'readings', count(*), max(updated_at) FROM bm_meter_details"
        " UNION ALL SELECT 'cohorts', count(*), max(updated_at) FROM bm_custcode_init"
        " UNION ALL SELECT 'branches', count(*), max(updated_at) FROM bm_branches"
        " UNION ALL SELECT 'loads', count(*), max(recorded_at) FROM bm_sync_runs WHERE status = 'success' ORDER BY 1"
    )
    before = flow.query(rows)
    run = flow.run_month(form)
    assert run.state == "failed"
    summary = flow.summary(run)
    told = summary["problem"] or " ".join(summary["reports"][0]["failed"].values())
    assert all(word in told for word in words), told
    assert "\n" not in told
    assert flow.query(rows) == before


def test_a_request_without_a_shape_is_refused_by_the_form(flow: Flow) -> None:
    with pytest.raises(Refused, match="ym"):
        flow.api.trigger(MONTHLY, {"ym": "September"})
    with pytest.raises(Refused, match="batch_size"):
        flow.api.trigger(MONTHLY, {"batch_size": 0})


def test_a_month_given_to_a_backfill_is_refused(flow: Flow) -> None:
    (run,) = flow.backfill("2024-11-01", "2024-11-30", {"ym": "202502"})
    assert run.state == "failed"
    assert "ym" in flow.summary(run)["problem"]
    assert "backfill" in flow.summary(run)["problem"]
    assert flow.query("SELECT count(*) FROM bm_sync_runs WHERE run_id = %s", run.run_id) == [(0,)]


def test_a_run_by_hand_dated_on_a_tick_is_refused_and_its_date_is_free_again_once_it_is_deleted(flow: Flow) -> None:
    tick = datetime(2024, 10, 16, 8, tzinfo=BANGKOK)
    run = flow.api.wait_for_run(MONTHLY, flow.api.trigger(MONTHLY, logical_date=tick))
    assert run.state == "failed"
    problem = flow.summary(run)["problem"]
    assert "2024-10-16 08:00" in problem
    assert "delete this run, then give the month in ym, or use Backfill for that date" in problem
    assert flow.query("SELECT count(*) FROM bm_sync_runs WHERE run_id = %s", run.run_id) == [(0,)]
    try:
        # Airflow's doing, and the reason for the message: if this finds a run after an update, the guide can say less.
        assert flow.backfill("2024-10-01", "2024-10-31") == []
        # One that runs red ones again makes this run its own, with the dates that it has: those of September.
        assert flow.reprocessed(run, "2024-10-01", "2024-10-31").state == "failed"
        assert flow.summary(run)["problem"] == problem
        assert flow.query("SELECT count(*) FROM bm_sync_runs WHERE run_id = %s", run.run_id) == [(0,)]
        flow.delete_run(run)
        (filled,) = flow.backfill("2024-10-01", "2024-10-31")
        assert (filled.state, filled.logical_date) == ("success", tick)
        assert flow.months_in(["202410"]) == {(branch, "202410") for branch in BRANCHES}
    finally:
        flow.query("DELETE FROM bm_meter_details WHERE year_month = '202410' RETURNING 1")
        flow.query("DELETE FROM bm_sync_runs WHERE year_month = '202410' RETURNING 1")


def _bills_without_usage(flow: Flow, month: str) -> int:
    """Return the rows that are stored with a null usage: they count as missing, and are kept."""
    ((count,),) = flow.query(
        "SELECT count(*) FROM bm_meter_details WHERE year_month = %s AND present_water_usg IS NULL", month
    )
    return int(count)
