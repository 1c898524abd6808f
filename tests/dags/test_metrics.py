"""The figures as they leave through Airflow's StatsD client, read from the wire."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from include.bigmeter import errors
from tests.dags.airflow_home import ROOT

MAPPING = yaml.safe_load((ROOT / "docker" / "monitoring" / "statsd_mapping.yml").read_text(encoding="utf-8"))
OUTCOME = {
    "reported": 180, "zero": 8, "missing": 12, "inserted": 1, "updated": 2, "unchanged": 185, "removed": 0,
    "duplicates": 3, "seconds": 0.5, "oracle_seconds": 0.25, "round_trips": 4,
}  # fmt: skip


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], dict[str, str]]]:
    """Yield a function that returns what was sent, by name and tags."""
    import statsd  # type: ignore[import-untyped]
    from airflow.sdk._shared.observability.metrics import stats as backend
    from airflow.sdk._shared.observability.metrics.statsd_logger import get_statsd_logger

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        logger = get_statsd_logger(
            stats_class=statsd.StatsClient,
            host="127.0.0.1",
            port=receiver.getsockname()[1],
            prefix="airflow",
            influxdb_tags_enabled=True,
            statsd_influxdb_enabled=True,
        )
        monkeypatch.setattr(backend, "_backend", logger)

        def read() -> dict[str, str]:
            logger.statsd.incr("end")
            lines = []
            while (line := receiver.recv(4096).decode()) != "airflow.end:1|c":
                lines.append(line)
            return dict(line.rsplit(":", 1) for line in lines)

        yield read
        logger.statsd.close()


def test_a_load_sends_its_figures_by_branch_and_kind(sent: Callable[[], dict[str, str]]) -> None:
    from include.bigmeter.tasks import metrics

    metrics.count_load("monthly", "1063", OUTCOME)
    lines: dict[str, Any] = sent()
    last = lines.pop("airflow.bigmeter.last_success,kind=monthly,branch=1063")
    assert int(last.split("|")[0]) > 1_700_000_000
    tags = "kind=monthly,branch=1063"
    assert lines == {
        f"airflow.bigmeter.duration,{tags}": "500.000000|ms",
        f"airflow.bigmeter.oracle_duration,{tags}": "250.000000|ms",
        f"airflow.bigmeter.oracle_round_trips,{tags}": "4|c",
        f"airflow.bigmeter.rows,{tags},outcome=inserted": "1|c",
        f"airflow.bigmeter.rows,{tags},outcome=updated": "2|c",
        f"airflow.bigmeter.rows,{tags},outcome=unchanged": "185|c",
        f"airflow.bigmeter.rows,{tags},outcome=removed": "0|c",
        f"airflow.bigmeter.duplicates,{tags}": "3|g",
        f"airflow.bigmeter.reported,{tags}": "180|g",
        f"airflow.bigmeter.zero,{tags}": "8|g",
        f"airflow.bigmeter.missing,{tags}": "12|g",
    }


def test_a_failure_sends_its_class(sent: Callable[[], dict[str, str]]) -> None:
    from include.bigmeter.tasks import metrics

    metrics.count_failure("monthly", "1063", "refused")
    assert sent() == {"airflow.bigmeter.failures,kind=monthly,branch=1063,category=refused": "1|c"}


def test_airflow_has_the_figures_that_the_mapping_takes_from_it() -> None:
    from airflow.sdk._shared.observability.metrics.metrics_registry import YAML_REGISTRY_PATH

    kinds = {
        one["match"].removeprefix("airflow."): one["match_metric_type"]
        for one in MAPPING["mappings"]
        if not one["match"].startswith("airflow.bigmeter.")
    }
    assert len(kinds) == 6
    with YAML_REGISTRY_PATH.open(encoding="utf-8") as file:
        found = {metric["name"]: metric["type"] for metric in yaml.safe_load(file)["metrics"]}
    assert {name: found.get(name) for name in kinds} == kinds


@pytest.mark.usefixtures("airflow_database")
@pytest.mark.parametrize(
    ("error", "states"),
    [
        (errors.SourceRefused("1060 2025-10: refused"), {"failed"}),
        (errors.SourceUnavailable("1060 2025-10: away"), {"up_for_retry", "success"}),
    ],
)
def test_a_branch_that_failed_for_good_is_told_by_how_it_ended_and_not_by_airflows_count_of_failures(
    monkeypatch: pytest.MonkeyPatch,
    read_dags: Callable[[], Any],
    sent: Callable[[], dict[str, str]],
    error: Exception,
    states: set[str],
) -> None:
    from include.bigmeter.tasks import loads, retries

    failures = [error]

    def load(job: dict[str, Any], _identity: object) -> dict[str, Any]:
        if failures:
            raise failures.pop()
        return {"branch_code": job["branch_code"], "ym": job["ym"], "warnings": [], **OUTCOME}

    monkeypatch.setattr(loads, "check", lambda *_: None)
    monkeypatch.setattr(loads, "load_month", load)
    monkeypatch.setattr(retries, "DELAY_WINDOWS_S", ((0, 0),) * 3)
    monkeypatch.setenv("BRANCHES", "1060")
    read_dags().dags["bigmeter_monthly_sync"].test(logical_date=datetime(2025, 11, 20, 4, tzinfo=UTC))
    lines = sent()
    branch = "dag_id=bigmeter_monthly_sync,task_id=sync_branch"
    finished = f"airflow.ti.finish,{branch},state="
    assert {line.removeprefix(finished) for line in lines if line.startswith(finished)} == states
    assert (f"airflow.ti_failures,{branch}" in lines) == ("up_for_retry" in states)
