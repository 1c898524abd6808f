"""A template on its way to the statement that is run: its tokens, its blocks, and what has been changed so far."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence

from include.bigmeter.errors import ConfigError
from include.bigmeter.source.columns import check_labels
from include.bigmeter.source.rewriting.lexer import Kind, Token, split_tokens
from include.bigmeter.source.rewriting.spans import Span
from include.bigmeter.source.rewriting.statement import Statement

MARKER = "/*__CUSTCODE_FILTER__*/"
ORG_OWNER_ID = "ORG_OWNER_ID"
DEBT_YM = "DEBT_YM"
CODES = "\0"
"""Stands where the binds of the customer codes go; no template can hold this character."""


class _ErrorPrefix:
    """Puts the template's name before the message of a ConfigError."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, ConfigError):
            raise ConfigError(f"{self._name}: {error}") from None


class Draft:
    """A template's tokens, what they mean, and the changes made to them so far."""

    def __init__(self, text: str, name: str) -> None:
        self._name = name
        with self.errors():
            if CODES in text:
                raise ConfigError("the template is not UTF-8; save it as UTF-8")
            self._tokens = _without_end(split_tokens(text.removeprefix("\ufeff")))
            self.sql = Statement(self._tokens)
            for query in self.sql.iter_queries():
                if query.for_update_line:
                    raise ConfigError(f"line {query.for_update_line}: FOR UPDATE; a template only reads, remove it")
        self._indices = [token.index for token in self.sql.tokens]
        self._texts = [token.text for token in self._tokens]
        self._before: defaultdict[int, str] = defaultdict(str)
        self._after: defaultdict[int, str] = defaultdict(str)
        self.binds = frozenset(_bind_name(token) for token in self._tokens if token.kind is Kind.BIND)

    def errors(self) -> _ErrorPrefix:
        """Name the template in the errors of a block."""
        return _ErrorPrefix(self._name)

    # -- changes: places are those of the significant tokens ---------------------------------------------------------

    def iter_markers(self) -> Iterator[tuple[Token, int]]:
        """Yield each marker with the place of what follows it."""
        for token in self._tokens:
            if token.kind is Kind.COMMENT and "".join(token.text.split()).upper() == MARKER:
                yield token, bisect_left(self._indices, token.index)

    def replace_marker(self, marker: Token, text: str) -> None:
        """Put a text where a marker stands."""
        self._texts[marker.index] = text

    def insert_before(self, place: int, text: str) -> None:
        """Put a text right before a token."""
        self._before[self._indices[place]] = text + self._before[self._indices[place]]

    def insert_after(self, place: int, text: str) -> None:
        """Put a text right behind a token."""
        self._after[self._indices[place]] += text

    def remove(self, span: Span) -> None:
        """Take the tokens of a span out; comments between them stay."""
        for place in range(*span):
            self._texts[self._indices[place]] = ""

    def text(self) -> str:
        """Return the text with all changes; blanks at its end go, as the driver has it when it runs a statement."""
        pieces = (
            f"{self._before.get(index, '')}{text}{self._after.get(index, '')}" for index, text in enumerate(self._texts)
        )
        return "".join(pieces).rstrip()

    # -- checks ------------------------------------------------------------------------------------------------------

    def check_binds(self, needed: Sequence[str]) -> None:
        """Check that the template uses the binds it must, and none that nobody supplies."""
        for token in self._tokens:
            if token.kind is Kind.BIND and _bind_name(token) not in (ORG_OWNER_ID, DEBT_YM):
                raise ConfigError(
                    f"line {token.line}: the bind {token.text} is not supplied; "
                    f"the binds are :{ORG_OWNER_ID} and :{DEBT_YM}"
                )
        for bind in needed:
            if bind not in self.binds:
                raise ConfigError(f"the bind :{bind} is not used; without it rows of others would be read")

    def check_columns(self, needed: Sequence[str]) -> None:
        """Check the labels of the outer block, as far as they can be seen without asking Oracle."""
        items = next(self.sql.whole.iter_blocks()).items
        if not any(item.is_star for item in items):
            check_labels([item.label for item in items], needed)


def _without_end(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """Return a statement's tokens without the semicolon or slash that ends it for SQL*Plus, but not for a driver."""
    kept = list(tokens)
    for token in reversed(tokens):
        if token.is_symbol(";") or token.is_symbol("/"):
            kept[token.index] = Token(Kind.SPACE, "", token.index, token.line)
        elif not token.is_trivia:
            break
    for token in kept:
        if token.is_symbol(";"):
            raise ConfigError(f"line {token.line}: a template is one statement; remove what follows the semicolon")
    return tuple(kept)


def _bind_name(token: Token) -> str:
    name = token.text[1:]
    return name[1:-1] if name.startswith('"') else name.upper()
