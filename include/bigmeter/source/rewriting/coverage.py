"""Whether a filter holds for every row of the result, wherever in the statement it stands."""

from __future__ import annotations

from collections.abc import Sequence

from include.bigmeter.errors import ConfigError
from include.bigmeter.source.rewriting.blocks import Block, Query, Role
from include.bigmeter.source.rewriting.draft import MARKER
from include.bigmeter.source.rewriting.flow import Flow
from include.bigmeter.source.rewriting.spans import Span
from include.bigmeter.source.rewriting.statement import Statement


def check_coverage(sql: Statement, flow: Flow, filtered: Sequence[Block], line: int) -> None:
    """Check that no row of the result has come past the filtered SELECTs.

    :param line: that of the first marker, for the message.
    :raises ConfigError: naming the SELECT of a set operation that is not filtered, or else the marker.
    """
    coverage = _Coverage(sql, flow, filtered)
    if coverage.holds_for(sql.whole):
        return
    for query in sql.iter_queries():
        gap = coverage.find_gap(query)
        if gap is not None and any(coverage.holds_for(operand) for operand in query.operands):
            raise ConfigError(
                f"line {sql.tokens[gap.span[0]].line}: "
                f"a set operation (UNION, MINUS, INTERSECT) needs {MARKER} in each SELECT to be filtered"
            )
    raise ConfigError(
        f"line {line}: {MARKER} does not filter the rows of the outer SELECT, which would let other customers in; "
        "put it into the WHERE clause of the SELECT that reads the bills"
    )


class _Coverage:
    """Which queries return rows of the filtered customers only."""

    def __init__(self, sql: Statement, flow: Flow, filtered: Sequence[Block]) -> None:
        self._sql = sql
        self._flow = flow
        self._known: dict[Block | Query, bool] = dict.fromkeys(filtered, True)

    def holds_for(self, part: Block | Query) -> bool:
        """Say whether all rows of a query or SELECT are those of filtered customers."""
        if part not in self._known:
            self._known[part] = True  # what a recursive query reads of itself brings nobody new
            self._known[part] = self.find_gap(part) is None if isinstance(part, Query) else self._in_block(part)
        return self._known[part]

    def find_gap(self, query: Query) -> Block | Query | None:
        """Return the first SELECT of a query whose rows come past the filter, if any do."""
        first, *others = query.operands
        gap = None if self.holds_for(first) else first
        for operator, operand in zip(query.operators, others, strict=True):
            holds = self.holds_for(operand)
            if operator == "UNION" and not holds:
                gap = gap or operand
            elif operator == "INTERSECT" and holds:
                gap = None
        return gap

    def _in_block(self, block: Block) -> bool:
        """A SELECT is filtered by what it joins, or must find, among rows that are."""
        for source in block.sources:
            query = block.query_of(source)
            if query is not None and not self._flow.is_only_added(block, source) and self.holds_for(query):
                return True
        tree = [block.clauses.get(clause) for clause in ("START", "CONNECT")]  # the rows below have not met them
        conditions = [span for span, is_binding in self._flow.iter_conditions(block) if is_binding and span not in tree]
        return any(
            child.role in (Role.ROWS, Role.VALUE, Role.LOOKUP)
            and self._must_be_found(span, child)
            and self.holds_for(child)
            for span in conditions
            for child in block.children
            if span[0] < child.span[0] <= span[1]
        )

    def _must_be_found(self, condition: Span, child: Query) -> bool:
        """Say whether a condition is met only if the subquery in it has a row."""
        sql, place = self._sql, child.span[0]
        while len(sql.split_or(condition)) == 1:
            bracket = sql.bracket_round(place, condition)
            if bracket is None:
                return True
            before = [sql.tokens[at] for at in sql.level(condition[0], bracket)]
            start = max((at + 1 for at, token in enumerate(before) if token.is_word("AND")), default=0)
            if any(token.is_word("NOT", "ALL") for token in before[start:]):
                return False
            condition = (bracket + 1, sql.closing[bracket])
            if condition == child.span:
                return True
        return False
