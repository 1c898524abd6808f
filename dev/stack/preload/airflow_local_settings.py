"""Read by Airflow's scheduler when it starts: what every task imports is imported once, before tasks are forked.

LocalExecutor forks each task from the scheduler, so a task finds these modules in its memory and need not spend half a
second of a core on them. Nothing here imports airflow, which is still being set up at this point.
"""

from __future__ import annotations

import oracledb  # noqa: F401
import psycopg  # noqa: F401
import rich.table  # noqa: F401

import include.bigmeter.sync.check
import include.bigmeter.sync.monthly
import include.bigmeter.sync.report
import include.bigmeter.sync.yearly  # noqa: F401

__all__: list[str] = []
