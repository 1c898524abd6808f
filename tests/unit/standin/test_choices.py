"""NVL, NVL2 and DECODE bring their arguments to one type, value by value."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from dev.oracle_standin.duckdb_backend import DuckDBSession
from tests.unit.standin.asking import ask, refused


def test_nvl_turns_its_second_argument_into_the_type_of_the_first(reader: DuckDBSession) -> None:
    assert ask(reader, "SELECT NVL(USAGE_M3, '5') + 1 FROM METERS WHERE ID = 2") == [(6,)]
    assert ask(reader, "SELECT NVL(NAME, ID) FROM METERS WHERE ID = 3") == [("3",)]
    assert ask(reader, "SELECT NVL(READ_AT, '05-OCT-24') FROM METERS WHERE ID = 3") == [(datetime(2024, 10, 5),)]  # noqa: DTZ001
    assert ask(reader, "SELECT NVL(ID, CODE) FROM CODES WHERE CODE <> 'abc' ORDER BY CODE") == [(1,), (1,), (9,)]


def test_nvl_looks_at_its_second_argument_even_if_the_first_has_a_value(reader: DuckDBSession) -> None:
    assert refused(reader, "SELECT NVL(ID, CODE) FROM CODES WHERE CODE = 'abc'").code == 1722
    assert refused(reader, "SELECT NVL(ID, :a) FROM CODES", "x").code == 1722
    assert ask(reader, "SELECT NVL(ID, :a) FROM CODES ORDER BY 1", "7")[-1] == (7,)
    assert ask(reader, "SELECT NVL(NAME, 'no ' || ID) FROM METERS WHERE ID IN (1, 3) ORDER BY ID") == [
        ("alpha",),
        ("no 3",),
    ]
    found = ask(reader, "SELECT NVL(NVL(USAGE_M3, 2 * ID), 1 / ID) FROM METERS ORDER BY ID")
    assert [Decimal(str(row[0])) for row in found] == [Decimal("10.5"), 4, 0, 7]


def test_binds_may_stand_where_types_are_compared(reader: DuckDBSession) -> None:
    assert ask(reader, "SELECT NULLIF(:a, :b), CASE :c WHEN :d THEN :e END FROM DUAL", 1, 2, "x", "x", 5) == [(1, 5)]
    assert len(ask(reader, "SELECT 1 FROM METERS WHERE ID = ANY (:a, :b)", 1, "2")) == 2
    assert refused(reader, "SELECT NULLIF(:a, :b) FROM DUAL", 1, "1").code == 932


def test_decode_converts_a_text_only_where_it_is_wanted(reader: DuckDBSession) -> None:
    assert ask(reader, "SELECT DECODE(CODE, 'abc', 0, CODE) FROM CODES ORDER BY 1") == [(0,), (1,), (2,), (9,)]


def test_case_and_nullif_compare_what_is_of_one_type(reader: DuckDBSession) -> None:
    assert ask(reader, "SELECT CASE ID WHEN USAGE_M3 THEN 'same' ELSE 'other' END FROM METERS WHERE ID = 1") == [
        ("other",)
    ]
    assert ask(reader, "SELECT CASE FLAG WHEN 'F' THEN 'no' END FROM METERS WHERE ID = 1") == [("no",)]
    assert ask(reader, "SELECT NULLIF(ID, 1), NULLIF(NAME, 'x') FROM METERS WHERE ID = 1") == [(None, "alpha")]
