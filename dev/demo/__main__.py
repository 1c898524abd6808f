"""Run the demo: ``python -m dev.demo``, or ``make demo``.

It keeps its databases and logs in one directory, so a second run finds everything loaded and changes nothing.
"""

from __future__ import annotations

import argparse
import fcntl
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import psycopg
from rich.console import Console

from dev.demo.load import LoadError, load
from dev.demo.plan import MONTHS, DemoPlan
from dev.demo.report import changes_since, last_entry, table
from dev.stack.airflow import ADMIN, REPOSITORY
from dev.stack.local import LocalStack, StackOptions, running_stack
from dev.stack.postgres import EmbeddedPostgres
from dev.stack.processes import StackError
from dev.stack.rest import Refused
from include.bigmeter.branches import load_branches
from include.bigmeter.settings import ScheduleSettings

_DIRECTORY = REPOSITORY / ".demo"
_BILLING_DATA = "billing.duckdb"
_LAST_MONTH_FILE = "last-month"
_INTERRUPTED = 130
_WATCH_S = 1.0
_MOST_MONTHS = 120


def main(arguments: Sequence[str]) -> int:
    """Run the demo and return its exit status: 0, or 1 if something does not start or load."""
    options = _parser().parse_args(arguments)
    console = Console(highlight=False)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        with _alone(options.directory):
            return _demo(options, console)
    except (StackError, LoadError, Refused) as error:
        console.print(f"The demo failed: {error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("\nInterrupted; run it again to go on.")
        return _INTERRUPTED


def _months(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= _MOST_MONTHS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {_MOST_MONTHS}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make demo DEMO_ARGS=...", description=__doc__)
    parser.add_argument("--exit", action="store_true", help="end after the table")
    parser.add_argument("--fresh", action="store_true", help="forget what an earlier demo has loaded")
    parser.add_argument("--months", type=_months, default=MONTHS, help="how many due months to load (%(default)s)")
    parser.add_argument("--branches", default="", help="only these BA codes, divided by commas")
    parser.add_argument(
        "--directory", type=Path, default=REPOSITORY / ".demo", help="where its data stay (%(default)s)"
    )
    return parser


def _demo(options: argparse.Namespace, console: Console) -> int:
    started = time.monotonic()
    plan = DemoPlan.at(datetime.now(UTC), ScheduleSettings.from_environment({}), options.months)
    _forget_if_other(options, plan, console)
    settings = {"SYNC_CONCURRENCY": "8"} | ({"BRANCHES": options.branches} if options.branches else {})
    stack_options = StackOptions(
        directory=options.directory,
        standin_words=[
            *("--last-month", plan.last_month, "--database", str(options.directory / _BILLING_DATA)),
            *(("--branches", options.branches) if options.branches else ()),
        ],
        settings=settings,
    )

    def tell(step: str) -> None:
        console.print(f"[dim]{time.monotonic() - started:5.0f} s[/dim]  {step}")

    with running_stack(stack_options, tell) as stack, psycopg.connect(stack.data_dsn, autocommit=True) as database:
        tell(f"Airflow is asked for the cohorts {_range(plan.fiscal_years)} and the months {_range(plan.months)}")
        before = last_entry(database)
        load(stack, plan, len(load_branches(settings)), console)
        console.print(table(database, plan))
        console.print(changes_since(database, before).sentence())
        tell("done")
        if not options.exit:
            _stay(stack, console)
        tell("everything is being stopped")
    return 0


def _stay(stack: LocalStack, console: Console) -> None:
    airflow = stack.airflow
    console.print(f"\nAirflow     {airflow.url}   user {ADMIN}, password {airflow.password}", soft_wrap=True)
    console.print(f"PostgreSQL  {stack.data_dsn}", soft_wrap=True)
    console.print(f"Oracle      {stack.oracle_dsn}   (the stand-in)", soft_wrap=True)
    console.print("\nCtrl-C ends it all; what is loaded stays for the next time.")
    try:
        while airflow.is_running:
            time.sleep(_WATCH_S)
    except KeyboardInterrupt:
        console.print()
        return
    raise StackError(f"a component of Airflow has ended by itself; see {airflow.logs}")


def _forget_if_other(options: argparse.Namespace, plan: DemoPlan, console: Console) -> None:
    """Start afresh if the billing data would be others than those that were loaded: a month more, other branches."""
    made_for = options.directory / _LAST_MONTH_FILE
    wanted = f"{plan.last_month} {options.branches}".strip()
    found = made_for.read_text(encoding="utf-8").strip() if made_for.exists() else None
    if options.fresh or (found is not None and found != wanted):
        if not options.fresh:
            console.print(f"The billing data reach to another month or other branches ({wanted}): starting afresh.")
        EmbeddedPostgres(options.directory / "postgres").remove()
        for name in ("postgres", "airflow", "logs"):
            shutil.rmtree(options.directory / name, ignore_errors=True)
        for file in options.directory.glob(f"{_BILLING_DATA}*"):
            file.unlink()
    made_for.write_text(wanted + "\n", encoding="utf-8")


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Hold the directory for this demo.

    :raises StackError: if another demo runs in it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(f"another demo is running in {directory}") from None
        yield


def _range(parts: Sequence[object]) -> str:
    return str(parts[0]) if len(parts) == 1 else f"{parts[0]} to {parts[-1]}"


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
