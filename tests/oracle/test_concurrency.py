"""Sixteen clients at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import oracledb

from dev.oracle_standin.server import StandinServer
from tests.oracle.scripted_backend import ScriptedBackend

CLIENTS = 16


def test_sixteen_clients_each_get_their_own_rows(server: StandinServer, backend: ScriptedBackend) -> None:
    everybody = threading.Barrier(CLIENTS)

    def read(client: int) -> int:
        with oracledb.connect(server.dsn) as connection, connection.cursor() as cursor:
            everybody.wait(30)
            total = 0
            for turn in range(20):
                cursor.execute("select :client as client, :turn as turn from dual", client=client, turn=turn)
                assert cursor.fetchall() == [(client, turn)]
                cursor.execute("select level as n from dual connect by level <= :n", n=client * 30 + turn)
                total += len(cursor.fetchall())
            return total

    with ThreadPoolExecutor(CLIENTS) as clients:
        totals = list(clients.map(read, range(CLIENTS)))
    assert totals == [sum(client * 30 + turn for turn in range(20)) for client in range(CLIENTS)]
    counts = server.counters.wait_until(lambda counts: counts.open_connections == 0)
    assert counts.most_sessions == CLIENTS
    assert counts.connections == CLIENTS
    assert backend.open_count == 0


def test_a_client_whose_statement_hangs_does_not_hold_up_the_others(
    server: StandinServer, backend: ScriptedBackend
) -> None:
    def hang() -> str:
        with oracledb.connect(server.dsn) as connection, connection.cursor() as cursor:
            held.append(connection)
            try:
                cursor.execute("select n from slow")
            except oracledb.DatabaseError as error:
                return str(error.args[0].full_code)
            return "no error"

    held: list[oracledb.Connection] = []
    with ThreadPoolExecutor(1) as threads:
        outcome = threads.submit(hang)
        server.counters.wait_until(lambda counts: counts.executes == 1)
        assert backend.sessions[0].is_waiting.wait(10)
        with oracledb.connect(server.dsn) as other, other.cursor() as cursor:
            assert cursor.execute("select 1 as a from dual").fetchall() == [(1,)]
        held[0].cancel()
        assert outcome.result(10) == "ORA-01013"


def test_a_pool_of_sessions_is_served(server: StandinServer) -> None:
    pool = oracledb.create_pool(user="bigmeter_ro", password="bigmeter", dsn=server.address, min=2, max=4, increment=1)
    with pool.acquire() as first, pool.acquire() as second:
        first.ping()
        second.ping()
    pool.close()
    server.counters.wait_until(lambda counts: counts.open_connections == 0)
