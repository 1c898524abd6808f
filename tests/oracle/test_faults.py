"""Faults on demand, each seen by the driver as the real thing is."""

from __future__ import annotations

import threading

import oracledb
import pytest

from dev.oracle_standin.faults import Fault, FaultError, FaultPlan, parse_fault
from dev.oracle_standin.server import StandinServer
from tests.oracle.conftest import Connect
from tests.oracle.failures import raises
from tests.oracle.scripted_backend import ScriptedBackend

LEVELS = "select level as n from dual connect by level <= :n"


def count_levels(connection: oracledb.Connection, count: int, arraysize: int = 100) -> int:
    with connection.cursor() as cursor:
        cursor.arraysize = arraysize
        return len(cursor.execute(LEVELS, n=count).fetchall())


def test_a_refused_connection_is_the_listeners_error(server: StandinServer) -> None:
    server.faults.add("refuse=12519@connect")
    with raises("DPY-6005") as failure:
        oracledb.connect(server.dsn)
    assert "ORA-12519" in failure.message
    with oracledb.connect(server.dsn) as connection:
        connection.ping()


def test_a_refusal_without_a_number_is_that_of_a_database_that_blocks(server: StandinServer) -> None:
    server.faults.add("refuse@connect")
    with raises("DPY-6005") as failure:
        oracledb.connect(server.dsn)
    assert "ORA-12528" in failure.message


@pytest.mark.parametrize("kind", ["drop", "reset"])
def test_a_line_that_ends_at_connect_or_login_fails_the_connection(server: StandinServer, kind: str) -> None:
    for point in ("connect", "login"):
        server.faults.add(f"{kind}@{point}")
        with raises("DPY-6005", "DPY-4011"):
            oracledb.connect(server.dsn)
    server.counters.wait_until(lambda counts: counts.open_connections == 0)
    assert server.faults.struck == 2


@pytest.mark.parametrize(("code", "recoverable"), [(28000, False), (1033, True), (12571, True)])
def test_an_error_at_login_is_the_drivers_error(server: StandinServer, code: int, recoverable: bool) -> None:
    server.faults.add(f"ora={code}@login")
    with raises(f"ORA-{code:05d}") as failure:
        oracledb.connect(server.dsn)
    assert failure.is_recoverable is recoverable


@pytest.mark.parametrize("point", ["connect", "login"])
def test_a_listener_that_accepts_and_stays_silent_hangs_the_client_until_it_gives_up(
    server: StandinServer, point: str
) -> None:
    server.faults.add(f"hang@{point}")
    outcome: list[BaseException | None] = []

    def connect() -> None:
        try:
            oracledb.connect(server.dsn, tcp_connect_timeout=0.1).close()
            outcome.append(None)
        except oracledb.Error as error:
            outcome.append(error)

    client = threading.Thread(target=connect)
    client.start()
    server.counters.wait_until(lambda counts: counts.connections == 1)
    client.join(0.3)
    assert client.is_alive()
    assert server.faults.struck == 1
    end_all_connections(server)
    client.join(10)
    assert isinstance(outcome[0], oracledb.Error)


def end_all_connections(server: StandinServer) -> None:
    """End every line from the server's side, as a listener that is restarted does."""
    for task in list(server._connections):
        task.get_loop().call_soon_threadsafe(task.cancel)


@pytest.mark.parametrize(
    ("kind", "code", "recoverable"),
    [
        ("ora=1555", "ORA-01555", False),
        ("drop", "DPY-4011", True),
        ("reset", "DPY-4011", True),
        ("ora=3113", "DPY-4011", True),
    ],
)
def test_the_nth_execute_fails_and_no_other(
    server: StandinServer, connect: Connect, kind: str, code: str, recoverable: bool
) -> None:
    server.faults.add(f"{kind}@execute:3")
    connection = connect()
    assert count_levels(connection, 5) == 5
    assert count_levels(connection, 5) == 5
    with raises(code) as failure:
        count_levels(connection, 5)
    assert failure.is_recoverable is recoverable
    connection = connect()
    assert count_levels(connection, 5) == 5
    assert server.faults.struck == 1


@pytest.mark.parametrize(("kind", "code"), [("ora=1555", "ORA-01555"), ("drop", "DPY-4011"), ("reset", "DPY-4011")])
def test_the_nth_fetch_fails(server: StandinServer, connection: oracledb.Connection, kind: str, code: str) -> None:
    server.faults.add(f"{kind}@fetch:2")
    with connection.cursor() as cursor:
        cursor.prefetchrows, cursor.arraysize = 2, 100
        cursor.execute(LEVELS, n=1000)
        assert len(cursor.fetchmany(102)) == 102
        with raises(code):
            cursor.fetchmany(1)


@pytest.mark.parametrize(("kind", "code"), [("ora=1555", "ORA-01555"), ("drop", "DPY-4011"), ("reset", "DPY-4011")])
def test_rows_of_a_round_trip_that_breaks_off_are_lost_to_the_client(
    server: StandinServer, connection: oracledb.Connection, kind: str, code: str
) -> None:
    server.faults.add(f"{kind}@rows:150")
    server.counters.reset()
    with connection.cursor() as cursor:
        cursor.prefetchrows, cursor.arraysize = 2, 100
        cursor.execute(LEVELS, n=1000)
        seen = 0
        with raises(code):
            for _ in cursor:
                seen += 1
    assert seen == 102
    assert server.counters.read().rows == 150


