"""Oracle's single-row functions, one by one; what is not here is refused."""

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
    INTEGER,
    MAX_TEXT,
    TIMES,
    Fixed,
    Integer,
    Kind,
    Term,
    date,
    exact,
    integer,
    non_empty,
    number_literal,
    quoted,
    varchar,
)
from dev.oracle_standin.dialect.tree import position_of

ScalarTranslator = Callable[[Expressions, list[exp.Expr], Block, exp.Expr], Term]

SINGLE_ROW_FUNCTIONS: dict[str, FunctionTranslator] = {}


_COUNTED_AS_INVALID = frozenset({"NVL", "NVL2", "NULLIF"})
"""Functions for which Oracle says ORA-00909 where it says ORA-00938 or ORA-00939 for others."""


def scalar(name: str, least: int, most: int) -> Callable[[ScalarTranslator], ScalarTranslator]:
    """Register a single-row function that takes ``least`` to ``most`` arguments."""

    def register(translate: ScalarTranslator) -> ScalarTranslator:
        def checked(expressions: Expressions, node: exp.Expr, block: Block) -> Term:
            if not isinstance(node, exp.Anonymous):
                raise (
                    ora(30484, position=position_of(node))
                    if isinstance(node, exp.WithinGroup)
                    else ora(923, position=position_of(node))
                )
            arguments = list(node.expressions)
            if not least <= len(arguments) <= most:
                code = 938 if len(arguments) < least else 939
                raise ora(909 if name in _COUNTED_AS_INVALID else code, position=position_of(node))
            return translate(expressions, arguments, block, node)

        SINGLE_ROW_FUNCTIONS[name] = checked
        return translate

    return register


def _constant_text(e: Expressions, node: exp.Expr, block: Block, what: str) -> str:
    term = e.value(node, block)
    if not isinstance(term.constant, str):
        raise unimplemented(f"{what} that is no literal", position_of(node))
    return term.constant


def _not_empty(sql: str, size: int) -> Term:
    return varchar(non_empty(sql), size)


# ---- nulls and choices


