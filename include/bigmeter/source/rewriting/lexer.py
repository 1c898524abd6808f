"""Tokens of Oracle SQL, without loss: the texts of all tokens, joined, are the text they came from.

Only what a template needs to be rewritten safely is told apart: comments (hints are comments), strings in all of
Oracle's quotings, quoted names, words, numbers, binds, and symbols of one character each.

Written here rather than taken from a SQL library: those that read Oracle's dialect write a statement anew from its
tree, and so lose or move hints, comments, line numbers and any syntax they do not know. A user's file must reach
Oracle as its author wrote it, but for the places that have to change.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from include.bigmeter.errors import ConfigError


class Kind(Enum):
    """What a token is."""

    SPACE = auto()
    COMMENT = auto()
    STRING = auto()
    QUOTED_NAME = auto()
    WORD = auto()
    NUMBER = auto()
    BIND = auto()
    SYMBOL = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its kind, its text as written, its place among all tokens and its line, counted from 1."""

    kind: Kind
    text: str
    index: int
    line: int

    @property
    def is_trivia(self) -> bool:
        """True for what stands between the words: white space and comments, hints included."""
        return self.kind in (Kind.SPACE, Kind.COMMENT)

    @property
    def name(self) -> str | None:
        """The identifier as Oracle stores it: a word in upper case, a quoted name as it is; else None."""
        if self.kind is Kind.WORD:
            return self.text.upper()
        if self.kind is Kind.QUOTED_NAME:
            return self.text[1:-1]
        return None

    def is_word(self, *words: str) -> bool:
        """Say whether the token is one of these words, given in upper case; a quoted name is no word."""
        return self.kind is Kind.WORD and self.text.upper() in words

    def is_symbol(self, symbol: str) -> bool:
        """Say whether the token is this symbol."""
        return self.kind is Kind.SYMBOL and self.text == symbol


# Any character beyond ASCII but a blank can be part of a name: Oracle takes Thai names unquoted, and Thai vowel signs
# are no letters to Python.
_NAME_START = r"(?:[A-Za-z_]|[^\x00-\x7f\s])"
_NAME_PART = r"(?:[A-Za-z0-9_$#]|[^\x00-\x7f\s])"

_TOKEN = re.compile(
    rf"""
      (?P<SPACE>\s+)
    | (?P<COMMENT>--[^\n]*|/\*.*?\*/)
    | (?P<STRING>
          [nN]?[qQ]'(?:\[.*?\]'|\{{.*?\}}'|\(.*?\)'|<.*?>'|(?P<delimiter>[^\s\[{{(<]).*?(?P=delimiter)')
        | (?![nN]?[qQ]')[nN]?'(?:[^']|'')*'
      )
    | (?P<UNENDED>[nN]?[qQ]'|'|"(?![^"]*")|/\*)
    | (?P<QUOTED_NAME>"[^"]*")
    | (?P<BIND>:(?:"[^"]*"|[0-9]+|{_NAME_START}{_NAME_PART}*))
    | (?P<NUMBER>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?:[fFdD](?!{_NAME_PART}))?)
    | (?P<WORD>{_NAME_START}{_NAME_PART}*)
    | (?P<SYMBOL>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_GROUPS = ("SPACE", "COMMENT", "STRING", "UNENDED", "QUOTED_NAME", "BIND", "NUMBER", "WORD", "SYMBOL")
_UNENDED = {"/*": "a comment", '"': "a quoted name"}


def split_tokens(text: str) -> tuple[Token, ...]:
    """Return the tokens of a statement; their texts joined are ``text``.

    :raises ConfigError: if a string, a quoted name or a comment has no end.
    """
    tokens: list[Token] = []
    position, line = 0, 1
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:  # cannot be: SYMBOL takes any character
            raise AssertionError(position)
        name = next(kind for kind in _GROUPS if match.group(kind) is not None)
        if name == "UNENDED":
            raise ConfigError(f"line {line}: {_UNENDED.get(match.group(), 'a string')} begins here and has no end")
        tokens.append(Token(Kind[name], match.group(), len(tokens), line))
        line += match.group().count("\n")
        position = match.end()
    return tuple(tokens)
