"""By what name Airflow's list shows a branch, and when."""

from __future__ import annotations

from dev.stack.processes import wait_until
from tests.flow.harness import MONTHLY, Flow

MONTH = "202502"
SLOW_ORACLE_FOR_1061 = "delay=8@execute,bind=1061"
LOST_LINE_FOR_1061 = "drop@execute,bind=1061"
TIMEOUT_S = 120


def states_by_name(flow: Flow, run_id: str) -> dict[str | None, str | None]:
    found = flow.api.task_instances(MONTHLY, run_id)
    return {one.name: one.state for one in found if one.task_id == "sync_branch"}


def test_a_branch_is_listed_by_its_name_while_it_still_runs(flow: Flow) -> None:
    flow.control.add_fault(SLOW_ORACLE_FOR_1061)
    run_id = flow.api.trigger(MONTHLY, {"ym": MONTH, "branches": ["1061", "1062"]})
    wait_until(
        lambda: states_by_name(flow, run_id).get("1061 บ้านไผ่") == "running", TIMEOUT_S, "the name of what runs", 0.2
    )
    assert flow.api.wait_for_run(MONTHLY, run_id).state == "success"
    assert states_by_name(flow, run_id) == {"1061 บ้านไผ่": "success", "1062 ชุมแพ": "success"}


def test_a_branch_that_waits_for_its_next_try_is_a_number_and_has_its_name_again_when_it_is_tried(flow: Flow) -> None:
    flow.control.add_fault(LOST_LINE_FOR_1061)
    run_id = flow.api.trigger(MONTHLY, {"ym": MONTH, "branches": ["1061"]})
    wait_until(lambda: "up_for_retry" in states_by_name(flow, run_id).values(), TIMEOUT_S, "the first try's end", 0.2)
    # Airflow's doing, and told to the operator: if this fails after an update, the manuals can say less.
    assert states_by_name(flow, run_id) == {"0": "up_for_retry"}
    flow.api.clear(MONTHLY, run_id, [("sync_branch", 0)])
    assert flow.api.wait_for_run(MONTHLY, run_id).state == "success"
    assert states_by_name(flow, run_id) == {"1061 บ้านไผ่": "success"}
