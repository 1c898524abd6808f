"""What a branch does by itself on a bad night, through a real scheduler: it comes back, or it fails at once."""

from __future__ import annotations

import pytest

from tests.flow.harness import MONTHLY, TASK_TIMEOUT_S, Flow

MONTH = "202503"
SCHEDULING_S = 45  # from the moment at which a try is due to its start, on a machine with other work


@pytest.mark.timeout(900)
def test_what_is_unavailable_comes_back_by_itself_and_what_breaks_the_contract_fails_at_once(flow: Flow) -> None:
    from include.bigmeter.tasks.retries import DELAY_WINDOWS_S  # with it comes airflow, which wants its home first

    flow.control.add_fault("hang@execute,bind=1060")  # longer than the task may take
    flow.control.add_fault("ora=12537@execute,bind=1061")
    flow.query_as_administrator(f"DELETE FROM bm_meter_details WHERE year_month = '{MONTH}'")  # all rows are new
    flow.query_as_administrator(
        "ALTER TABLE bm_meter_details ADD CONSTRAINT somebody_s_own"
        f" CHECK (branch_code <> '1062' OR year_month <> '{MONTH}') NOT VALID"
    )
    try:
        run = flow.run_month({"ym": MONTH})
    finally:
        flow.query_as_administrator("ALTER TABLE bm_meter_details DROP CONSTRAINT somebody_s_own")
    assert run.state == "failed"
    assert flow.states(run, "sync_branch") == {"1060": "success", "1061": "success", "1062": "failed"}
    tasks = {
        str(one.name).split()[0]: one
        for one in flow.api.task_instances(MONTHLY, run.run_id)
        if one.task_id == "sync_branch"
    }
    assert {code: task.try_number for code, task in tasks.items()} == {"1060": 2, "1061": 2, "1062": 1}
    assert flow.query(
        "SELECT branch_code, try_number, status, error_category FROM bm_sync_runs WHERE run_id = %s ORDER BY 1, 2",
        run.run_id,
    ) == [
        ("1060", 1, "error", "unavailable"),
        ("1060", 2, "success", None),
        ("1061", 1, "error", "unavailable"),
        ("1061", 2, "success", None),
        ("1062", 1, "error", "contract"),
    ]
    (report,) = flow.summary(run)["reports"]
    assert {code: counts["tries"] for code, counts in report["loaded"].items()} == {"1060": 2, "1061": 2}
    least_s, most_s = DELAY_WINDOWS_S[0]
    for code in ("1060", "1061"):
        first, second = flow.api.tries(MONTHLY, run.run_id, tasks[code])
        assert first.ended is not None
        assert second.started is not None
        assert least_s <= (second.started - first.ended).total_seconds() <= most_s + SCHEDULING_S
        if code == "1060":
            assert first.started is not None
            assert (first.ended - first.started).total_seconds() >= TASK_TIMEOUT_S
    flow.api.clear(MONTHLY, run.run_id, [("sync_branch", flow.map_index(run, "sync_branch", "1062"))])
    assert flow.api.wait_for_run(MONTHLY, run.run_id).state == "success"
