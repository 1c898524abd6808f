"""How much water each customer uses in each month, what its register shows, and which months have a bill."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dev.billing_data.branches import Branch
from dev.billing_data.customers import Bools, Customers, Ints
from dev.billing_data.events import Event
from dev.billing_data.lookups import SEASONS
from dev.billing_data.options import GeneratorOptions

COHORT_SIZE: Final = 200
OCTOBER: Final = 10
HUNDREDTHS: Final = 100
"""Usage is kept in whole hundredths of a cubic metre, so that all arithmetic is exact."""

_USAGE, _REISSUE, _REGISTER = 20, 21, 22
_TIE_REACH: Final = 4
_REISSUE_FORMS: Final = 7


@dataclass(slots=True)
class Usage:
    """A branch's usage by customer and month, arrays of shape (customers, months).

    ``hundredths`` is m³ x 100; ``is_null`` marks a usage that was not entered; ``has_bill`` and ``has_reading`` say
    whether a live bill and a live reading exist; ``register`` is what the meter shows. ``reissued`` has the bills
    that exist a second time: the other usage in hundredths (None: not entered) by (place, month).
    """

    hundredths: Ints
    is_null: Bools
    has_bill: Bools
    has_reading: Bools
    register: Ints
    reissued: dict[tuple[int, int], int | None] = field(default_factory=dict)
    derived_events: list[Event] = field(default_factory=list)

    def best(self, month: int) -> list[int | None]:
        """Return each customer's best usage of a month in hundredths, None where no row shows one."""
        seen = self.has_bill[:, month] & self.has_reading[:, month]
        usable = seen & ~self.is_null[:, month]
        best: list[int | None] = [
            value if ok else None for value, ok in zip(self.hundredths[:, month].tolist(), usable.tolist(), strict=True)
        ]
        for (place, at), other in self.reissued.items():
            if at == month and seen[place] and other is not None:
                mine = best[place]
                best[place] = other if mine is None else max(mine, other)
        return best


def measure(branch: Branch, customers: Customers, events: list[Event], options: GeneratorOptions) -> Usage:
    """Work out a branch's usage: season and chance first, then what happened, then ties and registers."""
    usage = _normal_usage(branch, customers, options)
    for event in events:
        _apply(event, usage)
    _reissue(events, usage, options.random(branch.code, _REISSUE))
    # Every other branch has a tie at the last place of each cohort; elsewhere it comes about by chance or not at all.
    if int(branch.code) % 2 == 0:
        _tie_last_places(customers, events, usage, options)
    _read_registers(customers, events, usage, options.random(branch.code, _REGISTER))
    return usage


def _normal_usage(branch: Branch, customers: Customers, options: GeneratorOptions) -> Usage:
    rng = options.random(branch.code, _USAGE)
    shape = (len(customers), options.months)
    calendar = np.array([month.month - 1 for month in options.calendar])
    season = SEASONS[customers.use][:, calendar]
    growth = np.exp(np.outer(rng.normal(0, 0.004, shape[0]), np.arange(options.months)))
    chance = np.exp(rng.normal(0, 0.09, shape))
    m3 = customers.base_m3[:, None] * season * growth * chance
    whole = np.maximum(np.floor(m3), 1) * HUNDREDTHS
    exact = np.maximum(np.floor(m3 * HUNDREDTHS), 1)
    hundredths = np.where(customers.has_decimals[:, None], exact, whole).astype(np.int64)
    hundredths[customers.base_m3 == 0] = 0
    months = np.arange(options.months)
    has_bill = (months >= customers.first[:, None]) & (months <= customers.last[:, None])
    return Usage(
        hundredths,
        is_null=np.zeros(shape, dtype=np.bool_),
        has_bill=has_bill,
        has_reading=has_bill.copy(),
        register=np.zeros(shape, dtype=np.int64),
    )


def _apply(event: Event, usage: Usage) -> None:
    months = slice(event.first, event.last + 1)
    at = (event.place, months)
    match event.kind:
        case "stopped_meter" | "stopped_for_good" | "zero_month":
            usage.hundredths[at] = 0
        case "null_usage":
            usage.is_null[at] = True
        case "negative_correction":
            usage.hundredths[at] = -_whole(usage.hundredths[at] * 0.3)
        case "no_bill" | "closed_account":
            usage.has_bill[at] = usage.has_reading[at] = False
        case "new_account":
            before = (event.place, slice(0, event.first))
            usage.has_bill[before] = usage.has_reading[before] = False
        case "cancelled_only" | "deleted_only":
            usage.has_bill[at] = False
        case "no_reading":
            usage.has_reading[at] = False
        case "sudden_drop":
            usage.hundredths[at] = _whole(usage.hundredths[at] * (0.05 + 0.03 * (event.variant % 5)))
        case "slow_decline":
            length = event.last - event.first + 1
            usage.hundredths[at] = _whole(usage.hundredths[at] * np.linspace(0.95, 0.35, length))


