"""Migrations: the plain SQL files of ``migrations/``, applied in order and once, and what an adoption found."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from include.bigmeter.errors import ConfigError
from include.bigmeter.store.failures import MIGRATE, SETTING, as_ours, store_errors
from include.bigmeter.store.statements import statement
from include.bigmeter.store.transactions import keep_no_session_state, own_transaction

MIGRATIONS_DIR = Path(__file__).parents[3] / "migrations"
_FILE_NAME = re.compile(r"(?P<version>[0-9]{4})_[a-z0-9_]+\.sql")
_FIRST_IMPLEMENTATION_KEYS = {
    "bm_branches": {"code"},
    "bm_custcode_init": {"fiscal_year", "branch_code", "cust_code", "debt_ym"},
    "bm_meter_details": {
        "year_month",
        "branch_code",
        "cust_code",
        "org_name",
        "present_meter_count",
        "present_water_usg",
        "debt_ym",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file of ``migrations/``. The checksum takes no notice of how lines end, which git may change."""

    version: int
    name: str
    sql: bytes
    checksum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What became of a database of the first implementation, in rows.

    ``kept`` is by table, ``set_aside`` by (table, reason), ``months`` counts the ledger rows of kind adopted.
    """

    kept: dict[str, int]
    set_aside: dict[tuple[str, str], int]
    months: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationReport:
    """The files that were applied, empty if there was nothing to do, and the adoption if there was one."""

    applied: tuple[str, ...]
    adoption: Adoption | None


def read_migrations(directory: Path = MIGRATIONS_DIR) -> list[Migration]:
    """Return the migrations of a directory in their order.

    :raises ConfigError: if a file is named otherwise than ``NNNN_verb_object.sql``, or a number is missing or double.
    """
    migrations = []
    for path in sorted(directory.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if not match:
            raise ConfigError(f"migrations/{path.name}: name it NNNN_verb_object.sql")
        sql = path.read_bytes().replace(b"\r\n", b"\n")
        checksum = hashlib.sha256(sql).hexdigest()
        migrations.append(Migration(version=int(match["version"]), name=path.name, sql=sql, checksum=checksum))
    for expected, migration in enumerate(migrations, start=1):
        if migration.version != expected:
            raise ConfigError(f"migrations/{migration.name}: number {expected:04d} is expected here; each comes once")
    if not migrations:
        raise ConfigError("migrations/ holds no file; is the software complete?")
    return migrations


def pending(conn: psycopg.Connection[Any], migrations: Sequence[Migration] | None = None) -> list[str]:
    """Return the names of the migrations that this database still needs, and change nothing.

    :raises ConfigError: if an applied file was changed since, or the database is newer than this software.
    """
    migrations = read_migrations() if migrations is None else migrations
    with own_transaction(conn, "migrations"):
        todo = _not_applied(conn, migrations) if _require_schema(conn) else migrations
        return [migration.name for migration in todo]


def migrate(conn: psycopg.Connection[Any], migrations: Sequence[Migration] | None = None) -> MigrationReport:
    """Bring the database up to date, adopting one of the first implementation if it finds it.

    Each file runs in a transaction of its own together with its record, under an advisory lock, so that two
    migrators take turns; a file that fails leaves the database as the one before it left it. A second run does
    nothing.

    :raises ConfigError: if a file fails for good, was changed after it was applied, or a number is missing.
    :raises StoreUnavailable: if somebody holds a table or the lock for more than a minute.
    """
    migrations = read_migrations() if migrations is None else migrations
    if conn.info.transaction_status != TransactionStatus.IDLE and not conn.closed:
        raise RuntimeError("migrate needs a connection without an open transaction")
    keep_no_session_state(conn)
    applied: list[str] = []
    adoption = None
    while True:
        with store_errors("migrations"), conn.transaction():
            conn.execute(statement("lock_migrations"))
            _require_schema(conn)
            conn.execute(statement("create_schema_migrations"))
            todo = _not_applied(conn, migrations)
            if not todo:
                break
            is_adoption = todo[0].version == 1 and _find_first_implementation(conn)
            _apply(conn, todo[0])
            if is_adoption:
                adoption = _read_adoption(conn)
            applied.append(todo[0].name)
    return MigrationReport(applied=tuple(applied), adoption=adoption)


def _apply(conn: psycopg.Connection[Any], migration: Migration) -> None:
    with _migration_errors(migration):
        conn.execute(migration.sql)  # without parameters, so that the file may hold any number of statements
    record = {"version": migration.version, "name": migration.name, "checksum": migration.checksum}
    conn.execute(statement("insert_schema_migration"), record)


@contextmanager
def _migration_errors(migration: Migration) -> Iterator[None]:
    """Name the file, and the line where the server names one, in whatever the file fails with."""
    try:
        yield
    except psycopg.Error as error:
        position = error.diag.statement_position
        line = f" line {migration.sql.decode()[: int(position)].count(chr(10)) + 1}" if position else ""
        failure = as_ours(error, f"migrations/{migration.name}{line}, rolled back")
        error.args = (str(failure),)
        raise failure from None


def _require_schema(conn: psycopg.Connection[Any]) -> bool:
    """Refuse a search_path under which tables are made in one schema and found in another; say if any was migrated."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(statement("read_schema"), {"table_names": ["bm_schema_migrations", *_FIRST_IMPLEMENTATION_KEYS]})
        schema, elsewhere, is_recorded = cursor.fetchone() or (None, [], False)
    if schema is None:
        raise ConfigError(f"PostgreSQL: search_path names no schema that exists; correct it in {SETTING}")
    if elsewhere:
        raise ConfigError(
            f"PostgreSQL: {', '.join(elsewhere)} found, but search_path names schema {schema} first: new tables would "
            f"hide these; name their schema first in the search_path of {SETTING}"
        )
    return bool(is_recorded)


