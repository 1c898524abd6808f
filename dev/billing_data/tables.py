"""The rows of the eleven tables as Arrow, in the order of the columns that the schema gives them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final

import numpy as np
import pyarrow as pa

from dev.billing_data import schema
from dev.billing_data.arrow import big_decimals, decimals, text, whole_numbers
from dev.billing_data.branches import Branch
from dev.billing_data.customers import Bools, Customers, Ints
from dev.billing_data.lookups import METER_BRANDS, METER_SIZES, METER_STATES, MISSING_ID, USE_TYPES
from dev.billing_data.options import GeneratorOptions
from dev.billing_data.rows import DANGLING, NULL, Bills, Meters, Readings, Routes
from dev.oracle_standin.catalogue import Table

_PLACES_PER_BRANCH: Final = 1_000
_METERS_PER_BRANCH: Final = 100_000
_BILLS_PER_BRANCH: Final = 1_000_000
_BILL_DAY, _READ_DAY = 20, 12
_EPOCH: Final = date(1970, 1, 1)
_REGISTRATION_PERIOD_DAYS: Final = 9_000
_MICROSECONDS_A_DAY: Final = 86_400_000_000

_REGISTERED = 40

NamedTable = tuple[Table, pa.Table]


def lookup_tables() -> Iterator[NamedTable]:
    """Yield the lookup tables, which are the same for every branch."""
    yield _named(
        schema.METERSIZE,
        pa.array([size.id for size in METER_SIZES]),
        pa.array([size.name for size in METER_SIZES]),
        pa.array([size.inch and Decimal(size.inch) for size in METER_SIZES], type=pa.decimal128(5, 3)),
    )
    yield _named(
        schema.METERBRAND,
        pa.array([number for number, _ in METER_BRANDS]),
        pa.array([name for _, name in METER_BRANDS]),
    )
    yield _named(
        schema.METERSTATE,
        pa.array([number for number, _ in METER_STATES]),
        pa.array([name for _, name in METER_STATES]),
    )
    yield _named(
        schema.USETYPE,
        pa.array([use.id for use in USE_TYPES]),
        pa.array([use.code for use in USE_TYPES]),
        pa.array([use.name for use in USE_TYPES]),
    )


def place_tables(branch: Branch, routes: Routes) -> Iterator[NamedTable]:
    """Yield a branch's routes, lines and service units."""
    base = int(branch.code) * _PLACES_PER_BRANCH
    route_numbers = np.arange(len(routes.codes))
    yield _named(
        schema.METER_ROUTE,
        whole_numbers(base + route_numbers),
        pa.array(routes.codes),
        pa.array([base + line for line in routes.lines]),
    )
    yield _named(
        schema.METER_LINE,
        whole_numbers(base + np.arange(len(routes.line_units))),
        pa.array([base + (MISSING_ID if unit is None else unit) for unit in routes.line_units]),
    )
    yield _named(schema.ORGANIZATION, whole_numbers(base + np.arange(len(routes.units))), pa.array(routes.units))


def customer_table(
    branch: Branch, customers: Customers, without_record: set[int], options: GeneratorOptions
) -> NamedTable:
    """Return the customers' own rows, but for those whose row is missing."""
    kept = np.array([place for place in range(len(customers)) if place not in without_record], dtype=np.int64)
    days_ago = options.random(branch.code, _REGISTERED).integers(
        _REGISTRATION_PERIOD_DAYS // 10, _REGISTRATION_PERIOD_DAYS, size=len(customers)
    )
    registered = (_days(options.calendar[0].day(1)) - days_ago) * _MICROSECONDS_A_DAY + customers.ids * 997
    return _named(
        schema.CUSTOMER_INF,
        whole_numbers(customers.ids[kept]),
        text(kept, customers.codes),
        pa.array(registered[kept], type=pa.timestamp("us")),
    )


