"""Reading of Oracle SQL: sqlglot's Oracle grammar, held to what Oracle itself would take, with positions kept."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, NoReturn

from sqlglot import exp
from sqlglot.dialects.oracle import Oracle
from sqlglot.errors import ErrorLevel, ParseError, TokenError
from sqlglot.parsers.oracle import OracleParser
from sqlglot.tokenizer_core import Token, TokenType

from dev.oracle_standin.dialect.errors import ora, unimplemented
from dev.oracle_standin.dialect.lexemes import ends_of_exponents, without_hints
from dev.oracle_standin.dialect.tree import check_length

_NUMBER = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\Z", re.ASCII)

_OPERATORS = {
    TokenType.L_PAREN: "(",
    TokenType.R_PAREN: ")",
    TokenType.COMMA: ",",
    TokenType.DOT: ".",
    TokenType.DASH: "-",
    TokenType.PLUS: "+",
    TokenType.STAR: "*",
    TokenType.SLASH: "/",
    TokenType.COLON: ":",
    TokenType.DPIPE: "||",
    TokenType.LT: "<",
    TokenType.LTE: "<=",
    TokenType.GT: ">",
    TokenType.GTE: ">=",
    TokenType.EQ: "=",
    TokenType.JOIN_MARKER: "(+)",
}
_WANTS_MORE = {
    *_OPERATORS,
    TokenType.NEQ,
    TokenType.WHERE,
    TokenType.AND,
    TokenType.OR,
    TokenType.NOT,
    TokenType.SELECT,
    TokenType.ON,
    TokenType.HAVING,
} - {TokenType.R_PAREN, TokenType.STAR, TokenType.JOIN_MARKER}
_LITERALS = (TokenType.STRING, TokenType.RAW_STRING, TokenType.NATIONAL_STRING)
_UNEQUAL = ("<>", "!=", "^=")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as it was parsed."""

    source: str
    tree: exp.Expr
    binds: tuple[int, ...]
    """The offset of each bind's colon, in the order of the text."""


class _SyntaxError(ParseError):
    def __init__(self, message: str, code: int, position: int) -> None:
        super().__init__(message, errors=[{}])
        self.code = code
        self.position = position


