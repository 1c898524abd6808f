"""What a message says, and that it fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.bigmeter.tasks.messages import MAX_BODY, MAX_TITLE, Message, Outcome, RunLink, about_freshness, about_load

RUN = RunLink(dag_id="bigmeter_monthly_sync", run_id="r", url="https://airflow.example/dags/d/runs/r")
LABELS = {"1061": "1061 บ้านไผ่"}


def a_report(failed: Mapping[str, str] | None = None, branches: int = 22, **values: Any) -> dict[str, Any]:
    report = {
        "kind": "monthly",
        "period": "2025-09",
        "branches": branches,
        "failed": dict(failed or {}),
        "totals": {"reported": 3900, "zero": 12, "missing": 288, "inserted": 3912, "updated": 0},
        "usage_m3": "1234567.4",
        **values,
    }
    return {"headings": {name: name for name in report["totals"]}, **report}


def a_summary(*reports: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {"sentence": "a sentence", "problem": None, "earlier": None, "reports": list(reports), **values}


def a_message(outcome: Outcome, summary: dict[str, Any] | None, *problems: str) -> Message:
    return about_load(outcome, RUN, summary, problems=problems, labels=LABELS)


def test_a_failed_month_names_branch_reason_what_is_in_and_the_run() -> None:
    message = a_message(Outcome.FAILED, a_summary(a_report({"1061": "1061 2025-09: ORA-12541; is Oracle up?"})))
    assert message.title == "ไม่สำเร็จ | failed: bigmeter_monthly_sync 2025-09"
    assert message.body.splitlines() == [
        "2025-09: ไม่สำเร็จ 1 / 22 สาขา (branches failed)",
        "- 1061 บ้านไผ่ 2025-09: ORA-12541; is Oracle up?",
        "2025-09: โหลดแล้ว 21 / 22 สาขา (branches loaded)",
        "reported 3,900, zero 12, missing 288, inserted 3,912, 1,234,567 m³",
        RUN.url,
    ]


def test_a_reason_that_does_not_begin_with_the_branch_still_gets_its_name() -> None:
    message = a_message(Outcome.FAILED, a_summary(a_report({"1061": "ended without a word", "9999": "9999: odd"})))
    assert "- 1061 บ้านไผ่: ended without a word" in message.body
    assert "- 9999: odd" in message.body


def test_a_code_that_begins_another_number_is_not_cut_from_the_reason() -> None:
    message = a_message(Outcome.FAILED, a_summary(a_report({"1061": "10610 rows; too many"})))
    assert "- 1061 บ้านไผ่: 10610 rows; too many" in message.body


def test_a_failed_check_is_its_one_sentence() -> None:
    summary = a_summary(problem="migrations: 1 is pending; run make migrate")
    message = a_message(Outcome.FAILED, summary)
    assert message.title == "ไม่สำเร็จ | failed: bigmeter_monthly_sync"
    assert message.body.splitlines() == [
        "ยังไม่ได้โหลดข้อมูล ต้องแก้ไขก่อน (nothing was loaded; put this right first):",
        "- migrations: 1 is pending; run make migrate",
        RUN.url,
    ]


def test_a_run_that_failed_though_all_branches_are_in_says_why() -> None:
    message = a_message(Outcome.FAILED, a_summary(a_report()), "publish: Airflow's API server failed")
    assert message.body.splitlines()[0] == "- publish: Airflow's API server failed"
    assert "โหลดแล้ว 22 / 22" in message.body


def test_a_run_that_left_nothing_is_still_told() -> None:
    body = a_message(Outcome.FAILED, None).body
    assert body.splitlines() == ["งานหยุดโดยไม่มีรายงาน (the run left no word; see its tasks)", RUN.url]


def test_a_recovery_says_what_had_failed() -> None:
    summary = a_summary(a_report(), earlier="2025-09: 1 of 22 branches failed: 1061")
    message = a_message(Outcome.RECOVERED, summary)
    assert message.title.startswith("กลับมาสำเร็จแล้ว | recovered: ")
    assert "ก่อนหน้านี้ (before): 2025-09: 1 of 22 branches failed: 1061" in message.body
    assert "ไม่สำเร็จ 1" not in message.body


def test_a_year_shows_its_cohorts_and_their_history() -> None:
    headings = {"cohort_size": "cohort", "entered": "would enter"}
    totals = {"cohort_size": 4400, "entered": 3}
    cohorts = a_report(period="cohort 2026", usage_m3="0", totals=totals, headings=headings)
    history = a_report({"1061": "1061 2025-08: 20 of 200"}, period="history 2025-08 to 2025-10", branches=21)
    message = a_message(Outcome.FAILED, a_summary(cohorts, history))
    assert message.title.endswith("cohort 2026, history 2025-08 to 2025-10")
    assert "cohort 2026: โหลดแล้ว 22 / 22 สาขา (branches loaded)\ncohort 4,400, would enter 3\n" in message.body
    assert "history 2025-08 to 2025-10: ไม่สำเร็จ 1 / 21 สาขา" in message.body


def test_two_hundred_failed_branches_fit_and_the_rest_is_counted() -> None:
    failed = {str(code): f"{code} 2025-09: " + "เหตุผลยาว " * 60 for code in range(1000, 1234)}
    message = a_message(Outcome.FAILED, a_summary(a_report(failed, branches=234)))
    lines = [line for line in message.body.splitlines() if line.startswith("- ")]
    assert 1 < len(lines) < 12
    assert lines[-1] == f"- … อีก {234 - len(lines) + 1} รายการ (and {234 - len(lines) + 1} more)"
    assert len(message.body) <= MAX_BODY
    assert message.body.splitlines()[-1] == RUN.url
    assert "โหลดแล้ว 0 / 234" in message.body


def test_the_longest_of_everything_fits_and_keeps_the_link() -> None:
    reports = [a_report({"1": "x" * 999}, period="p" * 300, totals={"t" * 300: 1}) for _ in range(9)]
    message = a_message(Outcome.FAILED, a_summary(*reports, problem="y\n" * 999), "z" * 999)
    assert len(message.body) == MAX_BODY
    assert message.body.endswith(f"…\n{RUN.url}")
    assert len(message.title) == MAX_TITLE


def test_no_reason_makes_lines_of_its_own() -> None:
    message = a_message(Outcome.FAILED, a_summary(a_report({"1061": "1061: one\n\ntwo\r\nthree"})))
    assert "- 1061 บ้านไผ่: one two three\n" in message.body


def test_without_the_address_of_airflow_the_run_is_named() -> None:
    run = RunLink(dag_id="d", run_id="manual__1", url="")
    assert about_freshness(Outcome.UP_TO_DATE, run, ["all is in"]).body == "- all is in\nAirflow: d, manual__1"


def test_what_is_overdue_is_listed_under_a_thai_heading() -> None:
    message = about_freshness(Outcome.OVERDUE, RUN, ["2025-08: not loaded for any branch; run it"])
    assert message.title == "ข้อมูลค้าง | overdue: BigMeter"
    assert message.body.splitlines() == [
        "ถึงกำหนดแล้ว แต่ข้อมูลยังไม่เข้า (due and not in):",
        "- 2025-08: not loaded for any branch; run it",
        RUN.url,
    ]


def test_a_look_that_failed_says_that_nobody_knows() -> None:
    message = about_freshness(Outcome.FAILED, RUN, ["PostgreSQL is not available"], is_known=False)
    assert message.title == "ไม่สำเร็จ | failed: bigmeter_monthly_sync"
    assert message.body.startswith("ตรวจสอบไม่ได้ (nobody knows whether the data are in):\n- PostgreSQL is not")
