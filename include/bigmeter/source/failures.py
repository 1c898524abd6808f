"""What a driver error means: try again later, change a setting, or tell a person.

Only codes leave this module. A driver's own text can hold connect strings, SQL and data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import oracledb

from include.bigmeter.errors import BigmeterError, ConfigError, DataContractError, SourceFailed, SourceRefused
from include.bigmeter.errors import SourceUnavailable as Unavailable

# What the driver itself does not flag as recoverable but passes by itself: https://docs.oracle.com/error-help/db/
TRANSIENT_CODES = frozenset(
    {
        "DPY-4011",  # the connection was closed: a restart, a kill, a firewall (28, 600, 1089, 3113, 3135, 12537, ...)
        "DPY-4024",  # call_timeout expired
        "DPY-4033",  # idle too long
        "DPY-6000",  # the listener refused
        "DPY-6001",  # the service is not registered with the listener (yet)
        "DPY-6005",  # cannot connect
        "ORA-00018",  # too many sessions
        "ORA-00020",  # too many processes
        "ORA-00054",  # resource busy
        "ORA-00060",  # deadlock
        "ORA-00257",  # archiver stuck
        "ORA-01013",  # cancelled
        "ORA-01033",  # start-up or shutdown in progress
        "ORA-01034",  # not available
        "ORA-01089",  # shutdown in progress
        "ORA-01090",  # shutdown in progress
        "ORA-01555",  # snapshot too old: the read-only transaction outlived the undo
        "ORA-02391",  # too many sessions of this user
        "ORA-03111",  # break received
        "ORA-04068",  # packages were replaced
        "ORA-08103",  # the object was rebuilt under the query
        "ORA-12170",  # connect time-out
        "ORA-12516",  # no handler free
        "ORA-12518",  # could not hand off
        "ORA-12519",  # no handler free
        "ORA-12520",  # no handler free
        "ORA-12528",  # new connections blocked
        "ORA-12537",  # connection closed, seen behind SCAN
        "ORA-12541",  # no listener
        "ORA-12543",  # host unreachable
        "ORA-12571",  # packet writer failure
        "ORA-30006",  # resource busy, wait expired
    }
)

# Refused as long as nobody changes something on the Oracle side or in the template; a retry can lock the account.
REFUSED_CODES: dict[str, str] = {
    "ORA-00904": "does the template name a column that is not there?",
    "ORA-00933": "is the template's SQL correct?",
    "ORA-00936": "is the template's SQL correct?",
    "ORA-00942": "is each table of the template there, and may this user SELECT from it?",
    "ORA-01017": "are user and password of bigmeter_oracle right? Retries could lock the account",
    "ORA-01031": "the user of bigmeter_oracle lacks a privilege",
    "ORA-01722": "does the template compare text with a number?",
    "ORA-28000": "the account is locked; ask the Oracle administrator",
    "ORA-28001": "the password has expired; ask the Oracle administrator",
}

# The connection itself is described wrongly.
CONNECTION_CODES: dict[str, str] = {
    "DPI-1047": "thick mode needs Oracle's client library",
    "DPY-2049": "the DSN is no whole connect descriptor; write host:port/service",
    "DPY-3010": "the thin driver needs Oracle Database 12.1 or later; use thick mode",
    "DPY-3015": "the thin driver cannot check this account's old password; have it set anew, or use thick mode",
    "DPY-4000": "the alias in the DSN is not known; write host:port/service",
    "DPY-4017": "the DSN cannot be read; write host:port/service",
    "DPY-4026": "the DSN has no service, or is an alias that is not known; write host:port/service",
    "DPY-4027": "the DSN has no service, or is an alias that is not known; write host:port/service",
    "DPY-4001": "user or password is missing",
    "DPY-6002": "the server's certificate does not match",
    "DPY-6003": "the listener does not know the SID; is it a service name?",
    "ORA-12154": "the alias in the DSN is not known; write host:port/service",
    "ORA-12505": "the listener does not know the SID; is it a service name?",
}

SETTING = "ORACLE_DSN or the connection bigmeter_oracle"

_CODE = re.compile(r"\b(?:ORA|DPY|DPI|TNS)-[0-9]{4,5}\b")


def error_codes(error: oracledb.Error) -> tuple[str, ...]:
    """Return the codes of a driver error, the outermost first: DPY-6005 wraps what the listener said."""
    detail: Any = error.args[0] if error.args else None
    number = getattr(detail, "code", 0)
    codes = [getattr(detail, "full_code", ""), f"ORA-{number:05d}" if number else ""]
    codes += _CODE.findall(getattr(detail, "message", None) or str(detail))
    return tuple(dict.fromkeys(code for code in codes if code)) or (type(error).__name__,)


def as_source_error(error: oracledb.Error | OSError, where: str) -> BigmeterError:
    """Return what a driver error means to us; raise it ``from None``.

    :param where: what was being done, such as ``1063 2025-09`` or ``connection bigmeter_oracle``.
    """
    if not isinstance(error, oracledb.Error):  # a host name that is not found, a socket's time-out behind a break
        return Unavailable(f"{where}: cannot reach Oracle ({type(error).__name__}); is the host name right?")
    codes = error_codes(error)
    shown = ", ".join(codes[:3])
    for code in codes:
        if code in CONNECTION_CODES:
            return ConfigError(f"{where}: Oracle cannot be reached, {shown}: {CONNECTION_CODES[code]}")
    if _is_recoverable(error) or not TRANSIENT_CODES.isdisjoint(codes):
        where_to_look = f"; if it stays so, see {SETTING}" if codes[0] == "DPY-6005" else ""
        return Unavailable(f"{where}: Oracle cannot answer now, {shown}; try again later{where_to_look}")
    for code in codes:
        if code in REFUSED_CODES:
            return SourceRefused(f"{where}: Oracle refuses with {shown}: {REFUSED_CODES[code]}")
    return SourceFailed(f"{where}: Oracle failed with {shown}")


@contextmanager
def source_errors(where: str) -> Iterator[None]:
    """Turn driver errors inside the block into ours; see :func:`as_source_error`."""
    try:
        yield
    except (oracledb.Error, OSError) as error:
        failure = as_source_error(error, where)
        # `from None` hides the driver's error from tracebacks; anything that walks __context__ still meets it.
        error.args = (str(failure),)
        raise failure from None
    except UnicodeError as error:
        if isinstance(error, UnicodeDecodeError):
            error.object = b""
        error.args = ()
        raise DataContractError(f"{where}: Oracle returned text that is not valid in its character set") from None


def _is_recoverable(error: oracledb.Error) -> bool:
    return bool(error.args) and bool(getattr(error.args[0], "isrecoverable", False))
