"""What the server must know of a statement: its kind, and the names of its binds in the order of their values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

_TOKENS = re.compile(
    r"""
      --[^\n\r]*                                    # a comment to the end of the line
    | /\*.*?(?:\*/|\Z)                              # a comment
    | (?P<identifier>"[^"]*")
    | (?P<qquote>\bn?q'(?P<open>.))                 # a literal with its own delimiter: its end is sought by hand
    | (?P<literal>n?'(?:[^']|'')*')
    | (?P<assignment>:=)
    | :\s*(?:"(?P<quoted>[^"]+)"|(?P<number>\d+)|(?P<name>[^\W\d_][\w$\#]*))
    | (?P<word>[^\W\d_][\w$\#]*)
    | (?P<other>\S)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_CLOSING = {"[": "]", "{": "}", "<": ">", "(": ")"}


class Kind(Enum):
    """What sort of statement it is, by its first keyword; server and driver must agree on it."""

    QUERY = "query"
    DML = "dml"
    PLSQL = "plsql"
    DDL = "ddl"
    OTHER = "other"


_KINDS = {
    **dict.fromkeys(("SELECT", "WITH"), Kind.QUERY),
    **dict.fromkeys(("INSERT", "UPDATE", "DELETE", "MERGE"), Kind.DML),
    **dict.fromkeys(("BEGIN", "DECLARE", "CALL"), Kind.PLSQL),
    **dict.fromkeys(
        ("CREATE", "ALTER", "DROP", "GRANT", "REVOKE", "ANALYZE", "AUDIT", "COMMENT", "TRUNCATE"), Kind.DDL
    ),
}


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement's text and what was found in it.

    ``bind_names`` has one name for each value that the driver sends: in SQL one for each occurrence, in PL/SQL one
    for each distinct name. ``out_names`` are those of them that the statement would write to.
    """

    sql: str
    kind: Kind
    bind_names: tuple[str, ...]
    out_names: frozenset[str]

    @property
    def returning_count(self) -> int:
        """How many of the last binds of a DML statement stand behind RETURNING ... INTO, and so have no value."""
        if self.kind is not Kind.DML:
            return 0
        return sum(name in self.out_names for name in self.bind_names)


@lru_cache(maxsize=1024)
def read_statement(sql: str) -> Statement:
    """Find the kind and the binds of a statement, leaving comments, literals and quoted names alone."""
    kind: Kind | None = None
    names: list[str] = []
    out_names: set[str] = set()
    words: list[str] = []
    is_after_into = is_after_literal = False
    last_bind: str | None = None
    position = 0
    while match := _TOKENS.search(sql, position):
        position = match.end()
        found = match.lastgroup
        if found in ("qquote", "open"):
            position = _end_of_own_delimiter(sql, position, match["open"])
            is_after_literal, last_bind = True, None
        elif found == "literal":
            is_after_literal, last_bind = True, None
        elif found == "word":
            word = match["word"].upper()
            if kind is None:
                kind = _KINDS.get(word, Kind.OTHER)
                if kind is Kind.DDL:
                    break
            # A name list behind INTO ends with the next keyword: SELECT ... INTO :a FROM, RETURNING x INTO :a.
            is_after_into = word == "INTO" and (kind is Kind.PLSQL or "RETURNING" in words)
            words.append(word)
            is_after_literal, last_bind = False, None
        elif found in ("quoted", "number", "name"):
            if is_after_literal:  # 'key' : value is JSON syntax
                is_after_literal = False
                continue
            name = match["quoted"] or match["number"] or match["name"].upper()
            names.append(name)
            last_bind = name
            if is_after_into:
                out_names.add(name)
        elif found == "assignment":
            if last_bind is not None:
                out_names.add(last_bind)
            is_after_literal, last_bind = False, None
        elif found in ("identifier", "other"):
            is_after_literal, last_bind = False, None
    kind = kind or Kind.OTHER
    ordered = tuple(dict.fromkeys(names)) if kind is Kind.PLSQL else tuple(names)
    return Statement(sql, kind, ordered, frozenset(out_names))


def _end_of_own_delimiter(sql: str, start: int, opening: str) -> int:
    """Return where a ``q'[...]'`` literal ends; one that never ends takes the rest of the text."""
    end = sql.find(_CLOSING.get(opening, opening) + "'", start)
    return len(sql) if end < 0 else end + 2
