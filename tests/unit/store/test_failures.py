from __future__ import annotations

import traceback

import psycopg
import pytest
from psycopg import errors

from include.bigmeter.errors import BigmeterError, ConfigError, StoreRefused, StoreUnavailable
from include.bigmeter.store.failures import as_ours, connecting, store_errors

SECRET = "นางสาวลับ 99/1"


@pytest.mark.parametrize(
    ("sqlstate", "expected"),
    [
        *[(state, ConfigError) for state in ("28000", "28P01", "3D000", "3F000", "42501", "42601", "42703", "42883")],
        *[(state, ConfigError) for state in ("42P01", "42P07", "42P10", "25006", "22P05", "2BP01")],
        *[(state, StoreUnavailable) for state in ("08000", "08003", "08006", "40001", "40P01", "53100", "53200")],
        *[(state, StoreUnavailable) for state in ("53300", "57P01", "57P02", "57P03", "57P05", "55P03", "57014")],
        *[(state, StoreUnavailable) for state in ("25P03", "25P04")],
        *[(state, StoreRefused) for state in ("21000", "22001", "22003", "22021", "23502", "23505", "23514")],
        *[(state, BigmeterError) for state in ("XX000", "0A000", "25P02", "P0001", "55000", "58030")],
    ],
)
def test_each_sqlstate_has_the_class_that_says_what_to_do(sqlstate: str, expected: type[BigmeterError]) -> None:
    failure = as_ours(errors.lookup(sqlstate)(SECRET), "1063 2025-09")
    assert type(failure) is expected
    assert str(failure).startswith("1063 2025-09: PostgreSQL")
    assert sqlstate in str(failure)
    assert SECRET not in str(failure)
    assert "\n" not in str(failure)


@pytest.mark.parametrize(
    ("text", "expected", "words"),
    [
        ('FATAL:  password authentication failed for user "x"', ConfigError, "password is wrong"),
        ("fe_sendauth: no password supplied", ConfigError, "password is wrong"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "x", database "y"', ConfigError, "login is refused"),
        ('FATAL:  role "x" does not exist', ConfigError, "login is refused"),
        ('FATAL:  role "x" is not permitted to log in', ConfigError, "login is refused"),
        ('FATAL:  Peer authentication failed for user "x"', ConfigError, "login is refused"),
        ('FATAL:  database "x" does not exist', ConfigError, "database does not exist"),
        ('FATAL:  permission denied for database "x"', ConfigError, "lacks a privilege"),
        ("server does not support SSL, but SSL was required", ConfigError, "sslmode"),
        ("Connection refused\n\tIs the server running?", StoreUnavailable, "cannot be reached"),
        ('could not translate host name "db" to address', StoreUnavailable, "cannot be reached"),
        ("connection timeout expired", StoreUnavailable, "cannot be reached"),
        ("FATAL:  sorry, too many clients already", StoreUnavailable, "cannot be reached"),
        ("FATAL:  the database system is starting up", StoreUnavailable, "cannot be reached"),
        ("server closed the connection unexpectedly", StoreUnavailable, "cannot be reached"),
    ],
)
def test_a_connection_failure_without_a_sqlstate_is_told_by_the_servers_words(
    text: str, expected: type[BigmeterError], words: str
) -> None:
    failure = as_ours(psycopg.OperationalError(f'connection to server at "db", port 5432 failed: {text}'))
    assert type(failure) is expected
    assert words in str(failure)
    assert "POSTGRES_DSN" in str(failure) or "GRANT" in str(failure).upper()
    assert '"x"' not in str(failure)


def test_a_lost_line_is_unavailable_and_a_value_that_cannot_be_sent_is_refused() -> None:
    assert type(as_ours(psycopg.InterfaceError("the connection is closed"))) is StoreUnavailable
    assert type(as_ours(psycopg.DataError(f"PostgreSQL text fields cannot contain NUL: {SECRET}"))) is StoreRefused
    assert type(as_ours(psycopg.ProgrammingError(SECRET))) is BigmeterError


def test_nothing_of_the_drivers_text_is_left_for_whatever_prints_the_exception() -> None:
    with pytest.raises(StoreRefused) as caught, store_errors("1063 2025-09"):
        raise errors.CheckViolation(SECRET)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__suppress_context__
    context: BaseException | None = caught.value
    while context:
        assert SECRET not in f"{context!r} {context} {context.args}"
        context = context.__context__


def test_a_text_that_is_no_unicode_is_refused_without_the_text() -> None:
    with pytest.raises(StoreRefused, match="1063") as caught, store_errors("1063"):
        (SECRET + "\ud800").encode()
    assert isinstance(caught.value.__context__, UnicodeEncodeError)
    assert SECRET not in repr(caught.value.__context__)
    assert caught.value.__context__.object == ""


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(KeyError), store_errors("1063"):
        raise KeyError("a bug")


def test_a_malformed_connection_string_is_a_setting_to_change_and_its_password_stays_hidden() -> None:
    with pytest.raises(ConfigError, match="POSTGRES_DSN") as caught, connecting():
        psycopg.connect("host=localhost secretpassword")
    assert "secretpassword" not in repr(caught.value) + repr(caught.value.__context__)
