"""The query blocks of a statement: which SELECT stands in which, what it reads from, and where its clauses are.

Places are indices into the *significant* tokens, all but white space and comments; a span is ``[start, end)``.
Clauses are looked for at a block's own level of brackets, so nothing inside a subquery, an analytic function or a
function such as EXTRACT is ever taken for a clause of the block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import pairwise

from include.bigmeter.errors import ConfigError
from include.bigmeter.source.lexer import Kind, Token

Span = tuple[int, int]


class Role(Enum):
    """How a query is used by what it stands in."""

    WHOLE = auto()  # the statement
    CTE = auto()  # defined by a WITH clause
    OPERAND = auto()  # in brackets, alone or in a set operation
    ROWS = auto()  # read in FROM, or tested with IN: a row that it lacks is lacking in the block
    VALUE = auto()  # compared with in a condition
    LOOKUP = auto()  # in the SELECT list, EXISTS, LATERAL, APPLY: evaluated for each row, hides none by its limit


@dataclass(frozen=True, slots=True)
class RowLimit:
    """A ``FETCH FIRST`` clause; ``oddity`` is the part that makes it more than a plain number of rows."""

    span: Span
    line: int
    is_one_row: bool
    oddity: str | None


@dataclass(slots=True, eq=False)
class Query:
    """One SELECT or several joined by set operators, with what applies to their common result."""

    role: Role
    span: Span
    outer: Query | None
    within: Block | None
    ctes: dict[str, Query] = field(default_factory=dict)
    operands: list[Block | Query] = field(default_factory=list)
    order_by: Span | None = None
    limit: RowLimit | None = None
    offset_line: int | None = None
    for_update_line: int | None = None

    def find_cte(self, name: str) -> Query | None:
        """Return the WITH query that a table name means here, if it means one."""
        query: Query | None = self
        while query is not None:
            if name in query.ctes:
                return query.ctes[name]
            query = query.outer
        return None

    def iter_blocks(self) -> Iterator[Block]:
        """Yield the SELECTs whose rows make up the result, WITH queries and subqueries left out."""
        for operand in self.operands:
            if isinstance(operand, Block):
                yield operand
            else:
                yield from operand.iter_blocks()

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


@dataclass(frozen=True, slots=True)
class TableSource:
    """One table, WITH query or inline view of a FROM clause, and the name by which its columns are qualified."""

    table: str | None
    query: Query | None
    exposed_name: str | None


@dataclass(slots=True, eq=False)
class Block:
    """One SELECT with its clauses, up to but without ORDER BY and what follows."""

    query: Query
    span: Span
    clauses: dict[str, Span] = field(default_factory=dict)
    is_distinct: bool = False
    items: list[SelectItem] = field(default_factory=list)
    sources: list[TableSource] = field(default_factory=list)
    children: list[Query] = field(default_factory=list)
    rownum_line: int | None = None

    def clause_at(self, place: int) -> str | None:
        """Return the name of the clause that a place is in."""
        return next((name for name, (start, end) in self.clauses.items() if start <= place <= end), None)


_SET_OPERATORS = ("UNION", "MINUS", "INTERSECT", "EXCEPT")
_CLAUSES_AFTER_FROM = ("WHERE", "START", "CONNECT", "GROUP", "HAVING", "MODEL", "WINDOW", "QUALIFY")
_SECOND_WORDS = {"START": ("WITH",), "CONNECT": ("BY",), "GROUP": ("BY",)}
_LIMIT_ODDITIES = ("PERCENT", "TIES", "APPROX", "APPROXIMATE", "EXACT", "PARTITION")
_MODEL_WORDS = ("IGNORE", "KEEP", "UNIQUE", "RETURN", "REFERENCE", "MAIN", "PARTITION", "DIMENSION", "RULES")
# fmt: off
_NO_ALIAS = (
    "ON", "USING", "JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "NATURAL", "OUTER", "LATERAL", "APPLY",
    "WHERE", "START", "CONNECT", "GROUP", "HAVING", "MODEL", "ORDER", "OFFSET", "FETCH", "FOR", "WITH",
    "UNION", "MINUS", "INTERSECT", "EXCEPT", "AS", "VERSIONS",
)
_TABLE_MODIFIERS = (
    "PARTITION", "SUBPARTITION", "BY", "SAMPLE", "BLOCK", "SEED", "PIVOT", "UNPIVOT", "XML", "INCLUDE", "EXCLUDE",
    "NULLS", "MATCH_RECOGNIZE",
)
# fmt: on


class Statement:
    """A parsed SELECT statement.

    :param tokens: all tokens of one statement, without a semicolon at the end.
    :raises ConfigError: if it is not one SELECT statement, or its brackets do not match.
    """

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = [token for token in tokens if not token.is_trivia]
        self._closing = self._match_brackets()
        if not self.tokens or not self._opens_query(0, len(self.tokens)):
            raise ConfigError("it is not one SELECT statement")
        self.whole = self._query((0, len(self.tokens)), Role.WHOLE, None, None)

    def iter_queries(self, query: Query | None = None) -> Iterator[Query]:
        """Yield every query of the statement, each before those that stand in it."""
        query = query or self.whole
        yield query
        for child in query.iter_children():
            yield from self.iter_queries(child)

    def text(self, span: Span) -> str:
        """Return what stands in a span, on one line and without comments."""
        text, previous = "", -1
        for token in self.tokens[slice(*span)]:
            text += token.text if token.index == previous + 1 or not text else f" {token.text}"
            previous = token.index
        return text

    def is_column_reference(self, span: Span) -> bool:
        """Say whether a span is a column's name, qualified or not."""
        tokens = self.tokens[slice(*span)]
        return (
            len(tokens) % 2 == 1
            and all(token.name is not None for token in tokens[::2])
            and all(token.is_symbol(".") for token in tokens[1::2])
        )

    def matches(self, one: Span, other: Span) -> bool:
        """Say whether two spans hold the same tokens, the case of words aside."""
        return [t.name or t.text for t in self.tokens[slice(*one)]] == [
            t.name or t.text for t in self.tokens[slice(*other)]
        ]

    def split_list(self, span: Span) -> list[Span]:
        """Return the parts of a span that commas at its own level divide."""
        parts, start = [], span[0]
        for place in self._level(*span):
            if self.tokens[place].is_symbol(","):
                parts.append((start, place))
                start = place + 1
        return [*parts, (start, span[1])]

    def contents(self, start: int, end: int) -> Span | None:
        """Return what stands in the brackets that fill a span from start to end, or None if none do."""
        is_filled = start < end and self.tokens[start].is_symbol("(") and self._closing[start] == end - 1
        return (start + 1, end - 1) if is_filled and end - start > 2 else None

    def level_of(self, place: int, within: Span) -> Span:
        """Return the contents of the innermost brackets round a place, or the whole span if there are none."""
        start, end = within
        while True:
            for bracket in self._level(start, end):
                if self.tokens[bracket].is_symbol("(") and bracket < place <= self._closing[bracket]:
                    start, end = bracket + 1, self._closing[bracket]
                    break
            else:
                return start, end

    def has_or(self, span: Span) -> bool:
        """Say whether a condition has an OR at its own level, those inside of CASE aside."""
        cases = 0
        for place in self._level(*span):
            cases += self._is_word(place, "CASE") - self._is_word(place, "END")
            if cases == 0 and self._is_word(place, "OR"):
                return True
        return False

    def last_word(self, span: Span, *words: str) -> int | None:
        """Return the last place at the span's own level where one of these words or symbols stands."""
        places = [place for place in self._level(*span) if self.tokens[place].text.upper() in words]
        return places[-1] if places else None

    def first_word(self, span: Span, *words: str) -> int | None:
        """Return the first place at the span's own level where one of these words or symbols stands."""
        return next((place for place in self._level(*span) if self.tokens[place].text.upper() in words), None)

    # -- brackets and levels -----------------------------------------------------------------------------------------

    def _match_brackets(self) -> dict[int, int]:
        closing: dict[int, int] = {}
        opened: list[int] = []
        for place, token in enumerate(self.tokens):
            if token.is_symbol("("):
                opened.append(place)
            elif token.is_symbol(")"):
                if not opened:
                    raise ConfigError(f"line {token.line}: a closing bracket without an opening one")
                closing[opened.pop()] = place
        if opened:
            raise ConfigError(f"line {self.tokens[opened[-1]].line}: a bracket that is never closed")
        return closing

    def _level(self, start: int, end: int) -> Iterator[int]:
        """Yield the places of a span that are in no brackets; of brackets, the opening one."""
        place = start
        while place < end:
            yield place
            place = self._closing[place] + 1 if place in self._closing else place + 1

    def _is_word(self, place: int, *words: str) -> bool:
        return 0 <= place < len(self.tokens) and self.tokens[place].is_word(*words)

    def _is_symbol(self, place: int, symbol: str) -> bool:
        return 0 <= place < len(self.tokens) and self.tokens[place].is_symbol(symbol)

    def _is_keyword(self, place: int, *words: str) -> bool:
        """As ``_is_word``, but not for a column of that name behind its table's."""
        return self._is_word(place, *words) and not self._is_symbol(place - 1, ".")

    def _opens_query(self, start: int, end: int) -> bool:
        if start >= end:
            return False
        if self._is_word(start, "SELECT", "WITH"):
            return True
        if not (self._is_symbol(start, "(") and self._opens_query(start + 1, self._closing[start])):
            return False
        after = self._closing[start] + 1
        return after == end or self._is_set_operator(after) or self._tail_keyword(after, end) is not None

    # -- queries -----------------------------------------------------------------------------------------------------

    def _is_set_operator(self, place: int) -> bool:
        if not self._is_keyword(place, *_SET_OPERATORS) or self._is_word(place - 1, "MULTISET"):
            return False
        if not self._is_word(place, "EXCEPT"):
            return True
        # EXCEPT is not reserved: it may be a name
        return self._is_word(place + 1, "SELECT", "ALL", "DISTINCT") or self._is_symbol(place + 1, "(")

    def _tail_keyword(self, place: int, end: int) -> str | None:
        """Return which of the clauses after the last SELECT begins here."""
        if self._is_keyword(place, "ORDER") and self._is_word(place + 1, "BY", "SIBLINGS"):
            return "ORDER"
        if self._is_keyword(place, "FOR") and self._is_word(place + 1, "UPDATE"):
            return "FOR"
        if self._is_keyword(place, "FETCH") and self._is_word(
            place + 1, "FIRST", "NEXT", "APPROX", "APPROXIMATE", "EXACT"
        ):
            return "FETCH" if self._find_word(place + 2, min(end, place + 10), "ROW", "ROWS") is not None else None
        if self._is_keyword(place, "OFFSET"):
            rows = self._find_word(place + 2, min(end, place + 8), "ROW", "ROWS")
            return "OFFSET" if rows is not None else None
        return None

    def _find_word(self, start: int, end: int, *words: str) -> int | None:
        return next((place for place in self._level(start, end) if self._is_word(place, *words)), None)

    def _query(self, span: Span, role: Role, outer: Query | None, within: Block | None) -> Query:
        query = Query(role, span, outer, within)
        start, end = span
        if self._is_word(start, "WITH"):
            start = self._with_clause(query, start + 1, end)
        tails = [(place, word) for place in self._level(start, end) if (word := self._tail_keyword(place, end))]
        for (place, word), (following, _) in pairwise([*tails, (end, "")]):
            self._read_tail(query, word, place, following)
        body_end = tails[0][0] if tails else end
        operand_start = start
        for place in self._level(start, body_end):
            if self._is_set_operator(place):
                self._add_operand(query, operand_start, place)
                operand_start = place + 1 + self._is_word(place + 1, "ALL", "DISTINCT")
        self._add_operand(query, operand_start, body_end)
        return query

    def _with_clause(self, query: Query, place: int, end: int) -> int:
        while True:
            if place >= end or self.tokens[place].name is None or self._is_word(place, "FUNCTION", "PROCEDURE"):
                raise ConfigError("a WITH clause may define queries only")
            name = self.tokens[place].name or ""
            place += 1
            if self._is_symbol(place, "("):
                place = self._closing[place] + 1
            if not (self._is_word(place, "AS") and self._is_symbol(place + 1, "(")):
                raise ConfigError(f"line {self.tokens[place - 1].line}: the WITH clause is not understood")
            inner = (place + 2, self._closing[place + 1])
            if not self._opens_query(*inner):
                raise ConfigError(f"line {self.tokens[place].line}: the WITH clause is not understood")
            query.ctes[name] = self._query(inner, Role.CTE, query, None)
            place = inner[1] + 1
            while place < end and not self._ends_cte(place):  # SEARCH and CYCLE of a recursive query
                place += 1
            if not self._is_symbol(place, ","):
                return place
            place += 1

    def _ends_cte(self, place: int) -> bool:
        if self._is_symbol(place, ","):
            return self._is_word(place + 2, "AS") or self._is_symbol(place + 2, "(")
        return self._is_word(place, "SELECT") or self._is_symbol(place, "(")

    def _read_tail(self, query: Query, word: str, place: int, end: int) -> None:
        line = self.tokens[place].line
        if word == "ORDER":
            query.order_by = (place + 2 + self._is_word(place + 1, "SIBLINGS"), end)
        elif word == "OFFSET":
            query.offset_line = line
        elif word == "FOR":
            query.for_update_line = line
        else:
            words = [self.tokens[i].text.upper() for i in range(place, end)]
            oddity: str | None = next((oddity for oddity in _LIMIT_ODDITIES if oddity in words), None)
            if oddity is None and words[-1] != "ONLY":
                oddity = words[-1]
            is_one_row = words[2:3] in (["1"], ["ROW"], ["ROWS"])
            query.limit = RowLimit((place, end), line, is_one_row, oddity)

    def _add_operand(self, query: Query, start: int, end: int) -> None:
        if start < end and self._is_symbol(start, "(") and self._closing[start] == end - 1:
            if self._opens_query(start + 1, end - 1):
                query.operands.append(self._query((start + 1, end - 1), Role.OPERAND, query, None))
                return
        elif self._is_word(start, "SELECT"):
            query.operands.append(self._block(query, start, end))
            return
        line = self.tokens[min(start, len(self.tokens) - 1)].line
        raise ConfigError(f"line {line}: a SELECT is expected here")

    # -- blocks ------------------------------------------------------------------------------------------------------

    def _block(self, query: Query, start: int, end: int) -> Block:
        block = Block(query, (start, end))
        first = start + 1
        while self._is_word(first, "DISTINCT", "UNIQUE", "ALL"):
            block.is_distinct = block.is_distinct or not self._is_word(first, "ALL")
            first += 1
        heads = [(first, first, "SELECT")]
        for place in self._level(first, end):
            if word := self._clause_keyword(place, end, has_from=len(heads) > 1):
                heads.append((place, place + 1 + (word in _SECOND_WORDS), word))
        for (_, begin, word), (following, _, _) in pairwise([*heads, (end, end, "")]):
            block.clauses.setdefault(word, (begin, following))
        self._collect_children(block)
        block.items = [self._select_item(part) for part in self.split_list(block.clauses["SELECT"])]
        if "FROM" in block.clauses:
            block.sources = list(self._table_sources(block, *block.clauses["FROM"]))
        return block

    def _clause_keyword(self, place: int, end: int, *, has_from: bool) -> str | None:
        if not has_from:
            return "FROM" if self._is_keyword(place, "FROM") else None
        if not self._is_keyword(place, *_CLAUSES_AFTER_FROM):
            return None
        word = self.tokens[place].text.upper()
        if word in _SECOND_WORDS:
            is_clause = self._is_word(place + 1, *_SECOND_WORDS[word])
        elif word == "MODEL":
            is_clause = self._is_word(place + 1, *_MODEL_WORDS)
        elif word == "WINDOW":
            is_clause = self._is_word(place + 2, "AS") and self._is_symbol(place + 3, "(")
        elif word == "QUALIFY":  # reserved in Oracle 23ai only; before that it may be an alias
            is_clause = not (
                place + 1 >= end or self._is_symbol(place + 1, ",") or self._is_word(place + 1, *_NO_ALIAS)
            )
        else:
            is_clause = True
        return word if is_clause else None

    def _collect_children(self, block: Block) -> None:
        place, end = block.span
        while place < end:
            token = self.tokens[place]
            if token.is_symbol("(") and self._opens_query(place + 1, self._closing[place]):
                inner = (place + 1, self._closing[place])
                block.children.append(self._query(inner, self._role_at(block, place), block.query, block))
                place = self._closing[place]
            elif block.rownum_line is None and token.is_word("ROWNUM") and not self._is_symbol(place - 1, "."):
                block.rownum_line = token.line
            place += 1

    def _role_at(self, block: Block, bracket: int) -> Role:
        before = bracket - 1
        while self._is_symbol(before, "("):
            before -= 1
        clause = block.clause_at(bracket)
        if clause == "SELECT" or self._is_word(before, "EXISTS", "LATERAL", "APPLY"):
            return Role.LOOKUP
        if self._is_word(before, "IN", "ANY", "SOME", "ALL"):
            return Role.ROWS
        if clause == "FROM" and (self._is_word(before, "FROM", "JOIN", "TABLE") or self._is_symbol(before, ",")):
            return Role.ROWS
        return Role.VALUE

    def _select_item(self, span: Span) -> SelectItem:
        start, end = span
        if start == end:
            raise ConfigError(
                f"line {self.tokens[min(start, len(self.tokens) - 1)].line}: an item of the SELECT list is empty"
            )
        last, before = self.tokens[end - 1], self.tokens[end - 2] if end - start > 1 else None
        if last.is_symbol("*") and (before is None or before.is_symbol(".")):
            return SelectItem(None, span, is_star=True)
        if before is None:
            return SelectItem(last.name, span, is_star=False)
        if before.is_symbol("."):
            return SelectItem(last.name if self.is_column_reference(span) else None, span, is_star=False)
        if before.is_word("AS") and last.name is not None:
            return SelectItem(last.name, (start, end - 2), is_star=False)
        ends_operand = before.kind is not Kind.SYMBOL or before.is_symbol(")")
        if last.name is not None and ends_operand and not last.is_word("END", "NULL"):
            return SelectItem(last.name, (start, end - 1), is_star=False)
        return SelectItem(None, span, is_star=False)

    def _table_sources(self, block: Block, start: int, end: int) -> Iterator[TableSource]:
        place, is_source_due = start, True
        while place < end:
            if not is_source_due:
                is_source_due = self._is_symbol(place, ",") or self._is_word(place, "JOIN", "APPLY")
                place = self._closing.get(place, place) + 1
                continue
            is_source_due = False
            while self._is_word(place, "LATERAL", "ONLY", "TABLE"):
                place += 1
            if place >= end:
                return
            table: str | None = None
            query: Query | None = None
            if self._is_symbol(place, "("):
                inner = (place + 1, self._closing[place])
                query = next((child for child in block.children if child.span == inner), None)
                if query is None:  # a join in brackets
                    yield from self._table_sources(block, *inner)
                place = self._closing[place] + 1
            else:
                path_end = place + 1
                while self._is_symbol(path_end, ".") or self._is_symbol(path_end, "@"):
                    path_end += 2
                name = self.tokens[path_end - 1].name
                table = name if path_end == place + 1 else None
                place = path_end
                if self._is_symbol(place, "("):  # a table function
                    table, place = None, self._closing[place] + 1
                alias, place = self._alias(place, end)
                yield TableSource(table, None, alias or name)
                continue
            alias, place = self._alias(place, end)
            if query is not None or alias is not None:
                yield TableSource(table, query, alias)

    def _alias(self, place: int, end: int) -> tuple[str | None, int]:
        while place < end and (self._is_word(place, *_TABLE_MODIFIERS) or self._is_symbol(place, "(")):
            place = self._closing.get(place, place) + 1
        if self._is_word(place, "AS") and self._is_word(place + 1, "OF"):  # flashback: AS OF SCN n
            return None, place + 2
        if self._is_word(place, "AS"):
            place += 1
        if place < end and (name := self.tokens[place].name) is not None and not self._is_word(place, *_NO_ALIAS):
            return name, place + 1
        return None, place
