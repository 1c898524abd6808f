"""The report of a run: a line per branch, the totals, the sentence."""

import io
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from include.bigmeter.branches import Branch
from include.bigmeter.periods import Ym
from include.bigmeter.records import SourceCost
from include.bigmeter.store.ledger import Outcome
from include.bigmeter.sync.outcomes import MonthOutcome
from include.bigmeter.sync.report import YEARLY_COLUMNS, BranchLine, RunReport


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


def test_a_narrow_table_fits_into_80_columns_and_says_every_reason_in_a_line_of_its_own() -> None:
    report = RunReport(
        kind="monthly",
        period="2025-09",
        lines=[
            BranchLine(branch=Branch("1060", "กปภ.สาขาขอนแก่น(ชั้นพิเศษ)"), counts=a_month(usage_m3=Decimal("1234567"))),
            BranchLine(branch=KRANUAN, reason="1065 2025-09: 0 of 200 customers in Oracle; is billing closed?"),
        ],
    )
    plain = Console(file=io.StringIO(), width=80, force_terminal=False)
    with plain.capture() as shown:
        plain.print(report.narrow_table())
    lines = shown.get().splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in shown.get()
    assert any("1060" in line and "1,234,567" in line and "190" in line and "196" in line for line in lines)
    assert report.remarks() == ["FAILED 1065 2025-09: 0 of 200 customers in Oracle; is billing closed?"]


def a_cohort(*, is_new: bool, entered: int = 0, departed: int = 0) -> dict[str, Any]:
    counts = {**dict.fromkeys(YEARLY_COLUMNS, 0), "cohort_size": 200, "entered": entered, "departed": departed}
    return {**counts, "is_new": is_new, "seconds": 1.0, "warnings": []}


@pytest.mark.parametrize(
    ("cohorts", "headings"),
    [
        ([a_cohort(is_new=False, entered=56, departed=56)], ("would enter", "would leave")),
        ([a_cohort(is_new=True), a_cohort(is_new=False, entered=56, departed=56)], ("would enter", "would leave")),
        ([a_cohort(is_new=True, entered=56, departed=56)], ("entered", "departed")),
    ],
    ids=["kept", "kept beside a first one", "recaptured"],
)
def test_the_customers_who_would_enter_a_kept_cohort_are_not_said_to_have_entered(
    cohorts: list[dict[str, Any]], headings: tuple[str, str]
) -> None:
    branches = (Branch("1060", "กปภ.สาขาขอนแก่น(ชั้นพิเศษ)"), KRANUAN)
    lines = [BranchLine(branch=branch, counts=counts) for branch, counts in zip(branches, cohorts, strict=False)]
    report = RunReport(kind="yearly", period="cohort 2026", lines=lines)
    plain = Console(file=io.StringIO(), width=80, force_terminal=False)
    with plain.capture() as narrow:
        plain.print(report.narrow_table())
    assert "…" not in narrow.get()
    assert max(map(len, narrow.get().splitlines())) <= 80
    for shown in (narrow.get(), report.to_text()):
        words = {word: word in shown for word in ("would enter", "would leave", "entered", "departed")}
        assert {word for word, is_shown in words.items() if is_shown} == set(headings)
    told = report.to_json()
    assert told["totals"]["entered"] == 56
    assert (told["headings"]["entered"], told["headings"]["departed"]) == headings
    assert "usage_m3" not in told


def test_a_reason_that_names_no_branch_is_given_its_branch() -> None:
    lines = [
        BranchLine(branch=KRANUAN, reason="bigmeter_oracle: there is no such Airflow connection"),
        BranchLine(branch=NAM_PHONG, counts={**a_month(), "warnings": ["1063 2025-09: billing may be open"]}),
    ]
    assert RunReport(kind="monthly", period="2025-09", lines=lines).remarks() == [
        "FAILED 1065 กระนวน: bigmeter_oracle: there is no such Airflow connection",
        "1063 2025-09: billing may be open",
    ]


def test_one_branch_is_not_called_branches() -> None:
    loaded = RunReport(kind="monthly", period="2025-09", lines=[BranchLine(branch=NAM_PHONG, counts=a_month())])
    failed = RunReport(kind="monthly", period="2025-09", lines=[BranchLine(branch=NAM_PHONG, reason="x")])
    assert loaded.sentence() == "2025-09: 1 branch loaded"
    assert failed.sentence() == "2025-09: 1 of 1 branch failed: 1063"
