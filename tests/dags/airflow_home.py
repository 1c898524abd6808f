"""A throw-away AIRFLOW_HOME for tests that import airflow into the test process."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
_MARK = "BIGMETER_TEST_AIRFLOW_HOME"


def use_throw_away_home() -> Path:
    """Point Airflow at a new home with a SQLite database, once for the process, and return it.

    Airflow reads its settings when it is imported, so this comes before any import of it.
    """
    if _MARK in os.environ:
        return Path(os.environ[_MARK])
    if "airflow" in sys.modules:
        raise RuntimeError("airflow was imported before tests/dags/airflow_home.py could give it a home of its own")
    home = Path(tempfile.mkdtemp(prefix="bigmeter-test-airflow-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    bundle = {
        "name": "bigmeter",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(ROOT)},
    }
    os.environ |= {
        _MARK: str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "plugins"),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
    }
    return home
