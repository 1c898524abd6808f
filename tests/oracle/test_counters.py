"""The counters, and the server as another process sees it."""

from __future__ import annotations

from collections.abc import Iterator

import oracledb
import pytest

from dev.oracle_standin.control import ControlError, StandinControl
from dev.oracle_standin.counters import Counts
from dev.oracle_standin.server import StandinServer, running_server
from tests.oracle.failures import raises
from tests.oracle.scripted_backend import ScriptedBackend

LEVELS = "select level as n from dual connect by level <= :n"


@pytest.fixture
def controlled(backend: ScriptedBackend) -> Iterator[StandinServer]:
    with running_server(backend, control_port=0) as server:
        yield server


@pytest.fixture
def control(controlled: StandinServer) -> Iterator[StandinControl]:
    assert controlled.control_port is not None
    with StandinControl(controlled.control_port) as control:
        yield control


def test_every_step_of_a_conversation_is_counted(server: StandinServer) -> None:
    with oracledb.connect(server.dsn) as connection, connection.cursor() as cursor:
        cursor.prefetchrows, cursor.arraysize = 2, 100
        cursor.execute(LEVELS, n=250)
        assert len(cursor.fetchall()) == 250
        cursor.execute(LEVELS, n=1)
        cursor.executemany("insert into t values (:a)", [(1,), (2,)])
        connection.commit()
        connection.ping()
        counts = server.counters.read()
        assert counts == Counts(
            connections=1,
            executes=3,
            fetches=3,
            round_trips=8,
            rows=251,
            commits=1,
            distinct_statements=2,
            most_sessions=1,
            open_sessions=1,
            open_connections=1,
        )
    assert server.counters.statements() == {LEVELS, "insert into t values (:a)"}


def test_the_round_trips_are_those_that_the_driver_counts(
    server: StandinServer, connection: oracledb.Connection
) -> None:
    if not hasattr(connection, "round_trip_callback"):  # drivers before 26.1.0 do not count them
        assert oracledb.__version__ in ("3.4.2", "4.0.2")
        return
    trips: list[object] = []
    connection.round_trip_callback = lambda *details: trips.append(details)
    server.counters.reset()
    with connection.cursor() as cursor:
        cursor.execute(LEVELS, n=1000).fetchall()
        cursor.execute(LEVELS, n=3).fetchall()
        connection.ping()
        connection.commit()
    assert len(trips) == server.counters.read().round_trips > 12


def test_a_reset_keeps_what_is_open(server: StandinServer, connection: oracledb.Connection) -> None:
    connection.ping()
    server.counters.reset()
    assert server.counters.read() == Counts(most_sessions=1, open_sessions=1, open_connections=1)
    assert server.counters.statements() == frozenset()


def test_waiting_for_what_never_comes_ends_in_a_timeout(server: StandinServer) -> None:
    with pytest.raises(TimeoutError, match="open_sessions=0"):
        server.counters.wait_until(lambda counts: counts.open_sessions == 99, timeout_s=0.05)


def test_another_process_reads_and_resets_the_counters(controlled: StandinServer, control: StandinControl) -> None:
    with oracledb.connect(controlled.dsn) as connection:
        connection.ping()
        assert control.counters() == controlled.counters.read()
        assert control.counters().round_trips == 1
        control.reset_counters()
        assert control.counters().round_trips == 0


def test_another_process_sets_and_clears_faults(controlled: StandinServer, control: StandinControl) -> None:
    with oracledb.connect(controlled.dsn) as connection, connection.cursor() as cursor:
        control.add_fault("ora=1555@execute,times=always")
        with raises("ORA-01555"):
            cursor.execute("select 1 as a from dual")
        control.clear_faults()
        cursor.execute("select 1 as a from dual")
    with pytest.raises(ControlError, match="use one of refuse, hang"):
        control.add_fault("explode@execute")


def test_another_process_changes_the_data(
    controlled: StandinServer, control: StandinControl, backend: ScriptedBackend
) -> None:
    assert control.run("insert into t values (1)") == 1
    assert backend.transactions == ["commit"]
    with pytest.raises(ControlError, match="ORA-00942"):
        control.run("select * from nowhere")
    assert backend.open_count == 0


def test_the_data_changes_between_two_executes(
    server: StandinServer, connection: oracledb.Connection, backend: ScriptedBackend
) -> None:
    texts = []
    server.between_executes(2, "update t set a = 1")
    server.between_executes(2, lambda session: texts.append(session.describe("select 1 as a from dual")[0].name))
    with connection.cursor() as cursor:
        for turn in range(4):
            cursor.execute("select :turn as turn from dual", turn=turn).fetchall()
    assert [sql[:6] for sql, _ in backend.executed] == ["select", "select", "update", "select", "select"]
    assert texts == ["A"]
    assert backend.transactions == ["commit", "commit"]
    assert backend.open_count == 1


def test_another_process_has_the_data_changed_between_two_executes(
    controlled: StandinServer, control: StandinControl, backend: ScriptedBackend
) -> None:
    control.between_executes(1, "delete from t")
    with oracledb.connect(controlled.dsn) as connection, connection.cursor() as cursor:
        cursor.execute("select 1 as a from dual")
        cursor.execute("select 2 as a from dual")
    assert [sql for sql, _ in backend.executed] == [
        "select 1 as a from dual",
        "delete from t",
        "select 2 as a from dual",
    ]
    with pytest.raises(ControlError, match="nth is -1"):
        control.between_executes(-1, "delete from t")


def test_a_change_that_fails_fails_the_execute_behind_it(
    server: StandinServer, connection: oracledb.Connection
) -> None:
    server.between_executes(0, "drop the ball")
    server.between_executes(0, "select * from nowhere")
    with connection.cursor() as cursor:
        with raises("ORA-00942"):
            cursor.execute("select 1 as a from dual")
        assert cursor.execute("select 1 as a from dual").fetchall() == [(1,)]


@pytest.mark.parametrize(
    "line", [b"nonsense\n", b"[]\n", b'{"do": "fly"}\n', b"3\n", b'{"do": "add_fault"}\n', b"\xff\n"]
)
def test_a_line_that_is_no_request_is_told_what_one_is(controlled: StandinServer, line: bytes) -> None:
    import json
    import socket

    assert controlled.control_port is not None
    with socket.create_connection(("127.0.0.1", controlled.control_port), 10) as other, other.makefile("rwb") as file:
        file.write(line)
        file.flush()
        assert "error" in json.loads(file.readline())


def test_a_taken_port_is_an_error_at_the_start(server: StandinServer, backend: ScriptedBackend) -> None:
    with pytest.raises(OSError, match="address already in use"), running_server(backend, port=server.port):
        pass
