"""The filter for the cohort's customers: where it goes, what it compares, and that it holds for all rows."""

from __future__ import annotations

from collections.abc import Sequence

from include.bigmeter.errors import ConfigError
from include.bigmeter.source.columns import CUST_CODE, column_name
from include.bigmeter.source.rewriting.blocks import Block, Query, Role, SelectItem
from include.bigmeter.source.rewriting.coverage import check_coverage
from include.bigmeter.source.rewriting.draft import CODES, MARKER, Draft
from include.bigmeter.source.rewriting.flow import Flow
from include.bigmeter.source.rewriting.lexer import Token
from include.bigmeter.source.rewriting.spans import Span
from include.bigmeter.source.rewriting.statement import Statement

_BILLS = "TRN"
_BILLS_CODE = "trn.CUST_CODE"
_AGGREGATES = ("MAX", "MIN", "ANY_VALUE", "LISTAGG", "COUNT", "OVER")
_BEFORE_CONDITION = ("AND", "OR", "NOT", "ON", "HAVING", "IN", "LIKE", "BETWEEN", "IS", "EXISTS", "PRIOR")
_BEFORE_OPERAND = frozenset("(=<>,+-*/|.!^")


def put_filter(draft: Draft, flow: Flow) -> list[Block]:
    """Put the filter at each marker, or into the outer SELECT if there is none; return the SELECTs that hold it.

    :raises ConfigError: if a marker is not where it would filter, or other customers would come past all of them.
    """
    markers = list(draft.iter_markers())
    if not markers:
        return [_filter_outer_block(draft, flow)]
    filtered = []
    for marker, place in markers:
        block = _block_at(draft.sql.whole, place)
        if block is None:
            raise _misplaced(marker)
        condition = _condition_at(block, marker, place)
        _check_place(draft.sql, marker, condition, place, [other for _, other in markers])
        expression = _customer_expression(draft, flow, block)
        draft.replace_marker(marker, _filter_at(draft.sql, condition, place, f"{expression} IN ({CODES})"))
        filtered.append(block)
    check_coverage(draft.sql, flow, filtered, markers[0][0].line)
    return filtered


# -- at a marker -------------------------------------------------------------------------------------------------------


def _condition_at(block: Block, marker: Token, place: int) -> Span:
    """Return the condition that a marker stands in: that of a WHERE, a HAVING, or the ON of an inner join."""
    clause = block.clause_at(place)
    if clause in ("WHERE", "HAVING"):
        return block.clauses[clause]
    join = next((join for join in block.joins if join.span[0] <= place <= join.span[1]), None)
    if join is None:
        raise _misplaced(marker)
    if not join.is_binding:
        raise ConfigError(
            f"line {marker.line}: {MARKER} stands in the ON of an outer join, which would let other customers in; "
            "put it behind a condition of the WHERE clause"
        )
    return join.span


def _check_place(sql: Statement, marker: Token, condition: Span, place: int, markers: Sequence[int]) -> None:
    """Check that what is put at the place of a marker has to be met for the condition to be met.

    :param markers: the places of all markers; an OR with one on each side lets nobody in.
    """
    start_of_all = condition[0]
    while True:
        parts = sql.split_or(condition)
        if len(parts) > 1 and not all(any(start <= other <= end for other in markers) for start, end in parts):
            raise ConfigError(
                f"line {marker.line}: {MARKER} stands beside an OR, which would let other customers in; "
                "put the OR and its conditions in brackets, and the marker behind them"
            )
        condition = next(part for part in parts if part[0] <= place <= part[1])
        bracket = sql.bracket_round(place, condition)
        if bracket is None:
            break
        if sql.is_word(bracket - 1, "NOT"):
            raise ConfigError(
                f"line {marker.line}: {MARKER} stands under a NOT, which would let other customers in; "
                "put it behind the brackets"
            )
        if bracket > condition[0] and not sql.is_word(bracket - 1, "AND"):
            raise _misplaced(marker)
        condition = (bracket + 1, sql.closing[bracket])
    words = [sql.tokens[at].text.upper() for at in sql.level(condition[0], place)]
    between = words[len(words) - words[::-1].index("BETWEEN") :] if "BETWEEN" in words else ["AND"]
    if words.count("CASE") > words.count("END") or "AND" not in between:
        raise _misplaced(marker)
    before = sql.tokens[place - 1]
    if place > start_of_all and (before.is_word(*_BEFORE_CONDITION) or before.text in _BEFORE_OPERAND):
        raise _misplaced(marker)


