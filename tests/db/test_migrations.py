from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from include.bigmeter.errors import ConfigError
from include.bigmeter.store.migrations import Migration, MigrationReport, migrate, pending, read_migrations

PgConnection = psycopg.Connection[Any]
NAMES = tuple(migration.name for migration in read_migrations())


@pytest.fixture
def empty(empty_database: str) -> Iterator[PgConnection]:
    with psycopg.connect(empty_database) as conn:
        yield conn


@pytest.fixture
def two(tmp_path: Path) -> list[Migration]:
    (tmp_path / "0001_make_a.sql").write_text("CREATE TABLE a (x integer);\nINSERT INTO a VALUES (1);\n")
    (tmp_path / "0002_fill_a.sql").write_text("INSERT INTO a VALUES (2);\nINSERT INTO a VALUES (3);\n")
    return read_migrations(tmp_path)


def numbers(conn: PgConnection) -> list[tuple[Any, ...]]:
    rows = conn.execute("SELECT x FROM a ORDER BY x").fetchall()
    conn.commit()
    return rows


def test_an_empty_database_is_migrated_once(empty: PgConnection) -> None:
    assert pending(empty) == list(NAMES)
    assert empty.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert migrate(empty) == MigrationReport(applied=NAMES, adoption=None)
    assert pending(empty) == []
    before = empty.execute("SELECT *, xmin::text FROM bm_schema_migrations").fetchall()
    empty.commit()
    assert migrate(empty) == MigrationReport(applied=(), adoption=None)
    assert empty.execute("SELECT *, xmin::text FROM bm_schema_migrations").fetchall() == before


def test_asking_what_is_pending_changes_nothing(empty: PgConnection) -> None:
    pending(empty)
    assert empty.execute("SELECT count(*) FROM pg_class WHERE relname LIKE 'bm%'").fetchone() == (0,)


def test_only_the_files_that_were_not_applied_run(empty: PgConnection, two: list[Migration]) -> None:
    assert migrate(empty, two[:1]).applied == ("0001_make_a.sql",)
    assert pending(empty, two) == ["0002_fill_a.sql"]
    assert migrate(empty, two).applied == ("0002_fill_a.sql",)
    assert numbers(empty) == [(1,), (2,), (3,)]


def test_an_applied_file_that_was_changed_is_refused_by_name(empty: PgConnection, two: list[Migration]) -> None:
    migrate(empty, two)
    edited = [replace(two[0], checksum="0" * 64), two[1]]
    for look in (pending, migrate):
        with pytest.raises(ConfigError, match=r"0001_make_a\.sql was changed after it was applied"):
            look(empty, edited)


def test_a_database_that_is_newer_than_the_software_is_refused(empty: PgConnection, two: list[Migration]) -> None:
    migrate(empty, two)
    with pytest.raises(ConfigError, match=r"0002_fill_a\.sql was applied.*update it"):
        pending(empty, two[:1])


def test_a_record_with_a_hole_is_refused(empty: PgConnection, two: list[Migration]) -> None:
    migrate(empty, two)
    empty.execute("DELETE FROM bm_schema_migrations WHERE version = 1")
    empty.commit()
    with pytest.raises(ConfigError, match=r"0001_make_a\.sql was left out"):
        migrate(empty, two)


def test_a_file_that_fails_is_rolled_back_whole_and_named_with_its_line(
    empty: PgConnection, two: list[Migration], tmp_path: Path
) -> None:
    (tmp_path / "0002_fill_a.sql").write_text("INSERT INTO a VALUES (2);\nINSERT INTO นาย (x) VALUES ('secret');\n")
    with pytest.raises(ConfigError, match=r"0002_fill_a\.sql line 2, rolled back: .*42P01") as caught:
        migrate(empty, read_migrations(tmp_path))
    assert "secret" not in repr(caught.value)
    assert numbers(empty) == [(1,)]
    assert pending(empty, two) == ["0002_fill_a.sql"]
    assert migrate(empty, two).applied == ("0002_fill_a.sql",)


def test_two_migrators_at_once_apply_each_file_once(empty_database: str) -> None:
    reports: list[MigrationReport] = []
    together = threading.Barrier(4)

    def run() -> None:
        with psycopg.connect(empty_database) as conn:
            together.wait(30)
            reports.append(migrate(conn))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(reports) == 4
    assert sorted(name for report in reports for name in report.applied) == list(NAMES)


def test_everything_goes_to_the_schema_that_search_path_names_first(empty: PgConnection) -> None:
    empty.execute("CREATE SCHEMA meters")
    empty.execute("SET search_path = meters, public")
    empty.commit()
    migrate(empty)
    rows = empty.execute(
        """SELECT DISTINCT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
           WHERE c.relname LIKE 'bm%'"""
    ).fetchall()
    assert rows == [("meters",)]


def test_a_search_path_that_would_hide_the_tables_that_are_there_is_refused(empty: PgConnection) -> None:
    migrate(empty)
    empty.execute("CREATE SCHEMA meters")
    empty.execute("SET search_path = meters, public")
    empty.commit()
    with pytest.raises(ConfigError, match=r"public\.bm_branches.*search_path names schema meters first"):
        migrate(empty)


def test_a_search_path_without_a_schema_is_refused(empty: PgConnection) -> None:
    empty.execute("SET search_path = nowhere")
    empty.commit()
    for look in (pending, migrate):
        with pytest.raises(ConfigError, match="search_path names no schema"):
            look(empty)


def test_a_role_that_may_not_create_tables_is_told_so(empty: PgConnection, password_checked_dsn: str) -> None:
    with psycopg.connect(password_checked_dsn, dbname=empty.info.dbname) as conn:
        with pytest.raises(ConfigError, match=r"lacks a privilege.*42501"):
            migrate(conn)
        assert pending(conn) == list(NAMES)


def test_migrating_works_with_autocommit_too(empty_database: str) -> None:
    with psycopg.connect(empty_database, autocommit=True) as conn:
        assert migrate(conn).applied == NAMES
        assert pending(conn) == []
