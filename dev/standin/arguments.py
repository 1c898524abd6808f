"""The words of the command line, read and checked."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from dev.billing_data.options import DEFAULT_LAST_MONTH, GeneratorOptions, OptionError
from dev.oracle_standin.faults import Fault, FaultError, parse_fault

_HIGHEST_PORT: Final = 65_535

_DESCRIPTION: Final = """\
A test double of an Oracle Database with an invented billing system in it. It speaks Oracle's wire protocol, so that
the unmodified python-oracledb driver reads it. Prints the DSN, then "ready"; SIGTERM or Ctrl-C ends it.
"""
_EPILOG: Final = """\
A fault is KIND[=VALUE]@POINT[:N][,times=N|always][,bind=VALUE][,sql=TEXT]:
  KIND is refuse, hang, freeze, drop, reset, delay or ora; POINT is connect, login, execute, fetch, rows or commit.
  ora=1555@execute:3      the third execute answers ORA-01555
  drop@rows:50,bind=1063  branch 1063 loses the line after 50 rows, once
  delay=0.5@fetch,times=always
"""


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the command shall do: export to a directory, or serve on ports (0: a free one)."""

    options: GeneratorOptions
    host: str
    port: int
    control_port: int | None
    faults: tuple[Fault, ...]
    database: Path | None
    export: Path | None


class _OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line; the usage is for ``--help``."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def parse_arguments(words: Sequence[str] | None) -> Arguments:
    """Read the command line; on a mistake exit with status 2 and a line on standard error."""
    parser = _parser()
    given = parser.parse_args(words)
    try:
        options = GeneratorOptions(
            seed=given.seed,
            branches=_branches(given.branches),
            customers=given.customers,
            months=given.months,
            last_month=given.last_month,
        )
        faults = tuple(parse_fault(text) for text in given.fault)
    except (OptionError, FaultError) as mistake:
        parser.error(str(mistake))
    for name, port in (("port", given.port), ("control port", given.control_port)):
        if port is not None and not 0 <= port <= _HIGHEST_PORT:
            parser.error(f"{name} {port}: must be from 0 (a free one) to {_HIGHEST_PORT}")
    if given.database is not None and not given.database.absolute().parent.is_dir():
        parser.error(f"database {given.database}: its directory does not exist")
    return Arguments(
        options=options,
        host=given.host,
        port=given.port,
        control_port=given.control_port,
        faults=faults,
        database=given.database,
        export=given.export,
    )


def _branches(text: str) -> int | tuple[str, ...]:
    """Read a count (up to three digits) or codes (four digits each), divided by commas."""
    codes = tuple(code.strip() for code in text.split(","))
    if len(codes) == 1 and len(codes[0]) <= 3 and codes[0].isdecimal():
        return int(codes[0])
    return codes


def _parser() -> argparse.ArgumentParser:
    parser = _OneLineParser(
        prog="python -m dev.standin",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    serve = parser.add_argument_group("the server")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    serve.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one (%(default)s)")
    serve.add_argument(
        "--control-port",
        type=int,
        metavar="PORT",
        help="also listen here for another process that sets faults, reads counters and changes data; "
        "its address is printed before the DSN",
    )
    serve.add_argument("--fault", action="append", default=[], help="something that goes wrong (repeatable), see below")
    rows = parser.add_argument_group("the billing data")
    rows.add_argument("--seed", type=int, default=1, help="what all chance comes from (%(default)s)")
    rows.add_argument(
        "--branches", default="22", help="how many, region 6 first, or codes divided by commas (%(default)s)"
    )
    rows.add_argument("--customers", type=int, default=400, help="customers of each branch (%(default)s)")
    rows.add_argument("--months", type=int, default=25, help="months with bills (%(default)s)")
    rows.add_argument(
        "--last-month", default=DEFAULT_LAST_MONTH, metavar="YYYYMM", help="the last of them, Gregorian (%(default)s)"
    )
    rows.add_argument(
        "--database", type=Path, metavar="FILE", help="keep the data in this file, and use it if it is there already"
    )
    rows.add_argument(
        "--export",
        type=Path,
        metavar="DIR",
        help="write the data for a real Oracle Database (DDL, CSV, load scripts) to this directory, and end",
    )
    return parser
