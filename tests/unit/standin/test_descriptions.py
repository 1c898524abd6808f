"""Columns are described as Oracle describes them, and the same for each execution."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dev.oracle_standin.duckdb_backend import DuckDBSession
from dev.oracle_standin.values import Column, OracleType
from tests.unit.standin.asking import a_bind


def test_table_columns_keep_their_declaration(reader: DuckDBSession) -> None:
    assert reader.describe("SELECT * FROM METERS") == (
        Column("ID", OracleType.NUMBER, precision=10, scale=0, is_nullable=False),
        Column("NAME", OracleType.VARCHAR2, size=40),
        Column("FLAG", OracleType.CHAR, size=3),
        Column("USAGE_M3", OracleType.NUMBER, precision=0, scale=-127),
        Column("READ_AT", OracleType.DATE),
    )


@pytest.mark.parametrize(
    ("item", "name", "kind"),
    [
        ("count( * )", "COUNT(*)", OracleType.NUMBER),
        ("nvl(max(Name), 'Ab c')", "NVL(MAX(NAME),'ABC')", OracleType.VARCHAR2),
        ("1+1", "1+1", OracleType.NUMBER),
        ("'hello World'", "'HELLOWORLD'", OracleType.CHAR),
        ("max(id) /* most */ as most", "MOST", OracleType.NUMBER),
        ('max(id) "เลขที่ผู้ใช้น้ำ"', "เลขที่ผู้ใช้น้ำ", OracleType.NUMBER),
        ("max(id) ยอด", "ยอด", OracleType.NUMBER),
        ("sysdate", "SYSDATE", OracleType.DATE),
        ("avg(usage_m3)", "AVG(USAGE_M3)", OracleType.NUMBER),
        ("max(read_at)", "MAX(READ_AT)", OracleType.DATE),
        ("null", "NULL", OracleType.VARCHAR2),
    ],
)
def test_an_expression_is_named_by_its_text(reader: DuckDBSession, item: str, name: str, kind: OracleType) -> None:
    (column,) = reader.describe(f"SELECT {item} FROM METERS")
    assert (column.name, column.type) == (name, kind)
    if kind is OracleType.NUMBER:
        assert (column.precision, column.scale) == (0, -127)


def test_names_and_declarations_go_through_views(reader: DuckDBSession) -> None:
    sql = "WITH v AS (SELECT ID, FLAG f FROM METERS) SELECT w.* FROM (SELECT v.*, ROWNUM r FROM v) w"
    id_, flag, rownum = reader.describe(sql)
    assert (id_.name, id_.precision, id_.scale) == ("ID", 10, 0)
    assert (flag.name, flag.type, flag.size) == ("F", OracleType.CHAR, 3)
    assert (rownum.name, rownum.precision) == ("R", 0)


def test_a_cast_says_its_precision(reader: DuckDBSession) -> None:
    number, text, char = reader.describe(
        "SELECT CAST(1 AS NUMBER(5,2)) a, CAST('x' AS VARCHAR2(7)) b, CAST('x' AS CHAR(3)) c FROM DUAL"
    )
    assert (number.precision, number.scale) == (5, 2)
    assert (text.type, text.size) == (OracleType.VARCHAR2, 7)
    assert (char.type, char.size) == (OracleType.CHAR, 3)


@pytest.mark.parametrize(
    "sql", ["SELECT USAGE_M3 * :a x, :a y FROM METERS", "SELECT ID FROM METERS WHERE USAGE_M3 > :a"]
)
def test_the_description_does_not_wander_with_the_values(reader: DuckDBSession, sql: str) -> None:
    binds = sql.count(":a")
    described = [
        reader.execute(sql, [a_bind(Decimal(value))] * binds).columns for value in ("1", "1e30", "0.0000000000000001")
    ]
    assert described[0] == described[1] == described[2]


def test_a_statement_that_is_no_query_has_no_columns(reader: DuckDBSession) -> None:
    for sql in ("COMMIT", "BEGIN NULL; END;", "DELETE FROM METERS", "ALTER SESSION SET TIME_ZONE = 'UTC'"):
        assert reader.describe(sql) == ()


def test_a_query_is_described_before_its_binds_have_values(reader: DuckDBSession) -> None:
    (column,) = reader.describe("SELECT ID FROM METERS WHERE ID = :a AND ROWNUM < :b")
    assert column.name == "ID"
