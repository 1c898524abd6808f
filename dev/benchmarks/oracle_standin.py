"""How fast the Oracle stand-in answers one client on loopback, with the server in a process of its own.

``python -m dev.benchmarks.oracle_standin`` prints rows a second of 10 columns at arraysize 1,000, and executes a
second of a one-row query. The aims are 50,000 and 1,000.

It does so twice: with client and server on one processor core, and left to the system. They take turns, so one core is
all that they can use; with more, the system hands each request to a core that sleeps, and how long a core takes to
wake is a figure of the machine, on a virtual one a large part of an execute. The two results tell how large.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from statistics import median

import duckdb
import oracledb

from dev.oracle_standin.catalogue import Table
from dev.oracle_standin.dialect.types import duckdb_type
from dev.oracle_standin.duckdb_backend import DuckDBBackend
from dev.oracle_standin.server import running_server
from dev.oracle_standin.values import Column, OracleType

_ARRAYSIZE = 1_000
_TRIES = 3
_METERS = 400
_OWNER = "BENCH"


def _number(name: str, precision: int = 0, scale: int = -127) -> Column:
    return Column(name, OracleType.NUMBER, precision=precision, scale=scale)


_READINGS = Table(
    _OWNER,
    "READINGS",
    (
        _number("ID"),
        Column("CUST_CODE", OracleType.VARCHAR2, 11),
        Column("CUST_NAME", OracleType.VARCHAR2, 200),
        Column("ADDRESS", OracleType.VARCHAR2, 300),
        Column("DEBT_YM", OracleType.VARCHAR2, 6),
        _number("METER_COUNT"),
        _number("USAGE", 12, 2),
        _number("AVERAGE"),
        Column("IS_DELETED", OracleType.CHAR, 1),
        Column("READ_AT", OracleType.DATE),
    ),
)
_FILL = f"""
    INSERT INTO "{_OWNER}"."{{name}}"
    SELECT i, lpad(CAST(i AS VARCHAR), 11, '0'), 'ลูกค้าสมมุติ ' || i, i || '/7 ถนนตัวอย่าง', '256810',
        i * 7, (i * 7919 % 100000) / 100, CASE WHEN i % 3 = 0 THEN NULL ELSE i % 500 END, 'F',
        TIMESTAMP '2025-10-01' + to_days(CAST(i % 31 AS INTEGER))
    FROM range(?) AS numbers(i)
"""


def main() -> int:
    """Measure, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=100_000, help="rows of one query (default 100,000)")
    parser.add_argument("--executes", type=int, default=2_000, help="executes in a row (default 2,000)")
    options = parser.parse_args()
    cores = os.sched_getaffinity(0)
    for placement, used in (("on one core", {min(cores)}), (f"on {len(cores)} cores", cores)):
        os.sched_setaffinity(0, used)  # the server's process inherits it
        _say(f"{placement}:")
        _report(options.rows, options.executes)
    return 0


def _report(row_count: int, execute_count: int) -> None:
    with (
        _serving(row_count) as server,
        oracledb.connect(server.dsn) as connection,
        connection.cursor() as cursor,
    ):
        cursor.arraysize = cursor.prefetchrows = _ARRAYSIZE
        rows = _measure(server, lambda: _read_all(cursor), row_count)
        _say(f"  {rows} rows/s of {len(_READINGS.columns)} columns at arraysize {_ARRAYSIZE:,} (aim 50,000)")
        executes = _measure(server, lambda: _look_up(cursor, execute_count), execute_count)
        _say(f"  {executes} executes/s of a query for one row of {_METERS:,} (aim 1,000)")
        pings = _measure(server, lambda: _ping(connection, execute_count), execute_count)
        _say(f"  {pings} round trips/s without a statement")


def _read_all(cursor: oracledb.Cursor) -> None:
    cursor.execute("SELECT * FROM READINGS")
    for _ in cursor:
        pass


def _look_up(cursor: oracledb.Cursor, count: int) -> None:
    for number in range(count):
        cursor.execute("SELECT CUST_NAME, USAGE FROM METERS WHERE ID = :id", id=number % _METERS)
        if len(cursor.fetchall()) != 1:
            raise AssertionError("a row is missing")


def _ping(connection: oracledb.Connection, count: int) -> None:
    for _ in range(count):
        connection.ping()


def _measure(server: _Server, run: Callable[[], None], count: int) -> str:
    """Return how many a second, the median of some tries after a first that warms up.

    On a machine with other work the processor time is the better figure: the server's and the client's, which take
    turns, add up to what one takes on an idle machine.
    """
    run()
    times = []
    processor_started = server.processor_s(), time.process_time()
    for _ in range(_TRIES):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    in_server, in_client = (
        (now - before) / count / _TRIES * 1e6
        for now, before in zip((server.processor_s(), time.process_time()), processor_started, strict=True)
    )
    taken = f"processor: {in_server:.1f} us each in the server, {in_client:.1f} in the client"
    return f"{count / median(times):,.0f} ({taken})"


class _Server:
    """The server's process, seen from here."""

    def __init__(self, line: Connection) -> None:
        self.dsn: str = line.recv()
        self._line = line

    def processor_s(self) -> float:
        """Return the processor time that it has used so far, all threads together."""
        self._line.send("processor")
        return float(self._line.recv())


@contextmanager
def _serving(rows: int) -> Iterator[_Server]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=_serve, args=(theirs, rows))
    server.start()
    theirs.close()
    try:
        yield _Server(ours)
    finally:
        ours.send("stop")
        server.join()


def _serve(line: Connection, rows: int) -> None:
    with duckdb.connect() as connection:
        columns = ", ".join(f'"{column.name}" {duckdb_type(column)}' for column in _READINGS.columns)
        connection.execute(f'CREATE SCHEMA "{_OWNER}"')
        catalogue = {}
        for name, count in (("READINGS", rows), ("METERS", _METERS)):
            connection.execute(f'CREATE TABLE "{_OWNER}"."{name}" ({columns})')
            connection.execute(_FILL.format(name=name), [count])
            catalogue[_OWNER, name] = Table(_OWNER, name, _READINGS.columns)
        with running_server(DuckDBBackend(connection, catalogue), users={"bench": "bench"}) as server:
            line.send(server.dsn)
            while line.recv() != "stop":
                line.send(time.process_time())


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
