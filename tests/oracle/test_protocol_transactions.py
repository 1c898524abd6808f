"""Commit, rollback, ping and logoff, and what the driver knows of an open transaction."""

from __future__ import annotations

import oracledb

from dev.oracle_standin.server import StandinServer
from tests.oracle.scripted_backend import ScriptedBackend

INSERT = "insert into t values (:a)"


def test_a_change_opens_a_transaction_and_commit_ends_it(
    connection: oracledb.Connection, backend: ScriptedBackend
) -> None:
    with connection.cursor() as cursor:
        assert not connection.transaction_in_progress
        cursor.execute(INSERT, [1])
        assert cursor.rowcount == 1
        assert connection.transaction_in_progress
        connection.commit()
        assert not connection.transaction_in_progress
        cursor.execute(INSERT, [2])
        connection.rollback()
        assert not connection.transaction_in_progress
    assert backend.transactions == ["commit", "rollback"]


def test_autocommit_commits_with_the_statement(connection: oracledb.Connection, backend: ScriptedBackend) -> None:
    connection.autocommit = True
    with connection.cursor() as cursor:
        for value in (1, 2, "three"):
            cursor.execute(INSERT, [value])
    assert backend.transactions == ["commit"] * 3
    assert not connection.transaction_in_progress


def test_closing_with_an_open_transaction_rolls_it_back(server: StandinServer, backend: ScriptedBackend) -> None:
    with oracledb.connect(server.dsn) as connection, connection.cursor() as cursor:
        cursor.execute(INSERT, [1])
    server.counters.wait_until(lambda counts: counts.open_sessions == 0)
    assert backend.transactions == ["rollback"]
    assert backend.open_count == 0


def test_ping_is_one_round_trip(server: StandinServer, connection: oracledb.Connection) -> None:
    server.counters.reset()
    connection.ping()
    assert server.counters.read().round_trips == 1


def test_a_read_only_transaction_is_a_statement_like_any_other(
    connection: oracledb.Connection, backend: ScriptedBackend
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("set transaction read only")
    assert [sql for sql, _ in backend.executed] == ["set transaction read only"]


def test_ddl_runs_each_time_it_is_executed(connection: oracledb.Connection, backend: ScriptedBackend) -> None:
    with connection.cursor() as cursor:
        for _ in range(3):
            cursor.execute("create table t (a number)")
    assert len(backend.executed) == 3