class _Parser(OracleParser):
    """The Oracle grammar without sqlglot's own ideas of functions, and with the text's positions."""

    FUNCTIONS: ClassVar[dict[str, Any]] = {}
    NO_PAREN_FUNCTIONS: ClassVar[dict[Any, Any]] = {}
    NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
        "ANY": lambda self: self.expression(exp.Any(this=self._parse_bitwise())),
        "CASE": lambda self: self._parse_case(),
    }
    FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
        "CAST": lambda self: self.marked_cast(),
        "EXTRACT": lambda self: self._closed(self._parse_extract()),
        "TRIM": lambda self: self._closed(self._parse_trim()),
    }
    PLACEHOLDER_PARSERS: ClassVar[dict[Any, Any]] = {TokenType.COLON: lambda self: self.bind()}
    TYPE_LITERAL_PARSERS: ClassVar[dict[Any, Any]] = {
        exp.DType.DATE: lambda self, this, _: self.dated("DATE", this),
        exp.DType.TIMESTAMP: lambda self, this, _: self.dated("TIMESTAMP", this),
    }

    def raise_error(self, message: str, token: Token | None = None) -> NoReturn:
        """Turn sqlglot's complaint into the ORA code that says the same, at the place where reading stopped."""
        at = token or self._curr or self._prev
        position = at.start if at else 0
        code = 936 if not self._curr and self._prev.token_type in _WANTS_MORE else 933
        if message.startswith("Expecting )"):
            code = 907
        elif message.startswith("Required argument"):
            code = 936
        raise _SyntaxError(message, code, position)

    def bind(self) -> exp.Expr | None:
        """Read ``:name``, ``:1`` or ``:"name"``."""
        colon = self._prev
        following = self._curr
        if not following or following.token_type in _OPERATORS or following.token_type == TokenType.STRING:
            return None
        self._advance()
        is_quoted = following.token_type == TokenType.IDENTIFIER
        node = exp.Placeholder(this=following.text if is_quoted else following.text.upper())
        node.meta["start"] = colon.start
        return node

    def marked_cast(self) -> exp.Expr:
        """Read CAST(...), and remember that it was written so."""
        node: exp.Expr = self._parse_cast(True)
        node.meta["is_written"] = True
        return self._closed(node)

    def dated(self, name: str, literal: exp.Expr) -> exp.Expr:
        """Read DATE '...' and TIMESTAMP '...'."""
        return exp.Anonymous(this=f"{name} literal", expressions=[literal])

    def _parse_projections(self) -> tuple[list[exp.Expr], list[exp.Expr] | None]:
        return self._parse_csv(self._parse_projection), None

    def _parse_projection(self) -> exp.Expr | None:
        first = self._curr
        node = self._parse_expression()
        if node is None:
            self._refuse(936, first)
        node.meta["span"] = (first.start, self._prev.end + 1)
        return node

    def _parse_join(self, *args: Any, **kwargs: Any) -> exp.Join | None:  # noqa: ANN401 - sqlglot's own
        is_comma = bool(self._curr) and self._curr.token_type == TokenType.COMMA
        join = super()._parse_join(*args, **kwargs)
        if not isinstance(join, exp.Join):
            return None
        join.meta["is_comma"] = is_comma
        return join

    def _parse_table_alias(self, *args: Any, **kwargs: Any) -> exp.TableAlias | None:  # noqa: ANN401
        if self._curr and self._curr.token_type == TokenType.ALIAS:
            self._refuse(933, self._curr)
        alias = super()._parse_table_alias(*args, **kwargs)
        return alias if isinstance(alias, exp.TableAlias) else None

    def _warn_unsupported(self) -> None:
        """Say nothing: sqlglot would write the statement, with the values in it, to the log."""

    # sqlglot reads more than Oracle has, and passes over words that are missing; what follows does neither.

    def _closed(self, node: exp.Expr) -> exp.Expr:
        if not self._match(TokenType.R_PAREN, advance=False):
            self._refuse(907, self._curr or self._prev)
        return node

    def _require(self, *words: str, code: int = 905) -> None:
        if not self._match_texts(words):
            self._refuse(code, self._curr or self._prev)

    def _parse_case(self) -> exp.Expr | None:
        subject = None if self._match(TokenType.WHEN, advance=False) else self._parse_disjunction()
        branches: list[exp.Expr] = []
        while self._match(TokenType.WHEN):
            condition = self._parse_disjunction()
            self._require("THEN")
            branches.append(exp.If(this=condition, true=self._parse_disjunction()))
        default = self._parse_disjunction() if self._match(TokenType.ELSE) else None
        self._require("END")
        if not branches or any(branch.args.get(key) is None for branch in branches for key in ("this", "true")):
            self._refuse(936, self._prev)
        return exp.Case(this=subject, ifs=branches, default=default)

    def _parse_between(self, this: exp.Expr | None) -> exp.Between:
        low = self._parse_bitwise()
        self._require("AND")
        high = self._parse_bitwise()
        if low is None or high is None:
            self._refuse(936, self._curr or self._prev)
        return exp.Between(this=this, low=low, high=high)

    def _parse_trim(self) -> exp.Trim:
        side = self._prev.text.upper() if self._match_texts(("LEADING", "TRAILING", "BOTH")) else None
        first = None if self._match(TokenType.FROM, advance=False) else self._parse_bitwise()
        if self._match(TokenType.FROM):
            return exp.Trim(this=self._parse_bitwise(), expression=first, position=side)
        if side:
            self._refuse(905, self._curr or self._prev)
        return exp.Trim(this=first)

    def _parse_extract(self) -> exp.Extract:
        field = self._parse_var(any_token=True)
        if not self._match(TokenType.FROM):
            self._refuse(905, self._curr or self._prev)
        return exp.Extract(this=field, expression=self._parse_bitwise())

    def _parse_alias(self, this: exp.Expr | None, explicit: bool = False) -> exp.Expr | None:
        says_as = self._match(TokenType.ALIAS, advance=False)
        node: exp.Expr | None = super()._parse_alias(this, explicit)
        if says_as and not isinstance(node, exp.Alias):
            self._refuse(923, self._prev)
        return node

    def _parse_partition_by(self) -> list[exp.Expr]:
        says_partition = self._match(TokenType.PARTITION_BY, advance=False)
        members: list[exp.Expr] = super()._parse_partition_by()
        if says_partition and not members:
            self._refuse(936, self._curr)
        return members

    def _parse_limit(self, this: exp.Expr | None = None, *args: Any, **kwargs: Any) -> exp.Expr | None:  # noqa: ANN401
        start = self._index
        if self._match(TokenType.LIMIT, advance=False) and not (args or kwargs):
            self._refuse(933, self._curr)
        if args or kwargs or not self._match(TokenType.FETCH):
            return this
        self._require("FIRST", "NEXT")
        count = None if self._match_texts(("ROW", "ROWS"), advance=False) else self._parse_term()
        if self._match(TokenType.PERCENT):
            self._refuse(3001, self._prev)
        self._require("ROW", "ROWS")
        with_ties = not self._match_text_seq("ONLY")
        if with_ties and not self._match_text_seq("WITH", "TIES"):
            self._refuse(905, self._curr or self._prev)
        options = exp.LimitOptions(rows=True, with_ties=with_ties)
        return self._placed(start, exp.Fetch(direction="FIRST", count=count, limit_options=options))

    def _parse_offset(self, this: exp.Expr | None = None) -> exp.Expr | None:
        start = self._index
        if not self._match(TokenType.OFFSET):
            return this
        count = self._parse_term()
        self._require("ROW", "ROWS")
        return self._placed(start, exp.Offset(expression=count))

    def _placed(self, start: int, node: exp.Expr | None) -> exp.Expr | None:
        if node is not None:
            node.meta["at"] = start
        return node

    def _parse_where(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - sqlglot's own
        start = self._index - 1
        return self._placed(start, super()._parse_where(*args, **kwargs))

    def _parse_group(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        start = self._index - 1
        return self._placed(start, super()._parse_group(*args, **kwargs))

    def _parse_having(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        start = self._index - 1
        return self._placed(start, super()._parse_having(*args, **kwargs))

    def _parse_order(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        start = self._index - 1
        return self._placed(start, super()._parse_order(*args, **kwargs))

    def _parse_query_modifiers(self, this: Any) -> Any:  # noqa: ANN401
        node = super()._parse_query_modifiers(this)
        if isinstance(node, exp.Expr):
            last = -1
            for keys in (("where",), ("group", "having"), ("order",), ("offset",), ("limit",)):
                places = [clause.meta.get("at", -1) for key in keys if (clause := node.args.get(key)) is not None]
                if any(place < last for place in places):
                    self._refuse(933, self._tokens[max(last, 0)])
                last = max([last, *places])
        return node

    def _refuse(self, code: int, token: Token | None) -> NoReturn:
        raise _SyntaxError("", code, token.start if token else 0)

    def _parse_csv(self, parse_method: Callable[[], Any], sep: TokenType = TokenType.COMMA) -> list[Any]:
        first = parse_method()
        items = [] if first is None else [first]
        while self._match(sep):
            item = parse_method()
            if item is None or not items:
                self._refuse(936, self._curr or self._prev)
            items.append(item)
        return items


_OTHERS = """
ANTI ASOF DESCRIBE FALSE GLOB ILIKE LATERAL OVERLAPS PARTITIONED_BY QUALIFY RECURSIVE REGEXP RLIKE SEMI TABLESAMPLE TRUE
UNCACHE XOR
"""
_OTHERS_KEYWORDS = frozenset(_OTHERS.split())
"""Words that mean something in other databases, and name columns, tables and aliases in Oracle."""


class _Dialect(Oracle):
    Parser = _Parser

    class Tokenizer(Oracle.Tokenizer):
        """Oracle's words only."""

        KEYWORDS: ClassVar[dict[str, Any]] = {
            word: kind for word, kind in Oracle.Tokenizer.KEYWORDS.items() if word not in _OTHERS_KEYWORDS
        }


_DIALECT = _Dialect()


def _check_sequences(tokens: Sequence[Token]) -> None:
    """Refuse what sqlglot would read although Oracle does not: INSERT without INTO, NOT NULL without IS, odd frames."""
    words = [token.text.upper() for token in tokens]
    if words[0] == "INSERT" and words[1:2] != ["INTO"]:
        raise ora(925, position=tokens[min(1, len(tokens) - 1)].start)
    for index, word in enumerate(words):
        following = words[index + 1] if index + 1 < len(words) else ""
        if tokens[index].token_type in _LITERALS or tokens[index].token_type == TokenType.IDENTIFIER:
            continue
        if word in ("ISNULL", "NOTNULL"):
            raise ora(933, position=tokens[index].start)
        if word == "KEEP" and words[index + 1 : index + 3] == ["(", "DENSE_RANK"]:
            raise unimplemented("KEEP", tokens[index].start)
        if word == "NUMBER" and "-" in words[index + 1 : index + 5] and words[0] == "CREATE":
            raise unimplemented("a NUMBER of negative scale", tokens[index].start)
        if word == "NOT" and words[0] != "CREATE":
            is_wrong = following == "IS" or (following == "NULL" and words[index - 1] != "IS")
            if is_wrong:
                raise ora(936, position=tokens[index + 1].start)
        if word in ("ROWS", "RANGE") and following in ("BETWEEN", "UNBOUNDED", "CURRENT"):
            _check_frame(words[index + 1 :], tokens[index].start)


def _check_frame(words: Sequence[str], position: int) -> None:
    frame = words[: words.index(")")] if ")" in words else words
    is_between = frame[0] == "BETWEEN"
    if frame.count("BETWEEN") != int(is_between) or frame.count("AND") != int(is_between):
        raise ora(905, position=position)


def parse(sql: str) -> Statement:
    """Parse one query, DML or DDL statement.

    :raises OracleError: ORA-009xx, ORA-017xx with the position at which Oracle would stop.
    """
    if "\0" in sql:
        raise ora(911, position=sql.index("\0"))
    clean = without_hints(sql)
    tokens = tokenize(clean)
    _check_tokens(clean, tokens)
    _check_sequences(tokens)
    try:
        trees = _DIALECT.parser(error_level=ErrorLevel.IMMEDIATE).parse(tokens, clean)
    except _SyntaxError as error:
        is_before_from = tokens[0].token_type == TokenType.SELECT and not any(
            token.token_type == TokenType.FROM for token in tokens if token.start <= error.position
        )
        code = 923 if error.code == 933 and is_before_from else error.code
        if code == 3001:
            raise unimplemented("PERCENT", error.position) from None
        raise ora(code, position=error.position) from None
    except (ParseError, RecursionError):
        raise ora(933) from None
    tree = trees[0] if len(trees) == 1 else None
    if tree is None or isinstance(tree, exp.Command):
        raise ora(900)
    starts = sorted(node.meta["start"] for node in tree.find_all(exp.Placeholder))
    colons = [token.start for token in tokens if token.token_type == TokenType.COLON]
    if starts != colons:
        raise ora(933, position=next((c for c in colons if c not in starts), 0))
    return Statement(sql, tree, tuple(starts))


def tokenize(sql: str) -> list[Token]:
    """Return sqlglot's tokens, but with ``1e2+1`` as three of them: sqlglot would take it for one number.

    :raises OracleError: ORA-00911.
    """
    ends = ends_of_exponents(sql)
    parted = "".join(f"{sql[start:end]} " for start, end in pairwise((0, *ends))) + sql[ends[-1] if ends else 0 :]
    try:
        tokens = _DIALECT.tokenize(parted)
    except TokenError:
        raise ora(911) from None
    blanks = [end + number for number, end in enumerate(ends)]
    for token in tokens:
        token.start, token.end = (place - bisect_left(blanks, place) for place in (token.start, token.end))
    return tokens


def _check_tokens(sql: str, tokens: Sequence[Token]) -> None:
    if not tokens:
        raise ora(900)
    for index, token in enumerate(tokens):
        written = sql[token.start : token.end + 1]
        kind = token.token_type
        if kind in _LITERALS:
            continue
        if kind == TokenType.NUMBER:
            if index == 0 or tokens[index - 1].token_type != TokenType.COLON:
                _check_number(written, sql[token.end + 1 : token.end + 2], token.start)
        elif kind == TokenType.IDENTIFIER:
            check_length(token.text, token.start)
        elif kind in _OPERATORS or kind == TokenType.NEQ:
            allowed = _UNEQUAL if kind == TokenType.NEQ else (_OPERATORS[kind],)
            if written not in allowed and kind != TokenType.JOIN_MARKER:
                raise ora(936, position=token.start)
        elif kind == TokenType.SEMICOLON:
            raise ora(933, position=token.start)
        else:
            _check_word(written, token.start)


def _check_number(written: str, following: str, position: int) -> None:
    if not _NUMBER.match(written) or following.isalpha() or following == "_":
        raise unimplemented("this number literal", position)


def _check_word(written: str, position: int) -> None:
    if not written[:1].isalpha() or not all(c.isalnum() or c in "_$# \t\r\n" or _is_mark(c) for c in written):
        raise ora(911, position=position)
    check_length(written, position)


def _is_mark(character: str) -> bool:
    """Tell a letter's vowel or tone mark (Thai), which Oracle takes within a name."""
    return "\u0e31" <= character <= "\u0e4e"
