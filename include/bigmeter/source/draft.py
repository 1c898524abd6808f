"""A template on its way to the statement that is run: what its tokens mean, and what has been changed so far."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from include.bigmeter.errors import ConfigError
from include.bigmeter.source.blocks import Block, Query, Role, SelectItem
from include.bigmeter.source.columns import CUST_CODE, USAGE, check_labels, column_name
from include.bigmeter.source.lexer import Kind, Token, split_tokens
from include.bigmeter.source.spans import Span
from include.bigmeter.source.statement import Statement

MARKER = "/*__CUSTCODE_FILTER__*/"
ORG_OWNER_ID = "ORG_OWNER_ID"
DEBT_YM = "DEBT_YM"
CODES = "\0"
"""Stands where the binds of the customer codes go; no template can hold this character."""

_USAGE_COLUMN = "PRESENT_WATER_USG"
_AGGREGATES = ("MAX", "MIN", "ANY_VALUE", "LISTAGG", "COUNT", "OVER")
_KEEPS_ORDER = ("SUM", "MAX", "NVL", "COALESCE")
_RANKS = ("ROW_NUMBER", "RANK", "DENSE_RANK", "PERCENT_RANK", "CUME_DIST", "NTILE")
_BEFORE_CONDITION = ("AND", "OR", "NOT", "ON", "HAVING", "IN", "LIKE", "BETWEEN", "IS", "EXISTS", "PRIOR")
_BEFORE_OPERAND = frozenset("(=<>,+-*/|.!^")


class _ErrorPrefix:
    """Puts the template's name before the message of a ConfigError."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, ConfigError):
            raise ConfigError(f"{self._name}: {error}") from None


@dataclass(frozen=True, slots=True)
class _OrderKey:
    """One key of an ORDER BY: its span with the direction, what it orders by, and the selected item if it is one."""

    part: Span
    expression: Span
    item: SelectItem | None
    is_falling: bool
    has_nulls: bool
    is_usage: bool


