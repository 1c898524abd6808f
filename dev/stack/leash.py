"""Run a command that must not outlive the process that wants it.

``python leash.py [--user NAME] [--signal NAME] [--grace SECONDS] -- COMMAND ...`` starts the command in a session of
its own and watches standard input. At its end, however the holder of the other end went (an exit, Ctrl-C, SIGKILL), the
command gets the signal, and after the grace every process that descends from it is killed. On Linux the leash adopts
orphans, so a grandchild that left its parent or its process group is found as well.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

import psutil  # type: ignore[import-untyped]

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit status; 128 and the signal's number if a signal ended it."""
    parser = argparse.ArgumentParser(description="run a command that ends with its holder")
    parser.add_argument("--user", help="the account that runs the command, where the leash belongs to root")
    parser.add_argument("--signal", default="SIGTERM", help="what asks the command to end")
    parser.add_argument("--grace", type=float, default=10.0, help="seconds from asking to killing")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)

    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    ending = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    asked: list[int] = []
    for number in ending:
        signal.signal(number, lambda received, _frame: asked.append(received))
    signal.signal(signal.SIGCHLD, lambda _received, _frame: None)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    child = subprocess.Popen(
        options.command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_die_with_leash,  # noqa: PLW1509 - there are no threads here
        user=options.user,
    )
    status: int | None = None
    while status is None and not asked:
        readable, _, _ = select.select([sys.stdin.fileno(), wake_read], [], [])
        if wake_read in readable:
            os.read(wake_read, 512)
        if sys.stdin.fileno() in readable and not os.read(sys.stdin.fileno(), 512):
            break
        status = _reap(child.pid, status)
    if status is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.Signals[options.signal])
        status = _reap_until(child.pid, time.monotonic() + options.grace)
    _kill_descendants()
    status = _reap_until(child.pid, time.monotonic() + options.grace) if status is None else status
    return status if status is not None else 128 + signal.SIGKILL


def _die_with_leash() -> None:
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)  # only reached if the leash itself is killed


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _reap(child: int, status: int | None) -> int | None:
    """Collect the dead, orphans that were adopted included; return the child's exit status once it is known."""
    while True:
        try:
            pid, raw = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == child:
            code = os.waitstatus_to_exitcode(raw)
            status = code if code >= 0 else 128 - code


def _reap_until(child: int, deadline: float) -> int | None:
    status: int | None = None
    while (status := _reap(child, status)) is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return status


def _kill_descendants() -> None:
    while descendants := [one for one in psutil.Process().children(recursive=True) if not _is_dead(one)]:
        for process in descendants:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(descendants, timeout=2)


def _is_dead(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
