"""What happens to whom, and when: every hard case of real billing data, dealt out so that each branch has some."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from dev.billing_data.branches import Branch
from dev.billing_data.customers import Customers
from dev.billing_data.options import GeneratorOptions

_EVENTS = 10


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the customer at ``place`` from month ``first`` to ``last`` (indices, both included).

    ``variant`` chooses among the forms that a kind has.
    """

    kind: str
    place: int
    first: int
    last: int
    variant: int = 0
    detail: str = ""

    @property
    def months(self) -> range:
        """The indices of its months."""
        return range(self.first, self.last + 1)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of event: the share of customers it happens to, its length in months, and whether it lasts to the end.

    ``hides`` says that its months count as zero or missing; such kinds are rationed, so that a normal month passes
    the loader's completeness guard.
    """

    name: str
    share: float
    shortest: int = 1
    longest: int = 1
    lasts: bool = False
    hides: bool = False


# The order is the order in which a branch with few customers gets them.
IN_TIME: Final = (
    Kind("stopped_meter", 0.030, 2, 5, hides=True),
    Kind("reissued_bill", 0.030, 1, 4),
    Kind("no_bill", 0.025, 1, 3, hides=True),
    Kind("two_readings", 0.030, 1, 4),
    Kind("sudden_drop", 0.020, 3, 12, lasts=True),
    Kind("slow_decline", 0.020, 8, 14, lasts=True),
    Kind("cancelled_beside_live", 0.020, 1, 3),
    Kind("null_usage", 0.015, 1, 2, hides=True),
    Kind("meter_swap", 0.030, 4, 20, lasts=True),
    Kind("register_rollover", 0.020, 2, 20, lasts=True),
    Kind("closed_account", 0.010, 2, 10, lasts=True, hides=True),
    Kind("new_account", 0.015, 3, 20, lasts=True, hides=True),
    Kind("negative_correction", 0.015),
    Kind("stopped_for_good", 0.005, 3, 8, lasts=True, hides=True),
    Kind("deleted_beside_live", 0.015, 1, 2),
    Kind("reissued_and_two_readings", 0.010, 1, 2),
    Kind("cancelled_only", 0.005, 1, 2, hides=True),
    Kind("deleted_only", 0.005, 1, 1, hides=True),
    Kind("deleted_reading", 0.010, 1, 3),
    Kind("no_reading", 0.005, 1, 2, hides=True),
    Kind("huge_register", 0.005),
    Kind("zero_month", 0.005, hides=True),
)

STANDING: Final = (
    Kind("two_live_meters", 0.030),
    Kind("missing_brand", 0.015),
    Kind("missing_route", 0.010),
    Kind("missing_use_type", 0.010),
    Kind("missing_size", 0.010),
    Kind("missing_state", 0.010),
    Kind("missing_line", 0.010),
    Kind("missing_unit", 0.010),
    Kind("no_live_meter", 0.010),
    Kind("no_customer_record", 0.005),
    Kind("no_meter_number", 0.010),
    Kind("null_name", 0.005),
    Kind("blank_padded_name", 0.010),
    Kind("deleted_meter", 0.030),
    Kind("huge_average", 0.010),
    Kind("null_average", 0.010),
)
"""Kinds that hold in every month of the customer."""

_HIDDEN_SHARE: Final = 0.13
"""At most so many of a stratum's customers have a kind that hides months; few of them hide the same month."""
_BUSY_SHARE: Final = 0.5
"""At most so many of a stratum's customers have an event in time: the others are the calm background."""


def deal_events(branch: Branch, customers: Customers, options: GeneratorOptions) -> list[Event]:
    """Deal events to customers: the large ones and the others apart, so that cohorts always have their share."""
    rng = options.random(branch.code, _EVENTS)
    spared = {*customers.moved_away, *customers.moved_in, *customers.foreign, *customers.vacant}
    by_size = [int(place) for place in np.argsort(-customers.base_m3, kind="stable") if place not in spared]
    large = min(200, len(by_size) // 2)
    events: list[Event] = []
    for stratum in (by_size[:large], by_size[large:]):
        events.extend(_deal(IN_TIME, stratum, options.months, rng))
        events.extend(_deal(STANDING, stratum, options.months, rng))
    events.extend(_moves(customers, options.months))
    events.extend(_traits(customers, options.months))
    return events


def _deal(kinds: tuple[Kind, ...], stratum: list[int], months: int, rng: np.random.Generator) -> Iterator[Event]:
    queue = iter(rng.permutation(stratum).tolist())
    busy = int(len(stratum) * _BUSY_SHARE)
    hidden = int(len(stratum) * _HIDDEN_SHARE)
    for kind in kinds:
        wanted = max(1, round(kind.share * len(stratum)))
        if kind.hides:
            wanted = min(wanted, hidden)
            hidden -= wanted
        wanted = min(wanted, busy)
        busy -= wanted
        for number in range(wanted):
            place = next(queue)
            if kinds is STANDING:
                yield Event(kind.name, place, 0, months - 1, variant=number)
                continue
            window = _window(kind, months, is_latest=number == 0, rng=rng)
            if window is not None:
                yield Event(kind.name, place, *window, variant=number)


def _window(kind: Kind, months: int, *, is_latest: bool, rng: np.random.Generator) -> tuple[int, int] | None:
    """Choose the months of an event; the first of each kind reaches the last month, for today's reports."""
    length = int(rng.integers(kind.shortest, kind.longest + 1))
    if length >= months:
        return None
    if is_latest or kind.lasts:
        return months - length, months - 1
    first = int(rng.integers(0, months - length + 1))
    return first, first + length - 1


def _moves(customers: Customers, months: int) -> Iterator[Event]:
    for place, other in customers.moved_away.items():
        yield Event("moved_away", place, int(customers.last[place]) + 1, months - 1, detail=other)
    for place, other in customers.moved_in.items():
        yield Event("moved_in", place, int(customers.first[place]), months - 1, detail=other)
    for place in customers.foreign:
        yield Event("foreign_code", place, 0, months - 1, detail=customers.codes[place][:4])
    for place in customers.vacant:
        yield Event("vacant", place, 0, months - 1)


def _traits(customers: Customers, months: int) -> Iterator[Event]:
    """Yield what is odd about a customer by itself, not by what happened."""
    for place, (address, meter) in enumerate(zip(customers.addresses, customers.meter_numbers, strict=True)):
        if address is None:
            yield Event("null_address", place, 0, months - 1)
        if meter is not None and not meter.isdigit():
            yield Event("meter_number_not_digits", place, 0, months - 1)
        if meter is not None and meter.startswith("0"):
            yield Event("meter_number_leading_zeros", place, 0, months - 1)