def _whole(hundredths: npt.NDArray[np.floating[Any]]) -> Ints:
    return np.maximum(np.floor(hundredths / HUNDREDTHS), 1).astype(np.int64) * HUNDREDTHS


def _reissue(events: list[Event], usage: Usage, rng: np.random.Generator) -> None:
    """Give a bill a second live row in one of the forms that a re-issue takes."""
    for event in events:
        if event.kind not in ("reissued_bill", "reissued_and_two_readings"):
            continue
        for month in event.months:
            at = (event.place, month)
            mine = int(usage.hundredths[at])
            change = int(rng.integers(1, 40)) * HUNDREDTHS
            match (event.variant + month) % _REISSUE_FORMS:
                case 0 | 1:
                    usage.reissued[at] = mine + change
                case 2:
                    usage.reissued[at] = max(mine - change, HUNDREDTHS)
                case 3:
                    usage.reissued[at] = 0
                case 4:
                    usage.reissued[at] = None
                case 5:  # the first one was never filled in
                    usage.is_null[at] = True
                    usage.reissued[at] = mine
                case _:  # the same usage again: other columns decide which row is taken, if any differs
                    usage.reissued[at] = mine


def _tie_last_places(customers: Customers, events: list[Event], usage: Usage, options: GeneratorOptions) -> None:
    """Give the customers around rank 200 of each October the same usage, so that their codes decide."""
    touched = {(event.place, month) for event in events if event.kind in _TIE_SPOILERS for month in event.months}
    for month, when in enumerate(options.calendar):
        if when.month != OCTOBER:
            continue
        best = usage.best(month)
        positive = [(-value, customers.codes[place], place) for place, value in enumerate(best) if value and value > 0]
        ranked = [place for *_, place in sorted(positive)]
        if len(ranked) < COHORT_SIZE + _TIE_REACH:
            continue
        window = [
            place
            for place in ranked[COHORT_SIZE - _TIE_REACH : COHORT_SIZE + _TIE_REACH]
            if (place, month) not in touched
        ]
        if len(window) < 2:
            continue
        shared = usage.hundredths[window[len(window) // 2], month]
        usage.hundredths[window, month] = shared
        usage.derived_events.extend(Event("tie_at_last_place", place, month, month) for place in window)


_TIE_SPOILERS: Final = frozenset(
    {"reissued_bill", "reissued_and_two_readings", "negative_correction", "stopped_meter", "zero_month", "null_usage"}
)


def _read_registers(customers: Customers, events: list[Event], usage: Usage, rng: np.random.Generator) -> None:
    used = np.cumsum(usage.hundredths, axis=1) // HUNDREDTHS
    # A register has five digits at least, and more where a year's water would not fit: large meters have more wheels.
    yearly = np.maximum(np.abs(usage.hundredths).max(axis=1) // HUNDREDTHS, 1) * 12
    capacity = 10 ** np.clip(np.ceil(np.log10(yearly)).astype(np.int64), 5, 8)
    start = np.floor(rng.random(len(customers)) * 0.6 * capacity).astype(np.int64)
    for event in events:
        if event.kind == "register_rollover":
            # It passes the last number in the event's first month.
            start[event.place] = capacity[event.place] - used[event.place, event.first] + 1
        if event.kind == "meter_swap" and event.first > 0:
            # The new meter starts at zero.
            used[event.place, event.first :] -= used[event.place, event.first - 1] + start[event.place]
    shown = used + start[:, None]
    usage.register = shown % capacity[:, None]
    wrapped = np.diff(shown // capacity[:, None], axis=1) > 0
    told = {(event.place, event.first) for event in events if event.kind == "register_rollover"}
    for place, month in np.argwhere(wrapped).tolist():
        if (place, month + 1) not in told and usage.has_bill[place, month + 1]:
            usage.derived_events.append(Event("register_rollover", place, month + 1, month + 1))
