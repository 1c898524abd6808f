"""The documented SQL through the driver: the same answers from the stand-in and from a real Oracle Database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from decimal import Decimal

import oracledb
import pytest

from dev.oracle_standin.server import running_server
from tests.unit.standin.asking import make_backend
from tests.unit.standin.documented import Example, examples, shown

_EXAMPLES = list(examples())


@pytest.fixture(scope="module")
def dialect_dsn() -> Iterator[str]:
    """Return ``ORACLE_TEST_DSN`` if it is set, else a stand-in over DuckDB."""
    real = os.environ.get("ORACLE_TEST_DSN")
    if real:
        yield real
        return
    with running_server(make_backend()) as server:
        yield server.dsn


@pytest.fixture(scope="module")
def connection(dialect_dsn: str) -> Iterator[oracledb.Connection]:
    """Return a connection whose numbers arrive as Decimal."""
    with oracledb.connect(dialect_dsn) as opened:
        yield opened


@pytest.fixture
def cursor(connection: oracledb.Connection) -> Iterator[oracledb.Cursor]:
    """Return a cursor that fetches decimals."""

    def exact(cursor: oracledb.Cursor, metadata: oracledb.FetchInfo) -> object:
        if metadata.type_code is oracledb.DB_TYPE_NUMBER:
            return cursor.var(str, 255, cursor.arraysize, outconverter=Decimal)
        return None

    with connection.cursor() as opened:
        opened.outputtypehandler = exact
        yield opened


@pytest.mark.parametrize("example", _EXAMPLES, ids=[f"{e.section[:20]}: {e.sql[:60]}" for e in _EXAMPLES])
def test_the_driver_gets_the_documented_answer(cursor: oracledb.Cursor, example: Example) -> None:
    if example.error:
        with pytest.raises(oracledb.DatabaseError) as caught:
            cursor.execute(example.sql).fetchall()
        assert caught.value.args[0].full_code == example.error
    else:
        assert shown(cursor.execute(example.sql).fetchall()) == example.answer


@pytest.mark.parametrize(
    ("sql", "code", "offset"),
    [
        ("SELECT * FROM NO_SUCH_TABLE_HERE", "ORA-00942", 14),
        ("SELECT NO_SUCH_COLUMN FROM DUAL", "ORA-00904", 7),
        ("SELECT 1 FROM DUAL WHERE DUMMY = NO_SUCH_COLUMN", "ORA-00904", 33),
        ("SELECT 1 FROM DUAL d e", "ORA-00933", 21),
    ],
)
def test_an_error_says_where_it_is(cursor: oracledb.Cursor, sql: str, code: str, offset: int) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute(sql)
    error = caught.value.args[0]
    assert (error.full_code, error.offset) == (code, offset)


def test_a_bind_declared_as_char_compares_padded_with_blanks(cursor: oracledb.Cursor) -> None:
    for kind, found in ((oracledb.DB_TYPE_CHAR, [(1,)]), (oracledb.DB_TYPE_VARCHAR, [])):
        cursor.setinputsizes(a=kind)
        assert cursor.execute("SELECT 1 FROM DUAL WHERE CAST('F' AS CHAR(3)) = :a", a="F").fetchall() == found


def test_more_than_1000_members_of_a_list_are_refused(cursor: oracledb.Cursor) -> None:
    def listed(count: int) -> str:
        return f"SELECT 1 FROM DUAL WHERE DUMMY IN ({', '.join(f':b{n}' for n in range(count))})"

    assert cursor.execute(listed(1000), ["X"] * 1000).fetchall() != []
    with pytest.raises(oracledb.DatabaseError, match="ORA-01795"):
        cursor.execute(listed(1001), ["X"] * 1001)


def test_a_text_bind_is_converted_for_a_number_and_must_be_one(cursor: oracledb.Cursor) -> None:
    sql = "SELECT x FROM (SELECT 1063 x FROM DUAL) WHERE x = :branch"
    assert len(cursor.execute(sql, branch="1063").fetchall()) == 1
    assert cursor.execute(sql, branch="").fetchall() == []
    with pytest.raises(oracledb.DatabaseError, match="ORA-01722"):
        cursor.execute(sql, branch="น้ำพอง").fetchall()


def test_columns_are_described_as_oracle_does(cursor: oracledb.Cursor) -> None:
    cursor.execute("SELECT COUNT( * ), 'a', CAST(1 AS NUMBER(5,2)) n, SYSDATE \"วันนี้\" FROM DUAL")
    described = [(column[0], column[1], column[4], column[5]) for column in cursor.description or ()]
    assert described == [
        ("COUNT(*)", oracledb.DB_TYPE_NUMBER, 0, -127),
        ("'A'", oracledb.DB_TYPE_CHAR, None, None),
        ("N", oracledb.DB_TYPE_NUMBER, 5, 2),
        ("วันนี้", oracledb.DB_TYPE_DATE, None, None),
    ]