def _not_applied(conn: psycopg.Connection[Any], migrations: Sequence[Migration]) -> list[Migration]:
    with conn.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(statement("read_schema_migrations")).fetchall()
    known = {migration.version: migration for migration in migrations}
    for version, name, checksum in rows:
        if version not in known:
            raise ConfigError(
                f"migrations/{name} was applied to this database, but this software does not have it: update it"
            )
        if known[version].checksum != checksum:
            raise ConfigError(
                f"migrations/{known[version].name} was changed after it was applied: restore it, and put the change "
                "into a new file"
            )
    done = {version for version, _, _ in rows}
    todo = [migration for migration in migrations if migration.version not in done]
    if todo and done and todo[0].version < max(done):
        raise ConfigError(
            f"migrations/{todo[0].name} was left out, though {max(done):04d} was applied: restore the record"
        )
    return todo


def _find_first_implementation(conn: psycopg.Connection[Any]) -> bool:
    with conn.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(statement("read_table_columns"), {"table_names": list(_FIRST_IMPLEMENTATION_KEYS)})
        found: dict[str, list[str]] = dict(cursor)
    for table, columns in found.items():
        lacking = _FIRST_IMPLEMENTATION_KEYS[table] - set(columns)
        if lacking:
            raise ConfigError(
                f"PostgreSQL: the table {table} that is there is not the first implementation's: it has no "
                f"{', '.join(sorted(lacking))}; rename it, then {MIGRATE}"
            )
    return bool(found)


def _read_adoption(conn: psycopg.Connection[Any]) -> Adoption:
    kept: dict[str, int] = {}
    set_aside: dict[tuple[str, str], int] = {}
    with conn.cursor(row_factory=tuple_row) as cursor:
        for table, reason, count in cursor.execute(statement("count_adopted")):
            if reason is None:
                kept[table] = count
            else:
                set_aside[table, reason] = count
    months = kept.pop("bm_sync_runs")
    return Adoption(kept=kept, set_aside=set_aside, months=months)
