"""One real Airflow for all flow tests: three branches, an Oracle stand-in whose faults the tests set, no clock's runs.

Each test loads months of its own, so none depends on what another has left. Fiscal year 2025 has its cohorts before
the first test; nothing here depends on today's date, as long as it is after 2025.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dev.oracle_standin.control import StandinControl
from dev.stack.airflow import EXAMPLES, bundle_settings
from dev.stack.local import StackOptions, running_stack
from dev.stack.processes import free_ports
from include.bigmeter.settings import NOTIFY_CONNECTION_ID
from tests.flow.harness import BRANCHES, CONSUMER, MONTHLY, TASK_TIMEOUT_S, YEARLY, Flow
from tests.sinks import MessageSink, OtlpSink, connection_to

# Tests that run in the background inherit that Ctrl-C is ignored, and so would what they start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def directory() -> Iterator[Path]:
    """Yield a directory of the session's own, removed at the end."""
    made = Path(tempfile.mkdtemp(prefix="bigmeter-flow-"))
    made.chmod(0o711)  # the embedded PostgreSQL may run under another account
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def collector() -> Iterator[OtlpSink]:
    """Yield the collector to which Airflow sends its metrics by OpenTelemetry; the Celery test has StatsD."""
    with OtlpSink() as collector:
        yield collector


@pytest.fixture(scope="session")
def session_flow(directory: Path, collector: OtlpSink) -> Iterator[Flow]:
    """Yield the stack with the cohorts of fiscal year 2025 chosen."""
    (control_port,) = free_ports(1)
    options = StackOptions(
        directory=directory,
        standin_words=[
            *("--last-month", "202510", "--months", "27", "--branches", ",".join(BRANCHES)),
            *("--control-port", str(control_port)),
        ],
        settings={
            "BRANCHES": ",".join(BRANCHES),
            "TASK_TIMEOUT_S": str(TASK_TIMEOUT_S),
            **bundle_settings(examples=EXAMPLES),
            "AIRFLOW__METRICS__OTEL_ON": "True",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        },
        is_scheduling=False,
        parallelism=6,
    )
    with (
        running_stack(options) as stack,
        StandinControl(control_port) as control,
        psycopg.connect(stack.data_dsn, autocommit=True) as database,
    ):
        api = stack.airflow.api
        for dag_id in (YEARLY, MONTHLY, CONSUMER):
            api.set_paused(dag_id, False)
        cohort = api.wait_for_run(YEARLY, api.trigger(YEARLY, {"debt_ym": "202410", "history_months": 0}))
        assert cohort.state == "success"
        yield Flow(stack, control, database)


@pytest.fixture
def flow(session_flow: Flow) -> Iterator[Flow]:
    """Yield the stack, without faults before and after."""
    session_flow.control.clear_faults()
    yield session_flow
    session_flow.control.clear_faults()


@pytest.fixture
def sink(flow: Flow) -> Iterator[MessageSink]:
    """Yield the service that gets the messages of this test's runs."""
    with MessageSink() as sink:
        flow.api.add_connection(NOTIFY_CONNECTION_ID, connection_to(sink.url()))
        yield sink
        flow.api.remove_connection(NOTIFY_CONNECTION_ID)


@pytest.fixture
def fingerprint(flow: Flow) -> Callable[[str], list[tuple[Any, ...]]]:
    """Return a function that says, for a month, which version of each row is stored."""
    return lambda month: flow.query(
        "SELECT branch_code, cust_code, xmin::text, updated_at FROM bm_meter_details WHERE year_month = %s"
        " ORDER BY branch_code, cust_code",
        month,
    )
