"""Rows of Oracle as values by column name, exact and checked.

Nothing that came from a row is put into a message: only the month that was asked for and our own column names are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from include.bigmeter.errors import DataContractError
from include.bigmeter.source.columns import CUST_CODE, DEBT_YM, NUMBER_COLUMNS, TRIMMED_COLUMNS
from include.bigmeter.source.ranking import Values

_NUMBER_TEXT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")


class RowParser:
    """Turns rows into values by column name, and refuses what the query must not return."""

    def __init__(self, places: Mapping[str, int], columns: Sequence[str], where: str, debt_ym: str) -> None:
        self._columns = [(name, places.get(name), _converter(name)) for name in columns]
        self._where = where
        self._debt_ym = debt_ym
        self._has_debt_ym = DEBT_YM in places

    def parse(self, row: Sequence[Any]) -> Values:
        """Return the values of a row; a column that the template lacks is None, but the month is the one asked for."""
        values: Values = {}
        for name, place, convert in self._columns:
            value = None if place is None else row[place]
            try:
                values[name] = None if value is None else convert(value)
            except ValueError:
                raise DataContractError(f"{self._where}: a value of {name} from Oracle is no finite number") from None
        if values[CUST_CODE] is None:
            raise DataContractError(f"{self._where}: a row from Oracle has no cust_code")
        if not self._has_debt_ym:
            values[DEBT_YM] = self._debt_ym
        elif values[DEBT_YM] != self._debt_ym:
            raise DataContractError(
                f"{self._where}: a row from Oracle is of another month than {self._debt_ym}; "
                "does the template filter by DEBT_YM, and is DEBT_YM_ERA right?"
            )
        return values


def _converter(name: str) -> Callable[[Any], Any]:
    if name in NUMBER_COLUMNS:
        return _exact_number
    return _trimmed if name in TRIMMED_COLUMNS else _same


def _exact_number(value: Decimal | float | str) -> Decimal:
    """Return a number digit for digit; Decimal's constructor does not round, unlike its arithmetic.

    :raises ValueError: for NaN, an infinity, or text that is no plain number.
    """
    if isinstance(value, str):
        value = value.strip()
        if not _NUMBER_TEXT.fullmatch(value):
            raise ValueError
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    if not number.is_finite():
        raise ValueError
    return number


def _trimmed(value: str) -> str | None:
    return value.rstrip(" ") or None


def _same(value: str) -> str:
    return value
