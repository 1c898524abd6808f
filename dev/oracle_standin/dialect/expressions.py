"""Expressions that have a value: an allow-list walk over the parsed tree that says each node in DuckDB's SQL.

A node that is not named here is refused with an ORA error; nothing is passed on unread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from sqlglot import exp

from dev.oracle_standin.backend import OracleError
from dev.oracle_standin.dialect import dates, numbers
from dev.oracle_standin.dialect.binds import ClockBind
from dev.oracle_standin.dialect.conditions import Conditions
from dev.oracle_standin.dialect.context import Block, QueryTranslator, Statement, Subquery
from dev.oracle_standin.dialect.conversions import Conversions
from dev.oracle_standin.dialect.errors import ora, unimplemented
from dev.oracle_standin.dialect.function_names import AGGREGATES, UNBUILT_FUNCTIONS
from dev.oracle_standin.dialect.terms import (
    EXACT,
    INTEGER,
    MAX_TEXT,
    NULL,
    TEXTS,
    TIMES,
    Exact,
    Fixed,
    Integer,
    Kind,
    Term,
    date,
    exact,
    non_empty,
    number_literal,
    quoted,
    text_literal,
    varchar,
)
from dev.oracle_standin.dialect.tree import only_args, position_of, sizes_of
from dev.oracle_standin.dialect.types import MAX_PRECISION
from dev.oracle_standin.values import OracleType

_LONGEST_SQL = 1_000_000
"""Some translations write an argument out twice; nested very deep they would never end."""

_BIND_KINDS = {
    OracleType.VARCHAR2: Kind.VARCHAR2,
    OracleType.CHAR: Kind.CHAR,
    OracleType.LONG: Kind.VARCHAR2,
    OracleType.NUMBER: Kind.NUMBER,
    OracleType.DATE: Kind.DATE,
    OracleType.TIMESTAMP: Kind.TIMESTAMP,
    OracleType.BINARY_DOUBLE: Kind.DOUBLE,
    OracleType.RAW: Kind.RAW,
}


FunctionTranslator = Callable[["Expressions", "exp.Anonymous", Block], Term]


class Expressions(Conversions):
    """Translates the expressions and conditions of one statement."""

    def __init__(self, statement: Statement, functions: dict[str, FunctionTranslator]) -> None:
        super().__init__(statement)
        self._functions = functions
        self._conditions = Conditions(self)
        self.queries: QueryTranslator | None = None
        self._values: dict[type[exp.Expr], Callable[..., Term]] = {
            exp.Column: self._column,
            exp.Literal: self._literal,
            exp.RawString: self._raw_string,
            exp.National: self._raw_string,
            exp.Null: lambda _node, _block: NULL,
            exp.Boolean: self._boolean,
            exp.Placeholder: self._bind,
            exp.Paren: self._paren,
            exp.Subquery: self._scalar_subquery,
            exp.Neg: self._negative,
            exp.Add: self._arithmetic,
            exp.Sub: self._arithmetic,
            exp.Mul: self._arithmetic,
            exp.Div: self._arithmetic,
            exp.DPipe: self._concatenation,
            exp.Case: self._case,
            exp.Cast: self._cast,
            exp.Trim: self._trim,
            exp.Extract: self._extract,
            exp.Interval: self._interval,
            exp.Anonymous: self._function,
            exp.Window: self._function,
            exp.WithinGroup: self._function,
        }

    def is_value(self, node: exp.Expr) -> bool:
        """Tell whether a node has a value, so is no condition."""
        return type(node) in self._values

    def condition(self, node: exp.Expr, block: Block) -> str:
        """Translate a condition; see :class:`Conditions`."""
        return self._conditions.condition(node, block)

    def compare(self, operator: str, left: exp.Expr, right: exp.Expr, block: Block) -> str:
        """Translate one comparison; see :class:`Conditions`."""
        return self._conditions.compare(operator, left, right, block)

    def value(self, node: exp.Expr, block: Block) -> Term:
        """Translate an expression that has a value.

        :raises OracleError: what Oracle raises, or ORA-03001 and ORA-00933 for what is not on the list.
        """
        translate = self._values.get(type(node))
        if not isinstance(node, exp.Expr):  # sqlglot leaves a gap where an expression is missing
            raise ora(936)
        if translate is None:
            code = 936 if isinstance(node, exp.Star) else 933
            if self._conditions.is_condition(node) or isinstance(node, (exp.Star, exp.Alias, exp.Tuple)):
                raise ora(code, position=position_of(node))
            raise unimplemented(node.key.upper(), position_of(node))
        if block.groups and not block.is_in_aggregate and (grouped := self._grouped(node, block)):
            return grouped
        term = translate(node, block)
        if len(term.sql) > _LONGEST_SQL:
            raise unimplemented("an expression nested this deep", position_of(node))
        return term

    def _grouped(self, node: exp.Expr, block: Block) -> Term | None:
        if isinstance(node, (exp.Literal, exp.Null, exp.Subquery, exp.Paren)):
            return None
        if node.find(exp.Window, exp.WithinGroup, exp.Select) or self.has_aggregate(node):
            return None
        plain = replace(block, groups=None)
        term = self.value(node, plain)
        return (block.groups or {}).get(term.sql)

    def has_aggregate(self, node: exp.Expr) -> bool:
        """Tell whether an aggregate stands in a node, not counting those of subqueries."""
        for found in node.walk(prune=lambda n: isinstance(n, exp.Query)):
            if isinstance(found, (exp.Anonymous, exp.WithinGroup)) and not isinstance(found.parent, exp.Window):
                name = found.this if isinstance(found, exp.Anonymous) else found.this.this
                if isinstance(name, str) and name.upper() in AGGREGATES:
                    return True
        return False

    def _column(self, node: exp.Column, block: Block) -> Term:
        only_args(node, "this", "table", "db", "catalog")
        if isinstance(node.this, exp.Star):
            raise ora(936, position=position_of(node))
        if not node.args.get("table") and not node.this.args.get("quoted"):
            upper = str(node.this.this).upper()
            special = self._pseudo_column(upper, node, block)
            if special is not None:
                return special
            if block.aliases and upper in block.aliases:
                return block.aliases[upper]
        elif block.aliases and not node.args.get("table") and str(node.this.this) in block.aliases:
            return block.aliases[str(node.this.this)]
        term, is_local = block.scope.resolve(node)
        if is_local and block.groups is not None and not block.is_in_aggregate:
            raise ora(979 if block.has_group_by else 937, position=position_of(node))
        return term

    def _pseudo_column(self, name: str, node: exp.Column, block: Block) -> Term | None:
        if name in ("SYSDATE", "CURRENT_DATE"):
            return date(f"CAST({self.statement.parameters.add(-1, ClockBind())} AS TIMESTAMP)")
        if name == "USER":
            user = self.statement.environment.user
            return Term(quoted(user), Kind.VARCHAR2, size=128, is_nullable=False)
        if name == "ROWNUM":
            if block.rownum is None or (block.groups is not None and not block.is_in_aggregate):
                raise unimplemented("ROWNUM here", position_of(node))
            return Term(block.rownum, Kind.NUMBER, INTEGER, is_nullable=False)
        return None

    def _literal(self, node: exp.Literal, _block: Block) -> Term:
        if node.is_string:
            return text_literal(str(node.this))
        return number_literal(numbers.decode(numbers.encode(Decimal(str(node.this)))))

    def _raw_string(self, node: exp.Expr, _block: Block) -> Term:
        return text_literal(str(node.this))

    def _boolean(self, node: exp.Boolean, _block: Block) -> Term:
        raise ora(904, '"TRUE"' if node.this else '"FALSE"', position=position_of(node))

    def _bind(self, node: exp.Placeholder, block: Block) -> Term:
        only_args(node, "this")
        index = self.statement.bind_offsets[node.meta["start"]]
        declared = self.statement.bind_types[index]
        kind = _BIND_KINDS[declared]
        if kind is Kind.NUMBER:
            term = Term("", kind, EXACT, bind=index)
            return replace(term, sql=self.forms.exact(term))
        del block
        size = MAX_TEXT if kind in TEXTS or kind is Kind.RAW else 0
        kind = Kind.VARCHAR2 if kind is Kind.CHAR else kind
        return Term(self.forms.bound(index, kind), kind, size=size, bind=index)

    def _paren(self, node: exp.Paren, block: Block) -> Term:
        only_args(node, "this")
        return self.value(node.this, block)

    def _scalar_subquery(self, node: exp.Subquery, block: Block) -> Term:
        only_args(node, "this")
        query = self.subquery(node.this, block)
        if len(query.terms) != 1:
            raise ora(913, position=position_of(node))
        return replace(
            query.terms[0], sql=f"({query.sql})", is_nullable=True, is_literal=False, constant=None, bind=None
        )

    def subquery(self, node: exp.Expr, block: Block) -> Subquery:
        """Translate a query that stands inside this block."""
        if self.queries is None:
            raise unimplemented("a subquery here", position_of(node))
        return self.queries.subquery(node, block.scope)

    def number(self, node: exp.Expr, block: Block) -> Term:
        """Translate an expression that is taken as a NUMBER."""
        return self.as_number(self.value(node, block), node)

    def text(self, node: exp.Expr, block: Block) -> Term:
        """Translate an expression that is taken as text."""
        return self.as_text(self.value(node, block), node)

    def _negative(self, node: exp.Neg, block: Block) -> Term:
        term = self.number(node.this, block)
        if isinstance(term.constant, Decimal):
            return number_literal(term.constant.copy_negate())
        if term.kind is Kind.NULL:
            return term
        if term.bind is None and not isinstance(term.form, Exact):
            return Term(f"(-{term.sql})", Kind.NUMBER, term.form)
        return exact(f"ora_subtract({self.forms.exact(number_literal(Decimal(0)))}, {self.forms.exact(term)})")

    def _arithmetic(self, node: exp.Binary, block: Block) -> Term:
        only_args(node, "this", "expression", "typed", "safe")
        left, right = self.value(node.this, block), self.value(node.expression, block)
        if left.kind in TIMES or right.kind in TIMES or Kind.INTERVAL in (left.kind, right.kind):
            return self._date_arithmetic(node, left, right)
        left, right = self.as_number(left, node.this), self.as_number(right, node.expression)
        if Kind.DOUBLE in (left.kind, right.kind):
            raise unimplemented("arithmetic on BINARY_DOUBLE", position_of(node))
        if Kind.NULL in (left.kind, right.kind):
            return exact("CAST(NULL AS BLOB)")
        if isinstance(node, (exp.Add, exp.Sub)):
            return self._sum(node, left, right)
        a, b = left.constant, right.constant
        if isinstance(a, Decimal) and isinstance(b, Decimal) and (b or isinstance(node, exp.Mul)):
            result = numbers.multiply(a, b) if isinstance(node, exp.Mul) else numbers.divide(a, b)
            return number_literal(numbers.decode(numbers.encode(result)))
        name = "ora_multiply" if isinstance(node, exp.Mul) else "ora_divide"
        return exact(f"{name}({self.forms.exact(left)}, {self.forms.exact(right)})")

    def _sum(self, node: exp.Binary, left: Term, right: Term) -> Term:
        is_addition = isinstance(node, exp.Add)
        if isinstance(left.constant, Decimal) and isinstance(right.constant, Decimal):
            work = numbers.add if is_addition else numbers.subtract
            return number_literal(numbers.decode(numbers.encode(work(left.constant, right.constant))))
        form = EXACT if self.statement.parameters.is_exact else self.forms.common([left, right])
        a, b = self.forms.sql(left, form), self.forms.sql(right, form)
        sign = "+" if is_addition else "-"
        if isinstance(form, Integer):
            return Term(f"({a} {sign} {b})", Kind.NUMBER, INTEGER)
        if isinstance(form, Fixed):
            scale = form.scale
            sql = f"CAST(({a} {sign} {b}) AS DECIMAL({MAX_PRECISION},{scale}))"
            return Term(sql, Kind.NUMBER, Fixed(MAX_PRECISION, scale))
        return exact(f"{'ora_add' if is_addition else 'ora_subtract'}({a}, {b})")

    def _date_arithmetic(self, node: exp.Binary, left: Term, right: Term) -> Term:
        if isinstance(node, (exp.Mul, exp.Div)):
            raise ora(932, "NUMBER", (left if left.kind in TIMES else right).kind.name, position=position_of(node))
        is_addition = isinstance(node, exp.Add)
        if left.kind in TIMES and right.kind in TIMES:
            if is_addition:
                raise OracleError(975, "date + date not allowed", position_of(node))
            if Kind.TIMESTAMP in (left.kind, right.kind):
                raise unimplemented("the difference of TIMESTAMPs", position_of(node))
            return exact(f"ora_days_between({left.sql}, {right.sql})")
        moment, amount, amount_node = (left, right, node.expression) if left.kind in TIMES else (right, left, node.this)
        if moment.kind not in TIMES or (moment is right and not is_addition):
            raise ora(932, "NUMBER", "DATE", position=position_of(node))
        if amount.kind is Kind.INTERVAL:
            sql = amount.sql
            if moment.kind is Kind.TIMESTAMP:
                raise unimplemented("TIMESTAMP with INTERVAL", position_of(node))
        else:
            sql = self.forms.exact(self.as_number(amount, amount_node))
        if not is_addition:
            sql = f"ora_subtract({self.forms.exact(number_literal(Decimal(0)))}, {sql})"
        return date(f"ora_add_days({moment.sql}, {sql})")

    def _interval(self, node: exp.Interval, _block: Block) -> Term:
        only_args(node, "this", "unit")
        per_day = {"DAY": 1, "HOUR": 24, "MINUTE": 24 * 60, "SECOND": dates.SECONDS_PER_DAY}
        unit = node.args.get("unit")
        name = str(unit.this).upper() if isinstance(unit, exp.Var) else ""
        amount = str(node.this.this) if isinstance(node.this, exp.Literal) and node.this.is_string else ""
        if name not in per_day or not amount.isdigit():
            raise unimplemented("this INTERVAL", position_of(node))
        days = numbers.divide(Decimal(amount), Decimal(per_day[name]))
        literal = number_literal(numbers.decode(numbers.encode(days)))
        return Term(self.forms.exact(literal), Kind.INTERVAL)

    def _concatenation(self, node: exp.DPipe, block: Block) -> Term:
        operands: list[exp.Expr] = []
        at: exp.Expr = node
        while isinstance(at, exp.DPipe):
            only_args(at, "this", "expression", "safe")
            if isinstance(at.expression, exp.Add | exp.Sub):
                raise unimplemented("|| and + without brackets round one of them", position_of(at))
            operands.append(at.expression)
            at = at.this
        terms = [self.text(operand, block) for operand in (at, *reversed(operands))]
        size = sum(term.size for term in terms)
        is_filled = any(isinstance(term.constant, str) for term in terms)
        joined = " || ".join(
            term.sql if isinstance(term.constant, str) else f"coalesce({term.sql}, '')" for term in terms
        )
        sql = f"({joined})" if is_filled else non_empty(joined)
        if size > MAX_TEXT:
            sql = f"ora_short({sql})"
        is_char = all(term.kind is Kind.CHAR and not term.is_nullable for term in terms)
        return Term(sql, Kind.CHAR if is_char else Kind.VARCHAR2, size=min(size, MAX_TEXT))

    def _case(self, node: exp.Case, block: Block) -> Term:
        only_args(node, "this", "ifs", "default")
        conditions: list[str] = []
        results: list[Term] = []
        nodes: list[exp.Expr] = []
        subject = node.this
        for branch in node.args["ifs"]:
            only_args(branch, "this", "true")
            if subject is not None:
                if isinstance(branch.this, exp.Null):
                    conditions.append("CAST(NULL AS BOOLEAN)")
                else:
                    self.require_alike(self.value(subject, block), self.value(branch.this, block), branch.this)
                    conditions.append(self.compare("=", subject, branch.this, block))
            else:
                conditions.append(self.condition(branch.this, block))
            nodes.append(branch.args["true"])
            results.append(self.value(branch.args["true"], block))
        if (default := node.args.get("default")) is not None:
            nodes.append(default)
            results.append(self.value(default, block))
        texts, typed = self.same_type(results, nodes)
        whens = " ".join(f"WHEN {c} THEN {t}" for c, t in zip(conditions, texts, strict=False))
        otherwise = f" ELSE {texts[-1]}" if len(texts) > len(conditions) else ""
        return replace(typed, sql=f"(CASE {whens}{otherwise} END)")

    def _cast(self, node: exp.Cast, block: Block) -> Term:
        if not node.meta.get("is_written"):
            raise ora(933, position=position_of(node))
        only_args(node, "this", "to")
        target = node.args["to"]
        only_args(target, "this", "expressions")
        sizes = sizes_of(target)
        if not all(size.isdigit() for size in sizes):
            raise unimplemented("this CAST", position_of(node))
        term = self.value(node.this, block)
        match target.this:
            case exp.DType.DECIMAL:
                number = self.as_number(term, node.this)
                if not sizes:
                    return replace(number, constant=None, is_literal=False, bind=None)
                precision, scale = int(sizes[0]), int(sizes[1]) if len(sizes) > 1 else 0
                sql = f"ora_fit({self.forms.exact(number)}, {precision}, {scale})"
                return Term(sql, Kind.NUMBER, EXACT, precision=precision, scale=scale)
            case exp.DType.INT:
                number = self.as_number(term, node.this)
                sql = f"ora_fit({self.forms.exact(number)}, 38, 0)"
                return Term(sql, Kind.NUMBER, EXACT, precision=38, scale=0)
            case exp.DType.VARCHAR if len(sizes) == 1:
                text = self.as_text(term, node.this)
                if not term.is_text:
                    raise unimplemented("CAST of this to VARCHAR2", position_of(node))
                return varchar(non_empty(f"substring({text.sql}, 1, {sizes[0]})"), int(sizes[0]))
            case exp.DType.CHAR if len(sizes) <= 1 and term.is_text:
                size = int(sizes[0]) if sizes else 1
                return Term(f"rpad({term.sql}, {size}, ' ')", Kind.CHAR, size=size)
            case exp.DType.DATE if not sizes:
                moment = self.as_date(term, node.this)
                return date(f"date_trunc('second', {moment.sql})")
        raise unimplemented("this CAST", position_of(node))

    def _trim(self, node: exp.Trim, block: Block) -> Term:
        only_args(node, "this", "expression", "position")
        if node.expression is not None and not isinstance(node.expression, exp.Literal):
            raise unimplemented("TRIM of what is no literal", position_of(node))
        term = self.text(node.this, block)
        characters = str(node.expression.this) if node.expression is not None else " "
        if len(characters) != 1:
            raise ora(30001, position=position_of(node))
        side = str(node.args.get("position") or "BOTH").upper()
        name = {"LEADING": "ltrim", "TRAILING": "rtrim", "BOTH": "trim"}[side]
        return varchar(non_empty(f"{name}({term.sql}, {quoted(characters)})"), term.size)

    def _extract(self, node: exp.Extract, block: Block) -> Term:
        only_args(node, "this", "expression")
        field_name = str(node.this.this if isinstance(node.this, exp.Expr) else node.this).upper()
        term = self.value(node.expression, block)
        allowed = ("YEAR", "MONTH", "DAY") if term.kind is Kind.DATE else ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE")
        if term.kind not in TIMES or field_name not in allowed:
            raise unimplemented("this EXTRACT", position_of(node))
        return Term(f"CAST(extract('{field_name.lower()}' FROM {term.sql}) AS BIGINT)", Kind.NUMBER, INTEGER)

    def _function(self, node: exp.Expr, block: Block) -> Term:
        inner: exp.Expr = node
        while isinstance(inner, (exp.Window, exp.WithinGroup)):
            inner = inner.this
        if not isinstance(inner, exp.Anonymous):
            raise unimplemented(inner.key.upper(), position_of(node))
        if not isinstance(inner.this, str):
            raise ora(904, f'"{inner.this.this}"', position=position_of(inner))
        name = inner.this.upper()
        translate = self._functions.get(name)
        if translate is None:
            if name in UNBUILT_FUNCTIONS:
                raise unimplemented(f"the function {name}", position_of(inner))
            raise ora(904, f'"{name}"', position=position_of(inner))
        return translate(self, node, block)  # type: ignore[arg-type]
