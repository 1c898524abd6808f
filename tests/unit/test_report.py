"""The report of a run: a line per branch, the totals, the sentence."""

from decimal import Decimal
from typing import Any

from include.bigmeter.branches import Branch
from include.bigmeter.periods import Ym
from include.bigmeter.records import SourceCost
from include.bigmeter.store.ledger import Outcome
from include.bigmeter.sync.outcomes import MonthOutcome
from include.bigmeter.sync.report import BranchLine, RunReport


def a_month(**changes: Any) -> dict[str, Any]:
    counts: dict[str, Any] = {
        "cohort_size": 200,
        "reported": 190,
        "zero": 6,
        "missing": 4,
        "inserted": 196,
        "updated": 0,
        "unchanged": 0,
        "removed": 0,
        "duplicates": 3,
        "usage_m3": Decimal("12345.5"),
    }
    return MonthOutcome(
        branch_code="1063",
        ym=Ym("202509"),
        fiscal_year=2025,
        counts=Outcome(**{**counts, **changes}),
        seconds=1.25,
        cost=SourceCost(seconds=1.0, round_trips=4),
    ).to_json()


NAM_PHONG = Branch("1063", "กปภ.สาขาน้ำพอง")
KRANUAN = Branch("1065", "กปภ.สาขากระนวน")


def test_a_whole_run_sums_its_branches() -> None:
    report = RunReport(
        kind="monthly",
        period="2025-09",
        lines=[BranchLine(branch=NAM_PHONG, counts=a_month()), BranchLine(branch=KRANUAN, counts=a_month(reported=10))],
    )
    assert report.totals()["reported"] == 200
    assert report.usage_m3() == Decimal(24691)
    assert report.sentence() == "2025-09: all 2 branches loaded"
    assert report.failed == []


def test_a_failed_branch_is_named_with_its_reason_and_counts_for_nothing() -> None:
    report = RunReport(
        kind="monthly",
        period="2025-09",
        lines=[
            BranchLine(branch=NAM_PHONG, counts=a_month()),
            BranchLine(branch=KRANUAN, reason="0 of 200 [customers] in Oracle"),
        ],
    )
    assert report.sentence() == "2025-09: 1 of 2 branches failed: 1065"
    assert report.totals()["reported"] == 190
    text = report.to_text()
    assert "1065 กระนวน" in text
    assert "FAILED 0 of 200 [customers] in Oracle" in text
    assert report.to_json()["failed"] == {"1065": "0 of 200 [customers] in Oracle"}


def test_an_outcome_is_plain_values_with_exact_cubic_metres() -> None:
    assert a_month(usage_m3=Decimal("99999999999999999999.5"))["usage_m3"] == "99999999999999999999.5"
