"""What a FROM clause reads: its tables and inline views, and which of them only an outer join adds."""

from __future__ import annotations

from include.bigmeter.source.rewriting.blocks import Block, JoinCondition, Query, TableSource
from include.bigmeter.source.rewriting.spans import Span, TokenSpans

# fmt: off
NO_ALIAS = (
    "ON", "USING", "JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "NATURAL", "OUTER", "LATERAL", "APPLY",
    "WHERE", "START", "CONNECT", "GROUP", "HAVING", "MODEL", "ORDER", "OFFSET", "FETCH", "FOR", "WITH",
    "UNION", "MINUS", "INTERSECT", "EXCEPT", "AS", "VERSIONS",
)
_TABLE_MODIFIERS = (
    "PARTITION", "SUBPARTITION", "BY", "SAMPLE", "BLOCK", "SEED", "PIVOT", "UNPIVOT", "XML", "INCLUDE", "EXCLUDE",
    "NULLS", "MATCH_RECOGNIZE",
)
# fmt: on
_BEFORE_JOIN = ("INNER", "LEFT", "RIGHT", "FULL", "OUTER", "CROSS", "NATURAL")


def read_from_clause(sql: TokenSpans, block: Block) -> None:
    """Fill in a block's sources and join conditions."""
    clause = _FromClause(sql, block)
    clause.read(block.clauses["FROM"])
    block.sources, block.joins = clause.sources, clause.joins
    if "WHERE" in block.clauses:
        _mark_plus_joins(sql, block)


def _mark_plus_joins(sql: TokenSpans, block: Block) -> None:
    start, end = block.clauses["WHERE"]
    for place in range(start + 3, end):
        if sql.is_plus(place) and sql.is_symbol(place - 2, "."):
            for source in block.sources:
                if source.exposed_name == sql.tokens[place - 3].name:
                    source.is_optional = True


class _FromClause:
    """One FROM clause, or a join in brackets within one."""

    def __init__(self, sql: TokenSpans, block: Block) -> None:
        self._sql = sql
        self._block = block
        self.sources: list[TableSource] = []
        self.joins: list[JoinCondition] = []

    def read(self, span: Span) -> None:
        sql = self._sql
        place, end = span
        is_source_due, kind, has_condition = True, "INNER", False
        due: list[str] = []  # the kinds of the joins whose condition has not come yet
        chain = (0, 0)  # where the sources and conditions begin that the next join joins to
        while place < end:
            if is_source_due:
                is_source_due = False
                place = self._read_source(place, end, is_optional=not {"LEFT", "FULL"}.isdisjoint([kind, *due]))
                due += [kind] * has_condition
                continue
            if sql.is_symbol(place, ","):
                is_source_due, kind, has_condition = True, "INNER", False
                chain, due = (len(self.sources), len(self.joins)), []
            elif sql.is_word(place, "JOIN", "APPLY"):
                is_source_due = True
                kind, has_condition = self._join_kind(place)
                if kind in ("RIGHT", "FULL"):
                    _make_optional(self.sources[chain[0] :], self.joins[chain[1] :])
            elif sql.is_keyword(place, "ON", "USING") and due:
                is_binding = {"INNER"}.issuperset(due)
                due.pop()
                if sql.is_word(place, "ON"):
                    self.joins.append(JoinCondition((place + 1, self._condition_end(place + 1, end)), is_binding))
            place = sql.closing.get(place, place) + 1

    def _join_kind(self, place: int) -> tuple[str, bool]:
        """Return the kind of the join whose last word stands at a place, and whether it has an ON or USING."""
        words, before = {self._sql.tokens[place].text.upper()}, place - 1
        while self._sql.is_word(before, *_BEFORE_JOIN):
            words.add(self._sql.tokens[before].text.upper())
            before -= 1
        has_condition = words.isdisjoint({"APPLY", "CROSS", "NATURAL"})
        if {"APPLY", "OUTER"} <= words:
            return "LEFT", has_condition
        return next((kind for kind in ("LEFT", "RIGHT", "FULL") if kind in words), "INNER"), has_condition

    def _condition_end(self, start: int, end: int) -> int:
        for place in self._sql.level(start, end):
            if self._sql.is_symbol(place, ",") or self._sql.is_keyword(place, "JOIN", "APPLY", "ON", "USING"):
                end = place
                while self._sql.is_word(end - 1, *_BEFORE_JOIN):
                    end -= 1
                break
        return end

    def _read_source(self, place: int, end: int, *, is_optional: bool) -> int:
        """Read one table, inline view or join in brackets; return where it ends, its alias included."""
        sql = self._sql
        while sql.is_word(place, "LATERAL", "ONLY", "TABLE"):
            place += 1
        if place >= end:
            return end
        table: str | None = None
        query: Query | None = None
        name: str | None = None
        if sql.is_symbol(place, "("):
            inner = (place + 1, sql.closing[place])
            query = next((child for child in self._block.children if child.span == inner), None)
            if query is None:
                self._read_brackets(inner, is_optional=is_optional)
            place = sql.closing[place] + 1
        else:
            path_end = place + 1
            while path_end + 1 < end and (sql.is_symbol(path_end, ".") or sql.is_symbol(path_end, "@")):
                path_end += 2
            name = sql.tokens[path_end - 1].name
            table = name if path_end == place + 1 else None
            place = path_end
            if sql.is_symbol(place, "("):  # a table function
                table, place = None, sql.closing[place] + 1
        alias, place = self._alias(place, end)
        if query is not None or alias is not None or name is not None:
            self.sources.append(TableSource(table, query, alias or name, is_optional))
        return place

    def _read_brackets(self, inner: Span, *, is_optional: bool) -> None:
        join = _FromClause(self._sql, self._block)
        join.read(inner)
        if is_optional:
            _make_optional(join.sources, join.joins)
        self.sources += join.sources
        self.joins += join.joins

    def _alias(self, place: int, end: int) -> tuple[str | None, int]:
        sql = self._sql
        while place < end and (sql.is_word(place, *_TABLE_MODIFIERS) or sql.is_symbol(place, "(")):
            place = sql.closing.get(place, place) + 1
        if sql.is_word(place, "AS") and sql.is_word(place + 1, "OF"):  # flashback: AS OF SCN n
            return None, place + 2
        if sql.is_word(place, "AS"):
            place += 1
        if place < end and (name := sql.tokens[place].name) is not None and not sql.is_word(place, *NO_ALIAS):
            return name, place + 1
        return None, place


def _make_optional(sources: list[TableSource], joins: list[JoinCondition]) -> None:
    for source in sources:
        source.is_optional = True
    for join in joins:
        join.is_binding = False
