"""What a set of billing data is made from: the seed, the branches, the months."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from zlib import crc32

import numpy as np

from dev.billing_data.branches import ALL_BRANCHES, BY_CODE, Branch

DEFAULT_LAST_MONTH: Final = "202610"
"""The last month unless another is asked for: fixed, so that the default set never changes by itself."""

DEFAULT_BRANCH_COUNT: Final = 22
MAX_CUSTOMERS: Final = 20_000
MAX_MONTHS: Final = 60
MAX_BRANCH_BILLS: Final = 900_000
"""A branch's bills are numbered within a million of their own."""

BUDDHIST_OFFSET: Final = 543


class OptionError(ValueError):
    """An option that no data can be made from; the message is one line and names the option."""


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month, Gregorian."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> Month:
        """Read Gregorian ``YYYYMM``.

        :raises OptionError: for anything else, a Buddhist year included.
        """
        if not re.fullmatch(r"[0-9]{6}", text) or not 1 <= int(text[4:]) <= 12:
            raise OptionError(f"last month {text!r}: write a month as YYYYMM, for example 202610")
        if not 1990 <= int(text[:4]) <= 2200:
            raise OptionError(f"last month {text!r}: the year is Gregorian, from 1990 to 2200")
        return cls(int(text[:4]), int(text[4:]))

    @property
    def ym(self) -> str:
        """Gregorian ``YYYYMM``."""
        return f"{self.year}{self.month:02d}"

    @property
    def debt_ym(self) -> str:
        """Buddhist ``YYYYMM``, as the billing system writes its debt months."""
        return f"{self.year + BUDDHIST_OFFSET}{self.month:02d}"

    def day(self, day: int) -> date:
        """Return a day of the month."""
        return date(self.year, self.month, day)

    def before(self, months: int) -> Month:
        """Return the month so many months earlier."""
        number = self.year * 12 + self.month - 1 - months
        return Month(number // 12, number % 12 + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorOptions:
    """The choices that determine every byte of a set.

    ``branches`` is a count (region 6 first, then invented ones) or codes; a branch's rows are the same whatever other
    branches are chosen. ``last_month`` is Gregorian ``YYYYMM``, the last of ``months`` months.

    :raises OptionError: for a choice that nothing can be made from.
    """

    seed: int = 1
    branches: int | tuple[str, ...] = DEFAULT_BRANCH_COUNT
    customers: int = 400
    months: int = 25
    last_month: str = DEFAULT_LAST_MONTH
    chosen: tuple[Branch, ...] = field(init=False, repr=False, compare=False)
    calendar: tuple[Month, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the choices, and settle the branches (by code) and the months (first to last)."""
        _check_range("seed", self.seed, 0, 2**63 - 1)
        _check_range("customers", self.customers, 1, MAX_CUSTOMERS)
        _check_range("months", self.months, 1, MAX_MONTHS)
        if self.customers * self.months > MAX_BRANCH_BILLS:
            raise OptionError(
                f"customers {self.customers} x months {self.months}: a branch can have {MAX_BRANCH_BILLS} bills"
            )
        last = Month.parse(self.last_month)
        object.__setattr__(self, "chosen", _chosen_branches(self.branches))
        object.__setattr__(self, "calendar", tuple(last.before(back) for back in range(self.months - 1, -1, -1)))

    @property
    def described(self) -> tuple[str, ...]:
        """What determines the data, as text."""
        codes = [branch.code for branch in self.chosen]
        # Thousands of digits of branch codes tell nobody anything: a checksum stands for the middle ones.
        return (
            f"seed {self.seed}",
            f"{len(codes)} branches from {codes[0]} to {codes[-1]} ({crc32(','.join(codes).encode()):08x})",
            f"{self.customers} customers",
            f"{self.months} months to {self.last_month}",
        )

    def random(self, branch_code: str, *purpose: int) -> np.random.Generator:
        """Return a stream of random numbers of its own for a purpose in a branch."""
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence((self.seed, int(branch_code), *purpose))))


def _check_range(name: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise OptionError(f"{name} {value}: must be from {lowest} to {highest}")


def _chosen_branches(wanted: int | tuple[str, ...]) -> tuple[Branch, ...]:
    if isinstance(wanted, int):
        _check_range("branches", wanted, 1, len(ALL_BRANCHES))
        chosen = ALL_BRANCHES[:wanted]
    else:
        unknown = [code for code in wanted if code not in BY_CODE]
        if unknown:
            raise OptionError(f"branches: no branch has the code {unknown[0]!r}")
        if not wanted or len(set(wanted)) != len(wanted):
            raise OptionError("branches: write each code once, and at least one")
        chosen = tuple(BY_CODE[code] for code in wanted)
    return tuple(sorted(chosen, key=lambda branch: branch.code))
