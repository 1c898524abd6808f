"""One message per run, through a real scheduler and Airflow's own notifier."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from dev.stack.processes import wait_until
from include.bigmeter.settings import NOTIFY_CONNECTION_ID
from tests.flow.harness import BRANCHES, MONTHLY, Flow
from tests.sinks import MessageSink, connection_to

FRESHNESS = "bigmeter_freshness"
MONTH = "202509"
NO_TABLE_FOR_1061 = "ora=942@execute,times=always,bind=1061"


def test_a_failed_run_is_one_message_its_repair_another_and_a_good_run_none(flow: Flow, sink: MessageSink) -> None:
    flow.control.add_fault(NO_TABLE_FOR_1061)
    run = flow.run_month({"ym": MONTH})
    (failed,) = sink.wait_for(1)
    assert failed["type"] == "failure"
    assert failed["title"] == f"ไม่สำเร็จ | failed: {MONTHLY} 2025-09"
    lines = failed["message"].splitlines()
    assert lines[0] == "2025-09: ไม่สำเร็จ 1 / 3 สาขา (branches failed)"
    assert lines[1].startswith("- 1061 บ้านไผ่ 2025-09: Oracle refuses with ORA-00942")
    assert lines[2] == "2025-09: โหลดแล้ว 2 / 3 สาขา (branches loaded)"
    assert lines[3].endswith(" m³")
    url = f"{flow.stack.airflow.url}/dags/{MONTHLY}/runs/{quote(run.run_id, safe='')}"
    assert lines[4:] == [url]

    flow.control.clear_faults()
    flow.api.clear(MONTHLY, run.run_id, [("sync_branch", flow.map_index(run, "sync_branch", "1061"))])
    assert flow.api.wait_for_run(MONTHLY, run.run_id).state == "success"
    recovered = sink.wait_for(2)[1]
    assert recovered["type"] == "success"
    assert recovered["title"] == f"กลับมาสำเร็จแล้ว | recovered: {MONTHLY} 2025-09"
    assert "2025-09: 1 of 3 branches failed: 1061" in recovered["message"]
    assert f"โหลดแล้ว {len(BRANCHES)} / {len(BRANCHES)} สาขา" in recovered["message"]

    assert flow.run_month({"ym": MONTH}).state == "success"
    # The watcher's message comes after all that the runs before it had to say.
    flow.api.set_paused(FRESHNESS, False)
    assert flow.api.wait_for_run(FRESHNESS, flow.api.trigger(FRESHNESS)).state == "failed"
    overdue = sink.wait_for(3)[2]
    assert overdue["type"] == "warning"
    assert overdue["title"] == "ข้อมูลค้าง | overdue: BigMeter"
    assert "; run bigmeter_yearly_init with debt_ym 20" in overdue["message"]
    assert "; run bigmeter_monthly_sync with ym 20" in overdue["message"]
    assert len(sink.messages) == 3


@pytest.mark.parametrize(
    ("fault", "state", "reason"),
    [
        ("hang@execute,times=always,bind=1061", "running", "ended without a word"),
        ("ora=12537@execute,times=always,bind=1061", "up_for_retry", "ORA-12537"),
    ],
)
def test_a_run_that_somebody_stops_has_failed(
    fault: str, state: str, reason: str, *, flow: Flow, sink: MessageSink
) -> None:
    """To Airflow a branch that it did not start is skipped, and a run of skipped branches a success."""
    flow.control.add_fault(fault)
    run_id = flow.api.trigger(MONTHLY, {"ym": MONTH, "branches": ["1060", "1061"]})
    wait_until(lambda: _states(flow, run_id) == {"success", state}, 60, f"a branch to be {state}, the other in", 0.5)
    flow.api.mark_run(MONTHLY, run_id, "failed")
    stopped = flow.api.wait_for_run(MONTHLY, run_id)
    assert stopped.state == "failed"
    (report,) = flow.summary(stopped)["reports"]
    assert report["loaded"].keys() == {"1060"}
    assert report["failed"].keys() == {"1061"}
    assert reason in report["failed"]["1061"]
    (told,) = sink.wait_for(1)
    assert told["title"] == f"ไม่สำเร็จ | failed: {MONTHLY} 2025-09"
    assert "- 1061 บ้านไผ่" in told["message"]


def test_a_branch_that_somebody_marks_as_a_success_is_not_taken_for_loaded(flow: Flow, sink: MessageSink) -> None:
    flow.control.add_fault(NO_TABLE_FOR_1061)
    run = flow.run_month({"ym": MONTH, "branches": ["1061"]})
    sink.wait_for(1)
    flow.api.mark_task(MONTHLY, run.run_id, "sync_branch", 0, "success")
    again = sink.wait_for(2, 120)[1]
    assert "1061 บ้านไผ่: marked as a success by hand" in again["message"]
    assert flow.api.wait_for_run(MONTHLY, run.run_id).state == "failed"
    assert "marked as a success by hand" in flow.summary(run)["reports"][0]["failed"]["1061"]


def _states(flow: Flow, run_id: str) -> set[str | None]:
    return {one.state for one in flow.api.task_instances(MONTHLY, run_id) if one.task_id == "sync_branch"}


def test_while_the_notifier_hangs_runs_end_and_others_load(flow: Flow) -> None:
    with MessageSink(is_hanging=True) as sink:
        flow.api.add_connection(NOTIFY_CONNECTION_ID, connection_to(sink.url(rto=600)))
        try:
            flow.control.add_fault(NO_TABLE_FOR_1061)
            assert flow.run_month({"ym": MONTH, "branches": ["1061"]}).state == "failed"
            assert sink.asked.wait(60)
            flow.control.clear_faults()
            again = flow.run_month({"ym": MONTH, "branches": ["1061"]})
            assert again.state == "success"
            assert flow.states(again, "sync_branch") == {"1061": "success"}
        finally:
            flow.api.remove_connection(NOTIFY_CONNECTION_ID)
