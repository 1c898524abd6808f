"""The data dictionary says what the comments of a migrated database say."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from dev.dictionary import PAGE, dictionary

PgConnection = psycopg.Connection[Any]


def test_the_data_dictionary_is_up_to_date(conn: PgConnection) -> None:
    assert PAGE.read_text(encoding="utf-8") == dictionary(conn), "run `python -m dev.dictionary`"


def test_every_relation_and_column_is_in_the_data_dictionary(conn: PgConnection) -> None:
    page = PAGE.read_text(encoding="utf-8")
    columns = conn.execute(
        """SELECT table_name, column_name FROM information_schema.columns
           WHERE table_schema = current_schema() AND table_name LIKE 'bm\\_%'"""
    ).fetchall()
    assert len(columns) > 100
    for table, column in columns:
        section = page.split(f"### {table}\n", 1)[1].split("\n### ", 1)[0]
        assert f"| `{column}` |" in section, f"{table}.{column}"


def test_a_column_without_a_comment_is_refused_by_its_name(conn: PgConnection) -> None:
    conn.execute("ALTER TABLE bm_branches ADD COLUMN colour text")
    with pytest.raises(ValueError, match=r"bm_branches\.colour has no comment"):
        dictionary(conn)
