"""Words that are keywords elsewhere name columns, tables and aliases, as in Oracle."""

from __future__ import annotations

import pytest

from dev.oracle_standin.duckdb_backend import DuckDBSession
from tests.unit.standin.asking import ask

_FREE_WORDS = """
ANTI APPLY ASOF CACHE DESCRIBE FILTER FIRST FORMAT ILIKE KILL LAST LATERAL LIMIT NEXT ONLY PIVOT QUALIFY RECURSIVE
REGEXP RLIKE SEMI SHOW SUMMARIZE TABLESAMPLE TOP UNCACHE XOR
"""


@pytest.mark.parametrize("word", _FREE_WORDS.split())
def test_a_word_of_another_database_is_a_name(reader: DuckDBSession, word: str) -> None:
    assert ask(reader, f"SELECT {word} FROM (SELECT 1 AS {word} FROM DUAL)") == [(1,)]
    assert ask(reader, f"SELECT {word}.X FROM (SELECT 1 X FROM DUAL) {word}") == [(1,)]
    assert ask(reader, f"SELECT {word} + 1 FROM (SELECT 0 {word} FROM DUAL) ORDER BY {word}") == [(1,)]
    assert ask(reader, f"WITH {word} AS (SELECT 1 X FROM DUAL) SELECT {word}.X FROM {word}") == [(1,)]


def test_two_columns_of_one_name_are_answered_where_no_view_is_made_of_them(reader: DuckDBSession) -> None:
    assert ask(reader, "SELECT ID, ID FROM METERS WHERE ID = 1") == [(1, 1)]
    assert len(ask(reader, "SELECT * FROM METERS m, CODES c")[0]) == 7
    assert ask(reader, "SELECT NAME FROM (SELECT ID, ID, NAME FROM METERS) WHERE ROWNUM = 1") == [("alpha",)]


@pytest.mark.parametrize("escape", ["", " ESCAPE '!'"])
def test_not_like_is_unknown_for_null(reader: DuckDBSession, escape: str) -> None:
    found = ask(reader, f"SELECT ID FROM METERS WHERE NAME NOT LIKE 'a%'{escape} ORDER BY ID")
    assert found == [(2,), (4,)]
    assert ask(reader, f"SELECT ID FROM METERS WHERE NOT NAME NOT LIKE 'a%'{escape}") == [(1,)]
    found = ask(reader, f"SELECT CASE WHEN NAME NOT LIKE 'a%'{escape} THEN 'n' ELSE 'y' END FROM METERS ORDER BY ID")
    assert [row[0] for row in found] == ["y", "n", "y", "n"]
