"""Aggregate and analytic functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from sqlglot import exp

from dev.oracle_standin.dialect.context import Block
from dev.oracle_standin.dialect.errors import ora, unimplemented
from dev.oracle_standin.dialect.expressions import Expressions, FunctionTranslator
from dev.oracle_standin.dialect.terms import (
    EXACT,
    Exact,
    Fixed,
    Kind,
    Term,
    exact,
    integer,
    varchar,
)
from dev.oracle_standin.dialect.tree import only_args, position_of
from dev.oracle_standin.dialect.types import MAX_PRECISION

GROUP_FUNCTIONS: dict[str, FunctionTranslator] = {}
"""Aggregate and analytic functions by name."""

_RANKINGS = ("ROW_NUMBER", "RANK", "DENSE_RANK")
_NEIGHBOURS = ("LAG", "LEAD")
_ENDS = ("FIRST_VALUE", "LAST_VALUE")


def ordering(e: Expressions, node: exp.Ordered, block: Block) -> str:
    """Return one ORDER BY item; sqlglot has put Oracle's default place of nulls into the node."""
    only_args(node, "this", "desc", "nulls_first")
    term = e.value(node.this, block)
    direction = "DESC" if node.args.get("desc") else "ASC"
    nulls = "FIRST" if node.args.get("nulls_first") else "LAST"
    return f"{term.sql} {direction} NULLS {nulls}"


def _over(e: Expressions, node: exp.Window, block: Block, *, needs_order: bool, allows_order: bool = True) -> str:
    only_args(node, "this", "partition_by", "order", "spec", "over")
    if str(node.args.get("over")).upper() != "OVER":
        raise unimplemented("KEEP", position_of(node))
    inner = replace(block, allows_windows=False)
    parts: list[str] = []
    if partition := node.args.get("partition_by"):
        terms = [e.value(member, inner) for member in partition]
        parts.append("PARTITION BY " + ", ".join(term.sql for term in terms))
    order = node.args.get("order")
    if order is not None:
        only_args(order, "expressions")
        if not allows_order:
            raise ora(30487, position=position_of(node))
        parts.append("ORDER BY " + ", ".join(ordering(e, item, inner) for item in order.expressions))
    elif needs_order:
        raise ora(30485, position=position_of(node))
    if (spec := node.args.get("spec")) is not None:
        if order is None:
            raise ora(30485, position=position_of(node))
        parts.append(_frame(spec))
    return f"OVER ({' '.join(parts)})"


def _frame(spec: exp.WindowSpec) -> str:
    only_args(spec, "kind", "start", "start_side", "end", "end_side")
    kind = str(spec.args["kind"]).upper()
    if kind not in ("ROWS", "RANGE"):
        raise unimplemented(kind, position_of(spec))
    start = _bound(spec, "start", kind)
    end = _bound(spec, "end", kind) if spec.args.get("end") else "CURRENT ROW"
    return f"{kind} BETWEEN {start} AND {end}"


def _bound(spec: exp.WindowSpec, key: str, kind: str) -> str:
    bound, side = spec.args[key], str(spec.args.get(f"{key}_side") or "").upper()
    if isinstance(bound, str) and bound.upper() == "CURRENT ROW":
        return "CURRENT ROW"
    if isinstance(bound, str) and bound.upper() == "UNBOUNDED" and side in ("PRECEDING", "FOLLOWING"):
        return f"UNBOUNDED {side}"
    if kind == "ROWS" and isinstance(bound, exp.Literal) and not bound.is_string and str(bound.this).isdigit():
        return f"{bound.this} {side}"
    raise unimplemented("this window frame", position_of(spec))


def _call(node: exp.Expr) -> tuple[exp.Anonymous, exp.Window | None]:
    window = node if isinstance(node, exp.Window) else None
    call = node.this if window is not None else node
    if not isinstance(call, exp.Anonymous):
        raise unimplemented(call.key.upper(), position_of(node))
    return call, window


