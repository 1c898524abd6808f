"""Cursors: fetching in several round trips, the statement cache, closing, describing."""

from __future__ import annotations

from decimal import Decimal

import oracledb
import pytest

from dev.oracle_standin.server import StandinServer
from tests.oracle.conftest import Connect
from tests.oracle.failures import raises
from tests.oracle.scripted_backend import ScriptedBackend, ScriptedRows, number_column, query_result, text_column

LEVELS = "select level as n from dual connect by level <= :n"


def read(cursor: oracledb.Cursor, count: int) -> list[int]:
    cursor.execute(LEVELS, n=count)
    return [row[0] for row in cursor]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 99, 100, 101, 102, 103, 1000])
def test_every_row_arrives_whatever_the_size_of_a_fetch(oracle: oracledb.Connection, count: int) -> None:
    for prefetch, arraysize in ((2, 100), (0, 1 + count // 9), (0, 100), (1, 3 + count // 9), (100, 100), (1000, 7)):
        with oracle.cursor() as cursor:
            cursor.prefetchrows, cursor.arraysize = prefetch, arraysize
            assert read(cursor, count) == list(range(1, count + 1))
            assert cursor.rowcount == count
            assert read(cursor, count) == list(range(1, count + 1))


@pytest.mark.parametrize(
    ("count", "sizes", "trips"),
    [
        (1000, (2, 100), 11),
        (1000, (1001, 100), 1),
        (1000, (1000, 1000), 2),
        (20, (2, 20), 2),
        (20, (20, 20), 2),
        (20, (21, 20), 1),
        (1, (2, 100), 1),
        (2, (2, 100), 2),
        (0, (2, 100), 1),
        (10, (0, 20), 2),
    ],
)
def test_the_round_trips_are_those_of_a_real_database(
    server: StandinServer, connection: oracledb.Connection, count: int, sizes: tuple[int, int], trips: int
) -> None:
    with connection.cursor() as cursor:
        cursor.prefetchrows, cursor.arraysize = sizes
        server.counters.reset()
        assert len(read(cursor, count)) == count
        assert server.counters.read().round_trips == trips


def test_a_statement_is_parsed_once_and_run_again_from_the_cache(
    oracle: oracledb.Connection,
) -> None:
    for count in (5, 3, 0, 500, 2):
        with oracle.cursor() as cursor:
            assert read(cursor, count) == list(range(1, count + 1))


def test_two_open_cursors_on_one_text_do_not_disturb_each_other(oracle: oracledb.Connection) -> None:
    with oracle.cursor() as first, oracle.cursor() as second:
        first.arraysize = second.arraysize = 3
        first.execute(LEVELS, n=20)
        second.execute(LEVELS, n=10)
        pairs = [(first.fetchone(), second.fetchone()) for _ in range(10)]
        assert pairs == [((index,), (index,)) for index in range(1, 11)]
        assert second.fetchone() is None
        assert len(first.fetchall()) == 10


def test_a_hundred_statements_pass_through_a_small_cache(oracle: oracledb.Connection) -> None:
    oracle.stmtcachesize = 5
    for turn in range(2):
        for index in range(100):
            with oracle.cursor() as cursor:
                cursor.execute(f"select {index} as a, :turn as t from dual", turn=turn)
                assert cursor.fetchall() == [(index, turn)]


def test_a_cursor_left_in_the_middle_is_closed_on_the_server(connect: Connect, backend: ScriptedBackend) -> None:
    result = query_result([number_column()], [])
    backend.answers["select many"] = lambda _: result
    connection = connect(stmtcachesize=0)
    with connection.cursor() as cursor:
        cursor.execute("select many")
    connection.ping()
    assert isinstance(result.rows, ScriptedRows)
    assert result.rows.is_closed


def test_more_than_300_open_cursors_are_ora_01000(connection: oracledb.Connection) -> None:
    cursors = [connection.cursor() for _ in range(301)]
    for index, cursor in enumerate(cursors[:300]):
        cursor.execute(f"select {index} as a from dual")
    with raises("ORA-01000"):
        cursors[300].execute("select 300 as a from dual")
    for cursor in cursors:
        cursor.close()


def test_parse_describes_a_query_without_running_it(connection: oracledb.Connection, backend: ScriptedBackend) -> None:
    with connection.cursor() as cursor:
        cursor.parse("select :a as a, 'x' as b from dual")
        assert [column.name for column in cursor.description] == ["A", "B"]
        assert backend.executed == []
        cursor.execute("select :a as a, 'x' as b from dual", a=7)
        assert cursor.fetchall() == [(7, "x")]


def test_columns_that_have_changed_between_two_runs_are_described_again(
    connection: oracledb.Connection, backend: ScriptedBackend
) -> None:
    results = iter(
        [
            query_result([number_column("A")], [(Decimal(1),)]),
            query_result([text_column("A"), text_column("B")], [("x", "y")]),
        ]
    )
    backend.answers["select * from t"] = lambda _: next(results)
    with connection.cursor() as cursor:
        assert cursor.execute("select * from t").fetchall() == [(1,)]
        assert cursor.execute("select * from t").fetchall() == [("x", "y")]
        assert [column.name for column in cursor.description] == ["A", "B"]


def test_an_error_of_a_cached_statement_leaves_it_usable(
    connection: oracledb.Connection, backend: ScriptedBackend
) -> None:
    from dev.oracle_standin.backend import OracleError, Result

    def answer(binds: object) -> Result:
        if len(backend.executed) == 2:
            raise OracleError(1722, "invalid number")
        return query_result([text_column("A")], [("fine",)])

    backend.answers["select a from t"] = answer
    with connection.cursor() as cursor:
        assert cursor.execute("select a from t").fetchall() == [("fine",)]
        with raises("ORA-01722"):
            cursor.execute("select a from t")
        assert cursor.execute("select a from t").fetchall() == [("fine",)]


def test_an_error_tells_its_position_in_the_statement(oracle: oracledb.Connection) -> None:
    with oracle.cursor() as cursor, raises("ORA-00942") as failure:
        cursor.execute("select * from no_such_table_at_all")
    assert failure.offset == 14


def test_a_backend_that_fails_by_itself_is_ora_00604_and_the_session_goes_on(
    connection: oracledb.Connection, backend: ScriptedBackend, caplog: pytest.LogCaptureFixture
) -> None:
    customer = "".join(("Mr", "Somchai"))  # the log shows source lines, so the text must not stand in one

    def fail(_: object) -> object:
        raise RuntimeError(customer)

    backend.answers["select a from t"] = fail  # type: ignore[assignment]
    with connection.cursor() as cursor:
        with raises("ORA-00604"):
            cursor.execute("select a from t")
        assert "RuntimeError" in caplog.text
        assert customer not in caplog.text
        assert cursor.execute("select 1 as a from dual").fetchall() == [(1,)]


def test_a_row_of_the_wrong_width_is_an_error_not_a_shifted_row(
    connection: oracledb.Connection, backend: ScriptedBackend
) -> None:
    backend.answers["select a, b from t"] = lambda _: query_result([text_column("A"), text_column("B")], [("x",)])
    with connection.cursor() as cursor, raises("ORA-00604"):
        cursor.execute("select a, b from t")


def test_module_action_and_schema_are_taken_on_the_way(
    connection: oracledb.Connection, backend: ScriptedBackend
) -> None:
    connection.module, connection.action, connection.client_identifier = "bigmeter", "sync", "branch 1063"
    connection.clientinfo, connection.dbop = "info", "op"
    connection.current_schema = "PWACIS"
    with connection.cursor() as cursor:
        assert cursor.execute("select 1 as a from dual").fetchall() == [(1,)]
    assert backend.schemas == ["PWACIS"]


def test_a_column_is_fetched_as_a_string_when_asked_for(oracle: oracledb.Connection) -> None:
    with oracle.cursor() as cursor:
        cursor.outputtypehandler = lambda cursor, _: cursor.var(str, arraysize=cursor.arraysize)
        cursor.execute("select cast(:v as number(5,2)) as v from dual", v=12.5)
        assert cursor.fetchall() == [("12.5",)]
