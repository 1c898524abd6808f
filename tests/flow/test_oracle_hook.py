"""Airflow's own OracleHook reads the stand-in as it reads a real Oracle Database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import oracledb
import pytest

from dev.oracle_standin.catalogue import Table
from dev.oracle_standin.dialect.types import duckdb_type
from dev.oracle_standin.duckdb_backend import DuckDBBackend
from dev.oracle_standin.server import StandinServer, running_server
from dev.oracle_standin.values import Column, OracleType
from tests.dags.airflow_home import use_throw_away_home

BILL = Table(
    "PWACIS",
    "BILL",
    (
        Column("ID", OracleType.NUMBER, scale=-127, is_nullable=False),
        Column("CUST_NAME", OracleType.VARCHAR2, 50),
        Column("USAGE", OracleType.NUMBER, precision=12, scale=3),
        Column("IS_DELETED", OracleType.CHAR, 1),
        Column("BILL_DATE", OracleType.DATE),
    ),
)
HAPPY = (1, "นายสมมุติ", Decimal("12.5"), "F", datetime(2025, 10, 16))  # noqa: DTZ001 - Oracle's DATE has no zone
NOBODY = (2, None, None, "T", None)


@pytest.fixture
def server() -> Iterator[StandinServer]:
    with duckdb.connect() as database:
        columns = ", ".join(f'"{column.name}" {duckdb_type(column)}' for column in BILL.columns)
        database.execute('CREATE SCHEMA "PWACIS"')
        database.execute(f'CREATE TABLE "PWACIS"."BILL" ({columns})')
        database.executemany('INSERT INTO "PWACIS"."BILL" VALUES (?, ?, ?, ?, ?)', [HAPPY, NOBODY])
        backend = DuckDBBackend(database, {(BILL.owner, BILL.name): BILL})
        with running_server(backend) as running:
            yield running


@pytest.fixture
def hook(server: StandinServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    use_throw_away_home()
    from airflow.providers.oracle.hooks.oracle import OracleHook

    monkeypatch.setattr(oracledb.defaults, "fetch_decimals", False)  # the hook sets it for the whole process
    connection = {
        "conn_type": "oracle",
        "host": server.host,
        "port": server.port,
        "login": "bigmeter_ro",
        "password": "bigmeter",
        "extra": {"service_name": "BILLING", "fetch_decimals": True},
    }
    monkeypatch.setenv("AIRFLOW_CONN_STANDIN", json.dumps(connection))
    return OracleHook(oracle_conn_id="standin")


def test_the_hook_reads_rows_with_named_binds(hook: Any) -> None:
    rows = hook.get_records("SELECT * FROM PWACIS.BILL WHERE ID IN (:C0, :C1) ORDER BY ID", {"C0": 1, "C1": 2})
    assert rows == [HAPPY, NOBODY]


def test_the_hook_reads_one_row(hook: Any) -> None:
    assert hook.get_first("SELECT CUST_NAME, USAGE FROM PWACIS.BILL WHERE ID = :id", {"id": 1}) == HAPPY[1:3]


def test_the_hooks_own_test_of_the_connection_passes(hook: Any) -> None:
    assert hook.test_connection() == (True, "Connection successfully tested")


def test_the_hooks_connection_takes_the_settings_of_the_driver(hook: Any, server: StandinServer) -> None:
    with hook.get_conn() as connection, connection.cursor() as cursor:
        connection.call_timeout = 60_000
        cursor.arraysize, cursor.prefetchrows = 1000, 1001
        server.counters.reset()
        assert cursor.execute("SELECT ID FROM PWACIS.BILL ORDER BY ID").fetchall() == [(1,), (2,)]
        assert server.counters.read().round_trips == 1


def test_the_hook_inserts_rows_and_commits_them(hook: Any) -> None:
    hook.bulk_insert_rows("PWACIS.BILL", [(3, "three"), (4, "four")], ["ID", "CUST_NAME"])
    assert hook.get_records("SELECT CUST_NAME FROM PWACIS.BILL WHERE ID > 2 ORDER BY ID") == [("three",), ("four",)]


def test_an_error_reaches_the_caller_with_oracles_number(hook: Any) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        hook.get_records("SELECT * FROM BILL")
    assert caught.value.args[0].full_code == "ORA-00942"