def _inside(block: Block, node: exp.Expr, window: exp.Window | None) -> Block:
    if window is not None:
        if not block.allows_windows:
            raise ora(30483, position=position_of(node))
        return replace(block, allows_windows=False)
    if block.is_in_aggregate:
        raise unimplemented("an aggregate of an aggregate", position_of(node))
    if not block.allows_aggregates:
        raise ora(934, position=position_of(node))
    return replace(block, allows_aggregates=False, allows_windows=False, is_in_aggregate=True)


def _aggregate(name: str, least: int = 1) -> Callable[[Callable[..., Term]], None]:
    def register(translate: Callable[..., Term]) -> None:
        def checked(e: Expressions, node: exp.Expr, block: Block) -> Term:
            call, window = _call(node)
            arguments = list(call.expressions)
            is_distinct = bool(arguments) and isinstance(arguments[0], exp.Distinct)
            if is_distinct:
                only_args(arguments[0], "expressions")
                arguments = list(arguments[0].expressions)
            if len(arguments) < least:
                raise ora(909, position=position_of(node))
            if len(arguments) > 1:
                raise ora(909, position=position_of(node))
            over = ""
            if window is not None:
                over = " " + _over(e, window, block, needs_order=False)
                if is_distinct and ("ORDER BY" in over):
                    raise unimplemented("DISTINCT in an ordered window", position_of(node))
            inner = _inside(block, node, window)
            return translate(e, arguments[0], inner, "DISTINCT " if is_distinct else "", over)

        GROUP_FUNCTIONS[name] = checked

    return register


@_aggregate("COUNT")
def _count(e: Expressions, argument: exp.Expr, block: Block, distinct: str, over: str) -> Term:
    if isinstance(argument, exp.Star):
        if distinct:
            raise ora(936, position=position_of(argument))
        return integer(f"(count(*){over})", is_nullable=False)
    return integer(f"(count({distinct}{_countable(e, argument, block)}){over})", is_nullable=False)


def _countable(e: Expressions, argument: exp.Expr, block: Block) -> str:
    term = e.value(argument, block)
    if term.kind is Kind.NULL:
        return "CAST(NULL AS VARCHAR)"
    return e.forms.sql(term, term.form) if term.kind is Kind.NUMBER and term.form else term.sql


@_aggregate("SUM")
def _sum(e: Expressions, argument: exp.Expr, block: Block, distinct: str, over: str) -> Term:
    return _total(e, e.number(argument, block), distinct, over)


def _total(e: Expressions, term: Term, distinct: str, over: str) -> Term:
    if term.kind is Kind.DOUBLE:
        raise unimplemented("a sum of BINARY_DOUBLE")
    if term.kind is Kind.NULL:
        return exact("CAST(NULL AS BLOB)")
    form = EXACT if e.statement.parameters.is_exact else term.form or EXACT
    sql = e.forms.sql(term, form)
    if isinstance(form, Exact):
        return exact(f"ora_sum((list({distinct}{sql}){over}))")
    scale = form.scale if isinstance(form, Fixed) else 0
    return Term(
        f"CAST((sum({distinct}{sql}){over}) AS DECIMAL({MAX_PRECISION},{scale}))",
        Kind.NUMBER,
        Fixed(MAX_PRECISION, scale),
    )


@_aggregate("AVG")
def _avg(e: Expressions, argument: exp.Expr, block: Block, distinct: str, over: str) -> Term:
    term = e.number(argument, block)
    total = _total(e, term, distinct, over)
    counted = e.forms.sql(term, term.form) if term.form else "CAST(NULL AS VARCHAR)"
    count = integer(f"(count({distinct}{counted}){over})")
    return exact(f"ora_divide({e.forms.exact(total)}, {e.forms.exact(count)})")


def _end(name: str) -> None:
    @_aggregate(name)
    def _pick(e: Expressions, argument: exp.Expr, block: Block, _distinct: str, over: str) -> Term:
        term = e.value(argument, block)
        if term.kind is Kind.NULL:
            return varchar("CAST(NULL AS VARCHAR)", 1)
        sql = e.forms.sql(term, term.form) if term.kind is Kind.NUMBER and term.form else term.sql
        return replace(
            term,
            sql=f"({name.lower()}({sql}){over})",
            constant=None,
            bind=None,
            is_nullable=True,
            is_literal=False,
            precision=0,
        )


_end("MIN")
_end("MAX")


