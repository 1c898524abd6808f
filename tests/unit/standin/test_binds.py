"""Binds: a text for a number is turned into a number, a number stays exact, and the column's form is kept."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from dev.oracle_standin.duckdb_backend import DuckDBSession
from dev.oracle_standin.values import Bind, OracleType
from tests.unit.standin.asking import ask, change, refused

_EXACT = [
    "12345678901234567890123456789012345678",
    "-0.00000000000000000000000000000000000001",
    "0.1",
    "100",
    "0",
    "-99999999999999999999999999999999999999",
    "1234567890123456789.0123456789012345678",
]


@pytest.mark.parametrize("digits", _EXACT)
def test_a_number_comes_back_exact_to_38_digits(reader: DuckDBSession, digits: str) -> None:
    (row,) = ask(reader, "SELECT :n, :n + 0, -(-:n), TO_CHAR(:n) FROM DUAL", *[Decimal(digits)] * 4)
    assert [str(Decimal(str(value))) for value in row[:1]] == [str(Decimal(digits))]
    assert row[0] == row[1] == row[2] == Decimal(digits)


@pytest.mark.parametrize(("text", "ids"), [("2", [2]), (" 2.0 ", [2]), ("2e0", [2]), ("-1", []), (None, []), ("", [])])
def test_a_text_bind_finds_its_number(reader: DuckDBSession, text: str | None, ids: list[int]) -> None:
    assert [row[0] for row in ask(reader, "SELECT ID FROM METERS WHERE ID = :a", text)] == ids


@pytest.mark.parametrize("text", ["x", "1,5", "0x10", "1 2", "๑", "--1", "1e", "inf", "NaN", "+"])
def test_a_text_that_is_no_number_is_ora_01722(reader: DuckDBSession, text: str) -> None:
    assert refused(reader, "SELECT ID FROM METERS WHERE ID = :a", text).code == 1722


@pytest.mark.parametrize(
    ("bound", "less", "equal"),
    [("10.5", 2, 1), ("1e30", 3, 0), ("0.00000000000000000001", 1, 0), ("-1e30", 0, 0), ("7.00", 1, 1)],
)
def test_a_number_that_no_stored_form_holds_still_compares_exactly(
    reader: DuckDBSession, bound: str, less: int, equal: int
) -> None:
    value = Decimal(bound)
    assert len(ask(reader, "SELECT 1 FROM METERS WHERE USAGE_M3 < :a", value)) == less
    assert len(ask(reader, "SELECT 1 FROM METERS WHERE USAGE_M3 = :a", value)) == equal
    assert len(ask(reader, "SELECT 1 FROM METERS WHERE USAGE_M3 IN (:a, :b)", value, value)) == equal
    assert len(ask(reader, "SELECT 1 FROM METERS WHERE USAGE_M3 > :a", str(value))) == 3 - less - equal


def test_a_number_bound_to_a_text_column_turns_the_column_into_numbers(reader: DuckDBSession) -> None:
    assert len(ask(reader, "SELECT 1 FROM CODES WHERE CODE = :a AND CODE <> 'abc'", "1")) == 0
    assert refused(reader, "SELECT 1 FROM CODES WHERE CODE = :a", 1).code == 1722
    assert len(ask(reader, "SELECT 1 FROM (SELECT '007' CODE FROM DUAL) WHERE CODE = :a", 7)) == 1


def test_a_bind_is_a_varchar2_and_is_not_padded(reader: DuckDBSession) -> None:
    assert ask(reader, "SELECT ID FROM METERS WHERE FLAG = :a", "F") == []
    assert len(ask(reader, "SELECT ID FROM METERS WHERE FLAG = :a", "F  ")) == 2


def test_a_bind_declared_as_char_compares_padded_with_blanks(reader: DuckDBSession) -> None:
    def found(condition: str, *values: str | None) -> int:
        binds = [Bind("A", OracleType.CHAR, value) for value in values]
        rows = reader.execute(f"SELECT 1 FROM METERS WHERE {condition}", binds).rows
        assert rows is not None
        return len(rows.fetch(10))

    assert found("FLAG = :a", "F") == found("FLAG = :a", "F     ") == found(":a = FLAG", "F") == 2
    assert found("FLAG <> :a", "F") == found("FLAG > :a", "F") == found("FLAG >= :a", "G") == 2
    assert found("FLAG IN (:a, :b)", "F", "X") == found("FLAG NOT IN (:a, :b)", "F", "X") == 2
    assert found("FLAG = :a", None) == 0
    assert found("'F  ' = :a", "F") == found(":a = :b", "x ", "x") == found(":a IN ('x', 'F  ')", "F") == 4
    assert found("NAME = :a", "beta ") == 0
    assert found("NAME = :a", "beta") == 1


def test_names_are_bound_by_place_whatever_they_are_called(reader: DuckDBSession) -> None:
    sql = "SELECT :a || : b || :1 || :\"Quoted\" || ':not' /* :nor */ || q'[:this]' FROM DUAL -- :that"
    assert ask(reader, sql, "1", "2", "3", "4") == [("1234:not:this",)]


def test_dates_are_bound_as_dates(reader: DuckDBSession) -> None:
    found = ask(reader, "SELECT ID FROM METERS WHERE READ_AT >= :a ORDER BY 1", datetime(2024, 2, 29, 13))  # noqa: DTZ001
    assert [row[0] for row in found] == [2, 4]
    assert refused(reader, "SELECT ID FROM METERS WHERE READ_AT = :a", 5).code == 932


def test_a_bound_limit_is_a_count(reader: DuckDBSession) -> None:
    assert len(ask(reader, "SELECT 1 FROM METERS FETCH FIRST :n ROWS ONLY", 2)) == 2
    assert len(ask(reader, "SELECT 1 FROM METERS WHERE ROWNUM <= :n", "3")) == 3
    assert len(ask(reader, "SELECT 1 FROM METERS WHERE ROWNUM < :n", 3)) == 2
    assert ask(reader, "SELECT 1 FROM METERS WHERE ROWNUM <= :n", None) == []
    assert ask(reader, "SELECT 1 FROM METERS FETCH FIRST :n ROWS ONLY", -1) == []


def test_the_types_of_the_binds_decide_not_the_first_execution(session: DuckDBSession) -> None:
    sql = "SELECT :a FROM DUAL"
    assert ask(session, sql, "x") == [("x",)]
    assert ask(session, sql, Decimal("1.50")) == [(Decimal("1.5"),)]
    assert ask(session, sql, None) == [(None,)]


def test_an_insert_takes_binds_in_each_type(session: DuckDBSession) -> None:
    moment = datetime(2024, 12, 31, 23, 59, 58)  # noqa: DTZ001
    change(session, "INSERT INTO METERS VALUES (:1, :2, :3, :4, :5)", "77", Decimal("12.50"), "T", "1.25", moment)
    assert ask(session, "SELECT * FROM METERS WHERE ID = 77") == [(77, "12.5", "T  ", Decimal("1.25"), moment)]
