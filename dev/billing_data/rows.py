"""A branch's bills, readings and meters as rows: what happened, written as the billing system has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from dev.billing_data.branches import Branch
from dev.billing_data.customers import LINES_PER_BRANCH, ROUTES_PER_BRANCH, UNITS_PER_BRANCH, Bools, Customers, Ints
from dev.billing_data.events import Event
from dev.billing_data.lookups import METER_BRANDS, METER_SIZES, METER_STATES, NORMAL_STATE, STOPPED_STATE, UNIT_PREFIXES
from dev.billing_data.options import GeneratorOptions
from dev.billing_data.usage import HUNDREDTHS, Usage

NULL: Final = -1
"""An index that stands for NULL."""
DANGLING: Final = -2
"""An index that stands for an ID which the lookup table does not have."""

LINE_WITHOUT_ROW: Final = ROUTES_PER_BRANCH
LINE_WITHOUT_UNIT: Final = ROUTES_PER_BRANCH + 1
"""Two routes beside the usual ones: one whose line has no row, one whose line's unit has no row."""

HUGE_REGISTER: Final = 9_876_543_210_987_654_321_098_765_432
"""A register of 28 digits, typed with a slipped key."""
HUGE_USAGE: Final = 1_234_567_890_123_456_789_012_345_678
"""A usage of 28 digits: on cancelled bills only, so that it shows at once if one is read."""
HUGE_AVERAGE_UNSCALED: Final = 12_345_678_901_234_567_890_123_456_789_012_345_678
"""An average of 38 digits, ten of them after the point."""
DECIMALS: Final = 10

_ROWS: Final = 30
_BEFORE, _MAIN, _AFTER = 0, 1, 2


@dataclass(slots=True)
class Bills:
    """Rows of TB_TR_DEBT_TRN in their order: by month, then customer.

    ``use`` indexes USE_TYPES, ``name`` and ``address`` the pools; ``hundredths`` is usage x 100. ``huge_register`` and
    ``huge_usage`` replace the numbers of single rows (whole m³).
    """

    place: Ints
    month: Ints
    hundredths: Ints
    is_usage_null: Bools
    register: Ints
    use: Ints
    name: Ints
    address: Ints
    is_cancelled: Bools
    is_deleted: Bools
    name_pool: list[str | None]
    address_pool: list[str | None]
    huge_register: dict[int, int] = field(default_factory=dict)
    huge_usage: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Readings:
    """Rows of TB_TR_DEBT_TEMP in their order; ``meter`` indexes the pool, ``route`` and ``size`` the lookups."""

    place: Ints
    month: Ints
    meter: Ints
    route: Ints
    size: Ints
    is_deleted: Bools
    meter_pool: list[str | None]


@dataclass(slots=True)
class Meters:
    """Rows of TB_TR_CUST_METER by customer; ``average`` is unscaled (m³ x 10^10) or None; the rest are indices."""

    place: list[int]
    meter: list[int]
    average: list[int | None]
    brand: list[int]
    state: list[int]
    is_deleted: list[bool]
    installed: list[int]


@dataclass(frozen=True, slots=True)
class Routes:
    """A branch's reading routes: code, line and unit by index; None where the row that would say it is missing."""

    codes: tuple[str, ...]
    lines: tuple[int, ...]
    units: tuple[str, ...]
    line_units: tuple[int | None, ...]

    def unit_of(self, route: int) -> str | None:
        """Return the name of the unit that a route belongs to."""
        if route < 0 or self.lines[route] >= len(self.line_units):
            return None
        unit = self.line_units[self.lines[route]]
        return None if unit is None else self.units[unit]

    def code_of(self, route: int) -> str | None:
        """Return a route's code."""
        return None if route < 0 else self.codes[route]


