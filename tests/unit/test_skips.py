"""What is skipped in continuous integration fails it, and nowhere else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFTEST = "from tests.conftest import pytest_make_collect_report, pytest_runtest_makereport"
TESTS = """
import pytest

def test_that_runs():
    pass

@pytest.mark.skip(reason="no time")
def test_marked():
    pass

@pytest.mark.skipif(True, reason="no server")
def test_under_a_condition():
    pass

def test_that_gives_up():
    pytest.skip("no luck")

@pytest.fixture
def missing():
    pytest.skip("no fixture")

def test_whose_fixture_gives_up(missing):
    pass

@pytest.mark.xfail(reason="known")
def test_expected_to_fail():
    assert False

@pytest.mark.xfail(reason="mended")
def test_expected_to_fail_that_does_not():
    pass
"""
A_MODULE = 'import pytest\npytest.skip("no module", allow_module_level=True)\n'


def run(folder: Path, *, ci: str) -> tuple[int, str]:
    """Run pytest in a folder and return its exit status and what it printed."""
    (folder / "conftest.py").write_text(CONFTEST)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rf", "-p", "no:cacheprovider", f"--rootdir={folder}", folder],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CI": ci, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("ci", "status", "ending"),
    [("true", 1, "3 failed, 1 passed, 3 errors"), ("", 0, "1 passed, 4 skipped, 1 xfailed, 1 xpassed")],
)
def test_a_skipped_test_fails_continuous_integration(tmp_path: Path, ci: str, status: int, ending: str) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    found, printed = run(tmp_path, ci=ci)
    assert found == status, printed
    assert ending in printed.splitlines()[-1]
    told = {reason.removeprefix("Skipped: ") for reason in re.findall(r"does not count in CI \((.*?)\)", printed)}
    assert told == ({"no time", "no server", "no luck", "no fixture", "xfail known", "xfail mended"} if ci else set())


@pytest.mark.parametrize(("ci", "is_failure"), [("true", True), ("", False)])
def test_a_module_that_is_left_out_fails_continuous_integration(tmp_path: Path, ci: str, *, is_failure: bool) -> None:
    (tmp_path / "test_it.py").write_text("def test_that_runs():\n    pass\n")
    (tmp_path / "test_left_out.py").write_text(A_MODULE)
    status, printed = run(tmp_path, ci=ci)
    assert bool(status) == is_failure, printed
    assert ("is left out in CI" in printed) == is_failure
