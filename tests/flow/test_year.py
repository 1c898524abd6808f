"""A whole year: the cohort, its history, twelve months, and two bad nights that one person puts right."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

import psycopg

from dev.stack.processes import wait_until
from dev.stack.rest import FINISHED, Run
from include.bigmeter.settings import FreshnessSettings, ScheduleSettings
from include.bigmeter.sync.freshness import Freshness, read_freshness
from tests.flow.harness import BACKFILL_TIMEOUT_S, BANGKOK, BRANCHES, MONTHLY, YEARLY, Flow
from tests.sinks import MessageSink

MONTHS = ["202310", "202311", "202312", *(f"2024{month:02d}" for month in range(1, 10))]
BILLS_OF_1062_IN_MARCH = "WHERE ORG_OWNER_ID = 1062 AND DEBT_YM = '256703'"
NO_ORACLE_IN_DECEMBER = "ora=942@execute,times=always,bind=256612"


class Store:
    """The product's database, for what asks the ledger."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def open_store(self) -> AbstractContextManager[psycopg.Connection[tuple[Any, ...]]]:
        """Connect."""
        return psycopg.connect(self._dsn)


def look(flow: Flow) -> Freshness:
    """Look at the ledger as on the day after the year's last run."""
    return read_freshness(
        Store(flow.stack.data_dsn),
        ScheduleSettings.from_environment({}),
        FreshnessSettings.from_environment({}),
        branch_codes=BRANCHES,
        now=datetime(2024, 10, 17, 12, 30, tzinfo=BANGKOK),
    )


def backfill_of_the_cohort(flow: Flow) -> Run:
    flow.api.backfill(YEARLY, datetime(2023, 10, 1, tzinfo=BANGKOK), datetime(2023, 10, 31, 23, 59, 59, tzinfo=BANGKOK))

    def runs() -> list[Run]:
        return [run for run in flow.api.runs(YEARLY) if run.run_type == "backfill" and run.state in FINISHED]

    wait_until(lambda: bool(runs()), BACKFILL_TIMEOUT_S, "the yearly backfill", 0.5)
    (run,) = runs()
    return run


def month_of(flow: Flow, run: Run) -> str:
    (job, *_) = flow.api.xcom(MONTHLY, run.run_id, "check")
    return str(job["ym"])


def titles(sink: MessageSink, count: int) -> list[str]:
    """Return what was told of this year when it is so much; of a run of another test it may come late."""
    told: list[str] = []

    def are_told() -> bool:
        told[:] = [str(message["title"]).split(" | ")[1] for message in sink.messages]
        told[:] = [title for title in told if title.split()[-1].replace("-", "") in MONTHS]
        return len(told) >= count

    wait_until(are_told, 120, f"{count} messages")
    return told


def test_a_year_with_two_bad_nights_is_whole_after_one_person_cleared_what_failed(
    flow: Flow, sink: MessageSink
) -> None:
    cohort = backfill_of_the_cohort(flow)
    assert cohort.state == "success"
    assert flow.query("SELECT count(DISTINCT branch_code) FROM bm_custcode_init WHERE fiscal_year = 2024") == [(3,)]
    history = flow.query("SELECT DISTINCT year_month FROM bm_loaded_months WHERE fiscal_year = 2024 ORDER BY 1")
    assert history == [("202308",), ("202309",), ("202310",)]

    flow.control.add_fault(NO_ORACLE_IN_DECEMBER)
    flow.control.run(
        f"UPDATE PWACIS.TB_TR_DEBT_TRN SET CANCELFLAG = 'X' {BILLS_OF_1062_IN_MARCH} AND CANCELFLAG IS NULL"
    )
    runs = {month_of(flow, run): run for run in flow.backfill("2023-10-01", "2024-09-30")}
    assert sorted(runs) == MONTHS
    assert {ym for ym, run in runs.items() if run.state != "success"} == {"202312", "202403"}
    assert flow.states(runs["202312"], "sync_branch") == dict.fromkeys(BRANCHES, "failed")
    assert flow.states(runs["202403"], "sync_branch") == {"1060": "success", "1061": "success", "1062": "failed"}
    categories = "SELECT DISTINCT branch_code, error_category FROM bm_sync_runs WHERE run_id = %s AND status = 'error'"
    assert set(flow.query(categories, runs["202312"].run_id)) == {(code, "refused") for code in BRANCHES}
    assert flow.query(categories, runs["202403"].run_id) == [("1062", "incomplete")]
    assert {late.ym: late.branch_codes for late in look(flow).overdue} == {"202312": BRANCHES, "202403": ("1062",)}
    assert titles(sink, 2) == ["failed: bigmeter_monthly_sync 2023-12", "failed: bigmeter_monthly_sync 2024-03"]
    announced = {ym for ym, run in runs.items() if flow.api.asset_events(run.run_id)}
    assert announced == set(MONTHS) - {"202312", "202403"}

    flow.control.clear_faults()
    flow.control.run(
        f"UPDATE PWACIS.TB_TR_DEBT_TRN SET CANCELFLAG = NULL {BILLS_OF_1062_IN_MARCH} AND CANCELFLAG = 'X'"
    )
    for ym, branch_codes in (("202312", BRANCHES), ("202403", ("1062",))):
        run = runs[ym]
        branches = [("sync_branch", flow.map_index(run, "sync_branch", code)) for code in branch_codes]
        flow.api.clear(MONTHLY, run.run_id, branches)
        assert flow.api.wait_for_run(MONTHLY, run.run_id).state == "success"
        (report,) = flow.summary(run)["reports"]
        assert (report["failed"], report["loaded"].keys()) == ({}, set(BRANCHES))
    assert titles(sink, 4)[2:] == [
        "recovered: bigmeter_monthly_sync 2023-12",
        "recovered: bigmeter_monthly_sync 2024-03",
    ]
    for ym, run in runs.items():
        (event,) = flow.api.asset_events(run.run_id)
        assert (event.partition_key, event.extra["branches"]) == (ym, len(BRANCHES))

    assert flow.months_in(MONTHS) == {(code, ym) for code in BRANCHES for ym in MONTHS}
    assert look(flow).is_fresh
    by_status = flow.query(
        "SELECT year_month, count(*), count(DISTINCT (branch_code, cust_code)) FROM bm_meter_status"
        " WHERE is_own_year AND year_month = ANY (%s) GROUP BY year_month",
        MONTHS,
    )
    ((members,),) = flow.query("SELECT count(*) FROM bm_custcode_init WHERE fiscal_year = 2024")
    assert sorted(by_status) == [(ym, members, members) for ym in MONTHS]
