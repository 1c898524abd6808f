"""The benchmark of a branch-month judges what it has measured: a limit that is exceeded is said, and fails it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dev.benchmarks import __main__ as benchmarks
from dev.benchmarks.branch_month import Figures, report


def a_load(seconds: float) -> dict[str, object]:
    """Build a load that took two seconds of Oracle's in these seconds."""
    return {"seconds": seconds, "oracle_seconds": 2.0, "cohort_size": 200, "inserted": 197, "round_trips": 4}


GOOD = Figures(loads=[a_load(3.0), a_load(2.1)], bare_mb=60, peak_mb=140)


def test_what_is_just_within_the_limits_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(GOOD) == 0
    printed = capsys.readouterr().out
    assert "1.000 s beyond Oracle's 2.000 s" in printed
    assert "80 MB above the bare import's 60 MB" in printed
    assert "LIMIT" not in printed


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        (replace(GOOD, loads=[a_load(3.01)]), "a load took 1.010 s beyond Oracle, more than 1 s"),
        (replace(GOOD, loads=[a_load(2.1), a_load(2.1), a_load(4.5)]), "a load took 2.500 s beyond Oracle"),
        (replace(GOOD, peak_mb=141), "memory rose 81 MB above the bare import, more than 80"),
    ],
)
def test_a_limit_that_is_exceeded_is_said_and_is_the_exit_status(
    figures: Figures, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(figures) == 1
    *_, last = capsys.readouterr().out.splitlines()
    assert last.startswith(f"LIMIT EXCEEDED: {said}")


@pytest.mark.parametrize("exit_status", [0, 1])
def test_the_benchmarks_fail_if_one_of_them_does(
    exit_status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "dev" / "benchmarks"
    package.mkdir(parents=True)
    (package / "branch_month.py").write_text(f"raise SystemExit({exit_status})")
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["benchmarks", "branch_month"])
    assert benchmarks.main() == exit_status
