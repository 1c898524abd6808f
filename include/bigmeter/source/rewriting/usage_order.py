"""Who is largest in the yearly template: the usage is selected, or is selected too where the order says what it is."""

from __future__ import annotations

from dataclasses import dataclass

from include.bigmeter.errors import ConfigError
from include.bigmeter.source.columns import CUST_CODE, USAGE, column_name
from include.bigmeter.source.rewriting.blocks import Block, Query, SelectItem, TableSource
from include.bigmeter.source.rewriting.draft import Draft
from include.bigmeter.source.rewriting.lexer import Kind
from include.bigmeter.source.rewriting.lineage import Lineage, Output
from include.bigmeter.source.rewriting.spans import Span

_USAGE_COLUMN = "PRESENT_WATER_USG"
_KEEPS_ORDER = ("SUM", "MAX", "NVL", "COALESCE")


_Origin = tuple[Block, str | None, str]
"""A column of a table: the SELECT that reads it, the table's name there if it is written, and its own."""


@dataclass(frozen=True, slots=True)
class _OrderKey:
    """One key of an ORDER BY: what it orders by, and the selected item if it is one."""

    expression: Span
    item: SelectItem | None
    is_falling: bool
    is_usage: bool


def complete_usage(draft: Draft, lineage: Lineage) -> bool:
    """See to it that the yearly rows have their usage; return whether they are known to fall by it.

    Where the usage is not selected it is selected too: what the rows are ordered by, if that is the usage; or else
    the usage by which the query is ordered that gives the customer codes.

    :raises ConfigError: if nothing says what the usage is. What a star holds is left to Oracle's description.
    """
    return _UsageOrder(draft, lineage).complete()


