"""A branch is written whole or not at all, by one load at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.pq import TransactionStatus

from include.bigmeter.errors import BigmeterError, StoreRefused, StoreUnavailable
from include.bigmeter.periods import Ym
from include.bigmeter.records import WriteCounts
from include.bigmeter.store.cohorts import replace_cohort, write_cohort
from include.bigmeter.store.ledger import record_success
from include.bigmeter.store.readings import write_month
from include.bigmeter.store.transactions import cohort_transaction, month_transaction
from tests.db.rows import (
    BRANCH,
    COST,
    FISCAL_YEAR,
    POISON,
    YM,
    a_code,
    a_member,
    a_reading,
    an_attempt,
    an_outcome,
    physical_rows,
    stored_readings,
)

PgConnection = psycopg.Connection[Any]


@pytest.fixture
def other(database: str) -> Iterator[PgConnection]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def loaded(conn: PgConnection) -> PgConnection:
    """A branch with a cohort of three and a month in which all three were billed."""
    with cohort_transaction(conn, branch_code=BRANCH, fiscal_year=FISCAL_YEAR, task_timeout_s=60):
        members = [a_member(1), a_member(2), a_member(3)]
        write_cohort(conn, fiscal_year=FISCAL_YEAR, branch_code=BRANCH, members=members)
    load_month(conn, [a_reading(1), a_reading(2), a_reading(3)])
    return conn


def load_month(
    conn: PgConnection,
    readings: list[Any],
    after: Callable[[str], None] = lambda _step: None,
    task_timeout_s: float = 60,
) -> WriteCounts:
    """Load a month as a task does, with something happening after each step."""
    with month_transaction(conn, branch_code=BRANCH, ym=YM, fiscal_year=FISCAL_YEAR, task_timeout_s=task_timeout_s):
        after("lock")
        codes = [a_code(1), a_code(2), a_code(3), a_code(4)]
        counts = write_month(conn, ym=YM, branch_code=BRANCH, cust_codes=codes, readings=readings)
        after("rows")
        record_success(conn, an_attempt(), an_outcome(), COST)
        after("ledger")
    return counts


CHANGES = [a_reading(1, cust_name=POISON), a_reading(2), a_reading(4, cust_name=POISON)]  # 3 is withdrawn


@pytest.mark.parametrize("step", ["lock", "rows", "ledger"])
def test_an_exception_after_any_step_leaves_the_branch_month_as_it_was(loaded: PgConnection, step: str) -> None:
    before = physical_rows(loaded)

    def fail(reached: str) -> None:
        if reached == step:
            raise KeyError(step)

    with pytest.raises(KeyError):
        load_month(loaded, CHANGES, after=fail)
    assert physical_rows(loaded) == before


@pytest.mark.parametrize("step", ["lock", "rows", "ledger"])
def test_a_connection_that_is_cut_at_any_step_leaves_the_branch_month_as_it_was(
    loaded: PgConnection, other: PgConnection, step: str
) -> None:
    before = physical_rows(other)
    pid = loaded.info.backend_pid

    def cut(reached: str) -> None:
        if reached == step:
            assert other.execute("SELECT pg_terminate_backend(%s, 10000)", [pid]).fetchone() == (True,)

    with pytest.raises(StoreUnavailable, match="1063 2025-09"):
        load_month(loaded, CHANGES, after=cut)
    assert loaded.closed
    assert physical_rows(other) == before
    assert other.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (0,)


@pytest.mark.parametrize(
    ("table", "event"),
    [
        ("bm_meter_details", "INSERT"),
        ("bm_meter_details", "UPDATE"),
        ("bm_meter_details", "DELETE"),
        ("bm_sync_runs", "INSERT"),
    ],
)
@pytest.mark.parametrize("when", ["at the row", "at the commit"])
def test_a_server_that_refuses_at_any_step_leaves_the_branch_month_as_it_was(
    loaded: PgConnection, table: str, event: str, when: str
) -> None:
    loaded.execute(
        """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
           $$ DECLARE quoted text := to_jsonb(coalesce(new, old));
              BEGIN RAISE EXCEPTION 'refused %', quoted USING DETAIL = quoted, HINT = quoted; END $$"""
    )
    kind, turn = ("", "BEFORE") if when == "at the row" else ("CONSTRAINT", "AFTER")
    deferred = "" if when == "at the row" else "DEFERRABLE INITIALLY DEFERRED"
    loaded.execute(
        sql.SQL("CREATE {} TRIGGER refuse {} {} ON {} {} FOR EACH ROW EXECUTE FUNCTION refuse()").format(
            *map(sql.SQL, (kind, turn, event)), sql.Identifier(table), sql.SQL(deferred)
        )
    )
    loaded.commit()
    before = physical_rows(loaded)
    with pytest.raises(BigmeterError, match="P0001") as caught:
        load_month(loaded, CHANGES)
    assert "Poison" not in repr(caught.value)
    assert physical_rows(loaded) == before


def test_a_row_that_breaks_a_constraint_leaves_the_branch_month_as_it_was(loaded: PgConnection) -> None:
    before = physical_rows(loaded)
    with pytest.raises(StoreRefused, match=r"1063.*23514.*bm_meter_details_debt_ym_check"):
        load_month(loaded, [*CHANGES, a_reading(5, debt_ym="256813", cust_name=POISON)])
    assert physical_rows(loaded) == before


def test_a_recapture_that_fails_midway_leaves_the_cohort_as_it_was(loaded: PgConnection) -> None:
    before = physical_rows(loaded)
    members = [a_member(1, cust_name=POISON), a_member(4, usage_rank=0)]
    with (
        pytest.raises(StoreRefused, match="bm_custcode_init_usage_rank_check"),
        cohort_transaction(loaded, branch_code=BRANCH, fiscal_year=FISCAL_YEAR, task_timeout_s=60),
    ):
        replace_cohort(loaded, fiscal_year=FISCAL_YEAR, branch_code=BRANCH, members=members)
    assert physical_rows(loaded) == before


def test_a_second_load_gives_up_when_the_first_holds_the_branch_month_for_too_long(
    loaded: PgConnection, other: PgConnection
) -> None:
    with month_transaction(loaded, branch_code=BRANCH, ym=YM, fiscal_year=FISCAL_YEAR, task_timeout_s=60):
        with (
            pytest.raises(StoreUnavailable, match="1063 2025-09: PostgreSQL: another session holds the lock"),
            month_transaction(
                other, branch_code=BRANCH, ym=YM, fiscal_year=2026, task_timeout_s=60, lock_timeout_s=0.05
            ),
        ):
            pytest.fail("two loads of one branch-month at once")
        assert other.info.transaction_status == TransactionStatus.IDLE


def test_other_months_and_branches_load_beside_it(loaded: PgConnection, other: PgConnection) -> None:
    with (
        month_transaction(loaded, branch_code=BRANCH, ym=YM, fiscal_year=FISCAL_YEAR, task_timeout_s=60),
    ):
        for branch, ym in ((BRANCH, Ym("202508")), ("1060", YM)):
            with month_transaction(
                other, branch_code=branch, ym=ym, fiscal_year=FISCAL_YEAR, task_timeout_s=60, lock_timeout_s=0.05
            ):
                pass


def test_a_cohort_is_not_recaptured_while_one_of_its_months_is_being_loaded(
    loaded: PgConnection, other: PgConnection
) -> None:
    with (
        month_transaction(loaded, branch_code=BRANCH, ym=YM, fiscal_year=FISCAL_YEAR, task_timeout_s=60),
        pytest.raises(StoreUnavailable, match="1063 fiscal year 2025"),
        cohort_transaction(other, branch_code=BRANCH, fiscal_year=FISCAL_YEAR, task_timeout_s=60, lock_timeout_s=0.05),
    ):
        pytest.fail("the cohort was not locked")


def test_a_second_load_waits_for_the_first_and_then_finds_nothing_to_change(
    loaded: PgConnection, other: PgConnection, database: str
) -> None:
    counts: list[WriteCounts] = []
    pids: list[int] = []
    started = threading.Event()

    def load_too() -> None:
        with psycopg.connect(database) as second:
            pids.append(second.info.backend_pid)
            started.set()
            counts.append(load_month(second, CHANGES))

    thread = threading.Thread(target=load_too)

    def let_it_wait(step: str) -> None:
        if step == "ledger":
            thread.start()
            assert started.wait(30)
            waits = "SELECT wait_event = 'advisory' FROM pg_stat_activity WHERE pid = %s"
            while other.execute(waits, pids).fetchone() != (True,):
                assert thread.is_alive()

    first = load_month(loaded, CHANGES, after=let_it_wait)
    thread.join(30)
    assert first == WriteCounts(inserted=1, updated=1, unchanged=1, removed=1)
    assert counts == [WriteCounts(unchanged=3)]


def test_readers_see_the_old_month_until_the_new_one_is_there(loaded: PgConnection, other: PgConnection) -> None:
    old = stored_readings(loaded)
    seen: list[dict[str, Any]] = []

    def look(_step: str) -> None:
        seen.append(dict(other.execute("SELECT cust_code, present_water_usg FROM bm_meter_details").fetchall()))

    load_month(loaded, [a_reading(1, present_water_usg=0), a_reading(4)], after=look)
    assert seen == [old, old, old]
    assert set(stored_readings(other)) == {a_code(1), a_code(4)}


def test_the_limits_hold_within_the_transaction_and_nothing_of_it_stays_behind(loaded: PgConnection) -> None:
    """A pooler may hand the next transaction to another client: locks, limits and tables end with this one."""
    show = """SELECT current_setting('lock_timeout'), current_setting('statement_timeout'),
                     current_setting('idle_in_transaction_session_timeout')"""
    before = loaded.execute(show).fetchone()
    loaded.commit()
    with month_transaction(loaded, branch_code=BRANCH, ym=YM, fiscal_year=FISCAL_YEAR, task_timeout_s=1800):
        write_month(loaded, ym=YM, branch_code=BRANCH, cust_codes=[a_code(1)], readings=[a_reading(1)])
        assert loaded.execute(show).fetchone() == ("1min", "30min", "31min")
    assert loaded.execute(show).fetchone() == before
    left = """SELECT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
                     (SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema())"""
    assert loaded.execute(left).fetchone() == (0, 0)


def test_a_task_that_dies_without_a_word_does_not_hold_the_branch_month(
    loaded: PgConnection, other: PgConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.bigmeter.store.transactions.IDLE_MARGIN_S", 0)
    before = physical_rows(other)

    def go_silent(_step: str) -> None:
        # The server ends the idle transaction, and with it the lock that this one waits for.
        with month_transaction(other, branch_code=BRANCH, ym=YM, fiscal_year=FISCAL_YEAR, task_timeout_s=60):
            pass

    with pytest.raises(StoreUnavailable, match="1063 2025-09"):
        load_month(loaded, CHANGES, after=go_silent, task_timeout_s=0.2)
    assert physical_rows(other) == before


def test_a_statement_that_outlives_the_task_is_unavailable(loaded: PgConnection) -> None:
    with (
        pytest.raises(StoreUnavailable, match="57014"),
        month_transaction(loaded, branch_code=BRANCH, ym=YM, fiscal_year=FISCAL_YEAR, task_timeout_s=0.05),
    ):
        loaded.execute("SELECT pg_sleep(30)")


def test_a_time_out_in_the_middle_of_a_statement_closes_the_connection(
    loaded: PgConnection, other: PgConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow raises its time-out from a signal, wherever the task is; psycopg then leaves the statement running."""
    before = physical_rows(other)

    def time_out(_step: str) -> None:
        loaded.pgconn.send_query(b"SELECT pg_sleep(30)")
        raise TimeoutError

    with pytest.raises(TimeoutError):
        load_month(loaded, CHANGES, after=time_out)
    assert loaded.closed
    assert physical_rows(other) == before


