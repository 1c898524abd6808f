"""Export the ledger's figures to Prometheus: a watcher that needs neither Airflow nor its scheduler.

    python docker/ledger_exporter.py --host 0.0.0.0 --port 9399

``REPORTS_DSN`` names a role that can read. Every request of ``/metrics`` reads the ledger anew; where that fails the
answer is 503 without a figure. Prometheus then sets ``up`` to 0 and ends every series: an instant query finds nothing
rather than an old figure, and a query over a range finds each only at the times at which it was so. ``/healthy`` asks
nobody.

All figures come from the ledger, so a restart of anything loses none. ``kind`` is monthly, yearly, or history: the
months before, for a new cohort.

===========================================================  ===========================================================
``bigmeter_overdue_branches{month}``                         branches that a due month is not loaded for; 0 for the last
                                                             due month when all are in
``bigmeter_overdue_cohort_branches{fiscal_year,debt_ym}``    branches without the cohort that is due, and the October
                                                             to ask for, YYYYMM; absent when all have it
``bigmeter_due_month``                                       last month that had to be in by now, as the number YYYYMM
``bigmeter_expected_branches``                               branches of the list
``bigmeter_branch_info{branch,name}``                        1
``bigmeter_branch_overdue_months{branch}``                   months that are due and not loaded for it; 0 if all are in
``bigmeter_branch_last_month{branch}``                       last month loaded, as the number YYYYMM; 0 if none ever
                                                             was; earlier ones may be missing
``bigmeter_branch_months_loaded{branch}``                    months loaded for their own fiscal year
``bigmeter_branch_loaded_timestamp_seconds{branch}``         when that month was last loaded
``bigmeter_branch_customers{branch,state}``                  its cohort in that month: reported, zero, missing
``bigmeter_branch_complete_ratio{branch}``                   share of the cohort that is not missing, 0 to 1
``bigmeter_branch_usage_m3{branch}``                         sum of its usage in that month, cubic metres
``bigmeter_branch_attempt_timestamp_seconds{branch}``        when its last attempt of any kind ended
``bigmeter_branch_failing{branch,category}``                 1 if that attempt failed, by the class of its error
``bigmeter_last_load_timestamp_seconds{branch,kind}``        when its last load that is in was committed
``bigmeter_last_load_seconds{branch,kind}``                  what that load took, from its first lock to the commit
``bigmeter_last_load_oracle_seconds{branch,kind}``           the part of it that was spent waiting for Oracle
``bigmeter_last_load_oracle_round_trips{branch,kind}``       its round trips to Oracle
``bigmeter_last_load_rows{branch,kind,outcome}``             its rows: inserted, updated, unchanged, removed
``bigmeter_last_load_duplicates{branch,kind}``               further live rows of a customer that it met in Oracle
``bigmeter_failed_attempts_total{branch,kind,category}``     attempts that failed since the ledger began, retried ones
                                                             too; 0 from the start on, so that the first one shows
===========================================================  ===========================================================
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from typing import Any, get_args

import psycopg
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg.conninfo import make_conninfo

from include.bigmeter.branches import load_branches
from include.bigmeter.dsn import PostgresTarget
from include.bigmeter.errors import BigmeterError, Category, ConfigError
from include.bigmeter.periods import october_of
from include.bigmeter.settings import FreshnessSettings, ScheduleSettings
from include.bigmeter.store.ledger import BranchFreshness, Kind, LedgerRow, count_failed_attempts, read_last_loads
from include.bigmeter.store.ledger import read_freshness as read_branches
from include.bigmeter.sync.attempt import store_of
from include.bigmeter.sync.freshness import Freshness, OverdueCohort, read_freshness

DSN_SETTING = "REPORTS_DSN"
_SERVER_LIMITS = "-c statement_timeout=15000 -c default_transaction_read_only=on"
_CONNECT_TIMEOUT_S = 5
_KINDS: tuple[Kind, ...] = ("monthly", "history", "yearly")

Clock = Callable[[], datetime]


class ReportConnections:
    """Opens the reading role's connection; implements ``sync.connections.StoreConnections``."""

    def __init__(self, target: PostgresTarget) -> None:
        defaults = {
            "connect_timeout": str(_CONNECT_TIMEOUT_S),
            "application_name": "bigmeter-exporter",
            "options": _SERVER_LIMITS,
        }
        self._conninfo = make_conninfo(**{**defaults, **target.parameters})

    def open_store(self) -> AbstractContextManager[psycopg.Connection[tuple[Any, ...]]]:
        """Log in to PostgreSQL."""
        return psycopg.connect(self._conninfo)


