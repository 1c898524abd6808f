"""Months and fiscal years in both eras.

A *ym* is a Gregorian ``YYYYMM``; a *debt_ym* is the same month as Oracle's ``DEBT_YM`` has it, Buddhist-era
``YYYYMM`` by default (October 2024 is ``256710``). A fiscal year runs from October to September and is labelled,
Gregorian, by the year it ends in. All are text but the fiscal year.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Literal, NewType
from zoneinfo import ZoneInfo

from include.bigmeter.errors import ConfigError, quoted

Ym = NewType("Ym", str)
DebtYm = NewType("DebtYm", str)
Era = Literal["buddhist", "gregorian"]

BUDDHIST_OFFSET_YEARS = 543
FIRST_BUDDHIST_YEAR = 2400  # an input year from here on cannot be a Gregorian year of a bill
FISCAL_YEAR_FIRST_MONTH = 10
_YM = re.compile(r"([0-9]{4})-?(0[1-9]|1[0-2])")


def parse_ym(text: str, setting: str = "ym") -> Ym:
    """Return the Gregorian month that a person typed, in either era.

    :param text: ``YYYYMM``, or ``YYYY-MM`` as messages write it; a year of 2400 or more is Buddhist and is converted.
    :param setting: the parameter or variable it came from, for the message.
    :raises ConfigError: if it is no month.
    """
    match = _YM.fullmatch(text.strip())
    if match is None:
        raise ConfigError(f"{setting}: {quoted(text)} is not a month; write YYYYMM, such as 202509 or 256809")
    year, month = int(match[1]), int(match[2])
    if year >= FIRST_BUDDHIST_YEAR:
        year -= BUDDHIST_OFFSET_YEARS
    if not 1900 <= year <= 2200:
        raise ConfigError(f"{setting}: {quoted(text)} has a year that no bill has; write YYYYMM, such as 202509")
    return _ym(year, month)


def ym_of_date(moment: datetime) -> Ym:
    """Return the calendar month that a moment lies in, in the moment's own zone."""
    return _ym(moment.year, moment.month)


def end_of(ym: Ym, timezone: ZoneInfo) -> datetime:
    """Return the moment at which a month is over: the first of the next one."""
    following = add_months(ym, 1)
    return datetime(int(following[:4]), int(following[4:]), 1, tzinfo=timezone)


def add_months(ym: Ym, months: int) -> Ym:
    """Return the month so many months after ``ym``, or before it if negative."""
    year, month0 = divmod(int(ym[:4]) * 12 + int(ym[4:]) - 1 + months, 12)
    return _ym(year, month0 + 1)


def iter_months(first: Ym, last: Ym) -> Iterator[Ym]:
    """Yield each month from ``first`` to ``last``, both included."""
    ym = first
    while ym <= last:
        yield ym
        ym = add_months(ym, 1)


def to_debt_ym(ym: Ym, era: Era = "buddhist") -> DebtYm:
    """Return the month as Oracle's ``DEBT_YM`` has it."""
    years = BUDDHIST_OFFSET_YEARS if era == "buddhist" else 0
    return DebtYm(f"{int(ym[:4]) + years:04d}{ym[4:]}")


def fiscal_year_of(ym: Ym) -> int:
    """Return the fiscal year that a month belongs to: 202410 to 202509 is 2025."""
    return int(ym[:4]) + (int(ym[4:]) >= FISCAL_YEAR_FIRST_MONTH)


def october_of(fiscal_year: int) -> Ym:
    """Return the first month of a fiscal year, the October whose bills choose its cohort."""
    return _ym(fiscal_year - 1, FISCAL_YEAR_FIRST_MONTH)


def is_october(ym: Ym) -> bool:
    """Say whether a month opens a fiscal year."""
    return int(ym[4:]) == FISCAL_YEAR_FIRST_MONTH


def dashed(ym: Ym) -> str:
    """Return ``2025-09`` for ``202509``: how messages write a month."""
    return f"{ym[:4]}-{ym[4:]}"


def _ym(year: int, month: int) -> Ym:
    return Ym(f"{year:04d}{month:02d}")
