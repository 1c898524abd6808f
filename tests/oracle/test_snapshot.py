"""Data that changes while it is read, over DuckDB: who sees what, and when. No test here depends on who is faster."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import duckdb
import oracledb
import pytest

from dev.oracle_standin.catalogue import Table
from dev.oracle_standin.dialect.types import duckdb_type
from dev.oracle_standin.duckdb_backend import DuckDBBackend
from dev.oracle_standin.server import StandinServer, running_server
from dev.oracle_standin.values import Column, OracleType
from tests.oracle.failures import raises

METER = Table(
    "PWACIS",
    "METER",
    (Column("ID", OracleType.NUMBER, scale=-127), Column("USAGE", OracleType.NUMBER, scale=-127)),
)
TOTAL = "SELECT SUM(USAGE) FROM PWACIS.METER"
RAISE = "UPDATE PWACIS.METER SET USAGE = USAGE + 1"
Client = oracledb.Connection


@pytest.fixture
def server() -> Iterator[StandinServer]:
    """Serve a table of 1,000 meters, each with a usage of 1."""
    with duckdb.connect() as database:
        columns = ", ".join(f'"{column.name}" {duckdb_type(column)}' for column in METER.columns)
        database.execute('CREATE SCHEMA "PWACIS"')
        database.execute(f'CREATE TABLE "PWACIS"."METER" ({columns})')
        database.execute('INSERT INTO "PWACIS"."METER" SELECT i, 1 FROM range(1000) AS numbers(i)')
        with running_server(DuckDBBackend(database, {(METER.owner, METER.name): METER})) as running:
            yield running


@pytest.fixture
def connect(server: StandinServer) -> Iterator[Callable[[], Client]]:
    opened: list[Client] = []

    def connect() -> Client:
        opened.append(oracledb.connect(server.dsn))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def reader(connect: Callable[[], Client]) -> Client:
    return connect()


@pytest.fixture
def writer(connect: Callable[[], Client]) -> Client:
    return connect()


def total(connection: Client) -> int:
    with connection.cursor() as cursor:
        ((found,),) = cursor.execute(TOTAL).fetchall()
        assert isinstance(found, int)
        return found


def run(connection: Client, sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.rowcount)


def test_a_change_is_seen_by_its_own_session_at_once_and_by_others_after_the_commit(
    reader: Client, writer: Client
) -> None:
    assert run(writer, RAISE) == 1000
    assert (total(writer), total(reader)) == (2000, 1000)
    writer.commit()
    assert (total(writer), total(reader)) == (2000, 2000)


def test_a_rollback_undoes_every_change_since_the_last_commit(reader: Client, writer: Client) -> None:
    run(writer, RAISE)
    writer.commit()
    run(writer, "DELETE FROM PWACIS.METER WHERE ID < 500")
    run(writer, "INSERT INTO PWACIS.METER (ID, USAGE) VALUES (5000, 9)")
    assert total(writer) == 1009
    writer.rollback()
    assert (total(writer), total(reader)) == (2000, 2000)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_read_only_transaction_sees_one_moment_until_it_ends(reader: Client, writer: Client, end: str) -> None:
    run(reader, "SET TRANSACTION READ ONLY")
    run(writer, RAISE)  # after the transaction began, before its first query: not seen either
    writer.commit()
    assert total(reader) == 1000
    run(writer, "DELETE FROM PWACIS.METER WHERE ID < 100")
    writer.commit()
    assert total(reader) == 1000
    getattr(reader, end)()
    assert total(reader) == 1800


def test_without_it_each_statement_sees_its_own_moment(reader: Client, writer: Client) -> None:
    assert total(reader) == 1000
    run(writer, RAISE)
    writer.commit()
    assert total(reader) == 2000


def test_a_change_in_a_read_only_transaction_is_ora_01456(reader: Client) -> None:
    run(reader, "SET TRANSACTION READ ONLY")
    with raises("ORA-01456"):
        run(reader, RAISE)
    reader.rollback()
    assert run(reader, RAISE) == 1000
    reader.rollback()


def test_a_change_between_two_executes_is_seen_by_the_second_only(server: StandinServer, reader: Client) -> None:
    server.between_executes(1, RAISE)
    assert [total(reader) for _ in range(3)] == [1000, 2000, 2000]


def test_a_change_between_two_executes_is_hidden_from_a_read_only_transaction(
    server: StandinServer, reader: Client
) -> None:
    run(reader, "SET TRANSACTION READ ONLY")
    server.between_executes(1, lambda session: session.execute(RAISE, ()))
    assert [total(reader) for _ in range(3)] == [1000, 1000, 1000]
    reader.rollback()
    assert total(reader) == 2000


def test_rows_still_to_be_fetched_are_of_the_moment_of_the_execute(reader: Client, writer: Client) -> None:
    with reader.cursor() as cursor:
        cursor.arraysize, cursor.prefetchrows = 100, 2
        cursor.execute("SELECT ID, USAGE FROM PWACIS.METER ORDER BY ID")
        first = cursor.fetchmany(150)
        run(writer, RAISE)
        writer.commit()
        rest = cursor.fetchall()
    assert first + rest == [(number, 1) for number in range(1000)]


def test_the_changes_of_a_client_that_is_killed_are_rolled_back(server: StandinServer, reader: Client) -> None:
    client = f"""
import os, oracledb
cursor = oracledb.connect({server.dsn!r}).cursor()
cursor.execute({RAISE!r})
print(cursor.rowcount, flush=True)
os.kill(os.getpid(), 9)
"""
    killed = subprocess.run([sys.executable, "-c", client], timeout=60, check=False, capture_output=True, text=True)
    assert killed.stdout == "1000\n"
    total(reader)
    server.counters.wait_until(lambda counts: counts.open_sessions == 1)
    assert total(reader) == 1000


def test_the_call_timeout_stops_a_long_query_in_the_database(reader: Client) -> None:
    reader.call_timeout = 200
    with reader.cursor() as cursor, raises("DPY-4024"):
        cursor.execute(
            "SELECT SUM(A.USAGE * B.USAGE * C.USAGE * D.USAGE) FROM PWACIS.METER A, PWACIS.METER B, PWACIS.METER C,"
            " PWACIS.METER D WHERE A.ID + B.ID + C.ID + D.ID > 7"
        )
    reader.call_timeout = 0
    assert total(reader) == 1000