class Ledger(Collector):
    """The figures, read when Prometheus asks for them."""

    def __init__(self, environment: Mapping[str, str], clock: Clock) -> None:
        dsn = environment.get(DSN_SETTING, "")
        if not dsn.strip():
            raise ConfigError(f"{DSN_SETTING}: not set; write postgres://user:password@host:5432/database")
        self._connections = ReportConnections(PostgresTarget.parse(dsn))
        self._schedule = ScheduleSettings.from_environment(environment)
        self._freshness = FreshnessSettings.from_environment(environment)
        self._codes = [branch.code for branch in load_branches(environment)]
        self._clock = clock

    def describe(self) -> list[Metric]:
        """Say nothing: the registry would else read the ledger once at the start."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read the ledger.

        :raises BigmeterError: if PostgreSQL cannot answer.
        """
        freshness = read_freshness(
            self._connections, self._schedule, self._freshness, branch_codes=self._codes, now=self._clock()
        )
        with store_of(self._connections) as store:
            branches = read_branches(store)
            loads = read_last_loads(store)
            failed_attempts = count_failed_attempts(store)
        codes = set(self._codes)
        yield from _due_months(freshness, self._codes)
        yield _due_cohort(freshness.overdue_cohort)
        yield from _branches([branch for branch in branches if branch.branch_code in codes])
        yield from _last_loads([load for load in loads if load.branch_code in codes])
        yield _failed_attempts(failed_attempts, self._codes)


def _due_months(freshness: Freshness, codes: Sequence[str]) -> Iterator[Metric]:
    overdue = GaugeMetricFamily(
        "bigmeter_overdue_branches", "Branches that a due month is not loaded for.", labels=["month"]
    )
    late = {month.ym: len(month.branch_codes) for month in freshness.overdue}
    for month, count in sorted({freshness.due: 0, **late}.items()):
        overdue.add_metric([month], count)
    yield overdue
    yield GaugeMetricFamily("bigmeter_due_month", "Last month that had to be in by now, YYYYMM.", int(freshness.due))
    yield GaugeMetricFamily("bigmeter_expected_branches", "Branches of the list.", len(codes))
    behind = GaugeMetricFamily(
        "bigmeter_branch_overdue_months", "Months that are due and not loaded for the branch.", labels=["branch"]
    )
    months = Counter(code for month in freshness.overdue for code in month.branch_codes)
    for code in codes:
        behind.add_metric([code], months[code])
    yield behind


def _due_cohort(cohort: OverdueCohort | None) -> Metric:
    overdue = GaugeMetricFamily(
        "bigmeter_overdue_cohort_branches",
        "Branches without the cohort that is due.",
        labels=["fiscal_year", "debt_ym"],
    )
    if cohort is not None:
        overdue.add_metric([str(cohort.fiscal_year), october_of(cohort.fiscal_year)], len(cohort.branch_codes))
    return overdue


def _branches(branches: Sequence[BranchFreshness]) -> Iterator[Metric]:
    def family(name: str, text: str, value: Callable[[BranchFreshness], float | None]) -> Metric:
        metric = GaugeMetricFamily(f"bigmeter_branch_{name}", text, labels=["branch"])
        for branch in branches:
            found = value(branch)
            if found is not None:
                metric.add_metric([branch.branch_code], found)
        return metric

    info = GaugeMetricFamily("bigmeter_branch_info", "A branch and its name.", labels=["branch", "name"])
    customers = GaugeMetricFamily(
        "bigmeter_branch_customers", "Cohort in the last month loaded, by state.", labels=["branch", "state"]
    )
    failing = GaugeMetricFamily(
        "bigmeter_branch_failing", "1 if the last attempt failed, by class of error.", labels=["branch", "category"]
    )
    for branch in branches:
        info.add_metric([branch.branch_code, branch.branch_name or ""], 1)
        if branch.last_year_month is not None:
            for state, count in (("reported", branch.reported), ("zero", branch.zero), ("missing", branch.missing)):
                customers.add_metric([branch.branch_code, state], count or 0)
        if branch.last_attempt_status == "error":
            failing.add_metric([branch.branch_code, branch.last_error_category or "unexpected"], 1)
    yield info
    yield family("last_month", "Last month loaded, YYYYMM; 0 if none.", lambda one: int(one.last_year_month or 0))
    yield family("months_loaded", "Months loaded for their own fiscal year.", lambda one: one.months_loaded)
    yield family("loaded_timestamp_seconds", "When the last month was last loaded.", lambda one: _unix(one.loaded_at))
    yield customers
    yield family(
        "complete_ratio",
        "Share of the cohort that is not missing.",
        lambda one: None if one.complete_share is None else float(one.complete_share),
    )
    yield family(
        "usage_m3",
        "Usage of the last month loaded, cubic metres.",
        lambda one: None if one.usage_m3 is None else float(one.usage_m3),
    )
    yield family("attempt_timestamp_seconds", "When the last attempt ended.", lambda one: _unix(one.last_attempt_at))
    yield failing


