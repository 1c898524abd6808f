"""Binds: by name, by position, repeated, in arrays; and those that are refused."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import oracledb
import pytest

from dev.oracle_standin.values import OracleType
from tests.oracle.failures import raises
from tests.oracle.scripted_backend import ScriptedBackend


def rows(connection: oracledb.Connection, sql: str, binds: object = None) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, binds)
        return list(cursor.fetchall())


def test_binds_are_taken_by_name(oracle: oracledb.Connection) -> None:
    assert rows(oracle, "select :b as b, :a as a from dual", {"a": 1, "b": 2}) == [(2, 1)]


def test_binds_are_taken_by_position(oracle: oracledb.Connection) -> None:
    assert rows(oracle, "select :1 as a, :2 as b from dual", [1, "two"]) == [(1, "two")]


def test_a_name_used_twice_stands_for_one_value_in_sql(oracle: oracledb.Connection) -> None:
    assert rows(oracle, "select :a as x, :b as y, :a as z from dual", {"a": "A", "b": "B"}) == [("A", "B", "A")]


def test_a_hundred_binds_keep_their_order(oracle: oracledb.Connection) -> None:
    items = ", ".join(f":b{index} as c{index}" for index in range(100))
    binds = {f"b{index}": index for index in range(100)}
    assert rows(oracle, f"select {items} from dual", binds) == [tuple(range(100))]


def test_a_bind_may_change_its_type_and_size_from_run_to_run(oracle: oracledb.Connection) -> None:
    with oracle.cursor() as cursor:
        for value in (1, "a", "a much longer text " * 20, None, 2.5, "b"):
            cursor.execute("select :v as v from dual", v=value)
            assert cursor.fetchall() == [(value,)]


def test_a_missing_bind_is_ora_01008(connection: oracledb.Connection) -> None:
    with connection.cursor() as cursor, raises("ORA-01008", "DPY-4010"):
        cursor.execute("select :a as a from dual")


def test_the_backend_gets_names_types_and_values(connection: oracledb.Connection, backend: ScriptedBackend) -> None:
    with connection.cursor() as cursor:
        cursor.execute('insert into t values (:lower, :"Quoted", :3)', ["x", Decimal("1.50"), None])
    ((_, binds),) = backend.executed
    assert [(bind.name, bind.type, bind.value) for bind in binds] == [
        ("LOWER", OracleType.VARCHAR2, "x"),
        ("Quoted", OracleType.NUMBER, Decimal("1.5")),
        ("3", OracleType.VARCHAR2, None),
    ]


def test_a_bool_is_bound_as_a_number(connection: oracledb.Connection, backend: ScriptedBackend) -> None:
    with connection.cursor() as cursor:
        cursor.execute("insert into t values (:a, :b)", [True, False])
    assert [bind.value for bind in backend.executed[0][1]] == [1, 0]


def test_an_array_of_binds_runs_the_statement_once_for_each(
    connection: oracledb.Connection, backend: ScriptedBackend
) -> None:
    with connection.cursor() as cursor:
        cursor.executemany("insert into t values (:a, :b)", [(index, f"row {index}") for index in range(2500)])
        assert cursor.rowcount == 2500
        cursor.executemany("insert into t values (:a, :b)", [(1, "again"), (2, None)])
        assert cursor.rowcount == 2
    assert [tuple(bind.value for bind in binds) for _, binds in backend.executed] == [
        *((Decimal(index), f"row {index}") for index in range(2500)),
        (1, "again"),
        (2, None),
    ]


def test_the_rows_changed_by_each_of_an_array_can_be_asked_for(connection: oracledb.Connection) -> None:
    with connection.cursor() as cursor:
        cursor.executemany("insert into t values (:a)", [(1,), (2,), (3,)], arraydmlrowcounts=True)
        assert cursor.getarraydmlrowcounts() == [1, 1, 1]


def test_a_statement_without_binds_may_run_several_times(
    connection: oracledb.Connection, backend: ScriptedBackend
) -> None:
    with connection.cursor() as cursor:
        cursor.executemany("insert into t values (1)", 5)
        assert cursor.rowcount == 5
    assert len(backend.executed) == 5


def test_binds_over_32767_bytes_come_after_the_others_and_find_their_places(
    connection: oracledb.Connection, backend: ScriptedBackend
) -> None:
    large, larger = "ก" * 20_000, "x" * 100_000
    with connection.cursor() as cursor:
        cursor.execute("insert into t values (:a, :b, :c, :d)", [large, 1, larger, "small"])
    assert [bind.value for bind in backend.executed[0][1]] == [large, 1, larger, "small"]


def test_plsql_sends_a_repeated_name_once(connection: oracledb.Connection, backend: ScriptedBackend) -> None:
    with connection.cursor() as cursor:
        cursor.execute("begin log_it(:a, :b, :a); end;", a="A", b="B")
    assert [(bind.name, bind.value) for bind in backend.executed[0][1]] == [("A", "A"), ("B", "B")]


@pytest.mark.parametrize(
    "sql",
    [
        "begin :result := 1; end;",
        "begin :result:=f(1); end;",
        "begin select 1 into :result from dual; end;",
        "insert into t (a) values (1) returning a into :result",
    ],
)
def test_an_out_variable_raises_an_error_rather_than_stay_empty(
    connection: oracledb.Connection, backend: ScriptedBackend, sql: str
) -> None:
    with connection.cursor() as cursor:
        with raises("ORA-03001"):
            cursor.execute(sql, result=cursor.var(int))
        assert rows(connection, "select 1 as a from dual") == [(1,)]
    assert [sql for sql, _ in backend.executed] == ["select 1 as a from dual"]


def test_a_function_call_raises_an_error_rather_than_return_nothing(connection: oracledb.Connection) -> None:
    with connection.cursor() as cursor, raises("ORA-03001"):
        cursor.callfunc("f", int, [1])


def test_a_bind_of_a_type_that_is_not_built_is_ora_03001_and_the_session_goes_on(
    connection: oracledb.Connection,
) -> None:
    with connection.cursor() as cursor:
        for value in (timedelta(days=1), connection.cursor()):
            with raises("ORA-03001"):
                cursor.execute("select :a as a from dual", a=value)
        array = cursor.arrayvar(int, [1, 2, 3])
        with raises("ORA-03001"):
            cursor.execute("begin p(:a); end;", a=array)
        cursor.execute("select :a as a from dual", a=1)
        assert cursor.fetchall() == [(1,)]


def test_what_is_left_of_a_long_request_that_cannot_be_read_is_not_taken_for_another(
    connection: oracledb.Connection,
) -> None:
    with connection.cursor() as cursor:
        with raises("ORA-03001"):
            cursor.execute("insert into t values (:a, :b)", [timedelta(days=1), "x" * 300_000])
        cursor.execute("select :a as a from dual", a=1)
        assert cursor.fetchall() == [(1,)]


def test_batch_errors_and_scrollable_cursors_are_ora_03001(connection: oracledb.Connection) -> None:
    with connection.cursor() as cursor, raises("ORA-03001"):
        cursor.executemany("insert into t values (:a)", [(1,)], batcherrors=True)
    with connection.cursor(scrollable=True) as cursor, raises("ORA-03001"):
        cursor.execute("select 1 as a from dual")
    connection.ping()


def test_an_array_that_fails_in_the_middle_keeps_what_went_before(
    connection: oracledb.Connection, backend: ScriptedBackend
) -> None:
    from dev.oracle_standin.backend import OracleError, Result

    def insert(binds: object) -> Result:
        if len(backend.executed) == 3:
            raise OracleError(1, "unique constraint (T.PK) violated")
        return Result(row_count=1)

    backend.answers["insert into t values (:a)"] = insert
    with connection.cursor() as cursor:
        with pytest.raises(oracledb.IntegrityError, match="ORA-00001"):
            cursor.executemany("insert into t values (:a)", [(index,) for index in range(5)])
        assert cursor.rowcount == 2
