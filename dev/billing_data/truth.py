"""What a correct loader must find, worked out from the plan of what happened and not from the eleven tables.

Of several live rows of one customer and month the loader keeps the best, and so does this module: the highest usage,
then the greatest meter number, then the greatest of the remaining columns in their order (``COMPARED``). NULL loses
against any value, numbers compare by value, text by code point. The rows are every combination of the live bills, the
live readings and the live meters, so the best combination is the best of each, compared on its own columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from dev.billing_data.arrow import big_decimals, decimals, text, whole_numbers
from dev.billing_data.branches import Branch
from dev.billing_data.customers import Bools, Customers, Ints
from dev.billing_data.events import Event
from dev.billing_data.lookups import METER_BRANDS, METER_SIZES, METER_STATES, USE_TYPES
from dev.billing_data.options import GeneratorOptions
from dev.billing_data.rows import Bills, Meters, Readings, Routes
from dev.billing_data.usage import COHORT_SIZE, OCTOBER

COMPARED: Final = (
    "present_water_usg",
    "meter_no",
    "org_name",
    "cust_code",
    "use_type",
    "use_name",
    "cust_name",
    "address",
    "route_code",
    "meter_size",
    "meter_brand",
    "meter_state",
    "average",
    "present_meter_count",
    "debt_ym",
)
"""The columns by which several live rows of one customer and month are compared; the greatest wins."""

TRUTH_TABLES: Final = {
    "expected_meter": """
        year_month VARCHAR, branch_code VARCHAR, org_name VARCHAR, cust_code VARCHAR, use_type VARCHAR,
        use_name VARCHAR, cust_name VARCHAR, address VARCHAR, route_code VARCHAR, meter_no VARCHAR,
        meter_size VARCHAR, meter_brand VARCHAR, meter_state VARCHAR, average DECIMAL(38,10),
        present_meter_count DECIMAL(38,10), present_water_usg DECIMAL(38,10), debt_ym VARCHAR, duplicates INTEGER""",
    "expected_cohort": """
        branch_code VARCHAR, fiscal_year INTEGER, usage_rank INTEGER, cust_code VARCHAR, debt_ym VARCHAR,
        present_water_usg DECIMAL(38,10)""",
    "event": """
        kind VARCHAR, branch_code VARCHAR, cust_code VARCHAR, from_ym VARCHAR, to_ym VARCHAR, detail VARCHAR""",
    "made_from": "place INTEGER, choice VARCHAR",
}
"""The tables of schema ``truth`` with their columns; ``year_month`` and ``*_ym`` Gregorian, ``debt_ym`` Buddhist."""

_NOTHING: Final = -1


@dataclass(frozen=True, slots=True)
class _Best:
    """The winning row and the number of candidates, by customer and month (or by customer for meters)."""

    row: Ints
    count: Ints


def expected_rows(
    branch: Branch,
    customers: Customers,
    plan: tuple[Bills, Readings, Meters, Routes],
    without_record: set[int],
    options: GeneratorOptions,
) -> tuple[pa.Table, pa.Table]:
    """Return a branch's rows of ``expected_meter`` and ``expected_cohort``."""
    bills, readings, meters, routes = plan
    best_bill = _best_bills(bills, len(customers), options.months)
    best_reading = _best_readings(readings, routes, len(customers), options.months)
    best_meter = _best_meters(meters, without_record, len(customers))

    month, place = np.nonzero(((best_bill.row != _NOTHING) & (best_reading.row != _NOTHING)).T)
    bill, reading, meter = best_bill.row[place, month], best_reading.row[place, month], best_meter.row[place]
    rows = best_bill.count[place, month] * best_reading.count[place, month] * np.maximum(best_meter.count[place], 1)

    use, route, size = bills.use[bill], readings.route[reading], readings.size[reading]
    route_indices = range(len(routes.codes))
    is_null = bills.is_usage_null[bill]
    huge = {
        position: bills.huge_register[row] for position, row in enumerate(bill.tolist()) if row in bills.huge_register
    }
    expected = {
        "year_month": text(month, [when.ym for when in options.calendar]),
        "branch_code": text(np.zeros_like(month), [branch.code]),
        "org_name": text(route, [routes.unit_of(index) for index in route_indices]),
        "cust_code": text(place, customers.codes),
        "use_type": text(use, [use_type.code for use_type in USE_TYPES]),
        "use_name": text(use, [use_type.name for use_type in USE_TYPES]),
        "cust_name": text(bills.name[bill], bills.name_pool),
        "address": text(bills.address[bill], bills.address_pool),
        "route_code": text(route, [routes.code_of(index) for index in route_indices]),
        "meter_no": text(readings.meter[reading], readings.meter_pool),
        "meter_size": text(size, [meter_size.name for meter_size in METER_SIZES]),
        "meter_brand": text(_of_meter(meters.brand, meter), [name for _, name in METER_BRANDS]),
        "meter_state": text(_of_meter(meters.state, meter), [name for _, name in METER_STATES]),
        "average": big_decimals([*meters.average, None]).take(
            whole_numbers(np.where(meter < 0, len(meters.average), meter))
        ),
        "present_meter_count": decimals(bills.register[bill], 0, is_null, huge),
        "present_water_usg": decimals(bills.hundredths[bill], 2, is_null),
        "debt_ym": text(month, [when.debt_ym for when in options.calendar]),
        "duplicates": whole_numbers(rows - 1),
    }
    usage: list[list[tuple[int, str]]] = [[] for _ in options.calendar]
    octobers = np.array([when.month == OCTOBER for when in options.calendar])
    chosen = np.flatnonzero(octobers[month] & ~is_null & (bills.hundredths[bill] > 0))
    for at, who, hundredths in zip(
        month[chosen].tolist(), place[chosen].tolist(), bills.hundredths[bill[chosen]].tolist(), strict=True
    ):
        usage[at].append((-hundredths, customers.codes[who]))
    return pa.table(expected), _cohorts(branch, usage, options)


