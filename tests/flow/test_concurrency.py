"""How many branches load at once, whatever runs ask for them."""

from __future__ import annotations

from tests.flow.harness import MONTHLY, Flow

MONTHS = ("202504", "202505", "202506")
AT_ONCE = 4  # SYNC_CONCURRENCY as it is by default; the stack has room for more tasks


def test_the_runs_of_a_dag_together_load_no_more_branches_at_once_than_it_may(flow: Flow) -> None:
    """Nine branches of three runs: each load holds its transaction, and so one session of Oracle, from start to end."""
    flow.control.add_fault("delay=2@execute,times=always")
    runs = [flow.api.trigger(MONTHLY, {"ym": month}) for month in MONTHS]
    assert {flow.api.wait_for_run(MONTHLY, run).state for run in runs} == {"success"}
    loads = flow.query("SELECT started_at, finished_at FROM bm_sync_runs WHERE run_id = ANY (%s)", runs)
    assert len(loads) == 9
    most = max(sum(start <= moment < end for start, end in loads) for moment, _ in loads)
    assert most == AT_ONCE
