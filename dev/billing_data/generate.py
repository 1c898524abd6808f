"""Fill a DuckDB database with billing data and with the truth about it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Final

import duckdb
import pyarrow as pa

from dev.billing_data.branches import Branch
from dev.billing_data.customers import enrol
from dev.billing_data.events import deal_events
from dev.billing_data.options import GeneratorOptions
from dev.billing_data.rows import lay_out_routes, write_bills, write_meters, write_readings
from dev.billing_data.schema import OWNER, TABLES
from dev.billing_data.tables import (
    bill_table,
    customer_table,
    lookup_tables,
    meter_table,
    place_tables,
    reading_table,
)
from dev.billing_data.truth import TRUTH_TABLES, event_rows, expected_rows
from dev.billing_data.usage import measure
from dev.oracle_standin.dialect.types import duckdb_type

TRUTH: Final = "truth"
"""The schema that only tests read: no catalogue names it, so no client of the stand-in can."""

FORMAT: Final = "1"
"""Counted up when the same options give other data: a file made before then is refused."""

_BRANCHES_A_TRANSACTION: Final = 10

Rows = tuple[str, str, pa.Table]
"""Schema, table name and rows."""


def generate(
    connection: duckdb.DuckDBPyConnection,
    options: GeneratorOptions | None = None,
    *,
    progress: Callable[[Branch], None] | None = None,
) -> None:
    """Make the tables of schema ``PWACIS`` and of schema ``truth`` and fill them; if it fails, neither is there.

    The rows lie by branch, month and customer, so that the smallest and largest values which DuckDB keeps for each
    block of rows let it skip all but one branch-month: that is the index.

    :param connection: a DuckDB database without these schemas.
    :param progress: called with each branch when it is there, some at a time.
    """
    options = options or GeneratorOptions()
    create_tables(connection)
    try:
        for table, rows in lookup_tables():
            _insert(connection, (OWNER, table.name, rows))
        for group in _groups(options.chosen):
            # A transaction keeps its rows in memory until its end, so that no transaction has all of them.
            connection.begin()
            for branch in group:
                for piece in branch_rows(branch, options):
                    _insert(connection, piece)
            connection.commit()
            if progress is not None:
                for branch in group:
                    progress(branch)
        for place, choice in enumerate((FORMAT, *options.described)):
            connection.execute(f"INSERT INTO {TRUTH}.made_from VALUES (?, ?)", [place, choice])
    except BaseException:
        with contextlib.suppress(duckdb.TransactionException):  # raised if none is open
            connection.rollback()
        connection.execute(f'DROP SCHEMA "{OWNER}" CASCADE')
        connection.execute(f"DROP SCHEMA {TRUTH} CASCADE")
        raise


def _groups(branches: tuple[Branch, ...]) -> Iterator[tuple[Branch, ...]]:
    for start in range(0, len(branches), _BRANCHES_A_TRANSACTION):
        yield branches[start : start + _BRANCHES_A_TRANSACTION]


def create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create both schemas with their empty tables."""
    connection.execute(f'CREATE SCHEMA "{OWNER}"')
    for table in TABLES:
        columns = ", ".join(
            f'"{column.name}" {duckdb_type(column)}{"" if column.is_nullable else " NOT NULL"}'
            for column in table.columns
        )
        connection.execute(f'CREATE TABLE "{OWNER}"."{table.name}" ({columns})')
    connection.execute(f"CREATE SCHEMA {TRUTH}")
    for name, columns in TRUTH_TABLES.items():
        connection.execute(f"CREATE TABLE {TRUTH}.{name} ({columns})")


def branch_rows(branch: Branch, options: GeneratorOptions) -> Iterator[Rows]:
    """Yield a branch's rows of each table; they depend on the branch and the options, not on the other branches."""
    customers = enrol(branch, options)
    events = deal_events(branch, customers, options)
    usage = measure(branch, customers, events, options)
    routes = lay_out_routes(branch)
    bills = write_bills(customers, events, usage)
    readings = write_readings(customers, events, usage)
    meters = write_meters(branch, customers, events, usage, options)
    without_record = {event.place for event in events if event.kind == "no_customer_record"}

    for table, rows in (
        *place_tables(branch, routes),
        customer_table(branch, customers, without_record, options),
        meter_table(branch, customers, meters, readings.meter_pool, options),
        reading_table(branch, customers, readings, options),
        bill_table(branch, customers, bills, options),
    ):
        yield OWNER, table.name, rows
    plan = (bills, readings, meters, routes)
    expected, cohorts = expected_rows(branch, customers, plan, without_record, options)
    yield TRUTH, "expected_meter", expected
    yield TRUTH, "expected_cohort", cohorts
    yield TRUTH, "event", event_rows(branch, customers, [*events, *usage.derived_events], options)


def _insert(connection: duckdb.DuckDBPyConnection, piece: Rows) -> None:
    schema, name, rows = piece
    connection.register("arriving_rows", rows)
    connection.execute(f'INSERT INTO "{schema}"."{name}" SELECT * FROM arriving_rows')
    connection.unregister("arriving_rows")
