"""The significant tokens of a statement, all but white space and comments, and questions about spans of them.

Places are indices into these tokens; a span is ``[start, end)``. Its own level is what stands in it outside of
brackets, so nothing inside a subquery, an analytic function or a function such as EXTRACT is taken for a part of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from include.bigmeter.errors import ConfigError
from include.bigmeter.source.lexer import Token

Span = tuple[int, int]


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

    def is_column_reference(self, span: Span) -> bool:
        """Say whether a span is a column's name, qualified or not."""
        tokens = self.tokens[slice(*span)]
        return (
            len(tokens) % 2 == 1
            and all(token.name is not None for token in tokens[::2])
            and all(token.is_symbol(".") for token in tokens[1::2])
        )

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

    def level_of(self, place: int, within: Span) -> Span:
        """Return the contents of the innermost brackets round a place, or the whole span if there are none."""
        start, end = within
        while True:
            for bracket in self.level(start, end):
                if self.tokens[bracket].is_symbol("(") and bracket < place <= self.closing[bracket]:
                    start, end = bracket + 1, self.closing[bracket]
                    break
            else:
                return start, end

    def has_or(self, span: Span) -> bool:
        """Say whether a condition has an OR at its own level, those inside of CASE aside."""
        cases = 0
        for place in self.level(*span):
            cases += self.is_word(place, "CASE") - self.is_word(place, "END")
            if cases == 0 and self.is_word(place, "OR"):
                return True
        return False

    def last_word(self, span: Span, *words: str) -> int | None:
        """Return the last place at the span's own level where one of these words or symbols stands."""
        places = [place for place in self.level(*span) if self.tokens[place].text.upper() in words]
        return places[-1] if places else None

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