def _last_loads(loads: Sequence[LedgerRow]) -> Iterator[Metric]:
    def family(name: str, text: str, value: Callable[[LedgerRow], float | None]) -> Metric:
        metric = GaugeMetricFamily(f"bigmeter_last_load_{name}", text, labels=["branch", "kind"])
        for load in loads:
            found = value(load)
            if found is not None:
                metric.add_metric([load.branch_code, load.kind], found)
        return metric

    yield family("timestamp_seconds", "When the last load was committed.", lambda one: one.finished_at.timestamp())
    yield family(
        "seconds",
        "What the last load took, from the first lock to the commit.",
        lambda one: (one.finished_at - one.started_at).total_seconds(),
    )
    yield family("oracle_seconds", "Time that the last load waited for Oracle.", lambda one: one.oracle_seconds)
    yield family("oracle_round_trips", "Round trips of the last load to Oracle.", lambda one: one.round_trips)
    rows = GaugeMetricFamily(
        "bigmeter_last_load_rows", "Rows of the last load, by outcome.", labels=["branch", "kind", "outcome"]
    )
    for load in loads:
        for outcome, count in (
            ("inserted", load.inserted),
            ("updated", load.updated),
            ("unchanged", load.unchanged),
            ("removed", load.removed),
        ):
            rows.add_metric([load.branch_code, load.kind, outcome], count or 0)
    yield rows
    yield family("duplicates", "Further rows of a customer that the last load met.", lambda one: one.duplicates)


def _failed_attempts(failed: Mapping[tuple[str, Kind, Category], int], codes: Sequence[str]) -> Metric:
    """Return a figure for each that can be: one that began with its first failure would never be seen to rise."""
    attempts = CounterMetricFamily(
        "bigmeter_failed_attempts", "Attempts that failed, by class of error.", labels=["branch", "kind", "category"]
    )
    for code, kind, category in product(codes, _KINDS, get_args(Category)):
        attempts.add_metric([code, kind, category], failed.get((code, kind, category), 0))
    return attempts


def _unix(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def serve(ledger: Ledger, host: str, port: int) -> ThreadingHTTPServer:
    """Return a server that is bound and not yet running; port 0 takes a free one."""
    registry = CollectorRegistry()
    registry.register(ledger)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/healthy":
                self._answer(HTTPStatus.OK, b"ok\n", "text/plain")
            elif self.path == "/metrics":
                self._metrics()
            else:
                self._answer(HTTPStatus.NOT_FOUND, b"/metrics or /healthy\n", "text/plain")

        def _metrics(self) -> None:
            try:
                body = generate_latest(registry)
            except (BigmeterError, psycopg.Error) as error:
                # A BigmeterError is one safe line; the driver's text may quote more than it should.
                reason = str(error) if isinstance(error, BigmeterError) else type(error).__name__
                sys.stderr.write(f"error: {reason}\n")
                self._answer(HTTPStatus.SERVICE_UNAVAILABLE, b"the ledger cannot be read\n", "text/plain")
            else:
                self._answer(HTTPStatus.OK, body, CONTENT_TYPE_LATEST)

        def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Leave the requests out of the log: two a minute, all alike."""

    return ThreadingHTTPServer((host, port), Handler)


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Serve until the process is ended; return 2 if a setting is wrong."""
    parser = argparse.ArgumentParser(description="Export the ledger's figures to Prometheus.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=9399, help="port to listen on (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        server = serve(Ledger(environment, lambda: datetime.now(UTC)), options.host, options.port)
    except ConfigError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    with server:
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