def lay_out_routes(branch: Branch) -> Routes:
    """Return a branch's routes: the usual ones, then the two with something missing behind them."""
    codes = [
        f"{3 + number // 4:02d}{99 if number % 4 == 0 else number:02d}{1 + number % 7:02d}" for number in range(14)
    ]
    lines = [number % LINES_PER_BRANCH for number in range(ROUTES_PER_BRANCH)]
    units = [
        f"{UNIT_PREFIXES[number == 0]}{branch.short_name}" if number == 0 else f"{UNIT_PREFIXES[0]}บ้านตัวอย่าง {number}"
        for number in range(UNITS_PER_BRANCH)
    ]
    line_units: list[int | None] = [number % UNITS_PER_BRANCH for number in range(LINES_PER_BRANCH)]
    # The line after the last has a row without a unit's row; the one after that has no row at all.
    line_units.append(None)
    return Routes(
        tuple(codes),
        (*lines, LINES_PER_BRANCH + 1, LINES_PER_BRANCH),
        tuple(units),
        tuple(line_units),
    )


def write_bills(customers: Customers, events: list[Event], usage: Usage) -> Bills:
    """Write the bills: the one of each month, and beside it those that were cancelled, deleted or issued again."""
    count, months = usage.hundredths.shape
    cancelled = _marks(events, "cancelled_only", (count, months))
    deleted = _marks(events, "deleted_only", (count, months))
    month, place = np.nonzero((usage.has_bill | cancelled | deleted).T)
    name_pool: list[str | None] = list(customers.names)
    address_pool: list[str | None] = list(customers.addresses)
    use = customers.use.copy()
    for event in events:
        match event.kind:
            case "missing_use_type":
                use[event.place] = DANGLING if event.variant % 2 else NULL
            case "null_name":
                name_pool[event.place] = None
            case "blank_padded_name":
                name_pool[event.place] = f"{name_pool[event.place]}  "

    extras: list[_ExtraBill] = []
    for event in events:
        match event.kind:
            case "cancelled_beside_live" | "deleted_beside_live":
                extras.extend(_void_bills(event, usage))
            case "reissued_bill" | "reissued_and_two_readings":
                extras.extend(_second_bills(event, usage, address_pool))

    extra = np.array(extras, dtype=np.int64).reshape(len(extras), len(_ExtraBill._fields)).T
    added = dict(zip(_ExtraBill._fields, extra, strict=True))
    places = np.concatenate([place, added["place"]])
    at_months = np.concatenate([month, added["month"]])
    order_in_month = np.concatenate([np.full(len(place), _MAIN), added["order"]])
    order = np.argsort((at_months * count + places) * 3 + order_in_month, kind="stable")

    def column(main: Ints | Bools, name: str) -> Ints:
        joined: Ints = np.concatenate([main.astype(np.int64), added[name]])[order]
        return joined

    bills = Bills(
        place=places[order],
        month=at_months[order],
        hundredths=column(usage.hundredths[place, month], "hundredths"),
        is_usage_null=column(usage.is_null[place, month], "is_usage_null").astype(np.bool_),
        register=column(usage.register[place, month], "register"),
        use=use[places[order]],
        name=column(place, "place"),
        address=column(place, "address"),
        is_cancelled=column(cancelled[place, month], "is_cancelled").astype(np.bool_),
        is_deleted=column(deleted[place, month], "is_deleted").astype(np.bool_),
        name_pool=name_pool,
        address_pool=address_pool,
    )
    _slip_keys(bills, events)
    return bills


class _ExtraBill(NamedTuple):
    """A bill beside the month's own; ``order`` is before or after it."""

    place: int
    month: int
    hundredths: int
    is_usage_null: bool
    register: int
    address: int
    is_cancelled: bool
    is_deleted: bool
    order: int


def _void_bills(event: Event, usage: Usage) -> Iterator[_ExtraBill]:
    """Yield the bills that were cancelled or deleted; their usage is higher, so that reading one would show."""
    for month in event.months:
        mine, shown = int(usage.hundredths[event.place, month]), int(usage.register[event.place, month])
        is_cancelled = event.kind == "cancelled_beside_live"
        yield _ExtraBill(
            place=event.place,
            month=month,
            hundredths=mine * 2 + HUNDREDTHS,
            is_usage_null=False,
            register=shown + 1,
            address=event.place,
            is_cancelled=is_cancelled,
            is_deleted=not is_cancelled,
            order=_BEFORE,
        )


