"""Oracle's implicit conversions: what becomes a number, a text or a date, and how two terms compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from sqlglot import exp

from dev.oracle_standin.backend import OracleError
from dev.oracle_standin.dialect import dates, numbers
from dev.oracle_standin.dialect.binds import DateTextBind, NumberTextBind
from dev.oracle_standin.dialect.context import Statement
from dev.oracle_standin.dialect.errors import ora, unimplemented
from dev.oracle_standin.dialect.terms import (
    EXACT,
    MAX_TEXT,
    NULL,
    TEXTS,
    TIMES,
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
    varchar,
)
from dev.oracle_standin.dialect.tree import position_of
from dev.oracle_standin.values import OracleType

_LONGEST_NUMBER_TEXT = 40


class Conversions:
    """Converts the terms of one statement."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.forms = Forms(statement.parameters)

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

    def settled_number(self, term: Term, node: exp.Expr) -> Term:
        """Convert a term to NUMBER where Oracle converts it whether or not its value is used in the end.

        :raises OracleError: ORA-01722 for a literal that is no number; ORA-00932 for a date.
        """
        if term.is_text and isinstance(term.constant, str):
            numbers.from_text(term.constant)
        return self.as_number(term, node)

    def _settled_date(self, term: Term, node: exp.Expr) -> Term:
        if term.is_text and isinstance(term.constant, str):
            now = datetime.now()  # noqa: DTZ005 - Oracle's DATE has no zone
            dates.from_text(term.constant, self.statement.environment.date_format, now)
        return self.as_date(term, node)

    def require_alike(self, left: Term, right: Term, node: exp.Expr) -> None:
        """Require two terms of one type, where Oracle converts nothing (CASE x WHEN y, NULLIF).

        :raises OracleError: ORA-00932.
        """
        numeric = {Kind.NUMBER, Kind.DOUBLE}
        if Kind.NULL not in (left.kind, right.kind) and not (
            _is_alike(left, right) or {left.kind, right.kind} == numeric
        ):
            raise ora(932, left.kind.name, right.kind.name, position=position_of(node))

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
            return self._same_form([self.settled_number(t, n) for t, n in pairs])
        if first.is_text:
            converted = [self.as_text(t, n) for t, n in pairs]
            return [t.sql for t in converted], varchar("", max(t.size for t in converted))
        if first.kind in TIMES:
            if first.kind is Kind.TIMESTAMP and not all(t.kind in TIMES or t.kind is Kind.NULL for t in terms):
                raise unimplemented("text as a TIMESTAMP", position_of(nodes[0]))
            converted = [self._settled_date(t, n) if first.kind is Kind.DATE else t for t, n in pairs]
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
        return [self.formed(t, form) for t in terms], Term("", Kind.NUMBER, form, precision=precision, scale=scale)

    def formed(self, term: Term, form: Form) -> str:
        """Return the DuckDB text of a NUMBER in a form, or of a null of that form."""
        if term.kind is Kind.NULL:
            return f"CAST(NULL AS {duckdb_form(form)})"
        return self.forms.sql(term, form)

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
            return self._texts(left, right)
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

    def _texts(self, left: Term, right: Term) -> tuple[str, str]:
        left_is_bind, right_is_bind = self.is_char_bind(left), self.is_char_bind(right)
        if not (left_is_bind or right_is_bind):
            return _padded(left, right)
        if not all(is_bind or t.kind is Kind.CHAR for t, is_bind in ((left, left_is_bind), (right, right_is_bind))):
            return left.sql, right.sql
        # A bind's length is known when it has a value only.
        width = f"CAST(greatest(length({left.sql}), length({right.sql})) AS INTEGER)"
        return f"rpad({left.sql}, {width}, ' ')", f"rpad({right.sql}, {width}, ' ')"

    def is_char_bind(self, term: Term) -> bool:
        """Tell whether a term is a bind that the client declares as CHAR, which compares padded with blanks."""
        return term.bind is not None and self.statement.bind_types[term.bind] is OracleType.CHAR

    def _double(self, term: Term, node: exp.Expr) -> str:
        if term.kind is Kind.DOUBLE:
            return term.sql
        number = self.as_number(term, node)
        return f"CAST({self.number_text(number)} AS DOUBLE)"


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
