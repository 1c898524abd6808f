"""What is due and has not happened."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from include.bigmeter.periods import Ym, fiscal_year_of
from include.bigmeter.store.ledger import LoadedMonth
from include.bigmeter.sync.completeness import is_in
from include.bigmeter.sync.freshness import Freshness, Overdue, find_overdue, find_overdue_cohort

BRANCHES = ("1060", "1061")
FOLLOWED = {"1060": 2024, "1061": 2024}


def loads(*months: str, branches: tuple[str, ...] = BRANCHES) -> set[tuple[Ym, str]]:
    return {(Ym(ym), code) for ym in months for code in branches}


def test_nothing_is_overdue_when_every_month_since_the_first_is_in() -> None:
    loaded = loads("202507", "202508", "202509")
    assert find_overdue(Ym("202509"), BRANCHES, loaded, FOLLOWED) == []


def test_a_month_that_a_pause_swallowed_is_found_though_later_ones_are_in() -> None:
    overdue = find_overdue(Ym("202509"), BRANCHES, loads("202506", "202509"), FOLLOWED)
    assert [month.ym for month in overdue] == ["202507", "202508"]
    assert overdue[0].branch_codes == BRANCHES


def test_one_late_branch_is_named() -> None:
    loaded = loads("202508") | loads("202509", branches=("1060",))
    [late] = find_overdue(Ym("202509"), BRANCHES, loaded, FOLLOWED)
    assert late.sentence() == (
        "2025-09: not loaded for 1 of 2 branches (1061); run bigmeter_monthly_sync with ym 202509 and these branches"
    )


def test_a_month_that_only_some_branches_are_expected_to_have_names_them() -> None:
    """The others joined later: a run for all branches would fail for them."""
    first_cohorts = {"1060": 2025, "1061": 2026}
    late, _ = find_overdue(Ym("202509"), BRANCHES, loads("202507", branches=("1060",)), first_cohorts)
    assert late.sentence() == (
        "2025-08: not loaded for 1 of 1 branch (1060); run bigmeter_monthly_sync with ym 202508 and these branches"
    )


def test_a_month_that_no_branch_has_is_said_without_a_list_of_them() -> None:
    [late] = find_overdue(Ym("202509"), BRANCHES, loads("202508"), FOLLOWED)
    assert late.sentence().startswith("2025-09: not loaded for any branch;")


def test_a_month_that_is_loaded_before_it_is_due_is_no_fault() -> None:
    assert find_overdue(Ym("202508"), BRANCHES, loads("202508", "202509"), FOLLOWED) == []
    assert [late.ym for late in find_overdue(Ym("202508"), BRANCHES, loads("202509"), FOLLOWED)] == ["202508"]


def test_an_empty_database_lacks_the_month_that_is_due() -> None:
    assert [late.ym for late in find_overdue(Ym("202509"), BRANCHES, set(), {})] == ["202509"]


def test_a_branch_that_joins_is_expected_from_its_first_cohort_on() -> None:
    loaded = loads("202508", "202509", "202510", branches=("1060",)) | loads("202510", branches=("1061",))
    assert find_overdue(Ym("202510"), BRANCHES, loaded, {"1060": 2025, "1061": 2026}) == []
    assert len(find_overdue(Ym("202510"), BRANCHES, loaded, {"1060": 2025, "1061": 2025})) == 2


def test_a_branch_that_never_had_a_cohort_is_noticed_in_the_month_that_is_due() -> None:
    loaded = loads("202508", "202509", branches=("1060",))
    [late] = find_overdue(Ym("202509"), BRANCHES, loaded, {"1060": 2025})
    assert (late.ym, late.branch_codes) == ("202509", ("1061",))


def a_load(
    ym: str, loaded_at: datetime, kind: Literal["monthly", "history", "adopted"] = "monthly", **changes: Any
) -> LoadedMonth:
    return replace(
        LoadedMonth(
            fiscal_year=fiscal_year_of(Ym(ym)),
            year_month=Ym(ym),
            branch_code="1060",
            ledger_id=1,
            kind=kind,
            cohort_size=200,
            reported=190,
            zero=5,
            missing=5,
            duplicates=0,
            usage_m3=Decimal(1000),
            loaded_at=loaded_at,
            dag_id=None,
            run_id="r",
            own_load_at=loaded_at if kind == "monthly" else None,
            is_adopted=kind == "adopted",
        ),
        **changes,
    )


def test_a_month_is_in_once_it_was_loaded_after_it_had_ended_in_its_own_zone() -> None:
    """The October that the yearly DAG loads as history on the 16th is still being billed."""
    bangkok = ZoneInfo("Asia/Bangkok")
    last_moment = datetime(2025, 10, 31, 23, 59, 59, tzinfo=bangkok)
    assert not is_in(a_load("202510", datetime(2025, 10, 16, 1, 40, tzinfo=bangkok)), bangkok)
    assert not is_in(a_load("202510", last_moment), bangkok)
    assert is_in(a_load("202510", last_moment + timedelta(seconds=1)), bangkok)
    assert not is_in(a_load("202510", last_moment + timedelta(seconds=1)), ZoneInfo("UTC"))
    assert is_in(a_load("202512", datetime(2026, 1, 1, tzinfo=bangkok)), bangkok)


def test_history_for_a_new_cohort_brings_no_month_in_and_takes_none_back() -> None:
    """A cohort that is captured late loads its October as history: nobody has announced that month."""
    november, december = datetime(2025, 11, 20, tzinfo=UTC), datetime(2025, 12, 3, tzinfo=UTC)
    assert not is_in(a_load("202510", november, kind="history"), ZoneInfo("UTC"))
    assert is_in(a_load("202510", december, kind="history", own_load_at=november), ZoneInfo("UTC"))


def test_what_was_adopted_is_in_whenever_it_was_loaded() -> None:
    """The first implementation loaded the current month."""
    assert is_in(a_load("202510", datetime(2025, 10, 16, tzinfo=UTC), kind="adopted"), ZoneInfo("UTC"))


def test_the_answer_is_said_in_sentences() -> None:
    assert Freshness(due=Ym("202509"), overdue=()).sentences() == [
        "every month up to 2025-09 is loaded for every branch"
    ]


def test_a_cohort_that_every_branch_has_is_not_overdue() -> None:
    assert find_overdue_cohort(2026, BRANCHES, {"1060", "1061", "9999"}) is None


def test_a_cohort_that_a_branch_lacks_says_how_to_make_it() -> None:
    late = find_overdue_cohort(2026, BRANCHES, {"1060"})
    assert late is not None
    assert late.sentence() == (
        "cohort 2026: not captured for 1 of 2 branches (1061); run bigmeter_yearly_init with debt_ym 202510"
    )


def test_a_missing_cohort_is_said_first_since_its_months_need_it() -> None:
    month = Overdue(ym=Ym("202510"), branch_codes=BRANCHES, branches=2)
    freshness = Freshness(due=Ym("202510"), overdue=(month,), overdue_cohort=find_overdue_cohort(2026, BRANCHES, set()))
    assert [sentence.split(";")[0] for sentence in freshness.sentences()] == [
        "cohort 2026: not captured for any branch",
        "2025-10: not loaded for any branch",
    ]
    assert freshness.to_json() == {
        "is_fresh": False,
        "due": "202510",
        "overdue": {"202510": ["1060", "1061"]},
        "overdue_cohorts": {"2026": ["1060", "1061"]},
    }
    assert not Freshness(due=Ym("202510"), overdue=(), overdue_cohort=freshness.overdue_cohort).is_fresh
