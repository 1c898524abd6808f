"""What travels from Oracle to PostgreSQL: typed rows, and the counts of what became of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from decimal import MAX_PREC, Context, Decimal
from typing import Literal

from include.bigmeter.periods import Ym

MonthKind = Literal["monthly", "history"]
"""Why a month is loaded: for its own sake, or as history for a new cohort."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterReading:
    """One live bill of one customer and month with its reading, the grain of ``bm_meter_details``.

    ``year_month`` is Gregorian, ``debt_ym`` as Oracle has it; ``average`` and ``present_water_usg`` are cubic
    metres; ``present_meter_count`` is the register. The fields stand in the order of the table's columns, which is
    also the order in which several live rows of one customer are compared.
    """

    year_month: Ym
    branch_code: str
    org_name: str | None
    cust_code: str
    use_type: str | None
    use_name: str | None
    cust_name: str | None
    address: str | None
    route_code: str | None
    meter_no: str | None
    meter_size: str | None
    meter_brand: str | None
    meter_state: str | None
    average: Decimal | None
    present_meter_count: Decimal | None
    present_water_usg: Decimal | None
    debt_ym: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortMember:
    """One of a branch's largest customers of a fiscal year, the grain of ``bm_custcode_init``.

    ``present_water_usg`` (cubic metres, of the debt month) and ``usage_rank`` (1 is the largest) are what it was
    chosen by; both are None in a cohort adopted from the first implementation, which did not keep them.
    """

    fiscal_year: int
    branch_code: str
    org_name: str | None
    cust_code: str
    use_type: str | None
    use_name: str | None
    cust_name: str | None
    address: str | None
    route_code: str | None
    meter_no: str | None
    meter_size: str | None
    meter_brand: str | None
    meter_state: str | None
    debt_ym: str
    present_water_usg: Decimal | None
    usage_rank: int | None


_EXACT = Context(prec=MAX_PREC)  # the default context rounds a sum at 28 digits, Oracle's numbers have up to 38

READING_COLUMNS = tuple(field.name for field in fields(MeterReading))
MEMBER_COLUMNS = tuple(field.name for field in fields(CohortMember))


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteCounts:
    """What a write did to the stored rows; the first three add up to the rows that were written."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCost:
    """What reading a branch cost Oracle: wall-clock seconds and round trips, login and logoff left out."""

    seconds: float
    round_trips: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthRead:
    """A branch-month as Oracle has it: one reading per customer, the other live rows counted as duplicates."""

    readings: tuple[MeterReading, ...]
    duplicates: int
    cost: SourceCost


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortRead:
    """The branch's largest customers as Oracle has them, largest first, and the rows that repeated one of them."""

    members: tuple[CohortMember, ...]
    duplicates: int
    cost: SourceCost


@dataclass(frozen=True, slots=True, kw_only=True)
class RunIdentity:
    """Who asked for a load: what the ledger says about the run an attempt belongs to."""

    run_id: str
    dag_id: str | None = None
    try_number: int = 1
    triggered_by: str = "command line"


def exact_sum(usages_m3: Iterable[Decimal]) -> Decimal:
    """Return the sum of cubic metres, to the last digit; 0 of none."""
    total = Decimal(0)
    for usage_m3 in usages_m3:
        total = _EXACT.add(total, usage_m3)
    return total
