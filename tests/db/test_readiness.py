from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from include.bigmeter.errors import ConfigError, StoreUnavailable
from include.bigmeter.store.failures import connecting
from include.bigmeter.store.readiness import check_store
from tests.conftest import CHECKED_ROLE

PgConnection = psycopg.Connection[Any]


@pytest.fixture
def loader(conn: PgConnection, password_checked_dsn: str) -> Iterator[PgConnection]:
    """A connection of a role that owns nothing and was granted what the documentation asks for."""
    role = sql.Identifier(CHECKED_ROLE)
    conn.execute(sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}").format(role))
    conn.commit()
    with psycopg.connect(password_checked_dsn, dbname=conn.info.dbname) as connection:
        yield connection
    conn.rollback()
    conn.execute(sql.SQL("DROP OWNED BY {}").format(role))
    conn.commit()


def test_a_migrated_database_is_ready_for_its_owner_and_for_a_loading_role(
    conn: PgConnection, loader: PgConnection
) -> None:
    check_store(conn)
    check_store(loader)
    assert loader.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_pending_migrations_are_named_with_the_command(empty_database: str) -> None:
    with (
        psycopg.connect(empty_database) as conn,
        pytest.raises(ConfigError, match=r"0001_init\.sql, .* not applied yet: run `python -m include"),
    ):
        check_store(conn)


def test_a_role_without_temporary_is_told_so(conn: PgConnection, loader: PgConnection) -> None:
    name = sql.Identifier(conn.info.dbname)
    conn.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(name))
    conn.commit()
    with pytest.raises(ConfigError, match="TEMPORARY"):
        check_store(loader)


def test_a_role_that_lacks_a_privilege_is_told_on_which_tables(conn: PgConnection, loader: PgConnection) -> None:
    conn.execute(sql.SQL("REVOKE DELETE ON bm_meter_details FROM {}").format(sql.Identifier(CHECKED_ROLE)))
    conn.execute(sql.SQL("REVOKE INSERT ON bm_sync_runs FROM {}").format(sql.Identifier(CHECKED_ROLE)))
    conn.commit()
    with pytest.raises(ConfigError, match="bm_meter_details, bm_sync_runs"):
        check_store(loader)


def test_a_server_that_takes_no_writes_is_refused(database: str) -> None:
    with (
        psycopg.connect(database, options="-c default_transaction_read_only=on") as conn,
        pytest.raises(ConfigError, match="takes no writes"),
    ):
        check_store(conn)


def test_a_database_that_cannot_hold_thai_text_is_refused(postgres_server_dsn: str) -> None:
    with psycopg.connect(postgres_server_dsn, autocommit=True) as server:
        server.execute("DROP DATABASE IF EXISTS bm_test_latin")
        server.execute("CREATE DATABASE bm_test_latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
        try:
            with psycopg.connect(postgres_server_dsn, dbname="bm_test_latin") as conn:
                from include.bigmeter.store.migrations import migrate

                migrate(conn)
                with pytest.raises(ConfigError, match=r"encoded in LATIN1.*UTF8"):
                    check_store(conn)
        finally:
            server.execute("DROP DATABASE bm_test_latin WITH (FORCE)")


def test_a_connection_that_cannot_carry_thai_text_is_told_from_a_database_that_cannot(database: str) -> None:
    with (
        psycopg.connect(database, client_encoding="latin1") as conn,
        pytest.raises(ConfigError, match="the connection is encoded in iso8859-1: leave client_encoding out"),
    ):
        check_store(conn)


@pytest.mark.parametrize(
    ("change", "expected", "words"),
    [
        ({"password": "wrong"}, ConfigError, "the password is wrong.*POSTGRES_DSN"),
        ({"user": "bm_nobody_at_all"}, ConfigError, "the login is refused.*POSTGRES_DSN"),
        ({"dbname": "bm_no_such_database"}, ConfigError, "the database does not exist.*POSTGRES_DSN"),
        ({"sslmode": "bogus"}, ConfigError, "a parameter of the connection has no such value.*POSTGRES_DSN"),
        ({"service": "nowhere"}, ConfigError, "a parameter of the connection has no such value.*POSTGRES_DSN"),
        ({"host": "127.0.0.1", "port": "1"}, StoreUnavailable, "cannot be reached.*POSTGRES_DSN"),
        ({"host": "no-such-host.invalid"}, StoreUnavailable, "cannot be reached.*POSTGRES_DSN"),
    ],
)
def test_a_connection_that_cannot_be_opened_names_what_to_change(
    password_checked_dsn: str, change: dict[str, Any], expected: type[Exception], words: str
) -> None:
    with pytest.raises(expected, match=words) as caught, connecting():
        psycopg.connect(password_checked_dsn, **change).close()
    assert "wrong" not in str(caught.value).replace("password is wrong", "")
