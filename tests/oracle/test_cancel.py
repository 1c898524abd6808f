"""Breaks: ``call_timeout`` and ``cancel()`` stop what runs, and the connection goes on."""

from __future__ import annotations

import threading
from contextlib import suppress

import oracledb

from dev.oracle_standin.server import StandinServer
from tests.oracle.conftest import Connect
from tests.oracle.failures import raises
from tests.oracle.scripted_backend import ScriptedBackend

LEVELS = "select level as n from dual connect by level <= :n"


def usable(connection: oracledb.Connection) -> bool:
    with connection.cursor() as cursor:
        rows: list[tuple[int]] = cursor.execute(LEVELS, n=300).fetchall()
        return rows == [(index,) for index in range(1, 301)]


def test_the_call_timeout_stops_the_statement_in_the_backend(
    connection: oracledb.Connection, backend: ScriptedBackend
) -> None:
    connection.call_timeout = 100
    with connection.cursor() as cursor, raises("DPY-4024"):
        cursor.execute("select n from slow")
    connection.call_timeout = 0
    assert backend.sessions[0].cancelled.is_set()
    assert usable(connection)


def test_cancel_ends_the_call_with_ora_01013(connection: oracledb.Connection, backend: ScriptedBackend) -> None:
    def cancel() -> None:
        backend.sessions[0].is_waiting.wait(10)
        connection.cancel()

    for _ in range(3):
        canceller = threading.Thread(target=cancel)
        canceller.start()
        with connection.cursor() as cursor, raises("ORA-01013"):
            cursor.execute("select n from slow")
        canceller.join()
        assert usable(connection)


def test_a_cancelled_execute_leaves_no_cursor_open(connection: oracledb.Connection, server: StandinServer) -> None:
    connection.call_timeout = 20
    for _ in range(5):
        with connection.cursor() as cursor, raises("DPY-4024"):
            cursor.execute("select n from slow")
    connection.call_timeout = 0
    cursors = [connection.cursor() for _ in range(300)]
    for index, cursor in enumerate(cursors):
        cursor.execute(f"select {index} as a from dual")
    for cursor in cursors:
        cursor.close()


def test_a_break_in_a_hanging_fetch_loses_no_rows_in_silence(
    connection: oracledb.Connection, server: StandinServer
) -> None:
    server.faults.add("hang@fetch:2")
    with connection.cursor() as cursor:
        cursor.prefetchrows, cursor.arraysize = 2, 100
        cursor.execute(LEVELS, n=1000)
        connection.call_timeout = 100
        with raises("DPY-4024"):
            cursor.fetchall()
        connection.call_timeout = 0
        with raises("ORA-01002"):
            cursor.fetchall()
    assert usable(connection)


def test_a_cancel_when_nothing_runs_ends_the_next_call_at_most(connection: oracledb.Connection) -> None:
    connection.cancel()
    try:
        connection.ping()
    except oracledb.Error as error:
        assert error.args[0].full_code == "ORA-01013"  # noqa: PT017 - either outcome is right
    assert usable(connection)


def test_calls_that_take_about_as_long_as_the_timeout_give_their_own_rows_or_an_error(
    connect: Connect, server: StandinServer
) -> None:
    server.faults.add("delay=0.019@execute,times=always")
    connection = connect()
    outcomes = {"rows": 0, "DPY-4024": 0, "ORA-01013": 0, "DPY-4011": 0}
    for turn in range(60):
        connection.call_timeout = 20
        pad = "x" * (1 + turn * 37 % 3000)
        with connection.cursor() as cursor:
            try:
                cursor.execute("select :turn as turn, :pad as pad from dual", turn=turn, pad=pad)
                assert cursor.fetchall() == [(turn, pad)]
                outcomes["rows"] += 1
            except oracledb.DatabaseError as error:
                outcomes[error.args[0].full_code] += 1
        if not connection.is_healthy():  # the driver's own answer when the break took another 20 ms
            connection = connect()
    assert sum(outcomes.values()) == 60
    server.faults.clear()
    connection.call_timeout = 0
    with suppress(oracledb.DatabaseError):  # of a break that crossed the last reply
        connection.ping()
    assert usable(connection)
