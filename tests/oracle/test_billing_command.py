"""The stand-in as a command: what it prints, how it ends, what it says when it cannot start."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import oracledb
import pytest

from dev.oracle_standin.control import StandinControl
from dev.standin.command import main

ROOT = Path(__file__).parents[2]
SMALL = ("--branches", "1060,1063", "--customers", "30", "--months", "13")
TIMEOUT_S = 120

Start = Callable[..., "Command"]


class Command:
    """A running ``python -m dev.standin``."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dev.standin", *words],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"},
        )

    def wait_until_ready(self) -> list[str]:
        """Return the lines before ``ready``."""
        assert self.process.stdout is not None
        killer = threading.Timer(TIMEOUT_S, self.process.kill)
        killer.start()
        lines: list[str] = []
        for line in self.process.stdout:
            if line == "ready\n":
                killer.cancel()
                return lines
            lines.append(line.rstrip("\n"))
        killer.cancel()
        raise AssertionError(f"ended with {self.process.wait()}: {self.process.communicate()[1]}")

    def end(self, how: signal.Signals) -> tuple[int, str, str]:
        """Send a signal; return the status and what else was printed."""
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, out, err


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts the command; what still runs at the end is killed."""
    started: list[Command] = []

    def begin(*words: str) -> Command:
        started.append(Command(*words))
        return started[-1]

    yield begin
    for command in started:
        if command.process.poll() is None:
            command.process.kill()
        command.process.communicate()


def run_to_its_end(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dev.standin", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_the_dsn_and_ready_serves_and_ends_on_a_signal(start: Start, how: signal.Signals) -> None:
    command = start(*SMALL)
    (dsn,) = command.wait_until_ready()
    assert re.fullmatch(r"bigmeter_ro/bigmeter@127\.0\.0\.1:[0-9]+/BILLING", dsn)
    with oracledb.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM PWACIS.TB_TR_CUSTOMER_INF")
        ((customers,),) = cursor.fetchall()
    assert 56 <= customers <= 60

    assert command.end(how) == (0, "", "")
    port = int(dsn.rpartition(":")[2].partition("/")[0])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_it_ends_at_once_with_clients_connected_and_a_statement_hanging(start: Start) -> None:
    command = start(*SMALL, "--fault", "hang@execute:2")
    (dsn,) = command.wait_until_ready()
    with oracledb.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM DUAL")
        failures: list[Exception] = []

        def hang() -> None:
            with pytest.raises(oracledb.Error) as raised:
                cursor.execute("SELECT 2 FROM DUAL")
            failures.append(raised.value)

        waiting = threading.Thread(target=hang)
        waiting.start()
        assert command.end(signal.SIGTERM) == (0, "", "")
        waiting.join(TIMEOUT_S)
        assert len(failures) == 1


def test_a_signal_while_the_data_is_being_made_ends_it_and_leaves_no_half_made_file(
    start: Start, tmp_path: Path
) -> None:
    file = tmp_path / "billing.duckdb"
    command = start("--branches", "234", "--customers", "2000", "--database", str(file))
    assert command.process.stderr is not None
    # It tells now and then how far it is.
    assert "branches, the last" in command.process.stderr.readline()
    status, out, err = command.end(signal.SIGTERM)
    assert (status, out) == (0, "")
    assert "Traceback" not in err

    again = start(*SMALL, "--database", str(file))
    assert len(again.wait_until_ready()) == 1


def test_faults_and_the_control_port_work_from_the_command_line(start: Start) -> None:
    command = start(*SMALL, "--fault", "ora=1555@execute", "--control-port", "0")
    control, dsn = command.wait_until_ready()
    assert control.startswith("control 127.0.0.1:")
    with oracledb.connect(dsn) as connection, connection.cursor() as cursor:
        with pytest.raises(oracledb.DatabaseError, match="ORA-01555"):
            cursor.execute("SELECT 1 FROM DUAL")
        cursor.execute("SELECT 1 FROM DUAL")
        with StandinControl(int(control.rpartition(":")[2])) as controlled:
            assert controlled.counters().executes >= 2


def test_data_kept_in_a_file_are_found_again_and_other_data_refused(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "billing.duckdb"
    first = start(*SMALL, "--database", str(file))
    first.wait_until_ready()
    assert first.end(signal.SIGTERM)[0] == 0
    written = file.stat().st_mtime_ns
    second = start(*SMALL, "--database", str(file))
    second.wait_until_ready()
    assert second.end(signal.SIGTERM)[0] == 0
    assert file.stat().st_mtime_ns == written

    other = run_to_its_end(*SMALL, "--database", str(file), "--seed", "2")
    assert other.returncode == 1
    assert re.fullmatch(r"python -m dev\.standin: database .*it has other data \(seed 1, .*\n", other.stderr)


def test_it_exports_and_ends(tmp_path: Path) -> None:
    directory = tmp_path / "oracle"
    done = run_to_its_end(*SMALL, "--export", str(directory))
    assert (done.returncode, done.stdout) == (0, "")
    assert (directory / "01_load_pwacis.sh").is_file()
    again = run_to_its_end(*SMALL, "--export", str(directory))
    assert again.returncode == 1
    assert again.stderr.count("\n") == 1
    assert "is not empty" in again.stderr


def test_a_port_in_use_is_said_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for option in ("--port", "--control-port"):
            done = run_to_its_end(*SMALL, option, str(port))
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr == (
                f"python -m dev.standin: port {port} on 127.0.0.1 is in use; name another, or 0 for a free one\n"
            )


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--last-month", "202513"), "last month '202513'"),
        (("--branches", "9999"), "'9999'"),
        (("--branches", "0"), "branches 0"),
        (("--customers", "many"), "--customers"),
        (("--seed", "-1"), "seed -1"),
        (("--port", "70000"), "port 70000"),
        (("--fault", "burn@execute"), "'burn'"),
        (("--database", "no-such-directory/billing.duckdb"), "no-such-directory"),
        (("--sed", "1"), "--sed"),
    ],
)
def test_a_mistake_on_the_command_line_is_said_in_one_line(
    words: tuple[str, ...], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("python -m dev.standin: ")
    assert err.count("\n") == 1
    assert named in err
