"""Expressions and conditions: an allow-list walk over the parsed tree that says each node in DuckDB's SQL.

A node that is not named here is refused with an ORA error; nothing is passed on unread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from sqlglot import exp

from dev.oracle_standin.backend import OracleError
from dev.oracle_standin.dialect import dates, numbers
from dev.oracle_standin.dialect.binds import ClockBind, DateTextBind, NumberTextBind, Parameters
from dev.oracle_standin.dialect.errors import ora, unimplemented
from dev.oracle_standin.dialect.names import Environment, Scope, StoredTable
from dev.oracle_standin.dialect.parse import name_of, only_args, position_of
from dev.oracle_standin.dialect.terms import (
    EXACT,
    INTEGER,
    MAX_TEXT,
    NULL,
    TEXTS,
    TIMES,
    Exact,
    Fixed,
    Form,
    Forms,
    Integer,
    Kind,
    Term,
    date,
    exact,
    number_literal,
    quoted,
    text_literal,
    varchar,
)
from dev.oracle_standin.dialect.types import MAX_PRECISION
from dev.oracle_standin.values import Bind, OracleType

MAX_LIST = 1000
_LONGEST_NUMBER_TEXT = 40
_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
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


@dataclass(frozen=True, slots=True)
class Block:
    """Where an expression stands: its query block, and what is allowed there."""

    scope: Scope
    allows_aggregates: bool = False
    allows_windows: bool = False
    is_in_aggregate: bool = False
    groups: dict[str, Term] | None = None
    """The GROUP BY expressions by their DuckDB text, in a block that groups; None in one that does not."""
    has_group_by: bool = False
    aliases: dict[str, Term] | None = None
    """The select list's names, which ORDER BY sees before the columns."""
    rownum: str | None = None


@dataclass(frozen=True, slots=True)
class Subquery:
    """A translated query: DuckDB text whose columns are named c0, c1, …, and what each holds."""

    sql: str
    names: tuple[str, ...]
    terms: tuple[Term, ...]


class QueryTranslator(Protocol):
    """What expressions ask of the translation of queries."""

    def subquery(self, node: exp.Expr, outer: Scope | None) -> Subquery:
        """Translate a query inside an expression."""
        ...


@dataclass(slots=True)
class Statement:
    """What is known and gathered while one statement is translated."""

    environment: Environment
    source: str
    bind_types: tuple[OracleType, ...]
    bind_offsets: dict[int, int]
    parameters: Parameters
    tables: dict[tuple[str, str], StoredTable] = field(default_factory=dict)
    serial: int = 0

    def fresh(self, prefix: str) -> str:
        """Return a DuckDB alias that nothing else in the statement has."""
        self.serial += 1
        return f"{prefix}{self.serial}"


FunctionTranslator = Callable[["Expressions", "exp.Anonymous", Block], Term]


