"""The figures that Airflow's own metrics carry on, by branch and kind.

Airflow sends the tags only with ``[metrics] statsd_influxdb_enabled`` (or OpenTelemetry).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from airflow.sdk.observability import stats

ROW_OUTCOMES = ("inserted", "updated", "unchanged", "removed")
CUSTOMER_STATES = ("reported", "zero", "missing")
_MS = 1000


def count_load(kind: str, branch_code: str, outcome: Mapping[str, Any]) -> None:
    """Send the figures of a load that is in.

    :param outcome: the counts of a month's or a cohort's outcome; seconds become milliseconds.
    """
    tags = {"kind": kind, "branch": branch_code}
    stats.timing("bigmeter.duration", outcome["seconds"] * _MS, tags=tags)
    stats.timing("bigmeter.oracle_duration", outcome["oracle_seconds"] * _MS, tags=tags)
    stats.incr("bigmeter.oracle_round_trips", outcome["round_trips"], tags=tags)
    for name in ROW_OUTCOMES:
        stats.incr("bigmeter.rows", outcome[name], tags={**tags, "outcome": name})
    stats.gauge("bigmeter.duplicates", outcome["duplicates"], tags=tags)
    for name in CUSTOMER_STATES:
        if name in outcome:
            stats.gauge(f"bigmeter.{name}", outcome[name], tags=tags)
    stats.gauge("bigmeter.last_success", round(time.time()), tags=tags)


def count_failure(kind: str, branch_code: str, category: str) -> None:
    """Send that an attempt failed, with the class of its error."""
    stats.incr("bigmeter.failures", tags={"kind": kind, "branch": branch_code, "category": category})
