"""Importing a DAG file is cheap and pure. Measured in a process of its own, where airflow is imported first."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.dags.airflow_home import ROOT

MEASURE = """
import json, sys, time
import airflow.sdk
from importlib.util import module_from_spec, spec_from_file_location

opened, forbidden, watching = set(), [], True

def watch(event, args):
    if not watching:
        return
    if event == "open" and isinstance(args[0], (str, bytes)):
        opened.add(str(args[0]))
    elif event.startswith(("socket.", "subprocess.", "os.system", "sqlite3.")):
        forbidden.append(f"{event} {args}")

@airflow.sdk.dag(schedule=airflow.sdk.CronTriggerTimetable("0 0 1 1 *", timezone="UTC"))
def warm_up():
    @airflow.sdk.task
    def nothing():
        pass

    nothing()

warm_up()  # what Airflow itself imports for the first DAG of a process
known = set(sys.modules)
sys.addaudithook(watch)
started = time.process_time()
for path in sys.argv[1:]:
    spec = spec_from_file_location("dag_file", path)
    spec.loader.exec_module(module_from_spec(spec))
seconds = time.process_time() - started
watching = False
modules = sorted(set(sys.modules) - known)
print(json.dumps({"seconds": seconds, "opened": sorted(opened), "forbidden": forbidden, "modules": modules}))
"""


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    """Import both DAG files, and return what that did."""
    files = [str(path) for path in sorted((ROOT / "dags").glob("*.py"))]
    assert len(files) >= 2
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *files], check=True, capture_output=True, text=True, timeout=120, cwd=ROOT
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_importing_the_dag_files_takes_under_half_a_second_beyond_airflow(measured: dict[str, Any]) -> None:
    assert measured["seconds"] < 0.5


def test_importing_the_dag_files_imports_no_driver_no_hook_and_no_table_library(measured: dict[str, Any]) -> None:
    heavy = ("oracledb", "psycopg", "rich", "airflow.providers.oracle", "airflow.providers.postgres", "pandas")
    assert "include.bigmeter.tasks.monthly" in measured["modules"]
    assert [name for name in measured["modules"] if name.startswith(heavy)] == []
    assert [name for name in measured["modules"] if name.startswith(("include.bigmeter.sync", "dev."))] == []


def test_importing_the_dag_files_opens_no_connection_and_starts_no_process(measured: dict[str, Any]) -> None:
    assert measured["forbidden"] == []


def test_importing_the_dag_files_reads_no_file_but_the_branches(measured: dict[str, Any]) -> None:
    code = (".py", ".pyc", ".so")
    read = [name for name in measured["opened"] if not name.endswith(code) and "zoneinfo" not in name]
    unexpected = [name for name in read if "site-packages" not in name and "/lib/python" not in name]
    assert unexpected == [str(ROOT / "include" / "r6_branches.csv")]