def event_rows(branch: Branch, customers: Customers, events: Iterable[Event], options: GeneratorOptions) -> pa.Table:
    """Return a branch's rows of ``event``, in order."""
    calendar = options.calendar
    rows = sorted(
        (
            event.kind,
            branch.code,
            customers.codes[event.place],
            calendar[event.first].ym,
            calendar[event.last].ym,
            event.detail,
        )
        for event in events
    )
    names = ("kind", "branch_code", "cust_code", "from_ym", "to_ym", "detail")
    return pa.table(
        [pa.array([row[index] or None for row in rows], type=pa.string()) for index in range(len(names))],
        names=list(names),
    )


def _cohorts(branch: Branch, usage: Sequence[Sequence[tuple[int, str]]], options: GeneratorOptions) -> pa.Table:
    years: list[int] = []
    ranks: list[int] = []
    codes: list[str] = []
    debt_yms: list[str] = []
    hundredths: list[int] = []
    for when, candidates in zip(options.calendar, usage, strict=True):
        for rank, (negative, code) in enumerate(sorted(candidates)[:COHORT_SIZE], start=1):
            years.append(when.year + 1)
            ranks.append(rank)
            codes.append(code)
            debt_yms.append(when.debt_ym)
            hundredths.append(-negative)
    return pa.table(
        {
            "branch_code": pa.array([branch.code] * len(years), type=pa.string()),
            "fiscal_year": pa.array(years, type=pa.int32()),
            "usage_rank": pa.array(ranks, type=pa.int32()),
            "cust_code": pa.array(codes, type=pa.string()),
            "debt_ym": pa.array(debt_yms, type=pa.string()),
            "present_water_usg": decimals(np.array(hundredths, dtype=np.int64), 2),
        }
    )


def _rank(value: Any) -> tuple[bool, Any]:  # noqa: ANN401 - a number, a text or None
    """Return a key under which NULL loses against any value."""
    return value is not None, value


def _best_bills(bills: Bills, customers: int, months: int) -> _Best:
    def key(row: int) -> tuple[tuple[bool, Any], ...]:
        is_null = bool(bills.is_usage_null[row])
        use = None if bills.use[row] < 0 else USE_TYPES[bills.use[row]]
        register = bills.huge_register.get(row, int(bills.register[row]))
        return (
            _rank(None if is_null else int(bills.hundredths[row])),
            _rank(use and use.code),
            _rank(use and use.name),
            _rank(bills.name_pool[bills.name[row]]),
            _rank(bills.address_pool[bills.address[row]]),
            _rank(None if is_null else register),
        )

    return _best(bills.place, bills.month, ~bills.is_cancelled & ~bills.is_deleted, (customers, months), key)


def _best_readings(readings: Readings, routes: Routes, customers: int, months: int) -> _Best:
    def key(row: int) -> tuple[tuple[bool, Any], ...]:
        meter, route, size = int(readings.meter[row]), int(readings.route[row]), int(readings.size[row])
        return (
            _rank(None if meter < 0 else readings.meter_pool[meter]),
            _rank(routes.unit_of(route)),
            _rank(routes.code_of(route)),
            _rank(None if size < 0 else METER_SIZES[size].name),
        )

    return _best(readings.place, readings.month, ~readings.is_deleted, (customers, months), key)


def _best_meters(meters: Meters, without_record: set[int], customers: int) -> _Best:
    def key(row: int) -> tuple[tuple[bool, Any], ...]:
        brand, state = meters.brand[row], meters.state[row]
        return (
            _rank(None if brand < 0 else METER_BRANDS[brand][1]),
            _rank(None if state < 0 else METER_STATES[state][1]),
            _rank(meters.average[row]),
        )

    # Bills reach meters through the customer's own row: without it, none.
    is_live = ~np.array(meters.is_deleted, dtype=np.bool_)
    is_live &= np.array([place not in without_record for place in meters.place], dtype=np.bool_)
    places = np.array(meters.place, dtype=np.int64)
    best = _best(places, np.zeros_like(places), is_live, (customers, 1), key)
    return _Best(best.row[:, 0], best.count[:, 0])


def _best(place: Ints, month: Ints, is_live: Bools, shape: tuple[int, int], key: Any) -> _Best:  # noqa: ANN401
    rows = np.flatnonzero(is_live)
    best = np.full(shape, _NOTHING, dtype=np.int64)
    count = np.zeros(shape, dtype=np.int64)
    np.add.at(count, (place[rows], month[rows]), 1)
    best[place[rows], month[rows]] = rows
    repeated = rows[count[place[rows], month[rows]] > 1]
    for at in {(int(place[row]), int(month[row])) for row in repeated.tolist()}:
        best[at] = _NOTHING
    for row in repeated.tolist():
        at = (int(place[row]), int(month[row]))
        if best[at] == _NOTHING or key(row) > key(int(best[at])):
            best[at] = row
    return _Best(best, count)


def _of_meter(indices: list[int], meter: Ints) -> Ints:
    return np.where(meter < 0, _NOTHING, np.array([*indices, _NOTHING])[meter])
