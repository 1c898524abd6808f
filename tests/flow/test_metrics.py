"""The figures of a real run as an OpenTelemetry collector gets them from Airflow."""

from __future__ import annotations

from typing import Any

from tests.flow.harness import Flow
from tests.sinks import OtlpSink
from tests.told_figures import figures_of_failure, figures_of_load, wait_for_figures

MONTH = "202501"


def test_a_collector_gets_the_figures_of_each_branch_that_loads_and_of_each_failure(
    flow: Flow, collector: OtlpSink
) -> None:
    before = collector.figures("airflow.bigmeter.")
    flow.control.add_fault("ora=942@execute,times=always,bind=1061")
    run = flow.run_month({"ym": MONTH})
    (report,) = flow.summary(run)["reports"]
    expected: dict[Any, float] = figures_of_failure("monthly", "1061", "refused")
    for code in ("1060", "1062"):
        expected |= figures_of_load("monthly", code, report["loaded"][code])
    wait_for_figures(collector, expected, before)
