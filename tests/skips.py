"""In continuous integration a test that is skipped or expected to fail is a failure: nothing is left out in silence."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True, tryfirst=True)  # around pytest's own, which turn an exception into a skip
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report a test."""
    report = yield
    expected_failure = getattr(report, "wasxfail", None)
    if os.environ.get("CI") and (report.skipped or expected_failure is not None):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else f"xfail {expected_failure}"
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} does not count in CI ({reason}): let it run, or take it out"
        report.__dict__.pop("wasxfail", None)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Report a module, which can be skipped as a whole."""
    report = yield
    if os.environ.get("CI") and report.outcome == "skipped":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} is left out in CI ({reason}): let it run, or take it out"
    return report