def _second_bills(event: Event, usage: Usage, address_pool: list[str | None]) -> Iterator[_ExtraBill]:
    """Yield the live bills that were issued again: a plain copy but for usage, another register, another address."""
    for month in event.months:
        issued = usage.reissued[event.place, month]
        form = (event.variant + month) % 3
        address = event.place
        if form == 2:
            address_pool.append(f"ที่อยู่แก้ไขแล้ว {event.place}/{month} จ.ไม่มีจริง")
            address = len(address_pool) - 1
        yield _ExtraBill(
            place=event.place,
            month=month,
            hundredths=issued or 0,
            is_usage_null=issued is None,
            register=int(usage.register[event.place, month]) + (2 if form == 1 else 0),
            address=address,
            is_cancelled=False,
            is_deleted=False,
            order=_BEFORE if event.variant % 2 else _AFTER,
        )


def _slip_keys(bills: Bills, events: list[Event]) -> None:
    for event in events:
        if event.kind == "huge_register":
            for row in np.flatnonzero((bills.place == event.place) & (bills.month == event.first)).tolist():
                bills.huge_register[row] = HUGE_REGISTER - event.place
        if event.kind == "cancelled_beside_live" and event.variant == 0:
            for row in np.flatnonzero((bills.place == event.place) & bills.is_cancelled).tolist():
                bills.huge_usage[row] = HUGE_USAGE


def write_readings(customers: Customers, events: list[Event], usage: Usage) -> Readings:
    """Write the readings behind the bills: meter, route and size of each month, twice where there are two."""
    count, months = usage.hundredths.shape
    month, place = np.nonzero(usage.has_reading.T)
    meter_pool: list[str | None] = [*customers.meter_numbers, *customers.spare_meter_numbers]
    route, size = customers.route.copy(), customers.size.copy()
    meter = np.broadcast_to(np.arange(count)[:, None], (count, months)).copy()
    extras: list[tuple[int, int, int, int, int, bool]] = []
    for event in events:
        match event.kind:
            case "missing_route":
                route[event.place] = DANGLING if event.variant % 2 else NULL
            case "missing_line":
                route[event.place] = LINE_WITHOUT_ROW
            case "missing_unit":
                route[event.place] = LINE_WITHOUT_UNIT
            case "missing_size":
                size[event.place] = DANGLING if event.variant % 2 else NULL
            case "no_meter_number":
                meter[event.place] = NULL
            case "meter_swap":
                meter[event.place, event.first :] = count + event.place
    for event in events:
        for at_month in event.months:
            mine = int(meter[event.place, at_month])
            its_route, its_size = int(route[event.place]), int(size[event.place])
            at = (event.place, at_month)
            match event.kind:
                case "two_readings" | "reissued_and_two_readings":
                    other = _second_reading(event, at_month, (mine, its_route, its_size), count)
                    extras.append((*at, *other, False))
                case "deleted_reading":
                    extras.append((*at, count + event.place, its_route, its_size, True))
                case "no_reading" if event.variant % 2 == 0:
                    extras.append((*at, mine, its_route, its_size, True))

    extra = np.array(extras, dtype=np.int64).reshape(len(extras), 6).T
    all_places = np.concatenate([place, extra[0]])
    all_months = np.concatenate([month, extra[1]])
    order = np.argsort(all_months * count + all_places, kind="stable")
    return Readings(
        place=all_places[order],
        month=all_months[order],
        meter=np.concatenate([meter[place, month], extra[2]])[order],
        route=np.concatenate([route[place], extra[3]])[order],
        size=np.concatenate([size[place], extra[4]])[order],
        is_deleted=np.concatenate([np.zeros(len(place), dtype=np.int64), extra[5]])[order].astype(np.bool_),
        meter_pool=meter_pool,
    )


def _second_reading(event: Event, month: int, mine: tuple[int, int, int], count: int) -> tuple[int, int, int]:
    """Return meter, route and size of a second live reading, in one of the forms it takes."""
    meter, route, size = mine
    match (event.variant + month) % 6:
        case 0:
            return count + event.place, route, size
        case 1:
            return meter, (route + 1) % ROUTES_PER_BRANCH, size
        case 2:
            return NULL, route, size
        case 3:
            return meter, route, (size + 1) % len(METER_SIZES)
        case 4:
            return meter, NULL, size
        case _:
            return meter, route, size


