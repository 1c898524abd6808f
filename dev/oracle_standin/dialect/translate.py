"""One statement from Oracle's SQL to DuckDB's: the way in for the backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from sqlglot import exp

from dev.oracle_standin.dialect.binds import Converter, Parameters
from dev.oracle_standin.dialect.changes import Changes, TableChange
from dev.oracle_standin.dialect.context import Statement
from dev.oracle_standin.dialect.errors import ora, unimplemented
from dev.oracle_standin.dialect.names import Environment, StoredTable
from dev.oracle_standin.dialect.parse import parse
from dev.oracle_standin.dialect.queries import Queries
from dev.oracle_standin.dialect.terms import Exact, Fixed, Integer, Kind, Term, described
from dev.oracle_standin.values import Column, OracleType


class Action(Enum):
    """What the backend has to do with a translated statement."""

    QUERY = auto()
    CHANGE = auto()
    DEFINE = auto()


class Held(Enum):
    """How DuckDB gives a result value, and so how it becomes one of ours; digits are one as they are."""

    AS_IS = auto()
    DIGITS = auto()
    INTEGER = auto()
    EXACT = auto()


@dataclass(frozen=True, slots=True)
class Translation:
    """A translated statement: DuckDB text, parameters, and what comes out."""

    action: Action
    sql: str
    parameters: tuple[tuple[int, Converter], ...] = ()
    bind_count: int = 0
    columns: tuple[Column, ...] = ()
    held: tuple[Held, ...] = ()
    tables: tuple[StoredTable, ...] = ()
    definition: TableChange | None = None
    row_sql: str = ""
    """For UPDATE and DELETE: the query that finds the rows, to lock them."""
    row_parameters: tuple[tuple[int, Converter], ...] = ()


def translate(
    sql: str, bind_types: Sequence[OracleType] | None, environment: Environment, wide: frozenset[int] = frozenset()
) -> Translation:
    """Translate a query, DML or DDL statement.

    :param bind_types: the declared type of each bind in the order of the text; None while there are no values yet.
    :param wide: binds whose numbers do not fit their neighbour's stored form.
    :raises OracleError: what Oracle raises at parse; ORA-03001 for what is not on the list.
    """
    parsed = parse(sql)
    types = tuple(bind_types) if bind_types is not None else (OracleType.VARCHAR2,) * len(parsed.binds)
    if len(types) != len(parsed.binds):
        raise ora(1008)
    offsets = {offset: index for index, offset in enumerate(parsed.binds)}
    statement = Statement(environment, sql, types, offsets, Parameters(wide))
    tree = parsed.tree
    if isinstance(tree, (exp.Select, exp.SetOperation, exp.Subquery, exp.Paren)):
        return _query(tree, statement, len(types))
    changes = Changes(statement)
    definition: TableChange | None = None
    action, row_text = Action.CHANGE, ""
    match tree:
        case exp.Insert():
            text = changes.insert(tree)
        case exp.Update():
            text, row_text = changes.update(tree)
        case exp.Delete():
            text, row_text = changes.delete(tree)
        case exp.Create() | exp.Drop():
            definition = changes.create(tree) if isinstance(tree, exp.Create) else changes.drop(tree)
            text, action = definition.sql, Action.DEFINE
        case exp.TruncateTable():
            text = changes.truncate(tree)
            action = Action.DEFINE
        case _:
            raise unimplemented(tree.key.upper())
    text, parameters = statement.parameters.numbered(text)
    row_sql, row_parameters = statement.parameters.numbered(row_text)
    return Translation(
        action,
        text,
        parameters,
        len(types),
        tables=tuple(statement.tables.values()),
        definition=definition,
        row_sql=row_sql,
        row_parameters=row_parameters,
    )


def _query(tree: exp.Expr, statement: Statement, bind_count: int) -> Translation:
    query = Queries(statement).output(tree)
    columns = tuple(described(name, term) for name, term in zip(query.names, query.terms, strict=True))
    text, parameters = statement.parameters.numbered(query.sql)
    return Translation(
        Action.QUERY,
        text,
        parameters,
        bind_count,
        columns,
        tuple(_held(term) for term in query.terms),
        tuple(statement.tables.values()),
    )


def _held(term: Term) -> Held:
    if term.kind is not Kind.NUMBER:
        return Held.AS_IS
    if isinstance(term.form, Fixed):
        return Held.DIGITS
    if isinstance(term.form, Integer):
        return Held.INTEGER
    if isinstance(term.form, Exact):
        return Held.EXACT
    return Held.AS_IS