class Expressions:
    """Translates the expressions and conditions of one statement."""

    def __init__(self, statement: Statement, functions: dict[str, FunctionTranslator]) -> None:
        self.statement = statement
        self.forms = Forms(statement.parameters)
        self._functions = functions
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
        self._conditions: dict[type[exp.Expr], Callable[..., str]] = {
            exp.And: self._connective,
            exp.Or: self._connective,
            exp.Not: self._not,
            exp.Paren: self._paren_condition,
            exp.Is: self._is_null,
            exp.In: self._in,
            exp.Between: self._between,
            exp.Like: self._like,
            exp.Escape: self._like,
            exp.Exists: self._exists,
            **dict.fromkeys(_COMPARISONS, self._comparison),
        }

    # ---- values

    def value(self, node: exp.Expr, block: Block) -> Term:
        """Translate an expression that has a value.

        :raises OracleError: what Oracle raises, or ORA-03001 and ORA-00933 for what is not on the list.
        """
        translate = self._values.get(type(node))
        if translate is None:
            code = 936 if isinstance(node, exp.Star) else 933
            if type(node) in self._conditions or isinstance(node, (exp.Star, exp.Alias, exp.Tuple)):
                raise ora(code, position=position_of(node))
            raise unimplemented(node.key.upper(), position_of(node))
        if block.groups and not block.is_in_aggregate and (grouped := self._grouped(node, block)):
            return grouped
        return translate(node, block)

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

    # ---- conversions

    def number(self, node: exp.Expr, block: Block) -> Term:
        """Translate an expression that is taken as a NUMBER."""
        return self.as_number(self.value(node, block), node)

    def as_number(self, term: Term, node: exp.Expr) -> Term:
        """Convert a term to NUMBER, as Oracle does where a number is needed.

        :raises OracleError: ORA-00932 for a date.
        """
        if term.kind in (Kind.NUMBER, Kind.NULL):
            return term
        if term.is_text:
            if term.bind is not None:
                bound = Term("", Kind.NUMBER, EXACT, bind=term.bind)
                return replace(bound, sql=self.forms.exact(bound))
            if isinstance(term.constant, str):
                try:
                    return replace(number_literal(numbers.from_text(term.constant)), is_literal=False)
                except OracleError:
                    return exact(f"ora_to_number({term.sql})")
            return exact(f"ora_to_number({term.sql})")
        raise ora(932, "NUMBER", term.kind.name, position=position_of(node))

    def text(self, node: exp.Expr, block: Block) -> Term:
        """Translate an expression that is taken as text."""
        return self.as_text(self.value(node, block), node)

    def as_text(self, term: Term, node: exp.Expr) -> Term:
        """Convert a term to VARCHAR2, as Oracle does where text is needed."""
        if term.is_text:
            return term
        if term.kind is Kind.NULL:
            return replace(NULL, sql="CAST(NULL AS VARCHAR)")
        if term.kind is Kind.NUMBER:
            return varchar(self.number_text(term), _LONGEST_NUMBER_TEXT)
        if term.kind is Kind.DATE:
            model = self.statement.environment.date_format
            return varchar(f"ora_date_text({term.sql}, {quoted(model)})", 75)
        raise unimplemented(f"text of a {term.kind.name}", position_of(node))

    def number_text(self, term: Term) -> str:
        """Return the DuckDB text of a NUMBER as Oracle writes it."""
        if term.bind is not None:
            return f"CAST({self.statement.parameters.add(term.bind, NumberTextBind())} AS VARCHAR)"
        if isinstance(term.constant, Decimal):
            return quoted(numbers.to_text(term.constant))
        if isinstance(term.form, Integer):
            return f"CAST({term.sql} AS VARCHAR)"
        return f"ora_number_text({self.forms.exact(term)})"

    def as_date(self, term: Term, node: exp.Expr) -> Term:
        """Convert a term to DATE by the session's date format."""
        if term.kind is Kind.DATE:
            return term
        if term.kind is Kind.TIMESTAMP:
            return date(f"date_trunc('second', {term.sql})")
        if term.kind is Kind.NULL:
            return replace(NULL, sql="CAST(NULL AS TIMESTAMP)")
        if term.is_text:
            model = self.statement.environment.date_format
            if term.bind is not None:
                return date(f"CAST({self.statement.parameters.add(term.bind, DateTextBind(model))} AS TIMESTAMP)")
            return date(f"ora_date({term.sql}, {quoted(model)})")
        raise ora(932, "DATE", term.kind.name, position=position_of(node))

    def like_first(self, terms: Sequence[Term], nodes: Sequence[exp.Expr]) -> tuple[list[str], Term]:
        """Convert terms to the type of the first that has one (NVL, DECODE, GREATEST).

        :return: the DuckDB texts, and a term that describes them all (its sql is empty).
        """
        first = next((term for term in terms if term.kind is not Kind.NULL), None)
        if first is None:
            return ["CAST(NULL AS VARCHAR)" for _ in terms], replace(NULL, sql="")
        pairs = list(zip(terms, nodes, strict=True))
        if first.kind is Kind.NUMBER:
            return self._same_form([self.as_number(t, n) for t, n in pairs])
        if first.is_text:
            converted = [self.as_text(t, n) for t, n in pairs]
            return [t.sql for t in converted], varchar("", max(t.size for t in converted))
        if first.kind in TIMES:
            if first.kind is Kind.TIMESTAMP and not all(t.kind in TIMES or t.kind is Kind.NULL for t in terms):
                raise unimplemented("text as a TIMESTAMP", position_of(nodes[0]))
            converted = [self.as_date(t, n) if first.kind is Kind.DATE else t for t, n in pairs]
            return [t.sql for t in converted], Term("", first.kind)
        return self._alike(terms, nodes, first)

    def same_type(self, terms: Sequence[Term], nodes: Sequence[exp.Expr], code: int = 932) -> tuple[list[str], Term]:
        """Require terms of one type (CASE, COALESCE, set operations); numbers are brought to one form.

        :raises OracleError: ORA-00932, or ``code`` without details.
        """
        first = next((term for term in terms if term.kind is not Kind.NULL), None)
        if first is None:
            return ["CAST(NULL AS VARCHAR)" for _ in terms], replace(NULL, sql="")
        for term, node in zip(terms, nodes, strict=True):
            if term.kind is not Kind.NULL and not _is_alike(first, term):
                names = (first.kind.name, term.kind.name) if code == 932 else ()
                raise ora(code, *names, position=position_of(node))
        if first.kind is Kind.NUMBER:
            return self._same_form(terms)
        if first.is_text:
            texts = [t for t in terms if t.is_text]
            size = max(t.size for t in texts)
            is_char = all(t.kind is Kind.CHAR and t.size == size for t in texts)
            typed = Term("", Kind.CHAR if is_char else Kind.VARCHAR2, size=min(size, MAX_TEXT))
            return [t.sql if t.is_text else "CAST(NULL AS VARCHAR)" for t in terms], typed
        return self._alike(terms, nodes, first)

    def _alike(self, terms: Sequence[Term], nodes: Sequence[exp.Expr], first: Term) -> tuple[list[str], Term]:
        for term, node in zip(terms, nodes, strict=True):
            if term.kind is not Kind.NULL and not _is_alike(first, term):
                raise ora(932, first.kind.name, term.kind.name, position=position_of(node))
        kind = Kind.TIMESTAMP if any(t.kind is Kind.TIMESTAMP for t in terms) else first.kind
        return [t.sql for t in terms], Term("", kind, size=max(t.size for t in terms))

    def _same_form(self, terms: Sequence[Term]) -> tuple[list[str], Term]:
        form = self.forms.common(terms)
        declared = {(t.precision, t.scale) for t in terms if t.kind is Kind.NUMBER}
        precision, scale = declared.pop() if len(declared) == 1 else (0, -127)
        return [self._formed(t, form) for t in terms], Term("", Kind.NUMBER, form, precision=precision, scale=scale)

    def _formed(self, term: Term, form: Form) -> str:
        if term.kind is Kind.NULL:
            return f"CAST(NULL AS {duckdb_form(form)})"
        return self.forms.sql(term, form)

    # ---- operators

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
        form = self.forms.common([left, right])
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
        only_args(node, "this", "expression", "safe")
        if isinstance(node.expression, (exp.Add, exp.Sub)):
            raise unimplemented("|| and + without brackets round one of them", position_of(node))
        left, right = self.text(node.this, block), self.text(node.expression, block)
        size = left.size + right.size
        parts = [term.sql if isinstance(term.constant, str) else f"coalesce({term.sql}, '')" for term in (left, right)]
        if any(isinstance(term.constant, str) for term in (left, right)):
            sql = f"({parts[0]} || {parts[1]})"
        else:
            sql = f"nullif({parts[0]} || {parts[1]}, '')"
        if size > MAX_TEXT:
            sql = f"ora_short({sql})"
        is_char = left.kind is Kind.CHAR and right.kind is Kind.CHAR and not (left.is_nullable or right.is_nullable)
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
        sizes = [str(parameter.this.this) for parameter in target.expressions]
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
                return varchar(f"nullif(substring({text.sql}, 1, {sizes[0]}), '')", int(sizes[0]))
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
        return varchar(f"nullif({name}({term.sql}, {quoted(characters)}), '')", term.size)

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

    # ---- conditions

    def condition(self, node: exp.Expr, block: Block) -> str:
        """Translate a condition; Oracle has no boolean values, so nothing else may stand there.

        :raises OracleError: ORA-00933 where an expression stands, ORA-03001 for what is not on the list.
        """
        translate = self._conditions.get(type(node))
        if translate is None:
            if type(node) in self._values:
                raise OracleError(920, "invalid relational operator", position_of(node))
            raise unimplemented(node.key.upper(), position_of(node))
        return translate(node, block)

    def _connective(self, node: exp.Connector, block: Block) -> str:
        word = "AND" if isinstance(node, exp.And) else "OR"
        only_args(node, "this", "expression")
        members = [self.condition(member, block) for member in node.flatten(unnest=False)]
        return "(" + f" {word} ".join(members) + ")"

    def _not(self, node: exp.Not, block: Block) -> str:
        return f"(NOT {self.condition(node.this, block)})"

    def _paren_condition(self, node: exp.Paren, block: Block) -> str:
        return self.condition(node.this, block)

    def _is_null(self, node: exp.Is, block: Block) -> str:
        only_args(node, "this", "expression")
        if not isinstance(node.expression, exp.Null):
            raise OracleError(908, "missing NULL keyword", position_of(node))
        return f"({self.value(node.this, block).sql} IS NULL)"

    def _exists(self, node: exp.Exists, block: Block) -> str:
        only_args(node, "this")
        inner = node.this
        return f"EXISTS ({self.subquery(inner.this if isinstance(inner, exp.Subquery) else inner, block).sql})"

    def _comparison(self, node: exp.Binary, block: Block) -> str:
        only_args(node, "this", "expression")
        operator = _COMPARISONS[type(node)]
        quantified = self._quantifier(node.expression)
        if quantified is not None:
            return self._quantified(node, operator, *quantified, block)
        if isinstance(node.this, exp.Tuple) or isinstance(node.expression, exp.Tuple):
            return self._tuple_comparison(node, operator, block)
        return self.compare(operator, node.this, node.expression, block)

    def _tuple_comparison(self, node: exp.Binary, operator: str, block: Block) -> str:
        left, right = node.this, node.expression
        if operator != "=" or not isinstance(left, exp.Tuple) or not isinstance(right, exp.Tuple):
            raise unimplemented("this comparison of lists", position_of(node))
        if len(left.expressions) != len(right.expressions):
            raise ora(947 if len(right.expressions) < len(left.expressions) else 913, position=position_of(right))
        pairs = zip(left.expressions, right.expressions, strict=True)
        return "(" + " AND ".join(self.compare("=", a, b, block) for a, b in pairs) + ")"

    def _quantifier(self, node: exp.Expr) -> tuple[bool, list[exp.Expr]] | None:
        """Return whether a right side is ANY (not ALL), and its members or its one query; None if it is neither."""
        if (
            isinstance(node, exp.Anonymous)
            and isinstance(node.this, str)
            and node.this.upper() in ("ANY", "SOME", "ALL")
        ):
            return node.this.upper() != "ALL", list(node.expressions)
        if not isinstance(node, exp.Any | exp.All):
            return None
        inner = node.this
        while isinstance(inner, exp.Subquery | exp.Paren):
            inner = inner.this
        return isinstance(node, exp.Any), list(inner.expressions) if isinstance(inner, exp.Tuple) else [inner]

    def _quantified(self, node: exp.Binary, operator: str, is_any: bool, members: list[exp.Expr], block: Block) -> str:
        if isinstance(members[0], exp.Query):
            if (operator, is_any) == ("=", True):
                return self._in_query(node.this, members[0], block)
            if (operator, is_any) == ("<>", False):
                return f"(NOT {self._in_query(node.this, members[0], block)})"
            raise unimplemented("this comparison with ANY or ALL", position_of(node))
        self._check_list(members)
        joined = " OR " if is_any else " AND "
        return "(" + joined.join(self.compare(operator, node.this, member, block) for member in members) + ")"

    def compare(self, operator: str, left_node: exp.Expr, right_node: exp.Expr, block: Block) -> str:
        """Translate one comparison, with Oracle's implicit conversions and blank-padded CHAR."""
        left, right = self.value(left_node, block), self.value(right_node, block)
        a, b = self.comparable(left, right, left_node, right_node)
        return f"({a} {operator} {b})"

    def comparable(  # noqa: PLR0911 - one pair of types, one return
        self, left: Term, right: Term, left_node: exp.Expr, right_node: exp.Expr
    ) -> tuple[str, str]:
        """Return two DuckDB texts that compare as Oracle compares the terms.

        :raises OracleError: ORA-00932.
        """
        kinds = {left.kind, right.kind}
        if Kind.NULL in kinds:
            return "CAST(NULL AS VARCHAR)", "CAST(NULL AS VARCHAR)"
        if kinds <= TEXTS:
            return _padded(left, right)
        if Kind.DOUBLE in kinds:
            return self._double(left, left_node), self._double(right, right_node)
        if Kind.NUMBER in kinds:
            pair = [self.as_number(left, left_node), self.as_number(right, right_node)]
            form = self.forms.common(pair)
            return self.forms.sql(pair[0], form), self.forms.sql(pair[1], form)
        if kinds <= TIMES:
            return left.sql, right.sql
        if kinds & TIMES:
            if Kind.TIMESTAMP in kinds and kinds & TEXTS:
                raise unimplemented("a TIMESTAMP compared with text", position_of(left_node))
            return self.as_date(left, left_node).sql, self.as_date(right, right_node).sql
        if kinds == {Kind.RAW}:
            return left.sql, right.sql
        raise ora(932, left.kind.name, right.kind.name, position=position_of(right_node))

    def _double(self, term: Term, node: exp.Expr) -> str:
        if term.kind is Kind.DOUBLE:
            return term.sql
        number = self.as_number(term, node)
        return f"CAST({self.number_text(number)} AS DOUBLE)"

    def _between(self, node: exp.Between, block: Block) -> str:
        only_args(node, "this", "low", "high")
        low = self.compare(">=", node.this, node.args["low"], block)
        high = self.compare("<=", node.this, node.args["high"], block)
        return f"({low} AND {high})"

    def _like(self, node: exp.Expr, block: Block) -> str:
        only_args(node, "this", "expression")
        escape = None
        like = node
        if isinstance(node, exp.Escape):
            like = node.this
            if not isinstance(like, exp.Like) or not isinstance(node.expression, exp.Literal):
                raise unimplemented("this LIKE", position_of(node))
            escape = str(node.expression.this)
            if len(escape) != 1:
                raise ora(1425, position=position_of(node))
        only_args(like, "this", "expression")
        subject, pattern = self.text(like.this, block), self.text(like.expression, block)
        if escape is None:
            return f"({subject.sql} LIKE {pattern.sql})"
        return f"({subject.sql} LIKE ora_pattern({pattern.sql}, {quoted(escape)}) ESCAPE {quoted(escape)})"

    def _in(self, node: exp.In, block: Block) -> str:
        only_args(node, "this", "expressions", "query")
        if (query := node.args.get("query")) is not None:
            return self._in_query(node.this, query.this if isinstance(query, exp.Subquery) else query, block)
        members = node.expressions
        if not members:
            raise ora(936, position=position_of(node))
        self._check_list(members)
        if isinstance(node.this, exp.Tuple):
            return self._tuple_in(node.this, members, block)
        subject = self.value(node.this, block)
        terms = [self.value(member, block) for member in members]
        if subject.kind is Kind.NUMBER and all(t.kind is not Kind.DOUBLE for t in terms):
            numeric = [self.as_number(t, m) for t, m in zip(terms, members, strict=True)]
            form = self.forms.common([subject, *numeric])
            listed = ", ".join(self._formed(t, form) for t in numeric)
            return f"({self.forms.sql(subject, form)} IN ({listed}))"
        if subject.kind is Kind.VARCHAR2 and all(t.is_text or t.kind is Kind.NULL for t in terms):
            listed = ", ".join("CAST(NULL AS VARCHAR)" if t.kind is Kind.NULL else t.sql for t in terms)
            return f"({subject.sql} IN ({listed}))"
        pairs = (self.comparable(subject, t, node.this, m) for t, m in zip(terms, members, strict=True))
        return "(" + " OR ".join(f"{a} = {b}" for a, b in pairs) + ")"

    def _check_list(self, members: Sequence[exp.Expr]) -> None:
        if len(members) > MAX_LIST:
            raise ora(1795, position=position_of(members[MAX_LIST]))

    def _tuple_in(self, subject: exp.Tuple, members: Sequence[exp.Expr], block: Block) -> str:
        alternatives: list[str] = []
        for member in members:
            if not isinstance(member, exp.Tuple) or len(member.expressions) != len(subject.expressions):
                raise ora(947, position=position_of(member))
            pairs = zip(subject.expressions, member.expressions, strict=True)
            alternatives.append("(" + " AND ".join(self.compare("=", a, b, block) for a, b in pairs) + ")")
        return "(" + " OR ".join(alternatives) + ")"

    def _in_query(self, subject: exp.Expr, query_node: exp.Expr, block: Block) -> str:
        subjects = subject.expressions if isinstance(subject, exp.Tuple) else [subject]
        query = self.subquery(query_node, block)
        if len(query.terms) != len(subjects):
            raise ora(947 if len(query.terms) < len(subjects) else 913, position=position_of(query_node))
        alias = self.statement.fresh("q")
        lefts: list[str] = []
        rights: list[str] = []
        for index, (node, inner) in enumerate(zip(subjects, query.terms, strict=True)):
            column = replace(inner, sql=f"{alias}.c{index}", constant=None, bind=None, is_literal=False)
            a, b = self.comparable(self.value(node, block), column, node, query_node)
            lefts.append(a)
            rights.append(b)
        left = lefts[0] if len(lefts) == 1 else "(" + ", ".join(lefts) + ")"
        return f"({left} IN (SELECT {', '.join(rights)} FROM ({query.sql}) AS {alias}))"