def write_meters(
    branch: Branch, customers: Customers, events: list[Event], usage: Usage, options: GeneratorOptions
) -> Meters:
    """Write the meters of each customer: as a rule one, with its running average as of the last month."""
    rng = options.random(branch.code, _ROWS)
    count = len(customers)
    averages = _running_averages(customers, usage)
    brand = rng.choice(5, size=count, p=(0.4, 0.25, 0.15, 0.15, 0.05))
    # Most are normal; the odd ones have any of the other states.
    state = np.where(rng.random(count) < 0.94, 0, rng.integers(1, len(METER_STATES), size=count))
    installed = rng.integers(400, 4_000, size=count)
    stopped = usage.hundredths[:, -1] == 0
    state[stopped & (rng.random(count) < 0.5)] = STOPPED_STATE - NORMAL_STATE
    by_kind: dict[str, dict[int, Event]] = {}
    for event in events:
        by_kind.setdefault(event.kind, {})[event.place] = event
    for event in events:
        match event.kind:
            case "missing_brand":
                brand[event.place] = (NULL, DANGLING, len(METER_BRANDS) - 1)[event.variant % 3]
            case "missing_state":
                state[event.place] = DANGLING if event.variant % 2 else NULL
            case "null_average":
                averages[event.place] = None
            case "huge_average":
                averages[event.place] = HUGE_AVERAGE_UNSCALED + event.place

    meters = Meters([], [], [], [], [], [], [])
    swapped, unmetered = by_kind.get("meter_swap", {}), by_kind.get("no_live_meter", {})
    doubled, discarded = by_kind.get("two_live_meters", {}), by_kind.get("deleted_meter", {})
    for place in range(count):
        is_live = place not in unmetered
        own = (averages[place], int(brand[place]), int(state[place]))
        if is_live or unmetered[place].variant % 2:
            meter = count + place if place in swapped else place
            _add(meters, place, meter, own, is_deleted=not is_live, installed=int(installed[place]))
        if place in swapped or place in discarded:
            _add(meters, place, place, own, is_deleted=True, installed=int(installed[place]) + 4_000)
        if place in doubled:
            second = _second_meter(own, doubled[place].variant)
            _add(meters, place, count + place, second, is_deleted=False, installed=int(installed[place]) - 200)
    return meters


def _second_meter(own: tuple[int | None, int, int], variant: int) -> tuple[int | None, int, int]:
    """Return average, brand and state of a second live meter: another brand, another state, another average, a copy."""
    average, brand, state = own
    match variant % 4:
        case 0:
            return average, (brand + 1) % 5, state
        case 1:
            return average, brand, (state + 1) % len(METER_STATES)
        case 2:
            return (average or 0) + 10**DECIMALS, brand, state
        case _:
            return own


def _add(
    meters: Meters,
    place: int,
    meter: int,
    facts: tuple[int | None, int, int],
    *,
    is_deleted: bool,
    installed: int,
) -> None:
    meters.place.append(place)
    meters.meter.append(meter)
    meters.average.append(facts[0])
    meters.brand.append(facts[1])
    meters.state.append(facts[2])
    meters.is_deleted.append(is_deleted)
    meters.installed.append(installed)


def _running_averages(customers: Customers, usage: Usage) -> list[int | None]:
    """Return the mean of the last six billed months, unscaled: whole m³, or with all decimals where usage has some."""
    billed = usage.has_bill[:, -6:] & ~usage.is_null[:, -6:]
    sums = np.where(billed, usage.hundredths[:, -6:], 0).sum(axis=1).tolist()
    averages: list[int | None] = []
    for total, count, is_exact in zip(sums, billed.sum(axis=1).tolist(), customers.has_decimals.tolist(), strict=True):
        if not count:
            averages.append(None)
        elif is_exact:
            averages.append(total * 10 ** (DECIMALS - 2) // count)
        else:
            averages.append(total // (count * HUNDREDTHS) * 10**DECIMALS)
    return averages


def _marks(events: Iterable[Event], kind: str, shape: tuple[int, int]) -> Bools:
    marks = np.zeros(shape, dtype=np.bool_)
    for event in events:
        if event.kind == kind:
            marks[event.place, event.first : event.last + 1] = True
    return marks
