"""Whose rows go where: which queries feed a SELECT, which SELECTs its rows go through, and what is only looked up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum

from include.bigmeter.source.rewriting.blocks import Block, Query, Role, TableSource
from include.bigmeter.source.rewriting.lineage import Lineage, names_customer
from include.bigmeter.source.rewriting.spans import Reference, Span
from include.bigmeter.source.rewriting.statement import Statement


class Need(IntEnum):
    """What a SELECT needs of a query that it reads, from the least on."""

    ADDED = 0  # an outer join adds its rows: none of the others is lacking without them
    TESTED = 1  # a condition asks it, or it is evaluated for each row; the pick of one row hides nobody
    ROWS = 2  # what it does not return is lacking


class Flow:
    """The ways of the rows through a statement."""

    def __init__(self, sql: Statement) -> None:
        self._sql = sql
        self.lineage = Lineage(sql)

    def iter_feeds(self, operand: Block | Query) -> Iterator[tuple[Query, Need]]:
        """Yield the queries on which the rows of a SELECT depend; what stands in its SELECT list is none of them."""
        if isinstance(operand, Query):  # in brackets
            yield operand, Need.ROWS
            return
        for source in operand.sources:
            query = operand.query_of(source)
            if query is not None:
                need = Need.TESTED if query.role is Role.LOOKUP else Need.ROWS
                yield query, Need.ADDED if self.is_only_added(operand, source) else need
        read = {source.query for source in operand.sources}
        for child in operand.children:
            if child not in read and child.role is not Role.SHOWN:
                yield child, Need.ROWS if child.role is Role.ROWS else Need.TESTED

    def iter_feeding(self, feeds: Iterable[tuple[Query, Need]], without: set[Query]) -> Iterator[tuple[Query, Need]]:
        """Yield feeds and all that feed them, in the order of the text, each with the most that is needed of it."""
        found: dict[Query, Need] = {}
        waiting = list(feeds)
        while waiting:
            query, need = waiting.pop()
            if query in without or found.get(query, -1) >= need:
                continue
            found[query] = need
            for operand in query.operands:
                waiting += [(feed, min(need, its_need)) for feed, its_need in self.iter_feeds(operand)]
        yield from sorted(found.items(), key=lambda item: item[0].span)

    def collect_round(self, query: Query, queries: set[Query]) -> None:
        """Collect a query and all those that its rows go through: what it stands in, and what reads it by name."""
        if query in queries:
            return
        queries.add(query)
        if query.role is Role.CTE:
            for block in self._sql.iter_blocks():
                if any(block.query_of(source) is query for source in block.sources):
                    self.collect_round(block.query, queries)
        elif query.role is Role.OPERAND and query.outer:
            self.collect_round(query.outer, queries)
        elif query.within:
            self.collect_round(query.within.query, queries)

    def iter_conditions(self, block: Block) -> Iterator[tuple[Span, bool]]:
        """Yield the conditions of a block, and whether a row that does not meet one is lacking in its result."""
        for clause in ("WHERE", "START", "CONNECT", "HAVING", "QUALIFY"):
            if clause in block.clauses:
                yield block.clauses[clause], True
        for join in block.joins:
            yield join.span, join.is_binding

    def is_only_added(self, block: Block, source: TableSource) -> bool:
        """Say whether a source can take no row away: an outer join adds it, and no condition asks for it after that."""
        return source.is_optional and not any(
            self._names_source(block, source, span) for span, is_binding in self.iter_conditions(block) if is_binding
        )

    def is_correlated(self, query: Query) -> bool:
        """Say whether a subquery is evaluated for each row of what it stands in: it names a column of that."""
        return any(True for _ in self._iter_outer_references(query))

    def is_of_one_customer(self, query: Query) -> bool:
        """Say whether a subquery is evaluated for each customer: it names the code or id of one that stands outside."""
        return any(names_customer(reference.name) for reference in self._iter_outer_references(query))

    def _iter_outer_references(self, query: Query) -> Iterator[Reference]:
        outside: set[str | None] = set()
        round_it: Query | None = query
        while round_it is not None:
            outside |= {source.exposed_name for source in round_it.within.sources} if round_it.within else set()
            round_it = round_it.outer
        for inner in self._sql.iter_queries(query):
            for block in inner.iter_blocks():
                outside -= {source.exposed_name for source in block.sources}
        for reference in self._sql.iter_references(query.span):
            if reference.qualifier is not None and reference.qualifier in outside:
                yield reference

    def _names_source(self, block: Block, source: TableSource, condition: Span) -> bool:
        for reference in self._sql.iter_references(condition):
            if reference.qualifier is None:
                found = self.lineage.follow(block, None, reference.name)
                if found is not None and found[0] is source:
                    return True
            elif reference.qualifier == source.exposed_name and not self._sql.is_plus(reference.span[1]):
                return True
        return False
