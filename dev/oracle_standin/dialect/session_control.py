"""Statements about the session and its transaction, and the one PL/SQL block that is answered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

from dev.oracle_standin.dialect.errors import ora, unimplemented


class Control(Enum):
    """What a statement does to the session."""

    NOTHING = auto()
    COMMIT = auto()
    ROLLBACK = auto()
    READ_ONLY = auto()
    READ_WRITE = auto()
    SCHEMA = auto()
    DATE_FORMAT = auto()


@dataclass(frozen=True, slots=True)
class SessionControl:
    """A statement about the session, with its value if it has one."""

    kind: Control
    value: str = ""


_COMMENT = re.compile(r"\s+|--[^\n]*|/\*.*?\*/", re.DOTALL)
_WORD = re.compile(r"[A-Za-z]+")
_SETTING = re.compile(r"""\s*(\w+)\s*=\s*('(?:[^']|'')*'|"[^"]+"|[\w$#.]+)""")
_QUERY_WORDS = frozenset({"SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "TRUNCATE"})
_KNOWN_WORDS_TEXT = """
ALTER ANALYZE ASSOCIATE AUDIT COMMENT EXPLAIN FLASHBACK GRANT LOCK MERGE NOAUDIT PURGE RENAME REVOKE SAVEPOINT SET
"""
_KNOWN_WORDS = frozenset(_KNOWN_WORDS_TEXT.split())
_ONE_VALUE = {
    "NLS_NUMERIC_CHARACTERS": (".,",),
    "NLS_SORT": ("BINARY",),
    "NLS_COMP": ("BINARY",),
    "NLS_LANGUAGE": ("AMERICAN", "ENGLISH"),
    "NLS_DATE_LANGUAGE": ("AMERICAN", "ENGLISH"),
    "NLS_TERRITORY": ("AMERICA",),
    "NLS_CALENDAR": ("GREGORIAN",),
    "NLS_LENGTH_SEMANTICS": ("CHAR",),
}
_IGNORED_TEXT = """
TIME_ZONE NLS_TIMESTAMP_FORMAT NLS_TIMESTAMP_TZ_FORMAT NLS_CURRENCY NLS_ISO_CURRENCY NLS_DUAL_CURRENCY
OPTIMIZER_MODE STATISTICS_LEVEL CURSOR_SHARING PARALLEL_DEGREE_POLICY DDL_LOCK_TIMEOUT EDITION TRACEFILE_IDENTIFIER
"""
_IGNORED = frozenset(_IGNORED_TEXT.split())


@lru_cache(maxsize=2000)
def read_control(sql: str) -> SessionControl | None:
    """Return what a statement does to the session, or None for a query, DML or DDL.

    :raises OracleError: ORA-00900, ORA-02248, ORA-03001, ORA-06550.
    """
    at = 0
    while match := _COMMENT.match(sql, at):
        at = match.end()
    match = _WORD.match(sql, at)
    word = match[0].upper() if match else ""
    if word in _QUERY_WORDS or (not word and sql[at : at + 1] == "("):
        return None
    text = " ".join(_COMMENT.sub(" ", sql).split())
    upper = text.upper()
    if word in ("COMMIT", "ROLLBACK"):
        return _end_of_transaction(upper, word)
    if upper.startswith("SET TRANSACTION"):
        return _transaction(upper)
    if upper.startswith("ALTER SESSION SET "):
        return _alter_session(text[len("ALTER SESSION SET ") :])
    if word in ("BEGIN", "DECLARE", "CALL"):
        if re.fullmatch(r"BEGIN (NULL ?; ?)+END ?;?", upper):
            return SessionControl(Control.NOTHING)
        raise ora(6550, at + 1, position=at)
    if word in _KNOWN_WORDS:
        raise unimplemented(word, at)
    raise ora(900, position=at)


def _end_of_transaction(upper: str, word: str) -> SessionControl:
    if upper not in (word, f"{word} WORK"):
        raise unimplemented(f"this {word}")
    return SessionControl(Control.COMMIT if word == "COMMIT" else Control.ROLLBACK)


def _transaction(upper: str) -> SessionControl:
    match upper.removeprefix("SET TRANSACTION").strip():
        case "READ ONLY":
            return SessionControl(Control.READ_ONLY)
        case "READ WRITE" | "ISOLATION LEVEL READ COMMITTED":
            return SessionControl(Control.READ_WRITE)
    raise unimplemented("this SET TRANSACTION")


def _alter_session(text: str) -> SessionControl:
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(text.rstrip()):
        match = _SETTING.match(text, at)
        if match is None:
            raise ora(2248, position=0)
        found.append((match[1].upper(), match[2]))
        at = match.end()
    result = SessionControl(Control.NOTHING)
    for name, written in found:
        value = written[1:-1].replace("''", "'") if written[0] in "'\"" else written
        if name == "CURRENT_SCHEMA":
            result = SessionControl(Control.SCHEMA, value if written[0] == '"' else value.upper())
        elif name == "NLS_DATE_FORMAT":
            result = SessionControl(Control.DATE_FORMAT, value)
        elif name in _ONE_VALUE:
            if value.upper() not in _ONE_VALUE[name]:
                raise unimplemented(f"{name} = {value}")
        elif name not in _IGNORED:
            raise ora(2248)
    if len(found) > 1 and result.kind is not Control.NOTHING:
        raise unimplemented("several settings in one ALTER SESSION")
    return result
