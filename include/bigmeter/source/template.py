"""The users' query templates: read once, checked, and rewritten where they have to be.

A template is one SELECT with the binds ``:ORG_OWNER_ID`` and ``:DEBT_YM``. The monthly one gets a filter for the
cohort's customers, at the marker ``/*__CUSTCODE_FILTER__*/`` or else in the outer block; the yearly one is ranked by
its usage. ``FETCH FIRST n ROWS ONLY``, with which both are used by hand, would hide customers and is taken out.
Line numbers stay those of the file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from include.bigmeter.errors import ConfigError
from include.bigmeter.source.columns import CUST_CODE, USAGE
from include.bigmeter.source.rewriting.customer_filter import put_filter
from include.bigmeter.source.rewriting.draft import CODES, DEBT_YM, ORG_OWNER_ID, Draft
from include.bigmeter.source.rewriting.flow import Flow
from include.bigmeter.source.rewriting.limits import drop_monthly_limits, drop_yearly_limits
from include.bigmeter.source.rewriting.usage_order import complete_usage

MAX_BATCH_SIZE = 1000  # ORA-01795: an IN list has at most 1,000 members
MONTHLY_COLUMNS = (CUST_CODE, USAGE)
YEARLY_COLUMNS = (CUST_CODE, USAGE)


@dataclass(frozen=True, slots=True)
class MonthlyTemplate:
    """The template that reads a month's bills of given customers; ``name`` is its file's name, for messages."""

    name: str
    binds: frozenset[str]
    _text: str

    def statement(self, batch_size: int) -> str:
        """Return the SQL that filters by ``batch_size`` customers, bound as ``:C0``, ``:C1``, …

        :raises ConfigError: unless the batch size is 1 to 1000, the most that Oracle takes in one list.
        """
        if not 1 <= batch_size <= MAX_BATCH_SIZE:
            raise ConfigError(f"batch_size: {batch_size} is not possible; it has to be 1 to {MAX_BATCH_SIZE}")
        return self._text.replace(CODES, ", ".join(f":C{number}" for number in range(batch_size)))


@dataclass(frozen=True, slots=True)
class YearlyTemplate:
    """The template that reads a branch's largest customers; ``name`` is its file's name, for messages.

    ``is_ordered_by_usage`` says that the rows come with falling ``present_water_usg``, so that reading may stop early.
    """

    name: str
    binds: frozenset[str]
    statement: str
    is_ordered_by_usage: bool


Template = TypeVar("Template", MonthlyTemplate, YearlyTemplate)


def load_monthly_template(path: Path) -> MonthlyTemplate:
    """Read the monthly template from a UTF-8 file.

    :raises ConfigError: with the file's name, if it cannot be read or used; see :func:`parse_monthly_template`.
    """
    return _load(path, parse_monthly_template)


def load_yearly_template(path: Path) -> YearlyTemplate:
    """Read the yearly template from a UTF-8 file.

    :raises ConfigError: with the file's name, if it cannot be read or used; see :func:`parse_yearly_template`.
    """
    return _load(path, parse_yearly_template)


def parse_monthly_template(text: str, name: str) -> MonthlyTemplate:
    """Return the monthly template with its customer filter put in and its row limits taken out.

    :raises ConfigError: if a needed column is missing, a bind is not ours, the filter has no clear place, or a row
        limit cannot be taken out.
    """
    draft = Draft(text, name)
    with draft.errors():
        draft.check_binds(needed=(DEBT_YM,))
        flow = Flow(draft.sql)
        filtered = put_filter(draft, flow)
        drop_monthly_limits(draft, flow, filtered)
        draft.check_columns(MONTHLY_COLUMNS)
    return MonthlyTemplate(name, draft.binds, draft.text())


def parse_yearly_template(text: str, name: str) -> YearlyTemplate:
    """Return the yearly template with its row limits taken out and its usage selected.

    Where it does not select the usage but is ordered by it, itself or the query that its customers come from, the
    usage is selected too: so our own rule ranks, and nothing but usage above 0 enters.

    :raises ConfigError: if a needed column is missing, a bind is not ours, nothing says what the usage is, or a row
        limit cannot be taken out.
    """
    draft = Draft(text, name)
    with draft.errors():
        draft.check_binds(needed=(DEBT_YM, ORG_OWNER_ID))
        flow = Flow(draft.sql)
        drop_yearly_limits(draft, flow)
        draft.check_columns((CUST_CODE,))
        is_ordered_by_usage = complete_usage(draft, flow.lineage)
    return YearlyTemplate(name, draft.binds, draft.text(), is_ordered_by_usage)


def _load(path: Path, parse: Callable[[str, str], Template]) -> Template:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path.name}: the template cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path.name}: the template is not UTF-8; save it as UTF-8") from None
    try:
        return parse(text, path.name)
    except RecursionError:
        raise ConfigError(f"{path.name}: the template is nested too deeply; write it with fewer brackets") from None