def bill_table(branch: Branch, customers: Customers, bills: Bills, options: GeneratorOptions) -> NamedTable:
    """Return a branch's bills, by month and customer."""
    count = len(bills.place)
    use_ids = np.array([use.id for use in USE_TYPES])
    bill_days = np.array([_days(month.day(_BILL_DAY)) for month in options.calendar], dtype=np.int32)
    return _named(
        schema.DEBT_TRN,
        whole_numbers(int(branch.code) * _BILLS_PER_BRANCH + np.arange(1, count + 1)),
        whole_numbers(customers.ids[bills.place]),
        text(bills.place, customers.codes),
        whole_numbers(np.full(count, int(branch.code))),
        text(bills.month, [month.debt_ym for month in options.calendar]),
        _lookup(bills.use, use_ids, MISSING_ID),
        text(bills.name, bills.name_pool),
        text(bills.address, bills.address_pool),
        decimals(bills.register, 0, bills.is_usage_null, bills.huge_register),
        decimals(bills.hundredths, 2, bills.is_usage_null, bills.huge_usage),
        text(np.where(bills.is_cancelled, 0, NULL), ["Y"]),
        _flags(bills.is_deleted),
        pa.array(bill_days[bills.month], type=pa.date32()),
    )


def reading_table(branch: Branch, customers: Customers, readings: Readings, options: GeneratorOptions) -> NamedTable:
    """Return the readings behind a branch's bills, by month and customer."""
    base = int(branch.code) * _PLACES_PER_BRANCH
    size_ids = np.array([size.id for size in METER_SIZES])
    read_days = np.array([_days(month.day(_READ_DAY)) for month in options.calendar], dtype=np.int32)
    return _named(
        schema.DEBT_TEMP,
        whole_numbers(int(branch.code) * _BILLS_PER_BRANCH + np.arange(1, len(readings.place) + 1)),
        whole_numbers(customers.ids[readings.place]),
        text(readings.month, [month.debt_ym for month in options.calendar]),
        text(readings.meter, readings.meter_pool),
        _lookup(readings.route, base + np.arange(_PLACES_PER_BRANCH), base + _PLACES_PER_BRANCH - 1),
        _lookup(readings.size, size_ids, MISSING_ID),
        _flags(readings.is_deleted),
        pa.array(read_days[readings.month] + (readings.route % 6).astype(np.int32), type=pa.date32()),
    )


def meter_table(
    branch: Branch, customers: Customers, meters: Meters, meter_pool: list[str | None], options: GeneratorOptions
) -> NamedTable:
    """Return the meters of a branch's customers."""
    places = np.array(meters.place, dtype=np.int64)
    last_day = _days(options.calendar[-1].day(1))
    return _named(
        schema.CUST_METER,
        whole_numbers(int(branch.code) * _METERS_PER_BRANCH + np.arange(1, len(places) + 1)),
        whole_numbers(customers.ids[places]),
        text(np.array(meters.meter, dtype=np.int64), meter_pool),
        big_decimals(meters.average),
        _lookup(np.array(meters.brand), np.array([number for number, _ in METER_BRANDS]), MISSING_ID),
        _lookup(np.array(meters.state), np.array([number for number, _ in METER_STATES]), MISSING_ID),
        _flags(np.array(meters.is_deleted, dtype=np.bool_)),
        pa.array((last_day - np.array(meters.installed)).astype(np.int32), type=pa.date32()),
    )


def _named(table: Table, *columns: pa.Array) -> NamedTable:
    return table, pa.table(list(columns), names=[column.name for column in table.columns])


def _lookup(indices: Ints, ids: Ints, missing: int) -> pa.Array:
    """Return the IDs of lookup rows by index; NULL and a dangling ID where the index says so."""
    is_null = indices == NULL
    found = ids[np.where(indices < 0, 0, indices)]
    return whole_numbers(np.where(indices == DANGLING, missing, found), is_null)


def _flags(is_true: Bools) -> pa.Array:
    return text(is_true.astype(np.int64), ["F", "T"])


def _days(day: date) -> int:
    return (day - _EPOCH).days
