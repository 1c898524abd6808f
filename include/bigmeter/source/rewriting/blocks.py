"""The query blocks of a statement: which SELECT stands in which, what it reads from, and where its clauses are.

All places are those of :mod:`include.bigmeter.source.rewriting.spans`; the blocks are found in
:mod:`include.bigmeter.source.rewriting.statement`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from include.bigmeter.source.rewriting.spans import Span


class Role(Enum):
    """How a query is used by what it stands in."""

    WHOLE = auto()  # the statement
    CTE = auto()  # defined by a WITH clause
    OPERAND = auto()  # in brackets, alone or in a set operation
    ROWS = auto()  # read in FROM, or tested with IN: a row that it lacks is lacking in the block
    VALUE = auto()  # compared with in a condition, NOT IN and ALL included
    LOOKUP = auto()  # in EXISTS, LATERAL, APPLY: evaluated for each row, hides none by its own limit
    SHOWN = auto()  # in the SELECT list: hides no row whatever it does


@dataclass(frozen=True, slots=True)
class RowLimit:
    """A ``FETCH FIRST`` clause; ``oddity`` is the part that makes it more than a plain number of rows."""

    span: Span
    line: int
    is_one_row: bool
    oddity: str | None


@dataclass(slots=True, eq=False)
class Query:
    """One SELECT or several joined by set operators, with what applies to their common result.

    ``column_names`` are those that a WITH clause gives it; empty if its columns keep their own.
    """

    role: Role
    span: Span
    outer: Query | None
    within: Block | None
    ctes: dict[str, Query] = field(default_factory=dict)
    column_names: list[str] = field(default_factory=list)
    operands: list[Block | Query] = field(default_factory=list)
    operators: list[str] = field(default_factory=list)
    order_by: Span | None = None
    limit: RowLimit | None = None
    offset_line: int | None = None
    for_update_line: int | None = None

    def find_cte(self, name: str) -> Query | None:
        """Return the WITH query that a table name means here, if it means one.

        Within a WITH query its own name is that of a table, unless its UNION makes it recursive.
        """
        query: Query | None = self
        inside: list[Query] = []
        while query is not None:
            found = query.ctes.get(name)
            if found is not None and (found.operators or found not in inside):
                return found
            inside.append(query)
            query = query.outer
        return None

    def iter_blocks(self) -> Iterator[Block]:
        """Yield the SELECTs whose rows make up the result, WITH queries and subqueries left out."""
        for operand in self.operands:
            if isinstance(operand, Block):
                yield operand
            else:
                yield from operand.iter_blocks()

    def single_block(self) -> Block | None:
        """Return the SELECT that the query is, brackets aside; None for a set operation."""
        blocks = list(self.iter_blocks())
        return blocks[0] if len(blocks) == 1 else None

    def iter_children(self) -> Iterator[Query]:
        """Yield the queries that stand directly in this one."""
        yield from self.ctes.values()
        for operand in self.operands:
            if isinstance(operand, Query):
                yield operand
            else:
                yield from operand.children


@dataclass(frozen=True, slots=True)
class SelectItem:
    """One item of a SELECT list: its label as Oracle will describe it, and where its expression is."""

    label: str | None
    expression: Span
    is_star: bool


@dataclass(slots=True, eq=False)
class TableSource:
    """One table, WITH query or inline view of a FROM clause, and the name by which its columns are qualified.

    ``is_optional`` says that an outer join adds it: where it has no row, the other side's row comes all the same.
    """

    table: str | None
    query: Query | None
    exposed_name: str | None
    is_optional: bool = False


@dataclass(slots=True, eq=False)
class JoinCondition:
    """The condition after an ON; ``is_binding`` says that a row that does not meet it is lacking in the result."""

    span: Span
    is_binding: bool


@dataclass(slots=True, eq=False)
class Block:
    """One SELECT with its clauses, up to but without ORDER BY and what follows."""

    query: Query
    span: Span
    clauses: dict[str, Span] = field(default_factory=dict)
    is_distinct: bool = False
    items: list[SelectItem] = field(default_factory=list)
    sources: list[TableSource] = field(default_factory=list)
    joins: list[JoinCondition] = field(default_factory=list)
    children: list[Query] = field(default_factory=list)
    rownum_line: int | None = None

    def clause_at(self, place: int) -> str | None:
        """Return the name of the clause that a place is in."""
        return next((name for name, (start, end) in self.clauses.items() if start <= place <= end), None)

    def query_of(self, source: TableSource) -> Query | None:
        """Return the inline view or WITH query that a source is; None for a table."""
        return source.query or (self.query.find_cte(source.table) if source.table else None)
