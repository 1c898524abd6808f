"""A statement cut into its query blocks.

Clauses are looked for at a block's own level of brackets, so nothing inside a subquery, an analytic function or a
function such as EXTRACT is ever taken for a clause of the block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from include.bigmeter.errors import ConfigError
from include.bigmeter.source.rewriting.blocks import Block, Query, Role, RowLimit, SelectItem
from include.bigmeter.source.rewriting.from_clause import NO_ALIAS, read_from_clause
from include.bigmeter.source.rewriting.lexer import Kind, Token
from include.bigmeter.source.rewriting.spans import Span, TokenSpans

_SET_OPERATORS = ("UNION", "MINUS", "INTERSECT", "EXCEPT")
_CLAUSES_AFTER_FROM = ("WHERE", "START", "CONNECT", "GROUP", "HAVING", "MODEL", "WINDOW", "QUALIFY")
_SECOND_WORDS = {"START": ("WITH",), "CONNECT": ("BY",), "GROUP": ("BY",)}
_LIMIT_ODDITIES = ("PERCENT", "TIES", "APPROX", "APPROXIMATE", "EXACT", "PARTITION")
_MODEL_WORDS = ("IGNORE", "KEEP", "UNIQUE", "RETURN", "REFERENCE", "MAIN", "PARTITION", "DIMENSION", "RULES")


class Statement(TokenSpans):
    """A parsed SELECT statement.

    :param tokens: all tokens of one statement, without a semicolon at the end.
    :raises ConfigError: if it is not one SELECT statement, or its brackets do not match.
    """

    def __init__(self, tokens: Sequence[Token]) -> None:
        super().__init__(tokens)
        if not self.tokens or not self._opens_query(0, len(self.tokens)):
            raise ConfigError("it is not one SELECT statement")
        self.whole = self._query((0, len(self.tokens)), Role.WHOLE, None, None)

    def iter_queries(self, query: Query | None = None) -> Iterator[Query]:
        """Yield every query of the statement, each before those that stand in it."""
        query = query or self.whole
        yield query
        for child in query.iter_children():
            yield from self.iter_queries(child)

    def iter_blocks(self) -> Iterator[Block]:
        """Yield every SELECT of the statement."""
        for query in self.iter_queries():
            for operand in query.operands:
                if isinstance(operand, Block):
                    yield operand

    def _opens_query(self, start: int, end: int) -> bool:
        if start >= end:
            return False
        if self.is_word(start, "SELECT", "WITH"):
            return True
        if not (self.is_symbol(start, "(") and self._opens_query(start + 1, self.closing[start])):
            return False
        after = self.closing[start] + 1
        return after == end or self._is_set_operator(after) or self._tail_keyword(after, end) is not None

    # -- queries -----------------------------------------------------------------------------------------------------

    def _is_set_operator(self, place: int) -> bool:
        if not self.is_keyword(place, *_SET_OPERATORS) or self.is_word(place - 1, "MULTISET"):
            return False
        if not self.is_word(place, "EXCEPT"):
            return True
        # EXCEPT is not reserved: it may be a name
        return self.is_word(place + 1, "SELECT", "ALL", "DISTINCT") or self.is_symbol(place + 1, "(")

    def _tail_keyword(self, place: int, end: int) -> str | None:
        """Return which of the clauses after the last SELECT begins here."""
        if self.is_keyword(place, "ORDER") and self.is_word(place + 1, "BY", "SIBLINGS"):
            return "ORDER"
        if self.is_keyword(place, "FOR") and self.is_word(place + 1, "UPDATE"):
            return "FOR"
        if self.is_keyword(place, "FETCH") and self.is_word(
            place + 1, "FIRST", "NEXT", "APPROX", "APPROXIMATE", "EXACT"
        ):
            return "FETCH" if self.find_word(place + 2, min(end, place + 10), "ROW", "ROWS") is not None else None
        if self.is_keyword(place, "OFFSET"):
            rows = self.find_word(place + 2, min(end, place + 8), "ROW", "ROWS")
            return "OFFSET" if rows is not None else None
        return None

    def find_word(self, start: int, end: int, *words: str) -> int | None:
        return next((place for place in self.level(start, end) if self.is_word(place, *words)), None)

    def _query(self, span: Span, role: Role, outer: Query | None, within: Block | None) -> Query:
        query = Query(role, span, outer, within)
        start, end = span
        if self.is_word(start, "WITH"):
            start = self._with_clause(query, start + 1, end)
        tails = [(place, word) for place in self.level(start, end) if (word := self._tail_keyword(place, end))]
        for (place, word), (following, _) in pairwise([*tails, (end, "")]):
            self._read_tail(query, word, place, following)
        body_end = tails[0][0] if tails else end
        operand_start = start
        for place in self.level(start, body_end):
            if self._is_set_operator(place):
                self._add_operand(query, operand_start, place)
                query.operators.append(self.tokens[place].text.upper())
                operand_start = place + 1 + self.is_word(place + 1, "ALL", "DISTINCT")
        self._add_operand(query, operand_start, body_end)
        return query

    def _with_clause(self, query: Query, place: int, end: int) -> int:
        while True:
            if place >= end or self.tokens[place].name is None or self.is_word(place, "FUNCTION", "PROCEDURE"):
                raise ConfigError("a WITH clause may define queries only")
            name = self.tokens[place].name or ""
            place += 1
            columns: list[str] = []
            if self.is_symbol(place, "("):
                columns = [
                    self.tokens[start].name or "" for start, _ in self.split_list((place + 1, self.closing[place]))
                ]
                place = self.closing[place] + 1
            if not (self.is_word(place, "AS") and self.is_symbol(place + 1, "(")):
                raise ConfigError(f"line {self.tokens[place - 1].line}: the WITH clause is not understood")
            inner = (place + 2, self.closing[place + 1])
            if not self._opens_query(*inner):
                raise ConfigError(f"line {self.tokens[place].line}: the WITH clause is not understood")
            query.ctes[name] = self._query(inner, Role.CTE, query, None)
            query.ctes[name].column_names = columns
            place = inner[1] + 1
            while place < end and not self._ends_cte(place):  # SEARCH and CYCLE of a recursive query
                place += 1
            if not self.is_symbol(place, ","):
                return place
            place += 1

    def _ends_cte(self, place: int) -> bool:
        if self.is_symbol(place, ","):
            return self.is_word(place + 2, "AS") or self.is_symbol(place + 2, "(")
        return self.is_word(place, "SELECT") or self.is_symbol(place, "(")

    def _read_tail(self, query: Query, word: str, place: int, end: int) -> None:
        line = self.tokens[place].line
        if word == "ORDER":
            query.order_by = (place + 2 + self.is_word(place + 1, "SIBLINGS"), end)
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
        if start < end and self.is_symbol(start, "(") and self.closing[start] == end - 1:
            if self._opens_query(start + 1, end - 1):
                query.operands.append(self._query((start + 1, end - 1), Role.OPERAND, query, None))
                return
        elif self.is_word(start, "SELECT"):
            query.operands.append(self._block(query, start, end))
            return
        line = self.tokens[min(start, len(self.tokens) - 1)].line
        raise ConfigError(f"line {line}: a SELECT is expected here")

    # -- blocks ------------------------------------------------------------------------------------------------------

    def _block(self, query: Query, start: int, end: int) -> Block:
        block = Block(query, (start, end))
        first = start + 1
        while self.is_word(first, "DISTINCT", "UNIQUE", "ALL"):
            block.is_distinct = block.is_distinct or not self.is_word(first, "ALL")
            first += 1
        heads = [(first, first, "SELECT")]
        for place in self.level(first, end):
            if word := self._clause_keyword(place, end, has_from=len(heads) > 1):
                heads.append((place, place + 1 + (word in _SECOND_WORDS), word))
        for (_, begin, word), (following, _, _) in pairwise([*heads, (end, end, "")]):
            block.clauses.setdefault(word, (begin, following))
        self._collect_children(block)
        block.items = [self._select_item(part) for part in self.split_list(block.clauses["SELECT"])]
        if "FROM" in block.clauses:
            read_from_clause(self, block)
        return block

    def _clause_keyword(self, place: int, end: int, *, has_from: bool) -> str | None:
        if not has_from:
            return "FROM" if self.is_keyword(place, "FROM") else None
        if not self.is_keyword(place, *_CLAUSES_AFTER_FROM):
            return None
        word = self.tokens[place].text.upper()
        if word in _SECOND_WORDS:
            is_clause = self.is_word(place + 1, *_SECOND_WORDS[word])
        elif word == "MODEL":
            is_clause = self.is_word(place + 1, *_MODEL_WORDS)
        elif word == "WINDOW":
            is_clause = self.is_word(place + 2, "AS") and self.is_symbol(place + 3, "(")
        elif word == "QUALIFY":  # reserved in Oracle 23ai only; before that it may be an alias
            is_clause = not (place + 1 >= end or self.is_symbol(place + 1, ",") or self.is_word(place + 1, *NO_ALIAS))
        else:
            is_clause = True
        return word if is_clause else None

    def _collect_children(self, block: Block) -> None:
        place, end = block.span
        while place < end:
            token = self.tokens[place]
            if token.is_symbol("(") and self._opens_query(place + 1, self.closing[place]):
                inner = (place + 1, self.closing[place])
                block.children.append(self._query(inner, self._role_at(block, place), block.query, block))
                place = self.closing[place]
            elif block.rownum_line is None and token.is_word("ROWNUM") and not self.is_symbol(place - 1, "."):
                block.rownum_line = token.line
            place += 1

    def _role_at(self, block: Block, bracket: int) -> Role:
        before = bracket - 1
        while self.is_symbol(before, "("):
            before -= 1
        clause = block.clause_at(bracket)
        if clause == "SELECT":
            return Role.SHOWN
        if self.is_word(before, "EXISTS", "LATERAL", "APPLY"):
            return Role.LOOKUP
        if self.is_word(before, "IN", "ANY", "SOME") and not self.is_word(before - 1, "NOT"):
            return Role.ROWS
        if clause == "FROM" and (self.is_word(before, "FROM", "JOIN", "TABLE") or self.is_symbol(before, ",")):
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
            return SelectItem(last.name if self.as_reference(span) else None, span, is_star=False)
        if before.is_word("AS") and last.name is not None:
            return SelectItem(last.name, (start, end - 2), is_star=False)
        ends_operand = before.kind is not Kind.SYMBOL or before.is_symbol(")")
        if last.name is not None and ends_operand and not last.is_word("END", "NULL"):
            return SelectItem(last.name, (start, end - 1), is_star=False)
        return SelectItem(None, span, is_star=False)
