"""The ledger, and the views that say by it what is loaded."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from dev.stack.processes import wait_until
from include.bigmeter.errors import StoreUnavailable
from include.bigmeter.periods import DebtYm, Ym
from include.bigmeter.records import CohortMember, MeterReading, MonthKind, RunIdentity, SourceCost
from include.bigmeter.store.branches import write_branches
from include.bigmeter.store.cohorts import replace_cohort, write_cohort
from include.bigmeter.store.ledger import (
    latest_attempts,
    read_freshness,
    read_loaded_months,
    read_run,
    record_error,
    record_success,
)
from include.bigmeter.store.readings import write_month
from include.bigmeter.store.transactions import cohort_transaction, month_transaction
from tests.db.rows import BRANCH, COST, FISCAL_YEAR, YM, a_code, a_member, a_reading, an_attempt, an_outcome

PgConnection = psycopg.Connection[Any]


def capture(conn: PgConnection, members: Sequence[CohortMember], fiscal_year: int = FISCAL_YEAR) -> None:
    with cohort_transaction(conn, branch_code=BRANCH, fiscal_year=fiscal_year, task_timeout_s=60):
        replace_cohort(conn, fiscal_year=fiscal_year, branch_code=BRANCH, members=members)


def load(
    conn: PgConnection,
    readings: Sequence[MeterReading],
    ym: Ym = YM,
    fiscal_year: int = FISCAL_YEAR,
    kind: MonthKind = "monthly",
    **outcome: Any,
) -> None:
    with month_transaction(conn, branch_code=BRANCH, ym=ym, fiscal_year=fiscal_year, task_timeout_s=60):
        write_month(
            conn, ym=ym, branch_code=BRANCH, cust_codes=[reading.cust_code for reading in readings], readings=readings
        )
        record_success(conn, an_attempt(year_month=ym, fiscal_year=fiscal_year, kind=kind), an_outcome(**outcome), COST)


def statuses(conn: PgConnection) -> list[tuple[Any, ...]]:
    rows = conn.execute(
        """SELECT fiscal_year, year_month, cust_code, status, has_bill FROM bm_meter_status
           ORDER BY fiscal_year, year_month, cust_code"""
    ).fetchall()
    conn.commit()
    return rows


def test_a_success_row_holds_what_the_attempt_came_to(shared_conn: PgConnection) -> None:
    with month_transaction(shared_conn, branch_code=BRANCH, ym=YM, fiscal_year=FISCAL_YEAR, task_timeout_s=60):
        record_success(
            shared_conn, an_attempt(), an_outcome(usage_m3=Decimal("1234567890123456789012345678901234.5")), COST
        )
    (row,) = read_run(shared_conn, run_id="run 1", dag_id="bigmeter_monthly_sync")
    assert (row.kind, row.status, row.branch_code, row.fiscal_year, row.year_month) == (
        "monthly",
        "success",
        BRANCH,
        FISCAL_YEAR,
        YM,
    )
    assert (row.cohort_size, row.reported, row.zero, row.missing, row.inserted) == (3, 1, 1, 1, 2)
    assert row.usage_m3 == Decimal("1234567890123456789012345678901234.5")
    assert (row.oracle_seconds, row.round_trips) == (1.5, 2)
    assert (row.error_category, row.error_message, row.entered) == (None, None, None)
    assert (row.debt_ym, row.triggered_by, row.try_number) == ("256809", "schedule", 1)
    assert row.started_at < row.finished_at


def test_a_success_row_goes_with_the_transaction_of_its_rows(shared_conn: PgConnection) -> None:
    with (
        pytest.raises(KeyError),
        month_transaction(shared_conn, branch_code=BRANCH, ym=YM, fiscal_year=FISCAL_YEAR, task_timeout_s=60),
    ):
        raise KeyError(record_success(shared_conn, an_attempt(), an_outcome(), COST))
    assert read_run(shared_conn, run_id="run 1", dag_id="bigmeter_monthly_sync") == []


def test_a_success_row_outside_a_branch_transaction_is_refused(shared_conn: PgConnection) -> None:
    with pytest.raises(RuntimeError, match="outside"):
        record_success(shared_conn, an_attempt(), an_outcome(), COST)


def test_an_error_row_stands_by_itself_in_one_line(shared_conn: PgConnection, module_database: str) -> None:
    record_error(
        shared_conn, an_attempt(), category="incomplete", message="0 of 200\n customers" + "x" * 2000, seconds=12.5
    )
    with psycopg.connect(module_database) as reader:
        (row,) = read_run(reader, run_id="run 1", dag_id="bigmeter_monthly_sync")
    assert (row.status, row.error_category) == ("error", "incomplete")
    assert row.error_message
    assert row.error_message.startswith("0 of 200 customersxxx")
    assert len(row.error_message) == 1000
    assert (row.finished_at - row.started_at).total_seconds() == 12.5
    assert (row.cohort_size, row.oracle_seconds, row.round_trips) == (None, None, None)


def test_an_error_row_does_not_wait_for_a_ledger_that_somebody_holds(
    shared_conn: PgConnection, module_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.bigmeter.store.transactions.SHORT_LIMIT_S", 0.1)
    with psycopg.connect(module_database) as holder:
        holder.execute("LOCK TABLE bm_sync_runs")
        with pytest.raises(StoreUnavailable, match="another session holds the lock"):
            record_error(shared_conn, an_attempt(), category="refused", message="no", seconds=1.0)
    assert record_error(shared_conn, an_attempt(), category="refused", message="no", seconds=1.0)


def test_an_error_row_can_say_what_the_attempt_cost_oracle(shared_conn: PgConnection) -> None:
    attempt = an_attempt(kind="yearly", year_month=None, debt_ym=DebtYm("256710"))
    cost = SourceCost(seconds=2.0, round_trips=3)
    record_error(shared_conn, attempt, category="contract", message="no", seconds=3, cost=cost)
    (row,) = read_run(shared_conn, run_id="run 1", dag_id="bigmeter_monthly_sync")
    assert (row.kind, row.year_month, row.oracle_seconds, row.round_trips) == ("yearly", None, 2.0, 3)


def test_a_run_is_read_with_every_attempt_and_its_last_ones_are_told_apart(shared_conn: PgConnection) -> None:
    identity: dict[str, Any] = {"run_id": "r", "dag_id": "bigmeter_monthly_sync", "triggered_by": "a user"}
    first = an_attempt(identity=RunIdentity(**identity))
    second = an_attempt(identity=RunIdentity(**identity, try_number=2))
    elsewhere = an_attempt(branch_code="1060", identity=RunIdentity(**identity))
    other_run = an_attempt(identity=RunIdentity(run_id="r"))
    record_error(shared_conn, first, category="unavailable", message="away", seconds=1)
    record_error(shared_conn, elsewhere, category="refused", message="no", seconds=1)
    record_error(shared_conn, other_run, category="refused", message="no", seconds=1)
    with month_transaction(shared_conn, branch_code=BRANCH, ym=YM, fiscal_year=FISCAL_YEAR, task_timeout_s=60):
        record_success(shared_conn, second, an_outcome(), COST)
    rows = read_run(shared_conn, run_id="r", dag_id="bigmeter_monthly_sync")
    assert [(row.branch_code, row.status, row.try_number) for row in rows] == [
        (BRANCH, "error", 1),
        ("1060", "error", 1),
        (BRANCH, "success", 2),
    ]
    assert [(row.branch_code, row.status) for row in latest_attempts(rows)] == [("1060", "error"), (BRANCH, "success")]


def test_history_for_another_cohort_is_a_period_of_its_own_within_a_run(shared_conn: PgConnection) -> None:
    load(shared_conn, [a_reading(1)])
    load(shared_conn, [a_reading(1)], fiscal_year=2026)
    rows = read_run(shared_conn, run_id="run 1", dag_id="bigmeter_monthly_sync")
    assert [row.fiscal_year for row in latest_attempts(rows)] == [FISCAL_YEAR, 2026]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("kind", "weekly"),
        ("status", "done"),
        ("error_category", "bad luck"),
        ("error_category", "contract"),
        ("year_month", "202513"),
        ("year_month", "256809"),
        ("year_month", "2025-9"),
        ("year_month", None),
        ("debt_ym", "256813"),
        ("fiscal_year", 2568),
        ("branch_code", ""),
        ("reported", -1),
        ("finished_at", "2000-01-01"),
    ],
)
def test_the_ledger_refuses_what_makes_no_sense(shared_conn: PgConnection, column: str, value: Any) -> None:
    load(shared_conn, [])
    with pytest.raises(errors.CheckViolation):
        shared_conn.execute(sql.SQL("UPDATE bm_sync_runs SET {} = %s").format(sql.Identifier(column)), [value])


def test_reported_zero_and_missing_are_told_apart_for_loaded_months_only(shared_conn: PgConnection) -> None:
    capture(shared_conn, [a_member(number) for number in range(1, 6)])
    assert statuses(shared_conn) == []
    readings = [
        a_reading(1),
        a_reading(2, present_water_usg=Decimal(0)),
        a_reading(3, present_water_usg=None),
        a_reading(4, present_water_usg=Decimal(-3)),
        a_reading(9),
    ]
    load(shared_conn, readings)
    assert [row[2:] for row in statuses(shared_conn)] == [
        (a_code(1), "reported", True),
        (a_code(2), "zero", True),
        (a_code(3), "missing", True),
        (a_code(4), "reported", True),
        (a_code(5), "missing", False),
    ]
    record_error(shared_conn, an_attempt(year_month=Ym("202508")), category="contract", message="no", seconds=1)
    assert len(statuses(shared_conn)) == 5


def test_a_missing_customer_is_described_by_its_cohort_row_and_a_billed_one_by_its_bill(
    shared_conn: PgConnection,
) -> None:
    capture(shared_conn, [a_member(1, cust_name="a", address="b"), a_member(2, cust_name="c")])
    load(shared_conn, [a_reading(1, cust_name="d")])
    rows = shared_conn.execute("SELECT cust_name, address, average FROM bm_meter_status ORDER BY cust_code").fetchall()
    assert rows == [("d", None, Decimal(131)), ("c", None, None)]


def test_history_for_a_new_cohort_stands_beside_the_old_cohorts_month(shared_conn: PgConnection) -> None:
    capture(shared_conn, [a_member(1), a_member(2)])
    capture(shared_conn, [a_member(2, fiscal_year=2026), a_member(3, fiscal_year=2026)], fiscal_year=2026)
    load(shared_conn, [a_reading(1), a_reading(2)])
    load(shared_conn, [a_reading(2), a_reading(3)], fiscal_year=2026)
    assert [row[:4] for row in statuses(shared_conn)] == [
        (FISCAL_YEAR, YM, a_code(1), "reported"),
        (FISCAL_YEAR, YM, a_code(2), "reported"),
        (2026, YM, a_code(2), "reported"),
        (2026, YM, a_code(3), "reported"),
    ]
    assert [month.fiscal_year for month in read_loaded_months(shared_conn)] == [FISCAL_YEAR]
    assert [month.fiscal_year for month in read_loaded_months(shared_conn, fiscal_year=2026)] == [2026]


def test_a_member_that_a_recapture_took_in_is_not_missing_in_months_that_were_loaded_before(
    shared_conn: PgConnection,
) -> None:
    capture(shared_conn, [a_member(1), a_member(2)])
    load(shared_conn, [a_reading(1), a_reading(2)])
    capture(shared_conn, [a_member(1), a_member(3, usage_rank=2)])
    assert [row[2] for row in statuses(shared_conn)] == [a_code(1)]
    load(shared_conn, [a_reading(1)])
    assert [row[2:4] for row in statuses(shared_conn)] == [(a_code(1), "reported"), (a_code(3), "missing")]


def test_a_member_that_a_recapture_took_in_while_it_waited_for_a_load_is_not_missing_in_its_month(
    shared_conn: PgConnection, module_database: str
) -> None:
    """Its transaction begins before that load ends, and its members come after it."""
    capture(shared_conn, [a_member(1)])
    waited = threading.Event()

    def recapture() -> None:
        with (
            psycopg.connect(module_database) as other,
            cohort_transaction(other, branch_code=BRANCH, fiscal_year=FISCAL_YEAR, task_timeout_s=60),
        ):
            waited.set()
            replace_cohort(other, fiscal_year=FISCAL_YEAR, branch_code=BRANCH, members=[a_member(1), a_member(2)])

    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with psycopg.connect(module_database, autocommit=True) as watcher, ThreadPoolExecutor(1) as beside:
        with month_transaction(shared_conn, branch_code=BRANCH, ym=YM, fiscal_year=FISCAL_YEAR, task_timeout_s=60):
            recaptured = beside.submit(recapture)
            wait_until(lambda: watcher.execute(waiting).fetchone() == (1,), 10, "the recapture to wait", 0.01)
            assert not waited.is_set()
            record_success(shared_conn, an_attempt(), an_outcome(), COST)
        recaptured.result(10)
    assert [row[2] for row in statuses(shared_conn)] == [a_code(1)]


def test_changes_are_dated_after_everything_that_was_committed_before_they_were_written(
    shared_conn: PgConnection, module_database: str
) -> None:
    """Whoever follows updated_at has passed the moment at which a load began before its rows can be seen."""
    capture(shared_conn, [a_member(1)])
    with psycopg.connect(module_database) as other, psycopg.connect(module_database, autocommit=True) as reader:
        with month_transaction(other, branch_code=BRANCH, ym=YM, fiscal_year=FISCAL_YEAR, task_timeout_s=60):
            ((watermark,),) = reader.execute("SELECT clock_timestamp()").fetchall()
            write_month(other, ym=YM, branch_code=BRANCH, cust_codes=[a_code(1)], readings=[a_reading(1)])
        changed = "SELECT created_at = updated_at FROM bm_meter_details WHERE updated_at > %s"
        assert reader.execute(changed, [watermark]).fetchall() == [(True,)]


def test_the_latest_successful_load_of_a_month_counts(shared_conn: PgConnection) -> None:
    load(shared_conn, [], reported=0, zero=0, missing=3)
    load(shared_conn, [], reported=2, zero=1, missing=0)
    record_error(shared_conn, an_attempt(), category="contract", message="no", seconds=1)
    (month,) = read_loaded_months(shared_conn, ym=YM)
    assert (month.year_month, month.branch_code, month.reported, month.zero, month.missing) == (YM, BRANCH, 2, 1, 0)
    assert read_loaded_months(shared_conn, ym=Ym("202508")) == []


def test_a_month_remembers_its_own_load_when_history_comes_after_it(shared_conn: PgConnection) -> None:
    load(shared_conn, [], kind="history")
    (month,) = read_loaded_months(shared_conn)
    assert (month.kind, month.own_load_at, month.is_adopted) == ("history", None, False)
    load(shared_conn, [])
    (own,) = read_loaded_months(shared_conn)
    assert (own.kind, own.own_load_at) == ("monthly", own.loaded_at)
    load(shared_conn, [], kind="history")
    (month,) = read_loaded_months(shared_conn)
    assert (month.kind, month.own_load_at) == ("history", own.loaded_at)
    assert month.loaded_at > own.loaded_at


def test_freshness_names_the_last_month_of_each_branch_and_its_last_attempt(shared_conn: PgConnection) -> None:
    write_branches(shared_conn, {BRANCH: "น้ำพอง", "1060": "ขอนแก่น"})
    load(shared_conn, [], ym=Ym("202508"))
    load(shared_conn, [], ym=Ym("202509"), cohort_size=200, reported=150, zero=10, missing=40)
    load(shared_conn, [], ym=Ym("202507"))
    load(shared_conn, [], ym=Ym("202510"), fiscal_year=FISCAL_YEAR)  # history of another cohort: not its own year
    record_error(shared_conn, an_attempt(year_month=Ym("202510")), category="unavailable", message="away", seconds=1)
    record_error(shared_conn, an_attempt(branch_code="1099"), category="configuration", message="no cohort", seconds=1)
    never, fresh, unknown = read_freshness(shared_conn)
    assert (fresh.branch_code, fresh.branch_name, fresh.last_year_month) == (BRANCH, "น้ำพอง", "202509")
    assert (fresh.first_year_month, fresh.months_loaded) == ("202507", 3)
    assert (fresh.cohort_size, fresh.missing, fresh.complete_share) == (200, 40, Decimal("0.8"))
    assert (fresh.run_id, fresh.dag_id, fresh.kind) == ("run 1", "bigmeter_monthly_sync", "monthly")
    assert (fresh.last_attempt_status, fresh.last_error_category) == ("error", "unavailable")
    assert (never.branch_code, never.last_year_month, never.months_loaded) == ("1060", None, 0)
    assert (never.last_attempt_status, never.complete_share) == (None, None)
    assert (unknown.branch_code, unknown.branch_name, unknown.last_error_message) == ("1099", None, "no cohort")


def test_a_yearly_row_counts_who_would_enter_and_leave(shared_conn: PgConnection) -> None:
    attempt = an_attempt(kind="yearly", year_month=None, debt_ym=DebtYm("256710"))
    with cohort_transaction(shared_conn, branch_code=BRANCH, fiscal_year=FISCAL_YEAR, task_timeout_s=60):
        counts = write_cohort(shared_conn, fiscal_year=FISCAL_YEAR, branch_code=BRANCH, members=[a_member(1)])
        outcome = an_outcome(entered=len(counts.entered), departed=len(counts.departed))
        record_success(shared_conn, attempt, outcome, COST)
    (row,) = read_run(shared_conn, run_id="run 1", dag_id="bigmeter_monthly_sync")
    assert (row.kind, row.entered, row.departed) == ("yearly", 0, 0)
    assert read_loaded_months(shared_conn) == []
