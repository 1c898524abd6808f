"""What the DAGs and their tasks have in common: start, limits, time-outs, retries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum

from include.bigmeter.settings import ScheduleSettings
from include.bigmeter.tasks.retries import RETRIES, RetryByCause

CHECK_TIMEOUT_S = 300


def dag_defaults(settings: ScheduleSettings) -> dict[str, Any]:
    """Return the arguments of a DAG.

    The start lies before every month that anybody may ask for: a run dated before it would succeed at once, without
    a single task. A task that is killed never reaches the retry policy, so the plain delays say the same as it does.
    The limit of tasks is per run; that of ``branch_limits`` counts all runs, but each task by itself.
    """
    return {
        "start_date": pendulum.datetime(2015, 1, 1, tz=settings.timezone),
        "catchup": False,
        "max_active_tasks": settings.sync_concurrency,
        "tags": ["bigmeter"],
        "default_args": {
            "owner": "bigmeter",
            "show_return_value_in_logs": False,
            "retries": RETRIES,
            "retry_policy": RetryByCause(),
            "retry_delay": timedelta(minutes=1),
            "retry_exponential_backoff": 4,
            "max_retry_delay": timedelta(minutes=15),
            "execution_timeout": timedelta(seconds=min(CHECK_TIMEOUT_S, settings.task_timeout_s)),
        },
    }


def branch_limits(settings: ScheduleSettings) -> dict[str, Any]:
    """Return the arguments of a task that runs once per branch.

    ``map_index_template`` reads the task's own argument, which Airflow renders and stores as soon as the task's process
    is up: from then on the list shows the branch's name, before that its number. Airflow 3.3.2 forgets the name again
    while the branch waits for its next try, and if its process was killed: the message that says so has none.

    The result is one XCom: by its annotation as a dictionary Airflow would store each key as one more, by a request
    each.
    """
    limits: dict[str, Any] = {
        "map_index_template": "{{ task.op_kwargs['job']['label'] }}",
        "max_active_tis_per_dag": settings.sync_concurrency,
        "execution_timeout": timedelta(seconds=settings.task_timeout_s),
        "multiple_outputs": False,
    }
    return limits | ({"pool": settings.oracle_pool} if settings.oracle_pool else {})