class Draft:
    """A template's tokens, what they mean, and the changes made to them so far."""

    def __init__(self, text: str, name: str) -> None:
        self._name = name
        with self.errors():
            if CODES in text:
                raise ConfigError("the template is not UTF-8; save it as UTF-8")
            self._tokens = _without_end(split_tokens(text.removeprefix("\ufeff")))
            self._sql = Statement(self._tokens)
            for query in self._sql.iter_queries():
                if query.for_update_line:
                    raise ConfigError(f"line {query.for_update_line}: FOR UPDATE; a template only reads, remove it")
        self._indices = [token.index for token in self._sql.tokens]
        self._texts = [token.text for token in self._tokens]
        self._before: defaultdict[int, str] = defaultdict(str)
        self._after: defaultdict[int, str] = defaultdict(str)
        self.binds = frozenset(_bind_name(token) for token in self._tokens if token.kind is Kind.BIND)

    def errors(self) -> _ErrorPrefix:
        """Name the template in the errors of a block."""
        return _ErrorPrefix(self._name)

    def text(self) -> str:
        """Return the text with all changes; blanks at its end go, as the driver has it when it runs a statement."""
        pieces = (
            f"{self._before.get(index, '')}{text}{self._after.get(index, '')}" for index, text in enumerate(self._texts)
        )
        return "".join(pieces).rstrip()

    # -- checks ------------------------------------------------------------------------------------------------------

    def check_binds(self, needed: Sequence[str]) -> None:
        """Check that the template uses the binds it must, and none that nobody supplies."""
        for token in self._tokens:
            if token.kind is Kind.BIND and _bind_name(token) not in (ORG_OWNER_ID, DEBT_YM):
                raise ConfigError(
                    f"line {token.line}: the bind {token.text} is not supplied; "
                    f"the binds are :{ORG_OWNER_ID} and :{DEBT_YM}"
                )
        for bind in needed:
            if bind not in self.binds:
                raise ConfigError(f"the bind :{bind} is not used; without it rows of others would be read")

    def check_columns(self, needed: Sequence[str]) -> None:
        """Check the labels of the outer block, as far as they can be seen without asking Oracle."""
        items = self._outer_items()
        if not any(item.is_star for item in items):
            check_labels([item.label for item in items], needed)

    def _outer_items(self) -> list[SelectItem]:
        return next(self._sql.whole.iter_blocks()).items

    # -- the customer filter -----------------------------------------------------------------------------------------

    def fill_markers(self) -> list[Block]:
        """Put the filter in place of each marker; return the blocks that hold one."""
        blocks = []
        for token in self._tokens:
            if _is_marker(token):
                place = bisect_left(self._indices, token.index)
                block = self._block_at(self._sql.whole, place)
                if block is None:
                    raise self._misplaced(token)
                self._texts[token.index] = self._filter_at(token, block, place)
                blocks.append(block)
        return blocks

    def _filter_at(self, marker: Token, block: Block, place: int) -> str:
        clause = block.clause_at(place)
        if clause not in ("WHERE", "HAVING", "FROM"):
            raise self._misplaced(marker)
        level = self._sql.level_of(place, block.clauses[clause])
        if clause == "FROM":
            on = self._sql.last_word((level[0], place), "ON", "JOIN", "APPLY", ",")
            if on is None or not self._sql.tokens[on].is_word("ON"):
                raise self._misplaced(marker)
            following = self._sql.first_word((place, level[1]), "JOIN", ",")
            level = (on + 1, level[1] if following is None else following)
        if self._sql.has_or(level):
            raise ConfigError(
                f"line {marker.line}: {MARKER} stands beside an OR, which would let other customers in; "
                "put the OR and its conditions in brackets"
            )
        condition = f"{self._customer_expression(block)} IN ({CODES})"
        if place == block.clauses[clause][0] and clause == "WHERE":
            is_last = place == block.clauses[clause][1] or self._sql.tokens[place].is_word("AND")
            return f" {condition} " if is_last else f" {condition} AND "
        before = self._sql.tokens[place - 1]
        if before.is_word(*_BEFORE_CONDITION) or before.text in _BEFORE_OPERAND:
            raise self._misplaced(marker)
        return f" AND {condition} "

    def _misplaced(self, marker: Token) -> ConfigError:
        return ConfigError(f"line {marker.line}: {MARKER} has to follow a condition of a WHERE clause")

    def _block_at(self, query: Query, place: int) -> Block | None:
        for child in query.iter_children():
            if child.span[0] <= place <= child.span[1]:
                return self._block_at(child, place)
        for operand in query.operands:
            if isinstance(operand, Block) and operand.span[0] < place <= operand.span[1]:
                return operand
        return None

    def filter_outer_block(self) -> Block:
        """Put the filter into the outer block of a template without a marker; return that block."""
        block = self._single_block(self._sql.whole)
        if block is None:
            raise ConfigError(f"a set operation (UNION, MINUS, INTERSECT) needs {MARKER} in each SELECT to be filtered")
        if "MODEL" in block.clauses:
            raise ConfigError(f"a MODEL clause needs {MARKER} where the customers are to be filtered")
        if "FROM" not in block.clauses:
            raise ConfigError("the outer SELECT has no FROM clause")
        condition = f"{self._customer_expression(block)} IN ({CODES})"
        if "WHERE" in block.clauses:
            start, end = block.clauses["WHERE"]
            if start == end:
                raise ConfigError("the outer WHERE has no condition")
            self._before[self._indices[start]] = "("
            self._after[self._indices[end - 1]] = f") AND {condition}"
        else:
            self._after[self._indices[block.clauses["FROM"][1] - 1]] = f" WHERE {condition}"
        return block

    def _single_block(self, query: Query) -> Block | None:
        operand: Block | Query = query
        while isinstance(operand, Query):
            if len(operand.operands) != 1:
                return None
            operand = operand.operands[0]
        return operand

    def _customer_expression(self, block: Block) -> str:
        """Return what the filter compares in a block: ``trn.CUST_CODE``, or the expression selected as the code."""
        if any(source.exposed_name == "TRN" for source in block.sources):
            return "trn.CUST_CODE"
        expression = self._selected_customer(block) or self._outer_customer(block.query)
        if expression is None:
            raise ConfigError(
                f"line {self._sql.tokens[block.span[0]].line}: which expression is the customer code? "
                f"Name the bills' table trn in this SELECT, or put {MARKER} into the SELECT that has it"
            )
        return expression

    def _outer_customer(self, query: Query) -> str | None:
        """Return ``trn.CUST_CODE`` for a subquery in a condition of a block that has it: it is correlated."""
        while query.within is not None and query.role in (Role.LOOKUP, Role.VALUE):
            if any(source.exposed_name == "TRN" for source in query.within.sources):
                return "trn.CUST_CODE"
            query = query.within.query
        return None

    def _selected_customer(self, block: Block) -> str | None:
        for item in block.items:
            if column_name(item.label) == CUST_CODE:
                return self._usable_in_where(item)
        for item in block.items:  # an inner block may call it as it likes
            if self._sql.is_column_reference(item.expression) and self._names_column(item, "CUST_CODE"):
                return self._sql.text(item.expression)
        if any(item.is_star for item in block.items) and len(block.sources) == 1:
            source = block.sources[0]
            inner = source.query or (block.query.find_cte(source.table) if source.table else None)
            labels = [item.label for item in next(inner.iter_blocks()).items] if inner else ["CUST_CODE"]
            return next((f'"{label}"' for label in labels if column_name(label) == CUST_CODE), None)
        return None

    def _usable_in_where(self, item: SelectItem) -> str | None:
        words = self._sql.tokens[slice(*item.expression)]
        return None if any(token.is_word(*_AGGREGATES) for token in words) else self._sql.text(item.expression)

    def _names_column(self, item: SelectItem, column: str) -> bool:
        return self._sql.tokens[item.expression[1] - 1].name == column

    # -- row limits --------------------------------------------------------------------------------------------------

    def drop_monthly_limits(self, filtered: Sequence[Block]) -> None:
        """Take the limits out of the filtered blocks and of those round them; refuse what would hide customers."""
        round_queries: set[Query] = set()
        round_blocks: set[Block] = set(filtered)
        for block in filtered:
            self._collect_round(block.query, round_queries, round_blocks)
        for query in round_queries:
            self._check_limit(query)
            self._drop_limit(query)
        feeding: set[Query] = set()
        for query in round_queries:
            for operand in query.operands:
                if isinstance(operand, Query):
                    feeding.add(operand)
                else:
                    self._check_rownum(operand)
                    self._check_ranking(operand)
                    feeding.update(self._fed_by(operand))
        for query in self._closure(feeding - round_queries, round_queries):
            hidden = _limit_line(query)
            if hidden is not None:
                raise ConfigError(
                    f"line {hidden}: a row limit in a query that feeds the filtered one would hide customers; "
                    f"put {MARKER} inside that query"
                )

    def drop_yearly_limits(self) -> None:
        """Take the limits out of the outer query and of those whose rows feed it.

        A limit counts rows, a cohort counts customers, and a customer can come in several rows: so the limit of an
        inner query would leave too few as well. One row is not a top list but a look-up, and stays.
        """
        for query in self._closure({self._sql.whole}, set()):
            self._check_limit(query)
            for operand in query.operands:
                if isinstance(operand, Block):
                    self._check_rownum(operand)
                    self._check_ranking(operand)
            is_outer = query.role in (Role.WHOLE, Role.OPERAND)
            if query.limit is not None and (is_outer or not query.limit.is_one_row):
                self._drop_limit(query)

    def _collect_round(self, query: Query, queries: set[Query], blocks: set[Block]) -> None:
        """Collect a query and all those that its rows go through: what it stands in, and what reads it by name."""
        if query in queries:
            return
        queries.add(query)
        readers = [query.within] if query.within else []
        if query.role is Role.CTE:
            readers = [block for block in self._iter_blocks() if query in self._tables_of(block)]
        elif query.role is Role.OPERAND and query.outer:
            self._collect_round(query.outer, queries, blocks)
        for block in readers:
            blocks.add(block)
            self._collect_round(block.query, queries, blocks)

    def _iter_blocks(self) -> Iterator[Block]:
        for query in self._sql.iter_queries():
            for operand in query.operands:
                if isinstance(operand, Block):
                    yield operand

    def _tables_of(self, block: Block) -> list[Query]:
        found = [block.query.find_cte(source.table) for source in block.sources if source.table]
        return [query for query in found if query is not None]

    def _fed_by(self, block: Block) -> list[Query]:
        # A value to compare with hides customers by a limit only if it is more than the pick of one row.
        fed = [
            child
            for child in block.children
            if child.role is Role.ROWS
            or (child.role is Role.VALUE and (child.offset_line or (child.limit and not child.limit.is_one_row)))
        ]
        return [*fed, *self._tables_of(block)]

    def _closure(self, queries: set[Query], without: set[Query]) -> list[Query]:
        """Return queries and all that feed them, in the order of the text."""
        found: set[Query] = set()
        waiting = list(queries)
        while waiting:
            query = waiting.pop()
            if query in found or query in without:
                continue
            found.add(query)
            for operand in query.operands:
                waiting += [operand] if isinstance(operand, Query) else self._fed_by(operand)
        return sorted(found, key=lambda query: query.span)

    def _check_limit(self, query: Query) -> None:
        if query.offset_line is not None:
            raise _undroppable(query.offset_line, "OFFSET")
        if query.limit is not None and query.limit.oddity is not None:
            raise _undroppable(query.limit.line, f"FETCH with {query.limit.oddity}")

    def _check_rownum(self, block: Block) -> None:
        if block.rownum_line is not None:
            raise _undroppable(block.rownum_line, "ROWNUM")

    def _check_ranking(self, block: Block) -> None:
        """Refuse a limit by the rank among all rows; one within PARTITION BY picks a row for each customer."""
        if "WHERE" not in block.clauses:
            return
        ranks = {
            item.label
            for source in block.sources
            if (query := source.query or (block.query.find_cte(source.table) if source.table else None)) is not None
            for inner in query.iter_blocks()
            for item in inner.items
            if self._is_rank(item.expression)
        }
        for token in self._sql.tokens[slice(*block.clauses["WHERE"])]:
            if token.name is not None and token.name in ranks:
                raise _undroppable(token.line, f"a condition on {token.text}, a rank over all rows,")

    def _is_rank(self, span: Span) -> bool:
        tokens = self._sql.tokens[slice(*span)]
        has = {word: any(token.is_word(word) for token in tokens) for word in ("OVER", "PARTITION")}
        return has["OVER"] and not has["PARTITION"] and any(token.is_word(*_RANKS) for token in tokens)

    def _drop_limit(self, query: Query) -> None:
        if query.limit is not None:
            for place in range(*query.limit.span):
                self._texts[self._indices[place]] = ""

    # -- the order of the yearly template ----------------------------------------------------------------------------

    def complete_order(self) -> tuple[bool, bool]:
        """Make the yearly rows' order or usage known; return whether they are ordered, and whether by usage."""
        query = self._sql.whole
        while query.order_by is None and len(query.operands) == 1 and isinstance(query.operands[0], Query):
            query = query.operands[0]
        items = self._outer_items()
        has_star = any(item.is_star for item in items)
        usage = next((place for place, item in enumerate(items) if column_name(item.label) == USAGE), None)
        if query.order_by is None:
            if usage is None and not has_star:
                raise ConfigError(
                    "neither the column present_water_usg (หน่วยน้ำปัจจุบัน) nor an ORDER BY says who is largest"
                )
            return False, False
        keys = [self._order_key(part, [] if has_star else items) for part in self._sql.split_list(query.order_by)]
        first = keys[0]
        if usage is not None:
            return True, first.is_falling and first.item is items[usage]
        if has_star and not first.is_usage and any(key.is_usage for key in keys):
            return False, False  # the star has the usage, or else nothing says who is largest
        odd = next((key for key in keys if not key.is_usage and self._mentions_usage(key.expression)), None)
        if odd is not None and not has_star:
            raise ConfigError(
                f"line {self._sql.tokens[odd.expression[0]].line}: the order is by an expression of {_USAGE_COLUMN};"
                " select that column as present_water_usg too, so that it says who is largest"
            )
        block = self._single_block(query)
        by_usage = next((key for key in keys if key.is_usage), None)
        if by_usage is not None and block is not None and not block.is_distinct and not has_star:
            end = self._indices[block.clauses["SELECT"][1] - 1]
            self._after[end] += f", {self._sql.text(by_usage.expression)} AS {_USAGE_COLUMN}"
            return True, by_usage is first and first.is_falling
        if by_usage is not None and by_usage is not first:
            raise ConfigError("the usage is not what the rows are ordered by first; select it as present_water_usg too")
        if first.is_falling and not first.has_nulls:
            self._after[self._indices[first.part[1] - 1]] += " NULLS LAST"
        return True, False

    def _order_key(self, part: Span, items: Sequence[SelectItem]) -> _OrderKey:
        span, is_falling, has_nulls = self._split_direction(part)
        item = self._ordered_item(items, span)
        expression = item.expression if item is not None else span
        return _OrderKey(part, expression, item, is_falling, has_nulls, self._is_usage(expression))

    def _is_usage(self, span: Span) -> bool:
        """Say whether an expression is the usage itself, or its SUM, MAX or NVL: what falls as the usage falls."""
        start, end = span
        tokens = self._sql.tokens
        if self._sql.is_column_reference(span):
            return tokens[end - 1].name == _USAGE_COLUMN
        is_call = tokens[start].is_word(*_KEEPS_ORDER)
        start += is_call
        inside = self._sql.contents(start, end)
        if inside is None:
            return False
        first, *others = self._sql.split_list(inside)
        are_plain = all(to - at == 1 and tokens[at].kind is Kind.NUMBER for at, to in others)
        return (is_call or not others) and are_plain and self._is_usage(first)

    def _mentions_usage(self, span: Span) -> bool:
        return any(token.name == _USAGE_COLUMN for token in self._sql.tokens[slice(*span)])

    def _split_direction(self, part: Span) -> tuple[Span, bool, bool]:
        start, end = part
        tokens = self._sql.tokens
        has_nulls = end - start > 2 and tokens[end - 2].is_word("NULLS")
        end -= 2 * has_nulls
        is_falling = end - start > 1 and tokens[end - 1].is_word("DESC")
        has_direction = is_falling or (end - start > 1 and tokens[end - 1].is_word("ASC"))
        return (start, end - has_direction), is_falling, has_nulls

    def _ordered_item(self, items: Sequence[SelectItem], key: Span) -> SelectItem | None:
        """Return the item of the SELECT list that an ORDER BY key means, by label, position or expression."""
        token = self._sql.tokens[key[0]]
        if key[1] - key[0] == 1:
            if token.kind is Kind.NUMBER and token.text.isdigit() and 1 <= int(token.text) <= len(items):
                return items[int(token.text) - 1]
            labelled = [item for item in items if item.label is not None and item.label == token.name]
            if labelled:
                return labelled[0]
        return next((item for item in items if self._sql.matches(item.expression, key)), None)


