"""What the translation of one statement knows: its environment, its binds, and where an expression stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from sqlglot import exp

from dev.oracle_standin.dialect.binds import Parameters
from dev.oracle_standin.dialect.names import Environment, Scope, StoredTable
from dev.oracle_standin.dialect.terms import Term
from dev.oracle_standin.values import OracleType


@dataclass(frozen=True, slots=True)
class Block:
    """Where an expression stands: its query block, and what is allowed there."""

    scope: Scope
    allows_aggregates: bool = False
    allows_windows: bool = False
    is_in_aggregate: bool = False
    groups: dict[str, Term] | None = None
    """The GROUP BY expressions by their DuckDB text, in a block that groups; None in one that does not."""
    has_group_by: bool = False
    aliases: dict[str, Term] | None = None
    """The select list's names, which ORDER BY sees before the columns."""
    rownum: str | None = None


@dataclass(frozen=True, slots=True)
class Subquery:
    """A translated query: DuckDB text whose columns are named c0, c1, …, and what each holds."""

    sql: str
    names: tuple[str, ...]
    terms: tuple[Term, ...]


class QueryTranslator(Protocol):
    """What expressions ask of the translation of queries."""

    def subquery(self, node: exp.Expr, outer: Scope | None) -> Subquery:
        """Translate a query inside an expression."""
        ...


@dataclass(slots=True)
class Statement:
    """What is known and gathered while one statement is translated."""

    environment: Environment
    source: str
    bind_types: tuple[OracleType, ...]
    bind_offsets: dict[int, int]
    parameters: Parameters
    tables: dict[tuple[str, str], StoredTable] = field(default_factory=dict)
    serial: int = 0

    def fresh(self, prefix: str) -> str:
        """Return a DuckDB alias that nothing else in the statement has."""
        self.serial += 1
        return f"{prefix}{self.serial}"