def _ranking(name: str) -> None:
    def translate(e: Expressions, node: exp.Expr, block: Block) -> Term:
        call, window = _call(node)
        if window is None:
            raise ora(30484, position=position_of(node))
        if call.expressions:
            raise ora(909, position=position_of(node))
        _inside(block, node, window)
        if window.args.get("spec") is not None:
            raise ora(907, position=position_of(node))
        return integer(f"({name.lower()}() {_over(e, window, block, needs_order=True)})", is_nullable=False)

    GROUP_FUNCTIONS[name] = translate


for _name in _RANKINGS:
    _ranking(_name)


def _ntile(e: Expressions, node: exp.Expr, block: Block) -> Term:
    call, window = _call(node)
    if window is None:
        raise ora(30484, position=position_of(node))
    _inside(block, node, window)
    argument = call.expressions[0] if len(call.expressions) == 1 else None
    if not isinstance(argument, exp.Literal) or not str(argument.this).isdigit() or window.args.get("spec") is not None:
        raise unimplemented("this NTILE", position_of(node))
    return integer(f"(ntile({argument.this}) {_over(e, window, block, needs_order=True)})", is_nullable=False)


GROUP_FUNCTIONS["NTILE"] = _ntile


def _neighbour(name: str) -> None:
    def translate(e: Expressions, node: exp.Expr, block: Block) -> Term:
        call, window = _call(node)
        if window is None:
            raise ora(30484, position=position_of(node))
        inner = _inside(block, node, window)
        arguments = list(call.expressions)
        if not 1 <= len(arguments) <= 3:
            raise ora(909, position=position_of(node))
        if window.args.get("spec") is not None:
            raise ora(907, position=position_of(node))
        offset = "1"
        if len(arguments) > 1:
            number = e.number(arguments[1], inner)
            if not isinstance(number.constant, Decimal) or number.constant < 0:
                raise unimplemented(f"this offset in {name}", position_of(node))
            offset = str(int(number.constant))
        nodes = [arguments[0], *arguments[2:]]
        texts, typed = e.like_first([e.value(argument, inner) for argument in nodes], nodes)
        inside = ", ".join([texts[0], offset, *texts[1:]])
        over = _over(e, window, block, needs_order=True)
        return replace(typed, sql=f"({name.lower()}({inside}) {over})", is_nullable=True)

    GROUP_FUNCTIONS[name] = translate


for _name in _NEIGHBOURS:
    _neighbour(_name)


def _window_end(name: str) -> None:
    def translate(e: Expressions, node: exp.Expr, block: Block) -> Term:
        call, window = _call(node)
        if window is None:
            raise ora(30484, position=position_of(node))
        inner = _inside(block, node, window)
        if len(call.expressions) != 1:
            raise ora(909, position=position_of(node))
        texts, typed = e.like_first([e.value(call.expressions[0], inner)], call.expressions)
        return replace(
            typed, sql=f"({name.lower()}({texts[0]}) {_over(e, window, block, needs_order=False)})", is_nullable=True
        )

    GROUP_FUNCTIONS[name] = translate


for _name in _ENDS:
    _window_end(_name)


def _listagg(e: Expressions, node: exp.Expr, block: Block) -> Term:
    if not isinstance(node, exp.WithinGroup) or not isinstance(node.this, exp.Anonymous):
        raise unimplemented("LISTAGG without WITHIN GROUP, or over a window", position_of(node))
    only_args(node, "this", "expression")
    inner = _inside(block, node, None)
    arguments = node.this.expressions
    if not 1 <= len(arguments) <= 2:
        raise ora(909, position=position_of(node))
    text = e.text(arguments[0], inner)
    separator = e.text(arguments[1], inner) if len(arguments) > 1 else None
    if separator is not None and not isinstance(separator.constant, str):
        raise unimplemented("a LISTAGG separator that is no literal", position_of(node))
    between = separator.sql if separator is not None else "''"
    items = ", ".join(ordering(e, item, inner) for item in node.expression.expressions)
    return varchar(f"ora_short(string_agg({text.sql}, {between} ORDER BY {items}))")


GROUP_FUNCTIONS["LISTAGG"] = _listagg
