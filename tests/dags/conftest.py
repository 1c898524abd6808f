"""What the tests of the DAGs share: an Airflow of their own, the DAG files read afresh, runs inside this process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.dags.airflow_home import ROOT, use_throw_away_home

use_throw_away_home()

SETTINGS = (
    "CRON_YEARLY", "CRON_MONTHLY", "TIMEZONE", "BRANCHES", "BATCH_SIZE", "COHORT_SIZE", "DEBT_YM_ERA",
    "SYNC_CONCURRENCY", "MIN_REPORTED_SHARE", "ORACLE_CALL_TIMEOUT_S", "TASK_TIMEOUT_S", "ORACLE_POOL",
    "CRON_FRESHNESS", "FRESHNESS_GRACE_H", "NOTIFY_ON",
)  # fmt: skip
AIRFLOWS_OWN_WARNINGS = (
    "ignore:GitWildMatchPattern:DeprecationWarning",  # how Airflow reads .airflowignore
    "ignore:Using `httpx` with `starlette.testclient`",  # how dag.test() reaches the execution API
    "ignore:'imghdr' is deprecated:DeprecationWarning",  # what the notifier's mail plugin imports
)
DagBag = Any


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let these tests, and no others, overlook what Airflow 3.3 itself warns of."""
    for item in items:
        if item.path.is_relative_to(ROOT / "tests" / "dags"):
            for warning in AIRFLOWS_OWN_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test the default settings, whatever the machine has set."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """Create Airflow's own database, once."""
    subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True, timeout=300, cwd=ROOT
    )


@pytest.fixture
def read_dags() -> Callable[[], DagBag]:
    """Return a function that reads the DAG files as the DAG processor does, with the environment as it is then."""

    def read() -> DagBag:
        from airflow.dag_processing.dagbag import BundleDagBag

        return BundleDagBag(str(ROOT), bundle_path=ROOT, bundle_name="bigmeter")

    return read


@pytest.fixture
def dags(read_dags: Callable[[], DagBag]) -> dict[str, Any]:
    """Return the DAGs by id, with the default settings."""
    bag = read_dags()
    assert bag.import_errors == {}
    by_id: dict[str, Any] = bag.dags
    return by_id
