"""How many rows: ROWNUM, FETCH and OFFSET."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from sqlglot import exp

from dev.oracle_standin.dialect.binds import CountBind, row_count
from dev.oracle_standin.dialect.context import Block, Statement
from dev.oracle_standin.dialect.errors import unimplemented
from dev.oracle_standin.dialect.expressions import Expressions
from dev.oracle_standin.dialect.names import Scope
from dev.oracle_standin.dialect.terms import Kind
from dev.oracle_standin.dialect.tree import only_args, position_of

_MIRRORED = {exp.LT: exp.GT, exp.GT: exp.LT, exp.LTE: exp.GTE, exp.GTE: exp.LTE, exp.EQ: exp.EQ}

_ALL_ROWS = str(2**62)
"""More rows than there are: what OFFSET NULL skips."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How many rows of a block are wanted: DuckDB texts, None where there is no bound."""

    count: str | None = None
    offset: str | None = None
    with_ties: bool = False

    @property
    def sql(self) -> str:
        """LIMIT and OFFSET."""
        limit = f" LIMIT {self.count}" if self.count is not None else ""
        return limit + (f" OFFSET {self.offset}" if self.offset is not None else "")


@dataclass(slots=True)
class Where:
    """The conditions of WHERE, and the bounds of ROWNUM among them as DuckDB texts."""

    conditions: list[exp.Expr] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)


class RowLimits:
    """Translates the row limits of one statement."""

    def __init__(self, statement: Statement, expressions: Expressions) -> None:
        self._statement = statement
        self._e = expressions

    def uses_rownum(self, parts: Iterable[exp.Expr]) -> bool:
        """Tell whether ROWNUM stands in some parts of a block, not counting subqueries."""
        return any(_is_rownum(found) for part in parts for found in part.walk(prune=lambda n: isinstance(n, exp.Query)))

    def limit(self, node: exp.Query, block: Block) -> Limit:
        """Translate FETCH and OFFSET."""
        limit, offset = node.args.get("limit"), node.args.get("offset")
        skipped = None
        if offset is not None:
            only_args(offset, "expression")
            skipped = self._row_count(offset.expression, block, null=_ALL_ROWS)
        if limit is None:
            return Limit(None, skipped)
        only_args(limit, "direction", "count", "limit_options")
        options = limit.args.get("limit_options")
        with_ties = False
        if options is not None:
            only_args(options, "rows", "with_ties")
            with_ties = bool(options.args.get("with_ties"))
        count = limit.args.get("count")
        return Limit("1" if count is None else self._row_count(count, block), skipped, with_ties)

    def _row_count(self, node: exp.Expr, block: Block, *, is_strict: bool = False, null: str = "0") -> str:
        term = self._e.number(node, block)
        if isinstance(term.constant, Decimal):
            return str(row_count(term.constant, is_strict=is_strict))
        if term.kind is Kind.NULL:
            return null
        if term.bind is None:
            raise unimplemented("a number of rows that is no constant", position_of(node))
        return f"coalesce(CAST({self._statement.parameters.add(term.bind, CountBind(is_strict))} AS BIGINT), {null})"

    def split_where(self, node: exp.Select) -> Where:
        """Part WHERE into conditions and bounds of ROWNUM."""
        out = Where()
        where = node.args.get("where")
        if where is None:
            return out
        only_args(where, "this")
        for condition in _conjuncts(where.this):
            if isinstance(condition, tuple(_MIRRORED)) and (
                _is_rownum(condition.this) or _is_rownum(condition.expression)
            ):
                out.limits += self._rownum_limit(condition)
            elif isinstance(condition, exp.Between) and _is_rownum(condition.this):
                out.limits += self._rownum_limit(exp.GTE(this=condition.this, expression=condition.args["low"]))
                out.limits += self._rownum_limit(exp.LTE(this=condition.this, expression=condition.args["high"]))
            else:
                out.conditions.append(condition)
        return out

    def _rownum_limit(self, condition: exp.Expr) -> list[str]:
        kind, bound = type(condition), condition.args["expression"]
        if not _is_rownum(condition.this):
            kind, bound = _MIRRORED[kind], condition.this  # type: ignore[index]
        if _is_rownum(bound):
            raise unimplemented("this use of ROWNUM", position_of(condition))
        block = Block(Scope(None))
        if kind in (exp.LT, exp.LTE):
            return [self._row_count(bound, block, is_strict=kind is exp.LT)]
        term = self._e.number(bound, block)
        if not isinstance(term.constant, Decimal):
            raise unimplemented("this use of ROWNUM", position_of(condition))
        if kind is exp.EQ:
            return ["1" if term.constant == 1 else "0"]
        least = Decimal(1)
        is_always = term.constant < least if kind is exp.GT else term.constant <= least
        return [] if is_always else ["0"]


def numbered(statement: Statement, body: str, scope: Scope, limits: list[str]) -> tuple[str, str]:
    """Put FROM and WHERE into a subquery that numbers the rows and stops, as ROWNUM does before ORDER BY.

    :return: the DuckDB text to select from, and that of ROWNUM.
    """
    alias = statement.fresh("r")
    columns = ["row_number() OVER () AS rn"]
    for number, source in enumerate(scope.sources):
        columns += [f"{column.term.sql} AS s{number}_{i}" for i, column in enumerate(source.columns)]
        source.moved(alias, f"s{number}")
    limit = ""
    if limits:
        limit = " LIMIT " + (limits[0] if len(limits) == 1 else f"least({', '.join(limits)})")
    return f"(SELECT {', '.join(columns)} FROM {body}{limit}) AS {alias}", f"{alias}.rn"


def _conjuncts(condition: exp.Expr) -> Iterator[exp.Expr]:
    ahead = [condition]
    while ahead:
        node = ahead.pop()
        if isinstance(node, exp.And):
            ahead += [node.expression, node.this]
        elif isinstance(node, exp.Paren) and isinstance(inner := node.this, exp.Condition):
            ahead.append(inner)
        else:
            yield node


def _is_rownum(node: exp.Expr | None) -> bool:
    return (
        isinstance(node, exp.Column)
        and not node.args.get("table")
        and isinstance(node.this, exp.Identifier)
        and not node.this.args.get("quoted")
        and str(node.this.this).upper() == "ROWNUM"
    ) or (isinstance(node, exp.Pseudocolumn) and str(node.name).upper() == "ROWNUM")
