"""A stack's processes: none outlives the one that started it, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from dev.stack.processes import LEASH, LeashedProcess, StackError, wait_until

DEADLINE_S = 20

# Starts a grandchild in a session of its own, as a daemon would, and writes both process ids.
DAEMON_PARENT = """
import os, subprocess, sys, time
daemon = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(os.getpid(), daemon.pid, flush=True)
time.sleep(600)
"""
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
time.sleep(600)
"""
HOLDER = """
import sys, time
from pathlib import Path
from dev.stack.processes import LeashedProcess
code, log = sys.argv[1:]
LeashedProcess("sleeper", [sys.executable, "-c", code], log=Path(log), environment={}, directory=Path("/"))
time.sleep(600)
"""


def leashed(code: str, directory: Path, grace_s: float = 5) -> LeashedProcess:
    return LeashedProcess(
        "sleeper",
        [sys.executable, "-c", code],
        log=directory / "log",
        environment={},
        directory=directory,
        grace_s=grace_s,
    )


def written_pids(log: Path, count: int) -> list[int]:
    wait_until(lambda: log.exists() and len(log.read_text().split()) == count, DEADLINE_S, "the process ids")
    return [int(word) for word in log.read_text().split()]


def are_gone(pids: list[int]) -> bool:
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids)


def test_stopping_ends_the_command_and_a_daemon_of_its_own(tmp_path: Path) -> None:
    with leashed(DAEMON_PARENT, tmp_path):
        pids = written_pids(tmp_path / "log", 2)
        assert not are_gone(pids[:1])
        assert not are_gone(pids[1:])
    assert are_gone(pids)


def test_a_command_that_ignores_the_signal_is_killed_after_the_grace(tmp_path: Path) -> None:
    with leashed(STUBBORN, tmp_path, grace_s=0.2):
        pids = written_pids(tmp_path / "log", 1)
    assert are_gone(pids)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_death_of_the_holder_ends_the_command_and_its_daemon(tmp_path: Path, ending: signal.Signals) -> None:
    log = tmp_path / "log"
    repository = LEASH.parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, DAEMON_PARENT, str(log)],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": str(repository)},
        stderr=subprocess.DEVNULL,
    ) as holder:
        pids = written_pids(log, 2)
        assert not are_gone(pids[:1])
        holder.send_signal(ending)
        holder.wait(DEADLINE_S)
    wait_until(lambda: are_gone(pids), DEADLINE_S, "the end of both processes")


def test_a_command_that_ends_while_it_is_waited_for_is_an_error_with_the_end_of_its_log(tmp_path: Path) -> None:
    with (
        leashed("print('no such thing'); raise SystemExit(3)", tmp_path) as process,
        pytest.raises(StackError, match="sleeper ended while waiting for a miracle(.|\n)*no such thing"),
    ):
        process.wait_until(lambda: False, DEADLINE_S, "a miracle")


def test_the_exit_status_of_a_command_is_told(tmp_path: Path) -> None:
    with leashed("raise SystemExit(3)", tmp_path) as process, pytest.raises(StackError, match="exit status 3"):
        process.wait(DEADLINE_S)