def test_a_connection_in_the_middle_of_a_transaction_is_refused(loaded: PgConnection) -> None:
    loaded.execute("SELECT 1")
    with (
        pytest.raises(RuntimeError, match="transaction open"),
        month_transaction(loaded, branch_code=BRANCH, ym=YM, fiscal_year=FISCAL_YEAR, task_timeout_s=60),
    ):
        pytest.fail("the block ran")


def test_a_closed_connection_is_unavailable(loaded: PgConnection) -> None:
    loaded.close()
    with (
        pytest.raises(StoreUnavailable),
        month_transaction(loaded, branch_code=BRANCH, ym=YM, fiscal_year=FISCAL_YEAR, task_timeout_s=60),
    ):
        pytest.fail("the block ran")


def test_it_is_one_transaction_also_with_autocommit_and_another_row_factory(database: str) -> None:
    with psycopg.connect(database, autocommit=True, row_factory=psycopg.rows.dict_row) as conn:
        with pytest.raises(KeyError):
            load_month(conn, [a_reading(1)], after={"lock": None, "rows": None}.__getitem__)
        assert conn.execute("SELECT count(*) AS n FROM bm_meter_details").fetchone() == {"n": 0}
        assert load_month(conn, [a_reading(1)]) == WriteCounts(inserted=1)
