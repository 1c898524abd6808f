"""Which table or column a name means: scopes, sources and Oracle's errors for what is not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from dev.oracle_standin.backend import OracleError
from dev.oracle_standin.catalogue import Table
from dev.oracle_standin.dialect.errors import ora, unimplemented
from dev.oracle_standin.dialect.terms import Term
from dev.oracle_standin.dialect.tree import name_of, position_of


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table with where DuckDB keeps it."""

    table: Table
    schema: str
    """The DuckDB schema."""
    stored: Mapping[str, str]
    """The DuckDB type of each column."""

    @property
    def key(self) -> tuple[str, str]:
        """(owner, name)."""
        return self.table.owner, self.table.name

    @property
    def sql(self) -> str:
        """The table's name in DuckDB."""
        return f"{identifier(self.schema)}.{identifier(self.table.name)}"


@dataclass(frozen=True, slots=True)
class Environment:
    """What a statement is translated against."""

    tables: Mapping[tuple[str, str], StoredTable]
    user: str
    schema: str
    date_format: str

    def find(self, owner: str | None, name: str, position: int) -> StoredTable:
        """Return the table that a name means.

        :raises OracleError: ORA-00942.
        """
        table = self.tables.get((owner or self.schema, name))
        if table is None:
            raise ora(942, position=position)
        return table


def identifier(name: str) -> str:
    """Return a name as a quoted DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(slots=True)
class SourceColumn:
    """A column that a FROM item offers."""

    name: str
    term: Term
    is_hidden: bool = False
    """True for the copy that USING merged away: not part of ``*``, no unqualified name."""


@dataclass(slots=True)
class Source:
    """One FROM item: a table, a view of the statement's own, or a subquery."""

    alias: str | None
    owner: str | None
    sql_alias: str
    columns: list[SourceColumn]

    def moved(self, sql_alias: str, prefix: str) -> None:
        """Let the columns be found in a subquery round the FROM clause."""
        for index, column in enumerate(self.columns):
            column.term = replace(column.term, sql=f"{sql_alias}.{prefix}_{index}")


@dataclass(slots=True)
class Scope:
    """The names that one query block sees."""

    parent: Scope | None = None
    sources: list[Source] = field(default_factory=list)
    visible: list[Source] | None = None
    """Sources an ON condition may use, while one is read; None for all."""

    def resolve(self, column: exp.Column) -> tuple[Term, bool]:
        """Return the term of a column and whether it belongs to this block (not to one outside).

        :raises OracleError: ORA-00904, ORA-00918.
        """
        parts = [part for part in (column.args.get(key) for key in ("catalog", "db", "table")) if part]
        name = name_of(column.this)
        qualifier = [name_of(part) for part in parts]
        scope: Scope | None = self
        while scope is not None:
            found = list(scope._matches(qualifier, name, position_of(column)))
            if len(found) > 1:
                raise ora(918, position=position_of(column))
            if found:
                return found[0].term, scope is self
            scope = scope.parent
        raise invalid(qualifier, name, column)

    def source_of(self, column: exp.Column) -> Source:
        """Return the source of this block that a column belongs to.

        :raises OracleError: ORA-00904.
        """
        qualifier = [name_of(part) for part in (column.args.get(k) for k in ("catalog", "db", "table")) if part]
        name = name_of(column.this)
        found = [s for s in self.sources if _is_named(s, qualifier) and any(c.name == name for c in s.columns)]
        if len(found) > 1:
            raise ora(918, position=position_of(column))
        if not found:
            raise invalid(qualifier, name, column)
        return found[0]

    def _matches(self, qualifier: list[str], name: str, position: int) -> Iterator[SourceColumn]:
        for source in self.sources if self.visible is None else self.visible:
            if _is_named(source, qualifier):
                for column in source.columns:
                    if column.name == name and column.is_hidden and qualifier:
                        raise ora(25154, position=position)
                    if column.name == name and not column.is_hidden:
                        yield column

    def starred(self, qualifier: list[str], node: exp.Expr) -> list[SourceColumn]:
        """Return the columns of ``*`` or ``t.*``.

        :raises OracleError: ORA-00904.
        """
        chosen = [source for source in self.sources if _is_named(source, qualifier)]
        if not chosen:
            raise ora(904, _written(qualifier), position=position_of(node))
        if len(chosen) > 1 and qualifier:
            raise ora(918, position=position_of(node))
        columns = [c for source in chosen for c in source.columns]
        if qualifier and any(column.is_hidden for column in columns):
            raise unimplemented("t.* of a table joined with USING", position_of(node))
        for source in chosen:
            names = [column.name for column in source.columns if not column.is_hidden]
            if len(set(names)) < len(names):
                raise ora(918, position=position_of(node))
        return [column for column in columns if not column.is_hidden]


def _is_named(source: Source, qualifier: list[str]) -> bool:
    if not qualifier:
        return True
    if len(qualifier) == 1:
        return source.alias == qualifier[0]
    return len(qualifier) == 2 and source.owner == qualifier[0] and source.alias == qualifier[1]


def _written(parts: list[str]) -> str:
    return ".".join(f'"{part}"' for part in parts)


def invalid(qualifier: list[str], name: str, node: exp.Expr) -> OracleError:
    """Return ORA-00904 for a name, at the place where it starts."""
    first = next((part for key in ("catalog", "db", "table") if (part := node.args.get(key))), node)
    if not qualifier and name in PSEUDO_COLUMNS:
        return unimplemented(f"the pseudocolumn {name}", position_of(first))
    return ora(904, _written([*qualifier, name]), position=position_of(first))


PSEUDO_COLUMNS = frozenset(
    {"LEVEL", "ROWID", "ORA_ROWSCN", "SYSTIMESTAMP", "LOCALTIMESTAMP", "CURRENT_TIMESTAMP", "UID"}
)
"""Names without brackets that Oracle knows and the stand-in does not answer."""
