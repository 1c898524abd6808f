"""Who a branch's customers are: codes, use types, how much water, where, and those who moved between branches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dev.billing_data.branches import Branch
from dev.billing_data.lookups import SIZE_THRESHOLDS, TAIL_SHARE, USE_TYPE_SHARES, USE_TYPES
from dev.billing_data.names import invent_addresses, invent_meter_numbers, invent_names
from dev.billing_data.options import GeneratorOptions

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

SMALL_BRANCH_SIZE: Final = 160
DRY_BRANCH_SIZE: Final = 230
DRY_BRANCH_USERS: Final = 180

ROUTES_PER_BRANCH: Final = 12
LINES_PER_BRANCH: Final = 5
UNITS_PER_BRANCH: Final = 4

MOVERS: Final = 2
"""How many customers move from a branch to its neighbour within the months, code and all."""
OLD_MOVERS: Final = 2
"""How many moved here long ago and still have the neighbour's digits in front."""
_SMALLEST_WITH_MOVERS: Final = 40
_SHORTEST_WITH_MOVERS: Final = 8
_FIRST_MOVER_SERIAL: Final = 9_000_001
_FIRST_OLD_MOVER_SERIAL: Final = 8_000_001

_CUSTOMERS, _MOVERS, _NAMES = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Mover:
    """A customer who leaves one branch for the next at a month (index of the first month there)."""

    code: str
    month: int
    use: int
    base_m3: float


@dataclass(slots=True)
class Customers:
    """A branch's customers, one per position in each array.

    ``use`` indexes USE_TYPES, ``route`` and ``size`` the branch's routes and METER_SIZES; ``base_m3`` is a normal
    month's usage, 0 for a house nobody lives in; ``first`` and ``last`` are the first and last month (index) with a
    bill in this branch.
    """

    ids: Ints
    codes: list[str]
    use: Ints
    base_m3: Floats
    has_decimals: Bools
    names: list[str | None]
    addresses: list[str | None]
    meter_numbers: list[str | None]
    spare_meter_numbers: list[str]
    route: Ints
    size: Ints
    first: Ints
    last: Ints
    moved_away: dict[int, str]
    moved_in: dict[int, str]
    foreign: tuple[int, ...]
    vacant: tuple[int, ...]

    def __len__(self) -> int:
        """Return how many customers there are."""
        return len(self.codes)


def _has_movers(options: GeneratorOptions) -> bool:
    return options.customers >= _SMALLEST_WITH_MOVERS and options.months >= _SHORTEST_WITH_MOVERS


def movers_from(branch_code: str, options: GeneratorOptions) -> tuple[Mover, ...]:
    """Return who moves from a branch to its neighbour; both branches work it out from the same numbers."""
    if not _has_movers(options):
        return ()
    rng = options.random(branch_code, _MOVERS)
    movers = []
    for number in range(MOVERS):
        # In the second half, but with some months left, and large enough to be in most branches' cohorts.
        month = int(rng.integers(options.months // 2, options.months - 3))
        use = int(rng.choice(len(USE_TYPES), p=USE_TYPE_SHARES))
        code = f"{branch_code}{_FIRST_MOVER_SERIAL + number}"
        movers.append(Mover(code, month, use, float(rng.uniform(900, 4_000))))
    return tuple(movers)


def enrol(branch: Branch, options: GeneratorOptions) -> Customers:
    """Invent a branch's customers."""
    rng = options.random(branch.code, _CUSTOMERS)
    count = options.customers
    if branch.is_small:
        count = min(count, SMALL_BRANCH_SIZE)
    if branch.is_dry:
        count = min(count, DRY_BRANCH_SIZE)

    use = rng.choice(len(USE_TYPES), size=count, p=USE_TYPE_SHARES)
    base = _base_usage(use, rng)
    serials = 1_000 + np.cumsum(rng.integers(1, 250, size=count))
    codes = [f"{branch.code}{serial:07d}" for serial in serials.tolist()]
    first = np.zeros(count, dtype=np.int64)
    last = np.full(count, options.months - 1, dtype=np.int64)

    moved_away: dict[int, str] = {}
    moved_in: dict[int, str] = {}
    foreign: list[int] = []
    if _has_movers(options):
        places = iter(rng.permutation(count)[: 2 * MOVERS + OLD_MOVERS].tolist())
        for mover in movers_from(branch.code, options):
            place = next(places)
            codes[place], use[place], base[place], last[place] = mover.code, mover.use, mover.base_m3, mover.month - 1
            moved_away[place] = branch.neighbour_after
        for mover in movers_from(branch.neighbour_before, options):
            place = next(places)
            codes[place], use[place], base[place], first[place] = mover.code, mover.use, mover.base_m3, mover.month
            moved_in[place] = branch.neighbour_before
        for number, place in enumerate(places):
            codes[place] = f"{branch.neighbour_before}{_FIRST_OLD_MOVER_SERIAL + number}"
            base[place] = max(base[place], 400.0)
            foreign.append(place)

    vacant: list[int] = []
    if branch.is_dry and count > DRY_BRANCH_USERS:
        moving = {*moved_away, *moved_in, *foreign}
        by_usage = [place for place in np.argsort(base, kind="stable").tolist() if place not in moving]
        vacant = by_usage[: count - DRY_BRANCH_USERS]
        base[vacant] = 0.0

    return Customers(
        ids=int(branch.code) * 100_000 + np.arange(1, count + 1),
        codes=codes,
        use=use,
        base_m3=base,
        has_decimals=rng.random(count) < 0.04,
        names=list(
            invent_names([USE_TYPES[index].code for index in use.tolist()], options.random(branch.code, _NAMES))
        ),
        addresses=_addresses(count, rng),
        meter_numbers=list(invent_meter_numbers(branch.code, list(range(1, count + 1)), rng)),
        spare_meter_numbers=invent_meter_numbers(branch.code, list(range(count + 1, 2 * count + 1)), rng),
        route=rng.integers(0, ROUTES_PER_BRANCH, size=count),
        size=np.searchsorted(SIZE_THRESHOLDS, base, side="right").astype(np.int64),
        first=first,
        last=last,
        moved_away=moved_away,
        moved_in=moved_in,
        foreign=tuple(foreign),
        vacant=tuple(vacant),
    )


def _base_usage(use: Ints, rng: np.random.Generator) -> Floats:
    medians = np.array([use_type.median_m3 for use_type in USE_TYPES])
    spreads = np.array([use_type.spread for use_type in USE_TYPES])
    base = medians[use] * np.exp(spreads[use] * rng.standard_normal(len(use)))
    tail = rng.random(len(use)) < TAIL_SHARE
    base[tail] = 4_000 * (1 + rng.pareto(1.3, size=int(tail.sum())))
    clipped: Floats = np.clip(base, 3.0, 250_000.0)
    return clipped


def _addresses(count: int, rng: np.random.Generator) -> list[str | None]:
    addresses: list[str | None] = list(invent_addresses(count, rng))
    for place in np.flatnonzero(rng.random(count) < 0.3).tolist():
        addresses[place] = None
    return addresses
