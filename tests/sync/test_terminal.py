"""What a person at a terminal sees of a load while it runs, and what a pipe gets instead: nothing."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.loading import Billing, Loading

ROOT = Path(__file__).parents[2]
ESCAPE = "\x1b"
DRAWING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[━╸╺]")
MONTH_ONCE = ("month-once", "--ym", "202511")


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended, run in a process of its own."""

    status: int
    out: str
    err: str


def run(environment: dict[str, str], *, is_terminal: bool) -> Ended:
    """Load November with standard error on a terminal or in a pipe, and standard output in a pipe."""
    command = [sys.executable, "-m", "include.bigmeter", *MONTH_ONCE]
    terminal, its_end = os.openpty()
    try:
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "TERM": "xterm", "COLUMNS": "100", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=its_end if is_terminal else subprocess.PIPE,
        ) as process:
            os.close(its_end)
            seen = b""
            while is_terminal and (part := read(terminal)):
                seen += part
            out, err = process.communicate(timeout=60)
    finally:
        os.close(terminal)
    return Ended(process.returncode, out.decode(), (seen if is_terminal else err).decode())


def read(terminal: int) -> bytes:
    """Return what is written next, or nothing once the other end is closed, which Linux reports as an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_a_terminal_shows_a_progress_bar_and_a_pipe_nothing(
    own_billing: Billing, own_loading: Loading, database: str
) -> None:
    environment = {"ORACLE_DSN": own_billing.server.dsn, "POSTGRES_DSN": database, "BRANCHES": "1063 1065"}

    piped = run(environment, is_terminal=False)
    assert (piped.status, piped.err) == (0, "")
    assert ESCAPE not in piped.out
    assert piped.out.splitlines()[-1] == "2025-11: all 2 branches loaded"

    for code in ("1063", "1065"):  # long enough to be drawn
        own_billing.server.faults.add(f"delay=0.4@execute,bind={code}")
    watched = run(environment, is_terminal=True)
    assert watched.status == 0
    assert ESCAPE in watched.err
    drawn = [" ".join(line.split()) for line in re.split(r"[\r\n]+", DRAWING.sub("", watched.err))]
    states = [state for state, _ in itertools.groupby(line.rpartition(" ")[0] for line in drawn if "/2" in line)]
    expected = [f"monthly 2025-11 {branch}/2" for branch in ("1063 น้ำพอง 0", "1065 กระนวน 1", "1065 กระนวน 2")]
    assert [state for state in states if state in expected] == expected
    assert ESCAPE not in watched.out
    assert watched.out.splitlines()[-1] == "2025-11: all 2 branches loaded"
