"""What all sessions on one DuckDB database share: its tables as they are stored, and who has committed what."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import duckdb

from dev.oracle_standin.catalogue import Catalogue
from dev.oracle_standin.dialect.errors import ora
from dev.oracle_standin.dialect.names import StoredTable, identifier
from dev.oracle_standin.dialect.translate import Translation
from dev.oracle_standin.row_locks import RowLocks

_TRANSLATIONS = 2000
MOMENT: Final = '"stand-in"."moment"'
"""A table that is read to fix the moment that a transaction sees: DuckDB takes it at the first read."""

TableKey = tuple[str, str]
"""A table's owner and name."""


@dataclass(slots=True)
class Store:
    """The database, shared by sessions that each have a thread of their own."""

    connection: duckdb.DuckDBPyConnection
    tables: Mapping[TableKey, StoredTable]
    lock: threading.Condition = field(default_factory=threading.Condition)
    """Held while a moment is taken or changes are committed, so that a moment is never half a commit."""
    version: int = 0
    """Counts the changes of how tables are stored: a translation is good for one version."""
    commits: dict[TableKey, int] = field(default_factory=dict)
    row_locks: RowLocks = field(default_factory=RowLocks)
    _translations: OrderedDict[object, Translation] = field(default_factory=OrderedDict)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a new connection to the same database."""
        with self.lock:
            return self.connection.cursor()

    def translation(self, key: object) -> Translation | None:
        """Return what is remembered under a key; the caller holds the lock."""
        known = self._translations.get(key)
        if known is not None:
            self._translations.move_to_end(key)
        return known

    def remember(self, key: object, translation: Translation) -> None:
        """Remember a translation; those that were not asked for longest are forgotten."""
        with self.lock:
            self._translations[key] = translation
            while len(self._translations) > _TRANSLATIONS:
                self._translations.popitem(last=False)

    def count_commit(self, tables: set[TableKey]) -> None:
        """Note that a commit has changed these tables; the caller holds the lock."""
        for key in tables:
            self.commits[key] = self.commits.get(key, 0) + 1

    def widen(self, table: StoredTable, column: str) -> None:
        """Store a column of plain NUMBER as ordered bytes from now on, which hold any number.

        :raises OracleError: ORA-00054 while others change the table.
        """
        with self.lock:
            if self.tables[table.key].stored[column] == "BLOB":
                return
            cursor = self.connection.cursor()
            name = identifier(column)
            try:
                cursor.execute(
                    f"ALTER TABLE {table.sql} ALTER COLUMN {name} SET DATA TYPE BLOB "
                    f"USING ora_number(CAST({name} AS VARCHAR))"
                )
            except duckdb.TransactionException:
                raise ora(54) from None
            finally:
                cursor.close()
            stored = {**self.tables[table.key].stored, column: "BLOB"}
            self.tables = {**self.tables, table.key: replace(table, stored=stored)}
            self.version += 1

    def define(self, translation: Translation, values: Sequence[object]) -> None:
        """Run DDL.

        :raises OracleError: ORA-00054 while others change the table.
        """
        change = translation.definition
        with self.lock:
            cursor = self.connection.cursor()
            try:
                if change is not None and not change.is_drop:
                    cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(change.table.schema)}")
                cursor.execute(translation.sql, values or None)
            except duckdb.TransactionException:
                raise ora(54) from None
            finally:
                cursor.close()
            if change is None:
                self.count_commit({translation.tables[0].key})
                return
            tables = dict(self.tables)
            if change.is_drop:
                del tables[change.table.key]
            else:
                tables[change.table.key] = change.table
            self.tables = tables
            self.version += 1


def stored_tables(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> dict[TableKey, StoredTable]:
    """Return the tables of a catalogue as DuckDB stores them, each in the schema of its owner.

    :raises ValueError: for a table or column of the catalogue that DuckDB does not have.
    """
    found: dict[TableKey, dict[str, str]] = {}
    for schema, table, column, stored in connection.execute(
        "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal"
    ).fetchall():
        found.setdefault((schema, table), {})[column] = stored
    tables: dict[TableKey, StoredTable] = {}
    for key, described in catalogue.items():
        stored_columns = found.get(key, {})
        missing = [column.name for column in described.columns if column.name not in stored_columns]
        if missing:
            raise ValueError(f"DuckDB has no {key[0]}.{key[1]} with the columns {', '.join(missing)}")
        tables[key] = StoredTable(described, key[0], stored_columns)
    return tables