def _is_alike(one: Term, other: Term) -> bool:
    if one.is_text:
        return other.is_text
    if one.kind in TIMES:
        return other.kind in TIMES
    return one.kind is other.kind


def _padded(left: Term, right: Term) -> tuple[str, str]:
    if left.kind is not Kind.CHAR or right.kind is not Kind.CHAR:
        return left.sql, right.sql
    size = max(_least_size(left), _least_size(right))
    return _pad(left, size), _pad(right, size)


def _least_size(term: Term) -> int:
    return len(term.constant.rstrip(" ")) if isinstance(term.constant, str) else term.size


def _pad(term: Term, size: int) -> str:
    if isinstance(term.constant, str):
        return quoted(term.constant.rstrip(" ").ljust(size))
    return term.sql if term.size == size else f"rpad({term.sql}, {size}, ' ')"


def duckdb_form(form: Form) -> str:
    """Return the DuckDB type of a form."""
    if isinstance(form, Integer):
        return "BIGINT"
    return f"DECIMAL({form.precision},{form.scale})" if isinstance(form, Fixed) else "BLOB"


def bind_types_of(binds: Sequence[Bind]) -> tuple[OracleType, ...]:
    """Return the declared types of an execution's binds: part of what a translation depends on."""
    return tuple(bind.type for bind in binds)


