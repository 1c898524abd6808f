"""The demo as a person starts it: it loads, it can be run again, it ends with Ctrl-C and leaves nothing running."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import psycopg
import pytest

from dev.stack.airflow import ADMIN, REPOSITORY, own_environment
from dev.stack.local import LOADER
from dev.stack.postgres import EmbeddedPostgres, Role, secret
from dev.stack.processes import wait_until
from dev.stack.rest import AirflowApi

TIMEOUT_S = 400
YEARLY, MONTHLY = "bigmeter_yearly_init", "bigmeter_monthly_sync"
ONE_MONTH_OF_TWO_BRANCHES = ("--months", "1", "--branches", "1060,1245")


@pytest.fixture(scope="module")
def demo_directory() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="bigmeter-demo-"))
    made.chmod(0o711)  # the embedded PostgreSQL may run under another account
    yield made
    shutil.rmtree(made, ignore_errors=True)


def start_demo(directory: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "dev.demo", *ONE_MONTH_OF_TWO_BRANCHES, "--directory", str(directory), *words],
        cwd=REPOSITORY,
        env={**os.environ, "COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def stored_rows(directory: Path) -> list[tuple[Any, ...]]:
    """Return the version of each row that a demo has left, while it is not running."""
    loader = Role(name=LOADER, password=secret(directory / "bigmeter.password"), database="bigmeter")
    with EmbeddedPostgres(directory / "postgres") as postgres, psycopg.connect(postgres.dsn_of(loader)) as database:
        return database.execute(
            "SELECT 'cohort', branch_code, cust_code, xmin::text, updated_at FROM bm_custcode_init UNION ALL"
            " SELECT year_month, branch_code, cust_code, xmin::text, updated_at FROM bm_meter_details UNION ALL"
            " SELECT kind, branch_code, run_id, xmin::text, finished_at FROM bm_sync_runs ORDER BY 1, 2, 3, 4"
        ).fetchall()


def outcomes(output: str) -> set[tuple[str, str]]:
    """Return the DAGs, each with what a demo said of the cohorts or months that it has of them."""
    return set(re.findall(rf"^({YEARLY}|{MONTHLY}) [^:\n]+: (.+)$", output, re.MULTILINE))


def left_processes(directory: Path) -> list[str]:
    return [
        " ".join(process.info["cmdline"])
        for process in psutil.process_iter(["pid", "cmdline", "environ"])
        if process.pid != os.getpid()
        and any(
            str(directory) in text
            for text in [*(process.info["cmdline"] or ()), *(process.info["environ"] or {}).values()]
        )
    ]


def test_the_demo_loads_and_leaves_no_process_behind(demo_directory: Path) -> None:
    with start_demo(demo_directory, "--exit") as demo:
        output, _ = demo.communicate(timeout=TIMEOUT_S)
    assert demo.returncode == 0, output
    lines = {line.split("│")[1].split()[0]: line for line in output.splitlines() if line.startswith("│")}
    assert lines.keys() == {"1060", "1245", "total"}
    months, reported, zero, missing, usage = (
        int(cell.strip().replace(",", "")) for cell in lines["1060"].strip("│").split("│")[1:]
    )
    assert months == 1
    assert reported + zero + missing == 200
    assert usage > 0
    assert outcomes(output) == {(YEARLY, "success"), (MONTHLY, "success")}
    assert left_processes(demo_directory) == []


def test_while_airflow_is_down_the_command_line_says_what_is_in_and_what_is_not(demo_directory: Path) -> None:
    """A scheduler that is down cannot say so: a monitor asks the ledger itself."""

    def ask(dsn: str, branches: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "include.bigmeter", "check", "--freshness"],
            check=False,
            cwd=REPOSITORY,
            env=own_environment() | {"POSTGRES_DSN": dsn, "BRANCHES": branches},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout + done.stderr

    loader = Role(name=LOADER, password=secret(demo_directory / "bigmeter.password"), database="bigmeter")
    with EmbeddedPostgres(demo_directory / "postgres") as postgres:
        dsn = postgres.dsn_of(loader)
        status, told = ask(dsn, "1060,1245")
        assert (status, told.count("\n")) == (0, 1)
        assert told.startswith("every month up to 20")
        status, told = ask(dsn, "1060,1061,1245")
        assert status == 1
        assert re.search(
            r"^20\d\d-\d\d: not loaded for 1 of 3 branches \(1061\); run bigmeter_monthly_sync", told, re.M
        )
    assert ask(dsn, "1060,1245")[0] == 3


def test_a_second_demo_changes_nothing_says_so_and_ends_with_ctrl_c(demo_directory: Path) -> None:
    before = stored_rows(demo_directory)
    assert {kind for kind, *_ in before} >= {"cohort", "monthly", "yearly"}
    output = ""
    with start_demo(demo_directory) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            output += line
            if "Ctrl-C" in line:
                break
        login = re.search(r"(http://\S+)\s+user (\S+), password (\S+)", output)
        assert login is not None, output
        address, user, password = login.groups()
        assert user == ADMIN
        api = AirflowApi(address, user, password)
        try:
            assert {run.state for run in api.runs(MONTHLY)} == {"success"}
        finally:
            api.close()
        demo.send_signal(signal.SIGINT)
        rest, _ = demo.communicate(timeout=TIMEOUT_S)
    assert demo.returncode == 0, output + rest
    assert "no row has changed" in output
    assert outcomes(output) == {(dag_id, "found loaded, not run again") for dag_id in (YEARLY, MONTHLY)}
    assert left_processes(demo_directory) == []
    assert stored_rows(demo_directory) == before


def test_a_demo_that_is_killed_at_once_leaves_no_process_behind(demo_directory: Path) -> None:
    with start_demo(demo_directory, "--exit") as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "Airflow starts" in line:
                break
        assert left_processes(demo_directory)
        demo.kill()
        demo.communicate(timeout=TIMEOUT_S)
    wait_until(lambda: not left_processes(demo_directory), 60, "the end of all processes")
