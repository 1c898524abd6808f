"""A small database behind the backend, asked without a server."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

import duckdb
import pytest

from dev.oracle_standin.backend import OracleError
from dev.oracle_standin.catalogue import Catalogue, Table
from dev.oracle_standin.dialect.numbers import plain
from dev.oracle_standin.dialect.types import duckdb_type
from dev.oracle_standin.duckdb_backend import DuckDBBackend, DuckDBSession
from dev.oracle_standin.values import Bind, Column, OracleType, Value

Row: TypeAlias = tuple[Value, ...]

METERS = Table(
    "PWACIS",
    "METERS",
    (
        Column("ID", OracleType.NUMBER, precision=10, scale=0, is_nullable=False),
        Column("NAME", OracleType.VARCHAR2, size=40),
        Column("FLAG", OracleType.CHAR, size=3),
        Column("USAGE_M3", OracleType.NUMBER, scale=-127),
        Column("READ_AT", OracleType.DATE),
    ),
)
CODES = Table(
    "PWACIS",
    "CODES",
    (Column("ID", OracleType.NUMBER, scale=-127), Column("CODE", OracleType.VARCHAR2, size=10)),
)
CATALOGUE: Catalogue = {(table.owner, table.name): table for table in (METERS, CODES)}


def make_database() -> duckdb.DuckDBPyConnection:
    """Make the two tables with a few rows, and a table that nobody may see."""
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA PWACIS")
    for table in CATALOGUE.values():
        columns = ", ".join(f'"{column.name}" {duckdb_type(column)}' for column in table.columns)
        connection.execute(f'CREATE TABLE "{table.owner}"."{table.name}" ({columns})')
    connection.execute(
        """INSERT INTO PWACIS.METERS VALUES
        (1, 'alpha', 'F  ', 10.5, '2024-01-31'), (2, 'beta', 'T  ', NULL, '2024-02-29 13:00:00'),
        (3, NULL, 'F  ', 0, NULL), (4, 'น้ำพอง', 'T  ', 7, '2024-10-05')"""
    )
    connection.execute("INSERT INTO PWACIS.CODES VALUES (1, '001'), (1, '002'), (3, 'abc'), (NULL, '9')")
    connection.execute("CREATE SCHEMA truth")
    connection.execute("CREATE TABLE truth.ANSWERS AS SELECT 42 AS ANSWER")
    return connection


def make_backend() -> DuckDBBackend:
    """Return a backend over a fresh database."""
    return DuckDBBackend(make_database(), CATALOGUE)


def a_bind(value: Value | int, name: str = "X") -> Bind:
    """Return a bind as the driver declares it for a value."""
    if isinstance(value, int):
        value = Decimal(value)
    kinds: dict[type, OracleType] = {Decimal: OracleType.NUMBER, datetime: OracleType.DATE}
    return Bind(name, kinds.get(type(value), OracleType.VARCHAR2), value)


def ask(session: DuckDBSession, sql: str, *values: Value | int) -> list[Row]:
    """Run a query and return all its rows, every NUMBER as a ``Decimal``."""
    result = session.execute(sql, [a_bind(value) for value in values])
    rows = result.rows
    assert rows is not None, f"{sql} is no query"
    numbers = [column.type is OracleType.NUMBER for column in result.columns]
    found: list[Row] = []
    while chunk := rows.fetch(1000):
        found += (
            tuple(
                plain(Decimal(value)) if is_number and isinstance(value, str) else value
                for value, is_number in zip(row, numbers, strict=True)
            )
            for row in chunk
        )
    rows.close()
    return found


def change(session: DuckDBSession, sql: str, *values: Value | int) -> int:
    """Run a statement that is no query and return its row count."""
    result = session.execute(sql, [a_bind(value) for value in values])
    assert result.rows is None
    return result.row_count


def refused(session: DuckDBSession, sql: str, *values: Value | int) -> OracleError:
    """Run a statement that must be refused, to its last row, and return the error."""
    with pytest.raises(OracleError) as caught:
        _run_out(session, sql, *values)
    return caught.value


def _run_out(session: DuckDBSession, sql: str, *values: Value | int) -> None:
    rows = session.execute(sql, [a_bind(value) for value in values]).rows
    while rows is not None and rows.fetch(1000):
        pass
