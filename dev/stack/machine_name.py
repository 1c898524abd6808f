"""The name of the machine that a worker plays, where several play on one.

A module of its own, without imports: Airflow loads it in every task.
"""

from __future__ import annotations

import os

VARIABLE = "BIGMETER_MACHINE"


def machine_name() -> str:
    """Return the name that this process was started with; Airflow asks for it as ``[core] hostname_callable``."""
    return os.environ[VARIABLE]
