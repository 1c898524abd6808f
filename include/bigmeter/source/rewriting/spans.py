"""The significant tokens of a statement, all but white space and comments, and questions about spans of them.

Places are indices into these tokens; a span is ``[start, end)``. Its own level is what stands in it outside of
brackets, so nothing inside a subquery, an analytic function or a function such as EXTRACT is taken for a part of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from include.bigmeter.errors import ConfigError
from include.bigmeter.source.rewriting.lexer import Token

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that may be a column's: where it stands, and the table's name before it if there is one."""

    span: Span
    qualifier: str | None
    name: str


class TokenSpans:
    """The significant tokens with their brackets matched.

    :raises ConfigError: if the brackets do not match.
    """

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = [token for token in tokens if not token.is_trivia]
        self.closing = self._match_brackets()

    def text(self, span: Span) -> str:
        """Return what stands in a span, on one line and without comments."""
        text, previous = "", -1
        for token in self.tokens[slice(*span)]:
            text += token.text if token.index == previous + 1 or not text else f" {token.text}"
            previous = token.index
        return text

    def iter_references(self, span: Span) -> Iterator[Reference]:
        """Yield what may name a column in a span: every name but those of functions. Words of SQL are among them."""
        place, end = span
        while place < end:
            if self.tokens[place].name is None:
                place += 1
                continue
            start, place = place, place + 1
            while place + 1 < end and self.is_symbol(place, ".") and self.tokens[place + 1].name is not None:
                place += 2
            if not self.is_symbol(place, "(") or self.is_plus(place):
                qualifier = self.tokens[place - 3].name if place - start > 1 else None
                yield Reference((start, place), qualifier, self.tokens[place - 1].name or "")

    def as_reference(self, span: Span) -> Reference | None:
        """Return the column's name that fills a span, brackets aside; None if it is another expression."""
        while (inside := self.contents(*span)) is not None:
            span = inside
        reference = next(self.iter_references(span), None)
        return reference if reference is not None and reference.span == span else None

    def is_plus(self, place: int) -> bool:
        """Say whether Oracle's own sign of an outer join, ``(+)``, stands at a place."""
        return self.is_symbol(place, "(") and self.is_symbol(place + 1, "+") and self.is_symbol(place + 2, ")")

    def matches(self, one: Span, other: Span) -> bool:
        """Say whether two spans hold the same tokens, the case of words aside."""
        return [t.name or t.text for t in self.tokens[slice(*one)]] == [
            t.name or t.text for t in self.tokens[slice(*other)]
        ]

    def split_list(self, span: Span) -> list[Span]:
        """Return the parts of a span that commas at its own level divide."""
        parts, start = [], span[0]
        for place in self.level(*span):
            if self.tokens[place].is_symbol(","):
                parts.append((start, place))
                start = place + 1
        return [*parts, (start, span[1])]

    def contents(self, start: int, end: int) -> Span | None:
        """Return what stands in the brackets that fill a span from start to end, or None if none do."""
        is_filled = start < end and self.tokens[start].is_symbol("(") and self.closing[start] == end - 1
        return (start + 1, end - 1) if is_filled and end - start > 2 else None

    def bracket_round(self, place: int, within: Span) -> int | None:
        """Return the bracket at a span's own level that holds a place; None if the place is at that level."""
        brackets = (bracket for bracket in self.level(*within) if self.is_symbol(bracket, "("))
        return next((bracket for bracket in brackets if bracket < place <= self.closing[bracket]), None)

    def split_or(self, span: Span) -> list[Span]:
        """Return the parts of a condition that an OR at its own level divides; one in a CASE divides nothing."""
        parts, start, cases = [], span[0], 0
        for place in self.level(*span):
            cases += self.is_word(place, "CASE") - self.is_word(place, "END")
            if cases == 0 and self.is_word(place, "OR"):
                parts.append((start, place))
                start = place + 1
        return [*parts, (start, span[1])]

    def first_word(self, span: Span, *words: str) -> int | None:
        """Return the first place at the span's own level where one of these words or symbols stands."""
        return next((place for place in self.level(*span) if self.tokens[place].text.upper() in words), None)

    def level(self, start: int, end: int) -> Iterator[int]:
        """Yield the places of a span that are in no brackets; of brackets, the opening one."""
        place = start
        while place < end:
            yield place
            place = self.closing[place] + 1 if place in self.closing else place + 1

    def is_word(self, place: int, *words: str) -> bool:
        """Say whether one of these words, given in upper case, stands at a place."""
        return 0 <= place < len(self.tokens) and self.tokens[place].is_word(*words)

    def is_symbol(self, place: int, symbol: str) -> bool:
        """Say whether this symbol stands at a place."""
        return 0 <= place < len(self.tokens) and self.tokens[place].is_symbol(symbol)

    def is_keyword(self, place: int, *words: str) -> bool:
        """As :meth:`is_word`, but not for a column of that name behind its table's."""
        return self.is_word(place, *words) and not self.is_symbol(place - 1, ".")

    def _match_brackets(self) -> dict[int, int]:
        closing: dict[int, int] = {}
        opened: list[int] = []
        for place, token in enumerate(self.tokens):
            if token.is_symbol("("):
                opened.append(place)
            elif token.is_symbol(")"):
                if not opened:
                    raise ConfigError(f"line {token.line}: a closing bracket without an opening one")
                closing[opened.pop()] = place
        if opened:
            raise ConfigError(f"line {self.tokens[opened[-1]].line}: a bracket that is never closed")
        return closing
