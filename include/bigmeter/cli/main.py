"""The commands, their arguments and what they print.

Exit status: 0, all is in; 1, at least one branch failed; 2, something must be corrected first (an argument, a
setting, a connection, migrations); 3, Oracle or PostgreSQL is not available: try again.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import structlog
from rich.console import Console

from include.bigmeter import settings as environment_settings
from include.bigmeter.branches import load_branches
from include.bigmeter.cli.drivers import StoreOnly, open_postgres, time_limit
from include.bigmeter.cli.load import Loaded, Loader, init_once, month_once
from include.bigmeter.cli.upkeep import airflow_connections, apply_connections, migrate_database
from include.bigmeter.dsn import POSTGRES_DSN_SETTING, PostgresTarget, as_airflow_variable
from include.bigmeter.errors import BigmeterError, ConfigError, UnavailableError, quoted
from include.bigmeter.settings import Environment, FreshnessSettings, NotificationSettings, ScheduleSettings
from include.bigmeter.sync.freshness import read_freshness

DEFAULT_HISTORY_MONTHS = 3
FRESHNESS_LIMIT_S = 60  # a monitor that asks every few minutes must not pile up
_MOST_OF_A_REFUSAL = 200  # characters: an argument may be a whole file
_WIDE = 180  # columns: room for every count and for a reason
MAX_HISTORY_MONTHS = 36


def main(arguments: Sequence[str] | None = None, environment: Environment | None = None) -> int:
    """Run one command and return its exit status.

    :param arguments: without the program's name; None takes the process's own.
    :param environment: None takes the process's own.
    """
    environment = os.environ if environment is None else environment
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = _parser()
    is_json = any(len(word) > len("--") and "--json".startswith(word) for word in arguments)  # argparse abbreviates
    try:
        options = parser.parse_args(arguments)
        _log_to_standard_error(is_verbose=options.verbose)
        return _run(options, parser, environment)
    except BigmeterError as error:
        if is_json:
            print(json.dumps({"error": error.category, "message": str(error)}, ensure_ascii=False))
        Console(stderr=True).print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        return 3 if isinstance(error, UnavailableError) else 2
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted: the branch that was running is as it was before")
        return 130


def _run(options: argparse.Namespace, parser: argparse.ArgumentParser, environment: Environment) -> int:
    command = options.command or environment_settings.mode(environment)
    if not command:
        if not options.json:
            parser.print_help(sys.stderr)
        raise ConfigError("MODE is empty and no command is given: Airflow is the scheduler here")
    if not options.command:
        options = parser.parse_args([command, *(["--json"] if options.json else [])])
    run = {
        "month-once": _month_once,
        "init-once": _init_once,
        "check": _check,
        "migrate": _migrate,
        "connections": _connections,
    }[command]
    return run(options, environment)


def _month_once(options: argparse.Namespace, environment: Environment) -> int:
    loader = Loader.from_environment(environment, Console(stderr=True), batch_size=options.batch_size)
    loaded = month_once(
        loader,
        ym=_month(options.ym, "--ym", environment.get("YM", "")),
        branches=options.branches,
        cohort_fiscal_year=options.cohort_fiscal_year,
        accept_incomplete=options.accept_incomplete,
    )
    return _print_loaded(loaded, as_json=options.json)


def _init_once(options: argparse.Namespace, environment: Environment) -> int:
    loader = Loader.from_environment(environment, Console(stderr=True))
    loaded = init_once(
        loader,
        debt_ym=_month(options.debt_ym, "--debt-ym", environment.get("DEBT_YM", "")),
        branches=options.branches,
        recapture=options.recapture,
        accept_incomplete=options.accept_incomplete,
        months_of_history=options.history_months,
    )
    return _print_loaded(loaded, as_json=options.json)


def _month(given: str | None, argument: str, setting: str) -> str | None:
    """Return the month that is asked for: the argument's, else the setting's, which may be empty; None for neither.

    :raises ConfigError: if the argument is there and empty: a variable of a script that was not set.
    """
    if given is None:
        return setting.strip() or None
    if not given.strip():
        raise ConfigError(f"{argument}: names no month; leave it out for the latest that is due")
    return given


def _check(options: argparse.Namespace, environment: Environment) -> int:
    if options.freshness:
        return _check_freshness(options, environment)
    loader = Loader.from_environment(environment, Console(stderr=True))
    FreshnessSettings.from_environment(environment)
    NotificationSettings.from_environment(environment)
    airflow_connections(environment)  # NOTIFY_URL: what cannot be stored is refused here, not by init
    branches = loader.branches([])
    loader.check()
    return _print_facts({"status": "ok", "branches": len(branches)}, as_json=options.json)


def _check_freshness(options: argparse.Namespace, environment: Environment) -> int:
    with time_limit(FRESHNESS_LIMIT_S, "check --freshness", setting=None):
        freshness = read_freshness(
            StoreOnly(PostgresTarget.parse(environment.get(POSTGRES_DSN_SETTING, ""))),
            ScheduleSettings.from_environment(environment),
            FreshnessSettings.from_environment(environment),
            branch_codes=[branch.code for branch in load_branches(environment)],
            now=datetime.now(UTC),
        )
    if options.json:
        print(json.dumps(freshness.to_json(), ensure_ascii=False))
    else:
        print("\n".join(freshness.sentences()))
    return 0 if freshness.is_fresh else 1


def _migrate(options: argparse.Namespace, environment: Environment) -> int:
    target = PostgresTarget.parse(environment.get(POSTGRES_DSN_SETTING, ""))
    facts = migrate_database(lambda: open_postgres(target), load_branches(environment))
    return _print_facts(facts, as_json=options.json)


def _connections(options: argparse.Namespace, environment: Environment) -> int:
    connections = airflow_connections(environment)
    if options.apply:
        apply_connections(connections)
        return _print_facts({"stored": ", ".join(connections)}, as_json=options.json)
    if options.json:
        print(json.dumps(connections, ensure_ascii=False))
        return 0
    for connection_id, connection in connections.items():
        name, value = as_airflow_variable(connection_id, connection)
        print(f"{name}={shlex.quote(value)}")
    return 0


def _print_loaded(loaded: Loaded, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"reports": [report.to_json() for report in loaded.reports]}, ensure_ascii=False))
    else:
        console = Console()
        for report in loaded.reports:
            is_wide = console.width >= _WIDE
            console.print(report.table() if is_wide else report.narrow_table())
            for line in [*report.remarks(), report.sentence()]:
                console.print(line, markup=False, highlight=False, soft_wrap=True)
    return loaded.exit_status


def _print_facts(facts: Mapping[str, Any], *, as_json: bool) -> int:
    if as_json:
        print(json.dumps(facts, ensure_ascii=False))
    else:
        for name, value in facts.items():
            shown = ", ".join(value) or "nothing to do" if isinstance(value, list) else value
            print(f"{name}: {shown}")
    return 0


class _Parser(argparse.ArgumentParser):
    """A parser that refuses like everything else here: in one line, or in one document for machines."""

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments."""
        line = " ".join(message.split())
        if len(line) > _MOST_OF_A_REFUSAL or not line.isprintable():
            line = "".join(letter if letter.isprintable() else "?" for letter in line[:_MOST_OF_A_REFUSAL]) + "…"
        raise ConfigError(f"{line}; see {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m include.bigmeter",
        description="Follow the largest water users of each branch without a scheduler.",
        epilog="Exit status: 0 all is in; 1 a branch failed; 2 something must be corrected; 3 try again later.",
    )
    common = _Parser(add_help=False)
    common.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON document")
    common.add_argument(
        "--verbose", action="store_true", default=argparse.SUPPRESS, help="log each branch to standard error"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--verbose", action="store_true", help="log each branch to standard error")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    month = commands.add_parser("month-once", parents=[common], help="load one month for the branches")
    month.add_argument("--ym", help="YYYYMM in either era; default YM, else the latest month that is due")
    month.add_argument("--batch-size", type=int, help="customers a query, 1 to 1000; default BATCH_SIZE")
    month.add_argument("--cohort-fiscal-year", type=int, help="whose cohort; default the month's own fiscal year")
    _add_load_arguments(month)

    init = commands.add_parser("init-once", parents=[common], help="capture the cohorts of a fiscal year")
    init.add_argument("--debt-ym", help="YYYYMM in either era; default DEBT_YM, else the latest October that is due")
    init.add_argument("--recapture", action="store_true", help="replace a cohort that exists")
    init.add_argument(
        "--history-months",
        type=_history_months,
        default=DEFAULT_HISTORY_MONTHS,
        help="months to load for the new cohort, the last one the debt month itself; 0 for none (default: %(default)s)",
    )
    _add_load_arguments(init)

    check = commands.add_parser("check", parents=[common], help="check settings, connections, templates and migrations")
    check.add_argument(
        "--freshness",
        action="store_true",
        help="check instead, by the ledger alone, that every month that is due is loaded for every branch",
    )
    commands.add_parser("migrate", parents=[common], help="bring the PostgreSQL schema up to date; adopt an older one")
    connections = commands.add_parser(
        "connections", parents=[common], help="print the connections for Airflow, passwords included"
    )
    connections.add_argument("--apply", action="store_true", help="store them in Airflow's database instead")
    return parser


def _add_load_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--branches", nargs="+", default=[], metavar="CODE", help="only these branches; default all of the list"
    )
    parser.add_argument(
        "--accept-incomplete", action="store_true", help="write a month or a cohort that is thinner than expected"
    )


def _history_months(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > MAX_HISTORY_MONTHS:
        raise argparse.ArgumentTypeError(f"{quoted(text)} is not a whole number from 0 to {MAX_HISTORY_MONTHS}")
    return int(text)


def _log_to_standard_error(*, is_verbose: bool) -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO if is_verbose else logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
