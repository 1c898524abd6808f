"""How Oracle's column types are stored in DuckDB."""

from __future__ import annotations

from dev.oracle_standin.values import Column, OracleType

PLAIN_NUMBER_SCALE = -127
"""The scale with which Oracle describes a NUMBER that has neither precision nor scale."""

STORED_SCALE = 10
"""Decimals kept of a plain NUMBER in a table: 28 digits before the point and 10 after it, exact or refused."""

MAX_PRECISION = 38


def duckdb_type(column: Column) -> str:
    """Return the DuckDB type in which a column of an Oracle table is stored.

    CHAR(n) is a VARCHAR whose values are already padded with blanks to n characters. DATE and TIMESTAMP are both
    TIMESTAMP (a DATE has whole seconds). A plain NUMBER is DECIMAL(38,10).

    :raises ValueError: for a type that no table of the stand-in can have.
    """
    match column.type:
        case OracleType.VARCHAR2 | OracleType.CHAR | OracleType.LONG:
            return "VARCHAR"
        case OracleType.NUMBER:
            return number_type(column.precision, column.scale)
        case OracleType.DATE | OracleType.TIMESTAMP:
            return "TIMESTAMP"
        case OracleType.RAW:
            return "BLOB"
        case OracleType.BINARY_DOUBLE:
            return "DOUBLE"
    raise ValueError(f"no table can hold {column.type!r}")


def number_type(precision: int, scale: int) -> str:
    """Return the DuckDB type of NUMBER(precision, scale); precision 0 is a plain NUMBER.

    :raises ValueError: for a precision and scale that 38 digits cannot hold.
    """
    if precision == 0:
        return f"DECIMAL({MAX_PRECISION},{STORED_SCALE})"
    width = max(precision, precision - scale, scale)
    if not 1 <= width <= MAX_PRECISION:
        raise ValueError(f"NUMBER({precision},{scale}) has no exact form in DuckDB")
    return f"DECIMAL({width},{max(scale, 0)})"
