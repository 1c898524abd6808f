"""Two machines load a month and one dies in the middle: every branch is loaded exactly once.

That is: each branch's rows are those of the billing data, all of them were written by one transaction, the ledger has
one attempt of each branch and it succeeded, and the broker's second delivery of what the dead machine had changed
nothing.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from dev.stack.airflow import REPOSITORY
from tests.celery.conftest import AT_ONCE, BRANCHES, MACHINES, SILENT, TUNED, Story
from tests.told_figures import figures_of_load, wait_for_figures

pytestmark = pytest.mark.timeout(1200)  # the story takes three minutes, more where others want the cores as well

# What only makes two machines of one, and a computer that is short of time no fault of Airflow's.
ONE_COMPUTER = {
    "AIRFLOW__CORE__HOSTNAME_CALLABLE",
    "AIRFLOW__LOGGING__BASE_LOG_FOLDER",
    "AIRFLOW__LOGGING__MIN_LENGTH_MASKED_SECRET",
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL",
}


def test_a_worker_needs_no_more_than_the_image_and_the_compose_file_give_it(story: Story) -> None:
    given = {
        name
        for file in ("Dockerfile", "docker-compose.worker.yaml")
        for name in re.findall(r"^\s*(?:ENV )?(AIRFLOW_\w+)[:=]", (REPOSITORY / file).read_text("utf-8"), re.MULTILINE)
    }
    used = {name for name in story.settings if name.startswith("AIRFLOW")}
    assert {"AIRFLOW__CELERY__BROKER_URL", "AIRFLOW__CORE__EXECUTION_API_SERVER_URL"} <= used
    assert used - given <= ONE_COMPUTER | TUNED.keys()
    assert not any(name.startswith(("AIRFLOW_CONN_", "AIRFLOW__DATABASE__")) for name in used)


def test_the_killed_machine_was_reading_one_branch_and_had_written_another(story: Story) -> None:
    assert (story.reading, story.written) == (1, AT_ONCE - 1)
    assert len(story.hosts) == AT_ONCE
    assert set(story.hosts.values()) == {machine.name for machine in MACHINES}
    assert SILENT in story.killed_branches
    assert len(story.killed_branches) == AT_ONCE / len(MACHINES)
    assert story.visible_at_kill == 0


def test_the_health_check_of_a_worker_tells_the_dead_machine_from_the_others(story: Story) -> None:
    assert story.healthy_before == {machine.name: True for machine in MACHINES}
    assert story.healthy_after == {machine.name: machine.name != story.dead for machine in MACHINES}


def test_postgresql_rolls_the_dead_machines_transactions_back_at_once(story: Story) -> None:
    assert story.open_after_rollback == 0
    assert story.visible_of_the_dead == []


def test_the_run_succeeds_and_only_the_dead_machines_branches_were_tried_again_elsewhere(story: Story) -> None:
    assert story.state == "success"
    assert {branch: task.state for branch, task in story.tasks.items()} == dict.fromkeys(BRANCHES, "success")
    tries = {branch: task.try_number for branch, task in story.tasks.items()}
    assert tries == {branch: 2 if branch in story.killed_branches else 1 for branch in BRANCHES}
    assert story.dead not in {task.host for task in story.tasks.values()}


def test_the_broker_delivers_the_dead_machines_tasks_again_and_airflow_refuses_them(story: Story) -> None:
    assert story.undelivered == 0
    verdicts = sorted(story.verdicts.values())
    assert verdicts == ["FAILURE"] * len(story.killed_branches) + ["SUCCESS"] * (AT_ONCE - len(story.killed_branches))


def test_each_branch_is_written_by_one_transaction_and_stands_once_in_the_ledger(story: Story) -> None:
    sizes = {branch: rows for branch, rows, _writers, _is_untouched in story.writers}
    assert sizes.keys() == set(BRANCHES)
    assert [(writers, is_untouched) for _branch, _rows, writers, is_untouched in story.writers] == [(1, True)] * 6
    assert story.ledger == [
        (branch, "success", 2 if branch in story.killed_branches else 1, sizes[branch], 0, 0, 0) for branch in BRANCHES
    ]


def test_the_machines_send_the_figures_of_each_load_once_by_statsd(story: Story) -> None:
    expected: dict[Any, float] = {}
    for branch in BRANCHES:
        expected |= figures_of_load("monthly", branch, story.counts[branch])
    assert story.statsd is not None
    wait_for_figures(story.statsd, expected, {})


def test_a_good_run_is_told_once_where_that_is_wished(story: Story) -> None:
    (message,) = story.messages
    assert (message["type"], message["title"]) == ("success", "สำเร็จ | succeeded: bigmeter_monthly_sync 2025-02")
    assert f"โหลดแล้ว {len(BRANCHES)} / {len(BRANCHES)} สาขา" in message["message"]


def test_the_rows_are_those_of_the_billing_data(story: Story) -> None:
    assert len(story.stored) > 100 * len(BRANCHES)
    assert story.stored == story.expected
