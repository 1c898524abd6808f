"""When a month or a cohort is too thin to be written."""

from decimal import Decimal
from typing import Any

import pytest

from include.bigmeter.errors import IncompleteCohortError, IncompleteMonthError
from include.bigmeter.periods import Ym
from include.bigmeter.sync.guards import refuse_thin_cohort, refuse_thin_month


def judge_month(**changes: Any) -> str | None:
    facts: dict[str, Any] = {
        "branch_code": "1061",
        "ym": Ym("202509"),
        "cohort_size": 200,
        "live_rows": 200,
        "stored_rows": 0,
        "min_reported_share": Decimal("0.8"),
        "accept_incomplete": False,
    }
    return refuse_thin_month(**{**facts, **changes})


def judge_cohort(**changes: Any) -> str | None:
    facts: dict[str, Any] = {
        "branch_code": "1061",
        "ym": Ym("202510"),
        "fiscal_year": 2026,
        "found": 200,
        "year_before": 0,
        "stored": 0,
        "min_reported_share": Decimal("0.8"),
        "accept_incomplete": False,
    }
    return refuse_thin_cohort(**{**facts, **changes})


@pytest.mark.parametrize(("live_rows", "stored_rows"), [(200, 0), (160, 0), (160, 200), (200, 200)])
def test_a_month_with_the_share_is_written(live_rows: int, stored_rows: int) -> None:
    assert judge_month(live_rows=live_rows, stored_rows=stored_rows) is None


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"live_rows": 0}, r"^1061 2025-09: 0 of 200 customers in Oracle; is billing closed\?"),
        ({"live_rows": 159}, "159 of 200 customers in Oracle, fewer than 80%"),
        ({"live_rows": 5, "cohort_size": 6, "stored_rows": 100}, "5 customers in Oracle where 100 are stored"),
    ],
)
def test_a_thin_month_is_refused_unless_it_is_accepted(facts: dict[str, Any], message: str) -> None:
    with pytest.raises(IncompleteMonthError, match=message) as caught:
        judge_month(**facts)
    assert "accept_incomplete" in str(caught.value)
    assert (judge_month(**facts, accept_incomplete=True) or "").endswith("accepted")


@pytest.mark.parametrize(("share", "live_rows"), [("0.55", 110), ("0.07", 14), ("0.805", 161), ("1", 200), ("0", 1)])
def test_the_share_itself_is_enough_to_the_last_customer(share: str, live_rows: int) -> None:
    """In binary fractions 0.55 of 200 is more than 110."""
    assert judge_month(live_rows=live_rows, min_reported_share=Decimal(share)) is None
    if live_rows > 1:
        percent = {"0.55": "55%", "0.07": "7%", "0.805": "80.5%", "1": "100%"}[share]
        with pytest.raises(IncompleteMonthError, match=f"{live_rows - 1} of 200 .* fewer than {percent};"):
            judge_month(live_rows=live_rows - 1, min_reported_share=Decimal(share))


def test_an_empty_result_never_deletes_even_if_accepted() -> None:
    with pytest.raises(IncompleteMonthError, match="0 of 200 customers in Oracle, and 3 are stored"):
        judge_month(live_rows=0, stored_rows=3, accept_incomplete=True)


@pytest.mark.parametrize(
    "facts", [{"found": 1}, {"found": 160, "year_before": 200}, {"found": 160, "stored": 200}, {"found": 200}]
)
def test_a_cohort_is_compared_with_the_year_before_and_what_is_stored(facts: dict[str, Any]) -> None:
    assert judge_cohort(**facts) is None


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (
            {"found": 159, "year_before": 200},
            "159 customers in Oracle for 2025-10, fewer than 80% of the 200 of the year",
        ),
        ({"found": 10, "year_before": 10, "stored": 200}, "fewer than 80% of the 200 that are stored"),
    ],
)
def test_a_thin_cohort_is_refused_unless_it_is_accepted(facts: dict[str, Any], message: str) -> None:
    with pytest.raises(IncompleteCohortError, match=message):
        judge_cohort(**facts)
    assert (judge_cohort(**facts, accept_incomplete=True) or "").endswith("accepted")


def test_an_empty_cohort_is_refused_even_if_accepted() -> None:
    with pytest.raises(IncompleteCohortError, match="no customer with usage above 0"):
        judge_cohort(found=0, accept_incomplete=True)
