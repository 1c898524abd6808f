"""The forms of the trigger dialog, in English with a Thai key word, and what they refuse at once.

A field that may stay empty has the default null: an empty text as the default would lock the *Trigger* button. Code
in a description stands in its first line only: Airflow draws it as a box that covers the line above.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import Param

from include.bigmeter.branches import load_branches
from include.bigmeter.errors import ConfigError
from include.bigmeter.settings import MAX_BATCH_SIZE

MONTH_PATTERN = r"^\s*[0-9]{4}-?[0-9]{2}\s*$"  # the shape only: a thirteenth month is for our own message to explain
MAX_HISTORY_MONTHS = 36


def month_form(environment: Mapping[str, str]) -> dict[str, Param]:
    """Return the form of the monthly DAG."""
    return {
        "ym": _month(
            "Month (เดือน)",
            "The month to load, `YYYYMM` in either era: `202509` or `256809`. **Empty: the run's own month**, the"
            " calendar month before the one in which the run is due. Must stay empty in a backfill.",
        ),
        "branches": branch_picker(environment),
        "batch_size": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            maximum=MAX_BATCH_SIZE,
            title="Batch size",
            description_md=f"Customers in one query to Oracle, 1 to {MAX_BATCH_SIZE}. Empty: BATCH_SIZE, else 100.",
        ),
        "cohort_fiscal_year": Param(
            None,
            type=["null", "integer"],
            minimum=2000,
            maximum=2743,
            title="Cohort of fiscal year (ปีงบประมาณ)",
            description_md="Load the month for the cohort of another fiscal year, Gregorian, labelled by the year it"
            " ends in: 2026 (or 2569). Empty: the month's own fiscal year.",
        ),
        "accept_incomplete": _accept_incomplete("month"),
    }


def cohort_form(environment: Mapping[str, str]) -> dict[str, Param]:
    """Return the form of the yearly DAG."""
    return {
        "debt_ym": _month(
            "Debt month (เดือนหนี้)",
            "The October whose bills choose the cohort, `YYYYMM` in either era: `202510` or `256810`. **Empty: the"
            " October of the latest yearly run that is due.** Must stay empty in a backfill.",
        ),
        "branches": branch_picker(environment),
        "recapture": Param(
            False,
            type="boolean",
            title="Recapture",
            description_md="Replace a cohort that exists. Off: an existing cohort stays as it is, and the run reports"
            " who would enter and leave.",
        ),
        "accept_incomplete": _accept_incomplete("cohort"),
        "history_months": Param(
            3,
            type="integer",
            minimum=0,
            maximum=MAX_HISTORY_MONTHS,
            title="History (months)",
            description_md="Months to load for the new cohort, the debt month the last of them: 3 is August,"
            " September and October. 13 adds the same month of last year, 0 loads none.",
        ),
    }


def branch_picker(environment: Mapping[str, str]) -> Param:
    """Return the field for branches: a list with names to pick from.

    If the list of branches cannot be read, a free field takes codes, one a line; the run's first task says what is
    wrong with the list.
    """
    field: dict[str, Any] = {
        "type": ["null", "array"],
        "items": {"type": "string"},
        "title": "Branches (สาขา)",
        "description_md": "**Empty: all branches.**",
    }
    try:
        branches = load_branches(environment)
    except ConfigError:
        return Param(None, **field)
    return Param(
        None,
        **field,
        examples=[branch.code for branch in branches],
        values_display={branch.code: branch.label for branch in branches},
    )


def _month(title: str, description_md: str) -> Param:
    return Param(
        None,
        type=["null", "string"],
        pattern=MONTH_PATTERN,
        title=title,
        description_md=description_md,
    )


def _accept_incomplete(what: str) -> Param:
    return Param(
        False,
        type="boolean",
        title="Accept an incomplete " + what,
        description_md=f"Load a {what} although Oracle returns too few customers (MIN_REPORTED_SHARE). Tick it after"
        " you have looked at why they are missing.",
    )
