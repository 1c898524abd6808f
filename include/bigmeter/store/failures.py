"""What PostgreSQL's errors mean for a load: stop, try again, or tell a person.

The driver's own text never goes on: DETAIL and COPY's CONTEXT quote whole rows. What goes on is the SQLSTATE and, where
the server names them, table, column and constraint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from include.bigmeter.errors import BigmeterError, ConfigError, StoreRefused, StoreUnavailable

SETTING = "POSTGRES_DSN or the connection bigmeter_postgres"
MIGRATE = "run `python -m include.bigmeter migrate`"

_CONFIGURATION = {
    "25006": f"the server takes no writes: name the primary in {SETTING}",
    "22P05": f"the database cannot hold Thai text: name one with encoding UTF8 in {SETTING}",
    "28000": f"the login is refused: correct the user in {SETTING}, or pg_hba.conf on the server",
    "28P01": f"the password is wrong: correct it in {SETTING}",
    "2BP01": "another object, a view perhaps, depends on what is to be changed: drop it, migrate, create it again",
    "3D000": f"the database does not exist: correct its name in {SETTING}",
    "3F000": f"the schema does not exist: correct search_path in {SETTING}",
    "42501": "the role lacks a privilege: grant it SELECT, INSERT, UPDATE, DELETE on the bm_ tables and TEMPORARY on "
    "the database; to migrate it has to own them",
    "42703": f"a column is missing: {MIGRATE}",
    "42883": f"a function is missing: {MIGRATE}",
    "42P01": f"a table is missing: {MIGRATE}, and see that search_path in {SETTING} names its schema",
    "42P07": "a table of that name is there already: see which schema search_path names first",
}
_CONFIGURATION_CLASSES = ("28", "42")

_UNAVAILABLE = {
    "25P03": "the server ended a transaction that had been idle for too long",
    "25P04": "the server ended a transaction that took too long",
    "40001": "another transaction got in the way",
    "40P01": "another transaction got in the way",
    "55P03": "another session holds the lock",
    "57014": "the statement was cancelled or took too long",
}
_UNAVAILABLE_CLASSES = {
    "08": "the connection failed",
    "53": "the server is short of disk, memory or connections",
    "57P0": "the server is stopping or starting, or ended the connection",
}

# libpq reports a failed login without a SQLSTATE, so only the server's words tell it from a server that is down.
_LOGIN_WORDS = (
    (re.compile(r"password authentication failed|no password supplied"), "28P01"),
    (re.compile(r"authentication failed|no pg_hba\.conf entry|is not permitted to log in"), "28000"),
    (re.compile(r"FATAL: +role .* does not exist"), "28000"),
    (re.compile(r"FATAL: +database .* does not exist"), "3D000"),
    (re.compile(r"permission denied for database"), "42501"),
)

_WRONG_PARAMETER = re.compile(r"invalid .*value|definition of service .* not found|invalid connection option")


@contextmanager
def store_errors(subject: str = "") -> Iterator[None]:
    """Turn the driver's errors within the block into ours, without the driver's text.

    :param subject: what was being done, such as ``1063 2025-09``; it opens the message.
    :raises ConfigError, StoreUnavailable, StoreRefused, BigmeterError: by the table in :func:`as_ours`.
    """
    try:
        yield
    except psycopg.Error as error:
        failure = as_ours(error, subject)
        # `from None` hides the driver's error from tracebacks; anything that walks __context__ still meets it.
        error.args = (str(failure),)
        raise failure from None
    except UnicodeEncodeError as error:
        error.object, error.args = "", ()
        raise StoreRefused(_with_subject(subject, "a text from Oracle is not valid Unicode")) from None


@contextmanager
def connecting() -> Iterator[None]:
    """Turn what goes wrong while a connection is being opened into our errors, for whoever opens it.

    :raises ConfigError: for a malformed connection string, a wrong password, user or database.
    :raises StoreUnavailable: for a server that cannot be reached.
    """
    try:
        yield
    except psycopg.Error as error:
        malformed = isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None
        failure = (
            ConfigError(
                f"PostgreSQL: {SETTING} is not a connection string; write postgres://user:password@host/database"
            )
            if malformed
            else as_ours(error)
        )
        error.args = (str(failure),)  # a malformed connection string is quoted with its password
        raise failure from None


def as_ours(error: psycopg.Error, subject: str = "") -> BigmeterError:
    """Return our error for the driver's: its class says what to do, its message names SQLSTATE and objects only."""
    state = error.sqlstate
    if state is None:
        return _without_sqlstate(error, subject)
    place = _place(error)
    if state in _CONFIGURATION:
        return ConfigError(_with_subject(subject, f"PostgreSQL: {_CONFIGURATION[state]} ({place})"))
    if state.startswith(_CONFIGURATION_CLASSES):
        return ConfigError(
            _with_subject(
                subject, f"PostgreSQL refuses the statement ({place}); does the database fit this version? {MIGRATE}"
            )
        )
    reason = _UNAVAILABLE.get(state) or next(
        (text for prefix, text in _UNAVAILABLE_CLASSES.items() if state.startswith(prefix)), None
    )
    if reason:
        return StoreUnavailable(_with_subject(subject, f"PostgreSQL: {reason} ({place}); try again later"))
    if state[:2] in {"21", "22", "23"}:
        return StoreRefused(_with_subject(subject, f"PostgreSQL refuses a row ({place}); nothing was written"))
    return BigmeterError(_with_subject(subject, f"PostgreSQL failed ({place}); nothing was written"))


def _without_sqlstate(error: psycopg.Error, subject: str) -> BigmeterError:
    text = str(error)
    for words, state in _LOGIN_WORDS:
        if words.search(text):
            return ConfigError(_with_subject(subject, f"PostgreSQL: {_CONFIGURATION[state]}"))
    if _WRONG_PARAMETER.search(text):
        return ConfigError(
            _with_subject(subject, f"PostgreSQL: a parameter of the connection has no such value: correct {SETTING}")
        )
    if "SSL" in text and "not support" in text:
        return ConfigError(
            _with_subject(subject, f"PostgreSQL: the server offers no TLS: correct sslmode in {SETTING}")
        )
    if isinstance(error, psycopg.DataError):
        return StoreRefused(_with_subject(subject, "a value from Oracle is none that PostgreSQL can hold"))
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return StoreUnavailable(
            _with_subject(subject, f"PostgreSQL cannot be reached, or the line was lost; if it stays so, see {SETTING}")
        )
    return BigmeterError(_with_subject(subject, f"PostgreSQL driver: {type(error).__name__}; nothing was written"))


def _place(error: psycopg.Error) -> str:
    diag = error.diag
    named = (("table", diag.table_name), ("column", diag.column_name), ("constraint", diag.constraint_name))
    return ", ".join([str(error.sqlstate), *(f"{what} {name}" for what, name in named if name)])


def _with_subject(subject: str, text: str) -> str:
    return f"{subject}: {text}" if subject else text
