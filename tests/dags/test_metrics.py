"""The figures as they leave through Airflow's StatsD client, read from the wire."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

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
