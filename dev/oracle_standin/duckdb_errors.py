"""DuckDB's errors in Oracle's words, and those that only mean: try it another way."""

from __future__ import annotations

import duckdb

from dev.oracle_standin.backend import OracleError
from dev.oracle_standin.dialect.binds import NarrowColumnError
from dev.oracle_standin.dialect.errors import from_text, ora, unimplemented

_SAYINGS = (
    ("More than one row returned by a subquery", 1427),
    ("must appear in the GROUP BY clause", 979),
    ("cannot contain aggregates", 934),
)


class SumOverflowError(OracleError):
    """A sum in the stored form has more digits than that form."""

    def __init__(self) -> None:
        super().__init__(1426, "numeric overflow")


class ConflictError(OracleError):
    """Another session has changed the same row."""

    def __init__(self) -> None:
        super().__init__(8177, "can't serialize access for this transaction")


class StaleTranslationError(Exception):
    """A table is stored otherwise than when the statement was translated."""


def oracle_error(error: duckdb.Error, user: str) -> OracleError:  # noqa: PLR0911 - one error, one return
    """Return Oracle's error for one of DuckDB's; ``user`` owns the constraint that Oracle would name."""
    if isinstance(error, duckdb.InterruptException):
        return ora(1013)
    text = str(error)
    said = from_text(text)
    if said is not None:
        return NarrowColumnError.of(said) or said
    if isinstance(error, duckdb.TransactionException) or "onflict on " in text:
        return ConflictError()
    if isinstance(error, duckdb.ConstraintException):
        return ora(1, user)
    for part, code in _SAYINGS:
        if part in text:
            return ora(code)
    if isinstance(error, duckdb.OutOfRangeException | duckdb.ConversionException):
        return SumOverflowError()
    if isinstance(error, duckdb.NotImplementedException | duckdb.BinderException | duckdb.ParserException):
        return unimplemented("this combination")
    return OracleError(604, f"error occurred at recursive SQL level 1 ({type(error).__name__})")