def _filter_at(sql: Statement, condition: Span, place: int, text: str) -> str:
    """Return what takes the place of a marker: the filter and the AND that joins it to its neighbours."""
    if place > condition[0]:
        return f" AND {text} "
    is_all = place == condition[1] or sql.tokens[place].is_word("AND")
    return f" {text} " if is_all else f" {text} AND "


def _misplaced(marker: Token) -> ConfigError:
    return ConfigError(f"line {marker.line}: {MARKER} has to follow a condition of a WHERE clause")


def _block_at(query: Query, place: int) -> Block | None:
    for child in query.iter_children():
        if child.span[0] <= place <= child.span[1]:
            return _block_at(child, place)
    for operand in query.operands:
        if isinstance(operand, Block) and operand.span[0] < place <= operand.span[1]:
            return operand
    return None


# -- without a marker --------------------------------------------------------------------------------------------------


def _filter_outer_block(draft: Draft, flow: Flow) -> Block:
    block = draft.sql.whole.single_block()
    if block is None:
        raise ConfigError(f"a set operation (UNION, MINUS, INTERSECT) needs {MARKER} in each SELECT to be filtered")
    if "MODEL" in block.clauses:
        raise ConfigError(f"a MODEL clause needs {MARKER} where the customers are to be filtered")
    if "FROM" not in block.clauses:
        raise ConfigError("the outer SELECT has no FROM clause")
    condition = f"{_customer_expression(draft, flow, block)} IN ({CODES})"
    if "WHERE" in block.clauses:
        start, end = block.clauses["WHERE"]
        if start == end:
            raise ConfigError("the outer WHERE has no condition")
        draft.insert_before(start, "(")
        draft.insert_after(end - 1, f") AND {condition}")
    else:
        draft.insert_after(block.clauses["FROM"][1] - 1, f" WHERE {condition}")
    return block


# -- what is compared --------------------------------------------------------------------------------------------------


def _customer_expression(draft: Draft, flow: Flow, block: Block) -> str:
    """Return what the filter compares in a block: ``trn.CUST_CODE``, or the expression selected as the code."""
    if _reads_bills(block):
        return _BILLS_CODE
    expression = _selected_customer(draft.sql, flow, block) or _outer_customer(block.query)
    if expression is None:
        raise ConfigError(
            f"line {draft.sql.tokens[block.span[0]].line}: which expression is the customer code? "
            f"Name the bills' table trn in this SELECT, or put {MARKER} into the SELECT that has it"
        )
    return expression


def _reads_bills(block: Block) -> bool:
    return any(source.exposed_name == _BILLS for source in block.sources)


def _outer_customer(query: Query) -> str | None:
    """Return ``trn.CUST_CODE`` for a subquery of a block that has it: it is correlated."""
    while query.within is not None and query.role in (Role.LOOKUP, Role.VALUE, Role.SHOWN):
        if _reads_bills(query.within):
            return _BILLS_CODE
        query = query.within.query
    return None


def _selected_customer(sql: Statement, flow: Flow, block: Block) -> str | None:
    for item in block.items:
        if column_name(item.label) == CUST_CODE:
            return _usable_in_where(sql, item)
    for item in block.items:  # an inner block may call it as it likes
        reference = sql.as_reference(item.expression)
        if reference is not None and reference.name == "CUST_CODE":
            return sql.text(item.expression)
    if any(item.is_star for item in block.items) and len(block.sources) == 1:
        inner = block.query_of(block.sources[0])
        labels = ["CUST_CODE"] if inner is None else [output.label for output in flow.lineage.outputs(inner)]
        return next((f'"{label}"' for label in labels if column_name(label) == CUST_CODE), None)
    return None


def _usable_in_where(sql: Statement, item: SelectItem) -> str | None:
    words = sql.tokens[slice(*item.expression)]
    return None if any(token.is_word(*_AGGREGATES) for token in words) else sql.text(item.expression)
