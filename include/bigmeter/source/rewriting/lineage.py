"""Where a column comes from, by name: through inline views, WITH queries, renames, positions and stars.

What Oracle alone knows, the columns of its tables, is not followed: a column that nothing here gives is a table's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from include.bigmeter.source.columns import CUST_CODE, column_name
from include.bigmeter.source.rewriting.blocks import Block, Query, SelectItem, TableSource
from include.bigmeter.source.rewriting.spans import Span
from include.bigmeter.source.rewriting.statement import Statement

CUSTOMER_ID = "CUST_ID"


@dataclass(frozen=True, slots=True)
class Output:
    """One column of a query's result, and the expressions that give it: one in each SELECT of a set operation."""

    label: str | None
    parts: tuple[tuple[Block, Span], ...]


_Columns = list[Output | None]
"""The columns of a query in their order; None stands for those that a star takes from a table."""


class Lineage:
    """The columns of a statement's queries."""

    def __init__(self, sql: Statement) -> None:
        self._sql = sql
        self._columns: dict[Query, _Columns] = {}

    def outputs(self, query: Query) -> Sequence[Output]:
        """Return the columns of a query that can be told without Oracle."""
        return [column for column in self._columns_of(query) if column is not None]

    def follow(self, block: Block, qualifier: str | None, name: str) -> tuple[TableSource, Output] | None:
        """Return the inline view or WITH query that gives a column that a block reads; None if it is a table's."""
        for source in block.sources:
            query = block.query_of(source)
            if query is not None and qualifier in (None, source.exposed_name):
                output = next((output for output in self.outputs(query) if output.label == name), None)
                if output is not None:
                    return source, output
        return None

    def is_customer(self, block: Block, span: Span, seen: frozenset[Span] = frozenset()) -> bool:
        """Say whether an expression is a customer's id or code, by this name or, followed, by another."""
        reference = self._sql.as_reference(span)
        if reference is None or span in seen:
            return False
        if names_customer(reference.name):
            return True
        found = self.follow(block, reference.qualifier, reference.name)
        return found is not None and all(self.is_customer(*part, seen | {span}) for part in found[1].parts)

    def _columns_of(self, query: Query) -> _Columns:
        if query not in self._columns:
            self._columns[query] = []  # what a recursive query sees of itself
            columns = _of_set_operation([self._columns_of_operand(operand) for operand in query.operands])
            self._columns[query] = _renamed(columns, query.column_names)
        return self._columns[query]

    def _columns_of_operand(self, operand: Block | Query) -> _Columns:
        if isinstance(operand, Query):
            return self._columns_of(operand)
        return [column for item in operand.items for column in self._columns_of_item(operand, item)]

    def _columns_of_item(self, block: Block, item: SelectItem) -> Iterator[Output | None]:
        if not item.is_star:
            yield Output(item.label, ((block, item.expression),))
            return
        start, end = item.expression
        qualifier = self._sql.tokens[end - 3].name if end - start > 1 else None
        for source in block.sources:
            if qualifier in (None, source.exposed_name):
                query = block.query_of(source)
                yield from [None] if query is None else self._columns_of(query)


def names_customer(name: str) -> bool:
    """Say whether a column of this name is a customer's id or code."""
    return name == CUSTOMER_ID or column_name(name) == CUST_CODE


def _of_set_operation(operands: Sequence[_Columns]) -> _Columns:
    """Return the columns of the first SELECT, each with what the others give in its place, or by its label."""
    first, *others = operands
    if not others:
        return first
    is_by_place = all(None not in columns and len(columns) == len(first) for columns in operands)
    result: _Columns = []
    for place, column in enumerate(first):
        if column is None:
            result.append(None)
            continue
        same = [columns[place] for columns in others] if is_by_place else [_labelled(c, column.label) for c in others]
        result.append(Output(column.label, (*column.parts, *(part for one in same if one for part in one.parts))))
    return result


def _labelled(columns: _Columns, label: str | None) -> Output | None:
    return next((column for column in columns if column is not None and column.label == label), None)


def _renamed(columns: _Columns, names: Sequence[str]) -> _Columns:
    """Return columns under the names of a WITH clause; behind a star that cannot be told they count from the end."""
    if not names:
        return columns
    stars = [place for place, column in enumerate(columns) if column is None]
    renamed: _Columns = list(columns)
    for place, column in enumerate(columns):
        if column is not None:
            at = place if not stars or place < stars[0] else len(names) - len(columns) + place
            is_sure = not stars or place < stars[0] or place > stars[-1]
            label = names[at] if is_sure and 0 <= at < len(names) else None
            renamed[place] = Output(label, column.parts)
    return renamed