PSEUDO_COLUMNS = frozenset({"SYSDATE", "CURRENT_DATE", "USER", "ROWNUM"})
"""Reserved names without brackets that have a value."""

AGGREGATES = frozenset({"COUNT", "SUM", "AVG", "MIN", "MAX", "LISTAGG"})
"""Functions of a group of rows."""

UNBUILT_FUNCTIONS = frozenset(
    [
        "ACOS",
        "APPEND",
        "APPROX_COUNT_DISTINCT",
        "ASCIISTR",
        "ASIN",
        "ATAN",
        "ATAN2",
        "BFILENAME",
        "BITAND",
        "CAST",
        "CHARTOROWID",
        "CHR",
        "COLLECT",
        "COMPOSE",
        "CONVERT",
        "CORR",
        "COS",
        "COSH",
        "COVAR_POP",
        "COVAR_SAMP",
        "CUBE_TABLE",
        "CUME_DIST",
        "CV",
        "DBTIMEZONE",
        "DECOMPOSE",
        "DENSE_RANK",
        "DUMP",
        "EMPTY_BLOB",
        "EMPTY_CLOB",
        "EXP",
        "EXTRACTVALUE",
        "FIRST",
        "FROM_TZ",
        "GROUPING",
        "GROUPING_ID",
        "GROUP_ID",
        "HEXTORAW",
        "INITCAP",
        "INSTRB",
        "JSON_ARRAY",
        "JSON_OBJECT",
        "JSON_QUERY",
        "JSON_TABLE",
        "JSON_VALUE",
        "LAST",
        "LENGTHC",
        "LNNVL",
        "LN",
        "LOCALTIMESTAMP",
        "LOG",
        "LOWERCASE",
        "MEDIAN",
        "NANVL",
        "NCHR",
        "NEW_TIME",
        "NEXT_DAY",
        "NLSSORT",
        "NLS_CHARSET_ID",
        "NLS_CHARSET_NAME",
        "NLS_INITCAP",
        "NLS_LOWER",
        "NLS_UPPER",
        "NTH_VALUE",
        "NULLIF",
        "NUMTODSINTERVAL",
        "NUMTOYMINTERVAL",
        "ORA_HASH",
        "PERCENTILE_CONT",
        "PERCENTILE_DISC",
        "PERCENT_RANK",
        "POWERMULTISET",
        "RATIO_TO_REPORT",
        "RAWTOHEX",
        "REGEXP_COUNT",
        "REGEXP_INSTR",
        "REGEXP_LIKE",
        "REGEXP_REPLACE",
        "REGEXP_SUBSTR",
        "REGR_SLOPE",
        "REMAINDER",
        "REVERSE",
        "ROLLUP",
        "ROWIDTOCHAR",
        "SCN_TO_TIMESTAMP",
        "SESSIONTIMEZONE",
        "SIN",
        "SINH",
        "SOUNDEX",
        "SQRT",
        "STANDARD_HASH",
        "STATS_MODE",
        "STDDEV",
        "STDDEV_POP",
        "STDDEV_SAMP",
        "SUBSTRB",
        "SYS_CONTEXT",
        "SYS_EXTRACT_UTC",
        "SYS_GUID",
        "TAN",
        "TANH",
        "TO_BINARY_DOUBLE",
        "TO_BLOB",
        "TO_CLOB",
        "TO_DSINTERVAL",
        "TO_LOB",
        "TO_MULTI_BYTE",
        "TO_NCHAR",
        "TO_NCLOB",
        "TO_SINGLE_BYTE",
        "TO_TIMESTAMP_TZ",
        "TO_YMINTERVAL",
        "TREAT",
        "TZ_OFFSET",
        "UID",
        "UNISTR",
        "UPDATEXML",
        "USERENV",
        "VALIDATE_CONVERSION",
        "VARIANCE",
        "VAR_POP",
        "VAR_SAMP",
        "VSIZE",
        "WIDTH_BUCKET",
        "WM_CONCAT",
        "XMLAGG",
        "XMLELEMENT",
        "XMLFOREST",
        "XMLTABLE",
    ]
)
"""Functions that Oracle has and the stand-in does not answer: ORA-03001 rather than ORA-00904."""


__all__ = [
    "AGGREGATES",
    "PSEUDO_COLUMNS",
    "Block",
    "Expressions",
    "FunctionTranslator",
    "Statement",
    "Subquery",
    "bind_types_of",
    "datetime",
    "duckdb_form",
    "name_of",
]
