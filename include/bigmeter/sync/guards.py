"""What makes a month or a cohort too thin to be believed: nothing is written then, and a person decides."""

from __future__ import annotations

from decimal import Decimal

from include.bigmeter.errors import IncompleteCohortError, IncompleteMonthError
from include.bigmeter.periods import Ym, dashed

_ACCEPT = "is billing closed? If it is right, run it again with accept_incomplete"


def refuse_thin_month(
    *,
    branch_code: str,
    ym: Ym,
    cohort_size: int,
    live_rows: int,
    stored_rows: int,
    min_reported_share: Decimal,
    accept_incomplete: bool,
) -> str | None:
    """Refuse a month with too few of the cohort's customers, and return a warning where it was accepted.

    :param live_rows: the cohort's customers with a live bill in Oracle.
    :param stored_rows: the cohort's customers with a row of this month in PostgreSQL.
    :param min_reported_share: the share of the cohort, and of the stored rows, that must have a live bill.
    :raises IncompleteMonthError: if there are too few; and, accepted or not, if an empty result would delete what is
        stored.
    """
    where = f"{branch_code} {dashed(ym)}"
    if live_rows == 0 and stored_rows:
        raise IncompleteMonthError(
            f"{where}: 0 of {cohort_size} customers in Oracle, and {stored_rows} are stored;"
            " an empty result never deletes: check the month's bills in Oracle"
        )
    thin = None
    if live_rows == 0:
        thin = f"{where}: 0 of {cohort_size} customers in Oracle"
    elif live_rows < min_reported_share * cohort_size:
        thin = f"{where}: {live_rows} of {cohort_size} customers in Oracle, fewer than {_percent(min_reported_share)}"
    elif live_rows < min_reported_share * stored_rows:
        thin = (
            f"{where}: {live_rows} customers in Oracle where {stored_rows} are stored,"
            f" fewer than {_percent(min_reported_share)} of them"
        )
    if thin and not accept_incomplete:
        raise IncompleteMonthError(f"{thin}; {_ACCEPT}")
    return f"{thin}; accepted" if thin else None


def refuse_thin_cohort(
    *,
    branch_code: str,
    ym: Ym,
    fiscal_year: int,
    found: int,
    year_before: int,
    stored: int,
    min_reported_share: Decimal,
    accept_incomplete: bool,
) -> str | None:
    """Refuse a cohort with too few customers, and return a warning where it was accepted.

    :param found: distinct customers with usage above 0 in Oracle.
    :param year_before: the size of the branch's cohort of the fiscal year before, 0 without one.
    :param stored: the size of this fiscal year's cohort as it is stored.
    :raises IncompleteCohortError: if there are too few; and, accepted or not, if there are none.
    """
    where = f"{branch_code} cohort {fiscal_year}"
    if found == 0:
        raise IncompleteCohortError(
            f"{where}: no customer with usage above 0 in Oracle for {dashed(ym)}; is billing closed?"
        )
    expected = max(year_before, stored)
    if found >= min_reported_share * expected:
        return None
    than = f"the {stored} that are stored" if stored >= year_before else f"the {year_before} of the year before"
    thin = f"{where}: {found} customers in Oracle for {dashed(ym)}, fewer than {_percent(min_reported_share)} of {than}"
    if not accept_incomplete:
        raise IncompleteCohortError(f"{thin}; {_ACCEPT}")
    return f"{thin}; accepted"


def _percent(share: Decimal) -> str:
    return f"{(share * 100).normalize():f}%"
