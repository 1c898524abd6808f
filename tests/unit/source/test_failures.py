"""What a driver error means; only its codes go on."""

from __future__ import annotations

import traceback
from typing import Any

import oracledb
import pytest
from oracledb.errors import _Error

from include.bigmeter.errors import (
    BigmeterError,
    ConfigError,
    DataContractError,
    SourceFailed,
    SourceRefused,
    SourceUnavailable,
)
from include.bigmeter.source.failures import as_source_error, source_errors

POISON = "นายพิษ"


def ora(code: int) -> oracledb.Error:
    detail: Any = _Error(message=f"ORA-{code:05d}: about {POISON}", code=code)
    error: oracledb.Error = detail.exc_type(detail)
    return error


def dpy(code: int, inside: str = "") -> oracledb.Error:
    detail: Any = _Error(message=f"DPY-{code:04d}: about {POISON}\n{inside}")
    error: oracledb.Error = detail.exc_type(detail)
    return error


@pytest.mark.parametrize(
    "code",
    [
        1033, 1034, 1089, 1090, 1013, 3111, 4068, 8103, 1555, 12170, 12516, 12518, 12519, 12520, 12528, 12537, 12541,
        12543, 12571, 30006, 54, 60, 257, 18, 20, 2391, 376, 1115, 12514, 12757, 16456, 28, 31, 600, 603, 1012, 1092,
        2396, 3113, 3114, 3135, 12547, 12570,
    ],
)  # fmt: skip
def test_what_passes_by_itself_can_be_retried(code: int) -> None:
    assert isinstance(as_source_error(ora(code), "1061 2025-09"), SourceUnavailable)


@pytest.mark.parametrize("code", [4011, 4024, 4033, 6000, 6001, 6005])
def test_the_drivers_own_transient_errors_can_be_retried(code: int) -> None:
    assert isinstance(as_source_error(dpy(code), "1061 2025-09"), SourceUnavailable)


@pytest.mark.parametrize("code", [942, 904, 1017, 28000, 28001, 1031, 936, 933, 1722])
def test_what_oracle_refuses_is_never_retried(code: int) -> None:
    error = as_source_error(ora(code), "1061 2025-09")
    assert isinstance(error, SourceRefused)
    assert not error.is_retryable
    assert f"ORA-{code:05d}" in str(error)


@pytest.mark.parametrize("error", [ora(12154), dpy(3010), dpy(4000), dpy(4027), dpy(6002), dpy(6003)])
def test_a_wrongly_described_connection_is_a_matter_of_configuration(error: oracledb.Error) -> None:
    assert isinstance(as_source_error(error, "connection bigmeter_oracle"), ConfigError)


def test_a_wrong_sid_is_told_from_a_dead_listener_though_the_driver_wraps_both() -> None:
    assert isinstance(as_source_error(dpy(6005, "DPY-6003: SID is not known\nORA-12505"), "x"), ConfigError)
    unavailable = as_source_error(dpy(6005, "DPY-6001: Service is not known. Similar to ORA-12514"), "x")
    assert isinstance(unavailable, SourceUnavailable)
    assert "DPY-6005, DPY-6001, ORA-12514" in str(unavailable)


@pytest.mark.parametrize("error", [ora(1476), ora(20001), dpy(4009), oracledb.DatabaseError("x"), oracledb.Error()])
def test_anything_else_fails_at_once(error: oracledb.Error) -> None:
    failed = as_source_error(error, "1061 2025-09")
    assert isinstance(failed, SourceFailed)
    assert not failed.is_retryable
    assert failed.category == "unexpected"


def test_an_unlisted_error_shows_its_code() -> None:
    assert str(as_source_error(ora(1476), "1061 2025-09")) == "1061 2025-09: Oracle failed with ORA-01476"


def test_a_host_that_is_not_found_can_be_retried() -> None:
    error = as_source_error(OSError(-2, f"Name or service not known: {POISON}"), "connection bigmeter_oracle")
    assert isinstance(error, SourceUnavailable)
    assert POISON not in str(error)


@pytest.mark.parametrize("error", [ora(942), ora(1555), ora(1476), ora(12154), dpy(6005), dpy(4024), ora(3113)])
def test_no_text_of_the_driver_goes_on(error: oracledb.Error) -> None:
    with pytest.raises(BigmeterError, match=r"^1061 2025-09: ") as caught, source_errors("1061 2025-09"):
        raise error
    shown = "".join(traceback.format_exception(caught.value))
    assert POISON not in shown
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_text_that_cannot_be_decoded_breaks_the_contract() -> None:
    with pytest.raises(DataContractError, match="not valid in its character set"), source_errors("1061 2025-09"):
        raise UnicodeDecodeError("utf-8", b"\xe0", 0, 1, POISON)


def test_an_error_of_our_own_passes() -> None:
    error = DataContractError("mine")
    with pytest.raises(DataContractError) as caught, source_errors("1061 2025-09"):
        raise error
    assert caught.value is error