def test_after_an_error_in_the_middle_the_rest_of_the_rows_cannot_be_read_on(
    server: StandinServer, connection: oracledb.Connection
) -> None:
    server.faults.add("ora=1555@fetch:1")
    with connection.cursor() as cursor:
        cursor.execute(LEVELS, n=1000)
        with raises("ORA-01555"):
            cursor.fetchall()
        with raises("ORA-01002"):
            cursor.fetchall()
    assert count_levels(connection, 1000) == 1000


def test_a_delayed_answer_arrives_whole(server: StandinServer, connection: oracledb.Connection) -> None:
    for point in ("execute", "fetch:2", "rows:150"):
        server.faults.add(f"delay=0.01@{point}")
        assert count_levels(connection, 1000) == 1000
    assert server.faults.struck == 3


@pytest.mark.parametrize(("kind", "code"), [("ora=12571", "ORA-12571"), ("drop", "DPY-4011"), ("reset", "DPY-4011")])
@pytest.mark.parametrize("is_automatic", [False, True])
def test_a_commit_fails_and_commits_nothing(
    connect: Connect, backend: ScriptedBackend, kind: str, code: str, is_automatic: bool
) -> None:
    connection = connect(faults=f"{kind}@commit")
    connection.autocommit = is_automatic
    with raises(code), connection.cursor() as cursor:
        cursor.execute("insert into t values (1)")
        connection.commit()
    assert "commit" not in backend.transactions


def test_a_hanging_execute_is_ended_by_the_call_timeout_and_the_session_goes_on(
    server: StandinServer, connection: oracledb.Connection
) -> None:
    server.faults.add("hang@execute:1")
    connection.call_timeout = 100
    with raises("DPY-4024"):
        count_levels(connection, 5)
    connection.call_timeout = 0
    assert count_levels(connection, 5) == 5


def test_a_frozen_server_heeds_no_break_and_the_driver_drops_the_line(
    server: StandinServer, connection: oracledb.Connection
) -> None:
    server.faults.add("freeze@execute")
    connection.call_timeout = 100
    with raises("DPY-4011") as failure:
        count_levels(connection, 5)
    assert failure.is_recoverable
    server.counters.wait_until(lambda counts: counts.open_connections == 0)


def test_a_fault_may_be_for_one_branch_only(server: StandinServer, connect: Connect) -> None:
    server.faults.add("ora=1555@execute,bind=1063,times=always")
    connection = connect()
    with connection.cursor() as cursor:
        for branch in ("1061", "1062", "1063", "1064"):
            if branch == "1063":
                with raises("ORA-01555"):
                    cursor.execute("select :branch as branch from dual", branch=branch)
            else:
                cursor.execute("select :branch as branch from dual", branch=branch)
                assert cursor.fetchall() == [(branch,)]
    assert server.faults.struck == 1


def test_a_fault_may_be_for_one_statement_only(server: StandinServer, connection: oracledb.Connection) -> None:
    server.faults.add(Fault(kind="ora", at="rows", nth=3, ora=1555, sql="LEVEL AS N", times=2))
    with connection.cursor() as cursor:
        assert cursor.execute("select 1 as a from dual").fetchall() == [(1,)]
    for _ in range(2):
        with raises("ORA-01555"):
            count_levels(connection, 3)
    assert count_levels(connection, 3) == 3


def test_cleared_faults_strike_no_more(server: StandinServer, connection: oracledb.Connection) -> None:
    server.faults.add("ora=1555@execute,times=always")
    server.faults.clear()
    assert count_levels(connection, 3) == 3


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("refuse@connect", Fault(kind="refuse", at="connect")),
        ("refuse=12514@connect,times=2", Fault(kind="refuse", at="connect", ora=12514, times=2)),
        ("hang@login", Fault(kind="hang", at="login")),
        ("ora=1555@execute:3", Fault(kind="ora", at="execute", nth=3, ora=1555)),
        ("delay=0.5@fetch", Fault(kind="delay", at="fetch", delay_s=0.5)),
        ("drop@rows:150,bind=1063", Fault(kind="drop", at="rows", nth=150, bind="1063")),
        (" reset@commit,times=always ", Fault(kind="reset", at="commit", times=None)),
        ("ora=1@execute,sql=t.b,bind=1063", Fault(kind="ora", at="execute", ora=1, sql="t.b", bind="1063")),
    ],
)
def test_a_fault_is_read_from_its_text(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "for example ora=1555@execute:3"),
        ("ora=1555", "write KIND"),
        ("explode@execute", "use one of refuse, hang"),
        ("drop@commitment", "use one of connect, login"),
        ("ora@execute", "for example ora=1555@execute"),
        ("ora=0@execute", "for example ora=1555@execute"),
        ("ora=x@execute", "write KIND"),
        ("ora=1.5@execute", "digits only"),
        ("ora=1@connect", "use refuse=CODE@connect"),
        ("refuse@execute", "use refuse@connect"),
        ("delay@fetch", "for example delay=0.5@fetch"),
        ("delay=0@fetch", "for example delay=0.5@fetch"),
        ("drop=3@fetch", "write drop@fetch"),
        ("drop@fetch:0", "the first time is 1"),
        ("drop@fetch,times=0", "use 1 or more, or always"),
        ("drop@fetch,times=often", "use a number, or always"),
        ("drop@fetch,who=me", "unknown option 'who=me'"),
        ("drop@fetch,bind=1060,bind=1061", "write a fault for each"),
        ("drop@login,bind=1063", "there is no statement at login"),
    ],
)
def test_an_unreadable_fault_says_what_to_change(text: str, advice: str) -> None:
    with pytest.raises(FaultError, match="(?s).") as caught:
        FaultPlan().add(text)
    assert advice in str(caught.value)
