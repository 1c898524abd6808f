"""Conditions: what may stand in WHERE, ON, HAVING and CASE; Oracle has no boolean values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from dev.oracle_standin.backend import OracleError
from dev.oracle_standin.dialect.context import Block
from dev.oracle_standin.dialect.errors import ora, unimplemented
from dev.oracle_standin.dialect.terms import Kind, quoted
from dev.oracle_standin.dialect.tree import only_args, position_of

if TYPE_CHECKING:
    from dev.oracle_standin.dialect.expressions import Expressions

MAX_LIST = 1000
_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}


class Conditions:
    """Translates the conditions of one statement."""

    def __init__(self, expressions: Expressions) -> None:
        self._e = expressions
        self._translators: dict[type[exp.Expr], Callable[..., str]] = {
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

    def is_condition(self, node: exp.Expr) -> bool:
        """Tell whether a node is a condition, so has no value."""
        return type(node) in self._translators

    def condition(self, node: exp.Expr, block: Block) -> str:
        """Translate a condition; Oracle has no boolean values, so nothing else may stand there.

        :raises OracleError: ORA-00933 where an expression stands, ORA-03001 for what is not on the list.
        """
        translate = self._translators.get(type(node))
        if not isinstance(node, exp.Expr):  # sqlglot leaves a gap where a condition is missing
            raise ora(936)
        if translate is None:
            if self._e.is_value(node):
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
        return f"({self._e.value(node.this, block).sql} IS NULL)"

    def _exists(self, node: exp.Exists, block: Block) -> str:
        only_args(node, "this")
        inner = node.this
        return f"EXISTS ({self._e.subquery(inner.this if isinstance(inner, exp.Subquery) else inner, block).sql})"

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
            return self._in_query(node.this, members[0], block, f"{operator} {'ANY' if is_any else 'ALL'}")
        self._check_list(members)
        if not isinstance(node.this, exp.Tuple) and self._e.value(node.this, block).kind is Kind.NUMBER:
            for member in members:
                self._e.settled_number(self._e.value(member, block), member)
        joined = " OR " if is_any else " AND "
        return "(" + joined.join(self.compare(operator, node.this, member, block) for member in members) + ")"

    def compare(self, operator: str, left_node: exp.Expr, right_node: exp.Expr, block: Block) -> str:
        """Translate one comparison, with Oracle's implicit conversions and blank-padded CHAR."""
        left, right = self._e.value(left_node, block), self._e.value(right_node, block)
        a, b = self._e.comparable(left, right, left_node, right_node)
        return f"({a} {operator} {b})"

    def _between(self, node: exp.Between, block: Block) -> str:
        only_args(node, "this", "low", "high")
        low = self.compare(">=", node.this, node.args["low"], block)
        high = self.compare("<=", node.this, node.args["high"], block)
        return f"({low} AND {high})"

    def _like(self, node: exp.Expr, block: Block) -> str:
        only_args(node, "this", "expression", "negate")
        escape = None
        like = node
        if isinstance(node, exp.Escape):
            like = node.this
            if not isinstance(like, exp.Like) or not isinstance(node.expression, exp.Literal):
                raise unimplemented("this LIKE", position_of(node))
            escape = str(node.expression.this)
            if len(escape) != 1:
                raise ora(1425, position=position_of(node))
        only_args(like, "this", "expression", "negate")
        word = "NOT LIKE" if like.args.get("negate") else "LIKE"
        subject, pattern = self._e.text(like.this, block), self._e.text(like.expression, block)
        if escape is None:
            return f"({subject.sql} {word} {pattern.sql})"
        return f"({subject.sql} {word} ora_pattern({pattern.sql}, {quoted(escape)}) ESCAPE {quoted(escape)})"

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
        subject = self._e.value(node.this, block)
        terms = [self._e.value(member, block) for member in members]
        if subject.kind is Kind.NUMBER and all(t.kind is not Kind.DOUBLE for t in terms):
            numeric = [self._e.settled_number(t, m) for t, m in zip(terms, members, strict=True)]
            form = self._e.forms.common([subject, *numeric])
            listed = ", ".join(self._e.formed(t, form) for t in numeric)
            return f"({self._e.forms.sql(subject, form)} IN ({listed}))"
        is_varchar = subject.kind is Kind.VARCHAR2 and not self._e.is_char_bind(subject)
        if is_varchar and all(t.is_text or t.kind is Kind.NULL for t in terms):
            listed = ", ".join("CAST(NULL AS VARCHAR)" if t.kind is Kind.NULL else t.sql for t in terms)
            return f"({subject.sql} IN ({listed}))"
        pairs = (self._e.comparable(subject, t, node.this, m) for t, m in zip(terms, members, strict=True))
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

    def _in_query(self, subject: exp.Expr, query_node: exp.Expr, block: Block, operator: str = "IN") -> str:
        subjects = subject.expressions if isinstance(subject, exp.Tuple) else [subject]
        query = self._e.subquery(query_node, block)
        if len(query.terms) != len(subjects):
            raise ora(947 if len(query.terms) < len(subjects) else 913, position=position_of(query_node))
        alias = self._e.statement.fresh("q")
        lefts: list[str] = []
        rights: list[str] = []
        for index, (node, inner) in enumerate(zip(subjects, query.terms, strict=True)):
            column = replace(inner, sql=f"{alias}.c{index}", constant=None, bind=None, is_literal=False)
            a, b = self._e.comparable(self._e.value(node, block), column, node, query_node)
            lefts.append(a)
            rights.append(b)
        left = lefts[0] if len(lefts) == 1 else "(" + ", ".join(lefts) + ")"
        if operator != "IN" and len(lefts) > 1:
            raise unimplemented("this comparison of lists", position_of(query_node))
        return f"({left} {operator} (SELECT {', '.join(rights)} FROM ({query.sql}) AS {alias}))"