class _UsageOrder:
    """The order and the usage of a draft's rows."""

    def __init__(self, draft: Draft, lineage: Lineage) -> None:
        self._draft = draft
        self._sql = draft.sql
        self._lineage = lineage

    def complete(self) -> bool:
        query, keys = self._order_of(self._sql.whole)
        items = next(query.iter_blocks()).items
        if any(item.is_star for item in items):
            return False
        usage = next((item for item in items if column_name(item.label) == USAGE), None)
        if usage is not None:
            return bool(keys) and keys[0].is_falling and keys[0].item is usage
        odd = next((key for key in keys if not key.is_usage and self._mentions_usage(key.expression)), None)
        if odd is not None:
            raise ConfigError(
                f"line {self._sql.tokens[odd.expression[0]].line}: the order is by an expression of {_USAGE_COLUMN};"
                " select that column as present_water_usg too, so that it says who is largest"
            )
        block = query.single_block()
        by_usage = next((key for key in keys if key.is_usage), None)
        if block is not None and by_usage is not None:
            self._select_too(block, self._sql.text(by_usage.expression))
            return by_usage is keys[0] and by_usage.is_falling
        source_usage = self._usage_of_source(block) if block is not None else None
        if block is not None and source_usage is not None:
            self._select_too(block, source_usage)
            return False
        if query.order_by is None:
            raise ConfigError("neither the column present_water_usg (หน่วยน้ำปัจจุบัน) nor an ORDER BY says who is largest")
        raise ConfigError(
            f"line {self._sql.tokens[query.order_by[0] - 1].line}: the order is not recognisably by the usage; "
            "select the usage as present_water_usg (หน่วยน้ำปัจจุบัน), so that it says who is largest"
        )

    def _select_too(self, block: Block, expression: str) -> None:
        self._draft.insert_after(block.clauses["SELECT"][1] - 1, f", {expression} AS {_USAGE_COLUMN}")

    # -- the usage of the query that the customers come from -----------------------------------------------------------

    def _usage_of_source(self, block: Block) -> str | None:
        """Return the usage by which the query is ordered that gives a block's customer codes, as the block names it."""
        code = next((item for item in block.items if column_name(item.label) == CUST_CODE), None)
        found = self._follow(block, code.expression) if code is not None else None
        if found is None or "GROUP" in block.clauses:
            return None
        source, output = found
        usage = self._ordering_usage(block.query_of(source), output)
        if usage is None or usage.label is None:
            return None
        return f'"{source.exposed_name}"."{usage.label}"' if source.exposed_name else f'"{usage.label}"'

    def _ordering_usage(self, query: Query | None, code: Output) -> Output | None:
        """Return the column that holds the usage by which a query, or what its codes come from, is ordered."""
        if query is None:
            return None
        outputs = self._lineage.outputs(query)
        ordered, keys = self._order_of(query)
        for key in keys:
            if key.is_usage:
                origin = self._origin(next(ordered.iter_blocks()), key.expression)
                return next((output for output in outputs if _is_same(origin, self._origin(*output.parts[0]))), None)
        block = query.single_block()
        found = self._source_of(block, code) if block is not None else None
        if block is None or found is None:
            return None
        source, inner_code = found
        usage = self._ordering_usage(block.query_of(source), inner_code)
        return next((output for output in outputs if self._source_of(block, output) == (source, usage)), None)

    def _source_of(self, block: Block, output: Output) -> tuple[TableSource, Output] | None:
        """Return where a column of a block's result comes from, as it is or by a star."""
        if output.parts[0][0] is block:
            return self._follow(block, output.parts[0][1])
        for source in block.sources:
            query = block.query_of(source)
            for inner in self._lineage.outputs(query) if query is not None else ():
                if inner.parts == output.parts:
                    return source, inner
        return None

    def _follow(self, block: Block, span: Span) -> tuple[TableSource, Output] | None:
        reference = self._sql.as_reference(span)
        return self._lineage.follow(block, reference.qualifier, reference.name) if reference is not None else None

    def _origin(self, block: Block, span: Span) -> _Origin | None:
        """Return the table's column that an expression is, however often it was renamed."""
        reference = self._sql.as_reference(span)
        if reference is None:
            return None
        found = self._lineage.follow(block, reference.qualifier, reference.name)
        if found is not None:
            return self._origin(*found[1].parts[0]) if len(found[1].parts) == 1 else None
        return block, reference.qualifier, reference.name

    # -- keys ----------------------------------------------------------------------------------------------------------

    def _order_of(self, query: Query) -> tuple[Query, list[_OrderKey]]:
        """Return the keys of a query's ORDER BY, and the query that has it: the same one or one in its brackets."""
        while query.order_by is None and len(query.operands) == 1 and isinstance(query.operands[0], Query):
            query = query.operands[0]
        block = next(query.iter_blocks())
        parts = self._sql.split_list(query.order_by) if query.order_by is not None else []
        return query, [self._order_key(block, part) for part in parts if part[0] < part[1]]  # Oracle refuses the rest

    def _order_key(self, block: Block, part: Span) -> _OrderKey:
        span, is_falling = self._split_direction(part)
        item = self._ordered_item(block, span)
        expression = item.expression if item is not None else span
        return _OrderKey(expression, item, is_falling, self._is_usage(block, expression, frozenset()))

    def _is_usage(self, block: Block, span: Span, seen: frozenset[Span]) -> bool:
        """Say whether an expression is the usage itself, or its SUM, MAX or NVL: what falls as the usage falls."""
        start, end = span
        tokens = self._sql.tokens
        if span in seen:
            return False
        if (reference := self._sql.as_reference(span)) is not None:
            if column_name(reference.name) == USAGE:
                return True
            found = self._follow(block, span)
            return found is not None and all(self._is_usage(*part, seen | {span}) for part in found[1].parts)
        is_call = tokens[start].is_word(*_KEEPS_ORDER)
        start += is_call
        inside = self._sql.contents(start, end)
        if inside is None:
            return False
        first, *others = self._sql.split_list(inside)
        are_plain = all(to - at == 1 and tokens[at].kind is Kind.NUMBER for at, to in others)
        return (is_call or not others) and are_plain and self._is_usage(block, first, seen)

    def _mentions_usage(self, span: Span) -> bool:
        return any(token.name == _USAGE_COLUMN for token in self._sql.tokens[slice(*span)])

    def _split_direction(self, part: Span) -> tuple[Span, bool]:
        start, end = part
        tokens = self._sql.tokens
        if end - start > 2 and tokens[end - 2].is_word("NULLS"):
            end -= 2
        is_falling = end - start > 1 and tokens[end - 1].is_word("DESC")
        has_direction = is_falling or (end - start > 1 and tokens[end - 1].is_word("ASC"))
        return (start, end - has_direction), is_falling

    def _ordered_item(self, block: Block, key: Span) -> SelectItem | None:
        """Return the item of the SELECT list that an ORDER BY key means, by label, position or expression."""
        items = [] if any(item.is_star for item in block.items) else block.items
        token = self._sql.tokens[key[0]]
        if key[1] - key[0] == 1:
            if token.kind is Kind.NUMBER and token.text.isdigit() and 1 <= int(token.text) <= len(items):
                return items[int(token.text) - 1]
            labelled = [item for item in items if item.label is not None and item.label == token.name]
            if labelled:
                return labelled[0]
        return next((item for item in items if self._sql.matches(item.expression, key)), None)


def _is_same(one: _Origin | None, other: _Origin | None) -> bool:
    if one is None or other is None:
        return False
    has_same_table = one[1] == other[1] or None in (one[1], other[1])
    return one[0] is other[0] and one[2] == other[2] and has_same_table
