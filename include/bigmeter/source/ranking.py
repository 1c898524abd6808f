"""Which rows win: the largest customers of a branch, and one row of a customer that came in several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from include.bigmeter.source.columns import CUST_CODE, USAGE

_MIN_PRUNED = 1000  # customers; below that, forgetting the small ones is not worth sorting

Values = dict[str, Any]
"""One row's values by our column names."""


def rank_by_usage(rows: Iterable[Values], cohort_size: int, *, is_ordered: bool) -> tuple[list[Values], int]:
    """Return the largest distinct customers and how many of the rows read repeated one of them.

    Usage falling, then customer code rising in binary order; only usage above 0 counts.

    :param rows: each with usage and customer code; read to the end, or, if ordered, until nothing can change any more.
    :param is_ordered: usage is said to fall from row to row; a row that breaks this makes the rest be read too.
    """
    best: dict[str, Values] = {}
    row_counts: Counter[str] = Counter()
    lowest: Decimal | None = None  # the last usage seen, while the rows keep falling
    for values in rows:
        usage = values[USAGE]
        if usage is None:  # Oracle may put nulls first
            continue
        is_ordered = is_ordered and (lowest is None or usage <= lowest)
        if is_ordered and (usage <= 0 or (len(best) >= cohort_size and lowest is not None and usage < lowest)):
            break
        lowest = usage
        if usage <= 0:
            continue
        code = values[CUST_CODE]
        row_counts[code] += 1
        if code not in best or precedence(values) > precedence(best[code]):
            best[code] = values
        if len(best) > cohort_size * 4 + _MIN_PRUNED:
            # What falls out here has enough larger customers above it for good: memory stays that of a cohort.
            best = {member[CUST_CODE]: member for member in _largest(best, cohort_size)}
    members = _largest(best, cohort_size)
    return members, sum(row_counts[member[CUST_CODE]] - 1 for member in members)


def _largest(best: Mapping[str, Values], cohort_size: int) -> list[Values]:
    # copy_negate, since the minus sign is arithmetic and would round to 28 digits
    return sorted(best.values(), key=lambda values: (values[USAGE].copy_negate(), values[CUST_CODE]))[:cohort_size]


def precedence(values: Values) -> tuple[Any, ...]:
    """Return what orders several live rows of one customer; the greatest is kept, nulls are lowest."""
    ordered = (values[USAGE], values["meter_no"], *(value for name, value in values.items() if name != USAGE))
    return tuple((value is not None, value) for value in ordered)