@scalar("NVL", 2, 2)
def _nvl(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    terms = [e.value(arg, block) for arg in args]
    texts, typed = e.like_first(terms, args)
    sql = f"coalesce({', '.join(texts)})"
    is_plain = isinstance(args[1], exp.Column | exp.Literal | exp.Placeholder | exp.Null)
    if not is_plain or _is_converted(terms[0], terms[1]):
        # Oracle looks at both arguments, so an error in the second one counts even if the first has a value.
        sql = f"list_filter([{', '.join(texts)}], lambda each: each IS NOT NULL)[1]"
    return replace(typed, sql=sql, is_nullable=terms[1].is_nullable)


def _is_converted(first: Term, other: Term) -> bool:
    """Tell whether text must become a number or a date to be like the first, which can fail for some values."""
    is_fixed = isinstance(other.constant, str) or other.bind is not None
    return other.is_text and not is_fixed and not first.is_text and first.kind is not Kind.NULL


@scalar("COALESCE", 2, 255)
def _coalesce(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    texts, typed = e.same_type([e.value(arg, block) for arg in args], args)
    return replace(typed, sql=f"coalesce({', '.join(texts)})")


@scalar("NVL2", 3, 3)
def _nvl2(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    subject = e.value(args[0], block)
    results = [e.value(arg, block) for arg in args[1:]]
    if _is_converted(*results):
        raise unimplemented("NVL2 of a number or a date and a text that is no literal", position_of(args[2]))
    texts, typed = e.like_first(results, args[1:])
    return replace(typed, sql=f"(CASE WHEN {subject.sql} IS NOT NULL THEN {texts[0]} ELSE {texts[1]} END)")


@scalar("NULLIF", 2, 2)
def _nullif(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    first = e.value(args[0], block)
    if first.kind is Kind.NULL:
        raise ora(932, "-", "CHAR", position=position_of(args[0]))
    e.require_alike(first, e.value(args[1], block), args[1])
    equal = e.compare("=", args[0], args[1], block)
    result = replace(first, constant=None, bind=None, is_nullable=True)
    if first.kind is Kind.NUMBER:
        result = replace(result, sql=e.forms.sql(first, first.form or EXACT))
    return replace(result, sql=f"(CASE WHEN {equal} THEN NULL ELSE {result.sql} END)")


@scalar("DECODE", 3, 255)
def _decode(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    pairs = (len(args) - 1) // 2
    search_nodes = [args[1 + 2 * i] for i in range(pairs)]
    result_nodes = [args[2 + 2 * i] for i in range(pairs)]
    if len(args) % 2 == 0:
        result_nodes.append(args[-1])
    subject = e.value(args[0], block)
    searches = [e.value(node, block) for node in search_nodes]
    compared, _ = e.like_first([*searches, subject], [*search_nodes, args[0]])
    results = [e.value(node, block) for node in result_nodes]
    if results[0].kind is Kind.NULL:
        converted = [e.as_text(t, n) for t, n in zip(results, result_nodes, strict=True)]
        texts, typed = [t.sql for t in converted], varchar("", max(t.size for t in converted))
    else:
        texts, typed = e.like_first(results, result_nodes)
    whens = " ".join(
        f"WHEN {compared[-1]} IS NOT DISTINCT FROM {search} THEN {text}"
        for search, text in zip(compared[:-1], texts, strict=False)
    )
    otherwise = f" ELSE {texts[-1]}" if len(texts) > pairs else ""
    return replace(typed, sql=f"(CASE {whens}{otherwise} END)")


def _extreme(name: str) -> None:
    @scalar(name, 1, 255)
    def _pick(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
        texts, typed = e.like_first([e.value(arg, block) for arg in args], args)
        missing = " OR ".join(f"{text} IS NULL" for text in texts)
        return replace(typed, sql=f"(CASE WHEN {missing} THEN NULL ELSE {name.lower()}({', '.join(texts)}) END)")


_extreme("GREATEST")
_extreme("LEAST")


# ---- text


def _cased(name: str) -> None:
    @scalar(name, 1, 1)
    def _change(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
        term = e.text(args[0], block)
        return replace(term, sql=f"{name.lower()}({term.sql})", constant=None, bind=None, is_literal=False)


_cased("UPPER")
_cased("LOWER")


@scalar("CONCAT", 2, 2)
def _concat(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    left, right = e.text(args[0], block), e.text(args[1], block)
    sql = non_empty(f"coalesce({left.sql}, '') || coalesce({right.sql}, '')")
    size = left.size + right.size
    return varchar(f"ora_short({sql})" if size > MAX_TEXT else sql, size)


@scalar("LENGTH", 1, 1)
def _length(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    return integer(f"length({e.text(args[0], block).sql})")


@scalar("LENGTHB", 1, 1)
def _lengthb(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    return integer(f"strlen({e.text(args[0], block).sql})")


@scalar("SUBSTR", 2, 3)
def _substr(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    text = e.text(args[0], block)
    start = e.number(args[1], block)
    count = e.number(args[2], block) if len(args) > 2 else None
    if Kind.NULL in (start.kind, count.kind if count else None):
        return varchar("CAST(NULL AS VARCHAR)")
    size = text.size
    if count is not None and isinstance(count.constant, Decimal):
        size = max(1, min(size, int(count.constant)))
    if (
        isinstance(start.constant, Decimal)
        and start.constant >= 0
        and (count is None or (isinstance(count.constant, Decimal) and count.constant >= 1))
    ):
        first = max(1, int(start.constant))
        length = f", {e.forms.integer(count)}" if count is not None else ""
        return _not_empty(f"substring({text.sql}, {first}{length})", size)
    if count is None:
        return varchar(f"ora_substr_from({text.sql}, {e.forms.integer(start)})", size)
    return varchar(f"ora_substr({text.sql}, {e.forms.integer(start)}, {e.forms.integer(count)})", size)


@scalar("INSTR", 2, 4)
def _instr(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    text, part = e.text(args[0], block), e.text(args[1], block)
    if len(args) == 2:
        return integer(f"instr({text.sql}, {part.sql})")
    numbers = [e.forms.integer(e.number(arg, block)) for arg in args[2:]]
    occurrence = numbers[1] if len(numbers) > 1 else "1"
    return integer(f"ora_instr({text.sql}, {part.sql}, {numbers[0]}, {occurrence})")


def _one_sided(name: str) -> None:
    @scalar(name, 1, 2)
    def _cut(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
        text = e.text(args[0], block)
        characters = e.text(args[1], block).sql if len(args) > 1 else "' '"
        return _not_empty(f"{name.lower()}({text.sql}, {characters})", text.size)


_one_sided("LTRIM")
_one_sided("RTRIM")


def _padding(name: str) -> None:
    @scalar(name, 2, 3)
    def _pad(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
        text, width = e.text(args[0], block), e.number(args[1], block)
        if width.kind is Kind.NULL:
            return varchar("CAST(NULL AS VARCHAR)")
        fill = e.text(args[2], block).sql if len(args) > 2 else "' '"
        size = int(width.constant) if isinstance(width.constant, Decimal) else MAX_TEXT
        return varchar(f"ora_{name.lower()}({text.sql}, {e.forms.integer(width)}, {fill})", size)


_padding("LPAD")
_padding("RPAD")


@scalar("REPLACE", 2, 3)
def _replace(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    text, search = e.text(args[0], block), e.text(args[1], block)
    new = e.text(args[2], block) if len(args) > 2 else None
    with_ = f"coalesce({new.sql}, '')" if new is not None else "''"
    replaced = non_empty(f"replace({text.sql}, {search.sql}, {with_})")
    size = text.size if new is None or new.size <= 1 else MAX_TEXT
    if search.is_nullable:
        replaced = f"(CASE WHEN {search.sql} IS NULL THEN {text.sql} ELSE {replaced} END)"
    return varchar(f"ora_short({replaced})", size)


@scalar("TRANSLATE", 3, 3)
def _translate(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    text, old, new = (e.text(arg, block) for arg in args)
    return _not_empty(f"translate({text.sql}, {old.sql}, {new.sql})", text.size)


@scalar("ASCII", 1, 1)
def _ascii(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    text = _constant_text(e, args[0], block, "ASCII of a text")
    return number_literal(Decimal(int.from_bytes(text[0].encode(), "big")))


_LAST_ASCII = 127


@scalar("CHR", 1, 1)
def _chr(e: Expressions, args: list[exp.Expr], block: Block, node: exp.Expr) -> Term:
    code = e.number(args[0], block).constant
    if not isinstance(code, Decimal) or code not in range(1, _LAST_ASCII + 1):
        raise unimplemented("CHR of what is no literal from 1 to 127", position_of(node))
    return varchar(quoted(chr(int(code))), 1)


# ---- numbers


def _exact_function(name: str, function: str) -> None:
    @scalar(name, 1, 1)
    def _apply(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
        return exact(f"{function}({e.forms.exact(e.number(args[0], block))})")


_exact_function("FLOOR", "ora_floor")
_exact_function("CEIL", "ora_ceil")


@scalar("ABS", 1, 1)
def _abs(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    term = e.number(args[0], block)
    if isinstance(term.constant, Decimal):
        return number_literal(term.constant.copy_abs())
    if term.bind is None and isinstance(term.form, (Fixed, Integer)):
        return Term(f"abs({term.sql})", Kind.NUMBER, term.form)
    return exact(f"ora_abs({e.forms.exact(term)})")


@scalar("SIGN", 1, 1)
def _sign(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    return exact(f"ora_sign({e.forms.exact(e.number(args[0], block))})")


@scalar("MOD", 2, 2)
def _mod(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    left, right = e.number(args[0], block), e.number(args[1], block)
    if left.form == INTEGER and left.bind is None and isinstance(right.constant, Decimal) and right.form == INTEGER:
        if not right.constant:
            return left
        return integer(f"({e.forms.sql(left, INTEGER)} % {int(right.constant)})")
    return exact(f"ora_mod({e.forms.exact(left)}, {e.forms.exact(right)})")


@scalar("POWER", 2, 2)
def _power(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    left, right = e.number(args[0], block), e.number(args[1], block)
    return exact(f"ora_power({e.forms.exact(left)}, {e.forms.exact(right)})")


def _shortening(name: str) -> None:
    @scalar(name, 1, 2)
    def _shorten(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
        term = e.value(args[0], block)
        if term.kind in TIMES:
            model = _constant_text(e, args[1], block, f"a format in {name}") if len(args) > 1 else "DD"
            return date(f"ora_{name.lower()}_date({term.sql}, {quoted(model)})")
        digits = e.forms.exact(e.number(args[1], block)) if len(args) > 1 else e.forms.exact(number_literal(Decimal(0)))
        return exact(f"ora_{name.lower()}({e.forms.exact(e.as_number(term, args[0]))}, {digits})")


_shortening("ROUND")
_shortening("TRUNC")


# ---- conversions


@scalar("TO_CHAR", 1, 2)
def _to_char(e: Expressions, args: list[exp.Expr], block: Block, node: exp.Expr) -> Term:
    term = e.value(args[0], block)
    if len(args) == 1:
        return replace(e.as_text(term, args[0]), constant=None, bind=None, is_literal=False)
    model = e.text(args[1], block).sql
    if term.kind in TIMES:
        return varchar(f"ora_date_text({term.sql}, {model})", 75)
    if term.kind is Kind.NUMBER or term.is_text:
        return varchar(f"ora_format({e.forms.exact(e.as_number(term, args[0]))}, {model})", 64)
    if term.kind is Kind.NULL:
        return varchar("CAST(NULL AS VARCHAR)", 64)
    raise unimplemented("this TO_CHAR", position_of(node))


@scalar("TO_NUMBER", 1, 2)
def _to_number(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    if len(args) == 1:
        return replace(e.number(args[0], block), is_literal=False)
    return exact(f"ora_parse({e.text(args[0], block).sql}, {e.text(args[1], block).sql})")


@scalar("TO_DATE", 1, 2)
def _to_date(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    if len(args) == 1:
        return e.as_date(e.value(args[0], block), args[0])
    return date(f"ora_to_date({e.text(args[0], block).sql}, {e.text(args[1], block).sql})")


@scalar("TO_TIMESTAMP", 2, 2)
def _to_timestamp(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    sql = f"ora_to_timestamp({e.text(args[0], block).sql}, {e.text(args[1], block).sql})"
    return Term(sql, Kind.TIMESTAMP)


@scalar("DATE LITERAL", 1, 1)
def _date_literal(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    text = _constant_text(e, args[0], block, "a DATE literal")
    return date(f"ora_to_date({quoted(text)}, 'YYYY-MM-DD')")


@scalar("TIMESTAMP LITERAL", 1, 1)
def _timestamp_literal(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    text = _constant_text(e, args[0], block, "a TIMESTAMP literal")
    model = "YYYY-MM-DD HH24:MI:SS.FF" if "." in text else "YYYY-MM-DD HH24:MI:SS"
    return Term(f"ora_to_timestamp({quoted(text)}, {quoted(model)})", Kind.TIMESTAMP)


# ---- dates


@scalar("ADD_MONTHS", 2, 2)
def _add_months(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    moment = e.as_date(e.value(args[0], block), args[0])
    return date(f"ora_add_months({moment.sql}, {e.forms.exact(e.number(args[1], block))})")


@scalar("MONTHS_BETWEEN", 2, 2)
def _months_between(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    later, earlier = (e.as_date(e.value(arg, block), arg) for arg in args)
    return exact(f"ora_months_between({later.sql}, {earlier.sql})")


@scalar("LAST_DAY", 1, 1)
def _last_day(e: Expressions, args: list[exp.Expr], block: Block, _node: exp.Expr) -> Term:
    return date(f"ora_last_day({e.as_date(e.value(args[0], block), args[0]).sql})")


@scalar("SYS_CONTEXT", 2, 2)
def _sys_context(e: Expressions, args: list[exp.Expr], block: Block, node: exp.Expr) -> Term:
    namespace = _constant_text(e, args[0], block, "a namespace").upper()
    name = _constant_text(e, args[1], block, "a parameter").upper()
    environment = e.statement.environment
    known = {
        "CURRENT_SCHEMA": environment.schema,
        "SESSION_USER": environment.user,
        "CURRENT_USER": environment.user,
    }
    if namespace != "USERENV" or name not in known:
        raise unimplemented("this SYS_CONTEXT", position_of(node))
    return varchar(quoted(known[name]), 256)
