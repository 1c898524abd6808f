"""What has to hold in PostgreSQL before any branch runs."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import tuple_row

from include.bigmeter.errors import ConfigError
from include.bigmeter.store.failures import MIGRATE, SETTING
from include.bigmeter.store.migrations import pending
from include.bigmeter.store.statements import statement
from include.bigmeter.store.transactions import own_transaction

MIN_SERVER_VERSION = 140000


def check_store(conn: psycopg.Connection[Any]) -> None:
    """Make sure that the database is migrated, takes writes and Thai text, and grants the role what a load needs.

    :raises ConfigError: with the one thing to change.
    :raises StoreUnavailable: if the server cannot answer now.
    """
    missing = pending(conn)
    if missing:
        raise ConfigError(f"PostgreSQL: {', '.join(missing)} not applied yet: {MIGRATE}")
    with own_transaction(conn), conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(statement("read_readiness")).fetchone()
    if row is None:
        raise AssertionError("read_readiness returns one row")
    version, encoding, is_read_only, has_temporary, without_privilege = row
    if version < MIN_SERVER_VERSION:
        raise ConfigError(f"PostgreSQL: server version {version // 10000} is too old; 14 or later is needed")
    if encoding != "UTF8":
        raise ConfigError(
            f"PostgreSQL: the database is encoded in {encoding}: name one with encoding UTF8 in {SETTING}"
        )
    if conn.info.encoding != "utf-8":
        raise ConfigError(
            f"PostgreSQL: the connection is encoded in {conn.info.encoding}: leave client_encoding out of {SETTING}"
        )
    if is_read_only:
        raise ConfigError(f"PostgreSQL: the server takes no writes: name the primary in {SETTING}")
    if not has_temporary:
        raise ConfigError("PostgreSQL: the role lacks TEMPORARY: GRANT TEMPORARY ON DATABASE … TO …")
    if without_privilege:
        raise ConfigError(
            f"PostgreSQL: the role lacks a privilege on {', '.join(without_privilege)}: GRANT SELECT, INSERT, UPDATE, "
            "DELETE ON ALL TABLES IN SCHEMA … TO …"
        )
