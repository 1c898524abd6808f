"""The Oracle types that the stand-in knows, and the Python values that carry them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum

Value = str | Decimal | datetime | float | bytes | None
"""One value of a row or a bind.

VARCHAR2 and CHAR are ``str`` (never empty: Oracle's ``''`` is NULL), NUMBER is ``Decimal``, DATE and TIMESTAMP
are naive ``datetime``, BINARY_DOUBLE is ``float``, RAW is ``bytes``. In a row, NUMBER may also be its plain digits
as ``str`` ("-12.50"): a backend that has them need not make a ``Decimal`` that is only written out again.
"""


class OracleType(IntEnum):
    """An Oracle data type by its number on the wire."""

    VARCHAR2 = 1
    NUMBER = 2
    LONG = 8
    DATE = 12
    RAW = 23
    CHAR = 96
    BINARY_DOUBLE = 101
    TIMESTAMP = 180


@dataclass(frozen=True, slots=True)
class Column:
    """A result column as Oracle describes it.

    ``size`` is in characters for VARCHAR2 and CHAR, in bytes for RAW, else 0. A plain NUMBER has precision 0 and
    scale -127; ``NUMBER(p,s)`` has its own.
    """

    name: str
    type: OracleType
    size: int = 0
    precision: int = 0
    scale: int = 0
    is_nullable: bool = True


@dataclass(frozen=True, slots=True)
class Bind:
    """One bind position: its name (upper-cased unless it was quoted), its declared type and its value."""

    name: str
    type: OracleType
    value: Value