def _without_end(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """Return a statement's tokens without the semicolon or slash that ends it for SQL*Plus, but not for a driver."""
    kept = list(tokens)
    for token in reversed(tokens):
        if token.is_symbol(";") or token.is_symbol("/"):
            kept[token.index] = Token(Kind.SPACE, "", token.index, token.line)
        elif not token.is_trivia:
            break
    for token in kept:
        if token.is_symbol(";"):
            raise ConfigError(f"line {token.line}: a template is one statement; remove what follows the semicolon")
    return tuple(kept)


def _is_marker(token: Token) -> bool:
    return token.kind is Kind.COMMENT and "".join(token.text.split()).upper() == MARKER


def _bind_name(token: Token) -> str:
    name = token.text[1:]
    return name[1:-1] if name.startswith('"') else name.upper()


def _limit_line(query: Query) -> int | None:
    if query.limit is not None:
        return query.limit.line
    if query.offset_line is not None:
        return query.offset_line
    blocks = (operand for operand in query.operands if isinstance(operand, Block))
    return next((block.rownum_line for block in blocks if block.rownum_line is not None), None)


def _undroppable(line: int, what: str) -> ConfigError:
    return ConfigError(
        f"line {line}: {what} would hide customers and cannot be taken out; write FETCH FIRST n ROWS ONLY or no limit"
    )
