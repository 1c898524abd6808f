"""The DAG that notices what has not happened, run inside this process against a real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from include.bigmeter.dsn import PostgresTarget
from include.bigmeter.errors import StoreUnavailable

pytestmark = pytest.mark.usefixtures("airflow_database")

FRESHNESS = "bigmeter_freshness"
BANGKOK = ZoneInfo("Asia/Bangkok")
NOON_AFTER_THE_TICK = datetime(2025, 11, 16, 12, 30, tzinfo=BANGKOK)


@pytest.fixture
def ledger(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection[Any]]:
    """Yield a connection to a migrated database that is also the DAG's; it follows two branches."""
    connection = PostgresTarget.parse(database).airflow_connection()
    monkeypatch.setenv("AIRFLOW_CONN_BIGMETER_POSTGRES", json.dumps(connection))
    monkeypatch.setenv("BRANCHES", "1060 1061")
    with psycopg.connect(database, autocommit=True) as conn:
        yield conn


@pytest.fixture
def look(read_dags: Callable[[], Any]) -> Callable[..., Any]:
    """Return a function that runs the DAG as if it were then, and returns the run."""

    def look_at(moment: datetime, **at: Any) -> Any:
        return read_dags().dags[FRESHNESS].test(logical_date=moment, run_after=moment, **at)

    return look_at


def capture(conn: psycopg.Connection[Any], fiscal_year: int, *branches: str) -> None:
    conn.cursor().executemany(
        "INSERT INTO bm_custcode_init (fiscal_year, branch_code, cust_code, debt_ym) VALUES (%s, %s, 'C1', %s)",
        [(fiscal_year, branch, f"{fiscal_year - 1 + 543}10") for branch in branches],
    )


def load(conn: psycopg.Connection[Any], ym: str, fiscal_year: int, *branches: str, at: datetime | None = None) -> None:
    at = at or datetime.now(BANGKOK)
    conn.cursor().executemany(
        "INSERT INTO bm_sync_runs (kind, branch_code, fiscal_year, year_month, status, run_id, dag_id, try_number,"
        " triggered_by, cohort_size, reported, zero, missing, started_at, finished_at)"
        " VALUES ('monthly', %s, %s, %s, 'success', 'r', 'd', 1, 'manual', 1, 1, 0, 0, %s, %s)",
        [(branch, fiscal_year, ym, at, at) for branch in branches],
    )


def words(run: Any, key: str = "return_value") -> Any:
    (ti,) = run.get_task_instances()
    return ti.xcom_pull(task_ids="find_overdue", key=key)


def test_it_looks_daily_at_half_past_twelve_or_when_it_is_told(
    read_dags: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    day = datetime(2025, 11, 16, tzinfo=BANGKOK)
    from airflow.serialization.serialized_objects import DagSerialization

    def times() -> list[datetime]:
        stored = DagSerialization.from_dict(DagSerialization.to_dict(read_dags().dags[FRESHNESS]))
        infos: Any = stored.iter_dagrun_infos_between(day, day + timedelta(days=2))
        return [info.run_after.astimezone(BANGKOK) for info in infos]

    assert times() == [day + timedelta(hours=12, minutes=30), day + timedelta(days=1, hours=12, minutes=30)]
    monkeypatch.setenv("CRON_FRESHNESS", "0 0 13 * * 1")
    assert times() == [day + timedelta(days=1, hours=13)]


def test_a_wrong_schedule_breaks_this_dag_alone_and_names_the_variable(
    read_dags: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRON_FRESHNESS", "at noon")
    bag = read_dags()
    assert set(bag.dags) == {"bigmeter_monthly_sync", "bigmeter_yearly_init"}
    (error,) = bag.import_errors.values()
    assert "ConfigError: CRON_FRESHNESS: " in error.strip().splitlines()[-1]


def test_what_is_overdue_is_red_and_listed_until_it_is_in_and_then_told_as_recovered(
    ledger: psycopg.Connection[Any], look: Callable[..., Any]
) -> None:
    capture(ledger, 2025, "1060", "1061")
    capture(ledger, 2026, "1060")
    load(ledger, "202508", 2025, "1060", "1061")
    load(ledger, "202510", 2026, "1060")
    run = look(NOON_AFTER_THE_TICK)
    assert run.state == "failed"
    found = words(run, "freshness")
    assert found["sentences"] == [
        "cohort 2026: not captured for 1 of 2 branches (1061); run bigmeter_yearly_init with debt_ym 202510",
        "2025-09: not loaded for any branch; run bigmeter_monthly_sync with ym 202509",
        "2025-10: not loaded for 1 of 2 branches (1061); run bigmeter_monthly_sync with ym 202510 and these branches",
    ]
    assert found["overdue"] == {"202509": ["1060", "1061"], "202510": ["1061"]}
    assert found["overdue_cohorts"] == {"2026": ["1061"]}
    failure = words(run, "failure")
    assert (failure["category"], failure["reason"]) == ("incomplete", "; ".join(found["sentences"]))
    (ti,) = run.get_task_instances()
    assert ti.try_number == 1

    capture(ledger, 2026, "1061")
    load(ledger, "202509", 2025, "1060", "1061")
    load(ledger, "202510", 2026, "1061")
    good = look(NOON_AFTER_THE_TICK + timedelta(days=1))
    assert good.state == "success"
    assert words(good) == {
        "is_fresh": True,
        "due": "202510",
        "overdue": {},
        "overdue_cohorts": {},
        "sentences": ["every month up to 2025-10 is loaded for every branch"],
        "was_overdue": True,
    }
    assert words(look(NOON_AFTER_THE_TICK + timedelta(days=2)))["was_overdue"] is False


def test_a_month_and_a_cohort_are_overdue_some_hours_after_their_tick(
    ledger: psycopg.Connection[Any], look: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    capture(ledger, 2025, "1060", "1061")
    load(ledger, "202508", 2025, "1060", "1061")
    yearly_tick = datetime(2025, 10, 16, 1, 30, tzinfo=BANGKOK)
    assert look(yearly_tick + timedelta(hours=3, minutes=59)).state == "success"
    after_yearly = look(yearly_tick + timedelta(hours=4))
    assert [sentence[:11] for sentence in words(after_yearly, "freshness")["sentences"]] == ["cohort 2026"]
    after_monthly = look(yearly_tick.replace(hour=12, minute=0))
    assert [sentence[:7] for sentence in words(after_monthly, "freshness")["sentences"]] == ["cohort ", "2025-09"]
    monkeypatch.setenv("FRESHNESS_GRACE_H", "24")
    assert look(yearly_tick.replace(hour=12, minute=1)).state == "success"


def test_a_postgresql_that_does_not_answer_is_tried_again_and_then_nobody_knows(
    ledger: psycopg.Connection[Any], look: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.bigmeter.sync import freshness
    from include.bigmeter.tasks import retries

    tries = []

    def fail(*_given: object, **_named: object) -> None:
        tries.append(1)
        raise StoreUnavailable("PostgreSQL is not available")

    monkeypatch.setattr(retries, "DELAY_WINDOWS_S", ((0, 0),) * 3)  # dag.test() sleeps them
    monkeypatch.setattr(freshness, "read_freshness", fail)
    run = look(NOON_AFTER_THE_TICK + timedelta(days=30))
    assert (run.state, len(tries)) == ("failed", 4)
    assert words(run, "freshness") is None
    assert words(run, "failure")["category"] == "unavailable"


def test_the_october_that_came_as_history_does_not_hide_that_its_own_run_never_came(
    ledger: psycopg.Connection[Any], look: Callable[..., Any]
) -> None:
    capture(ledger, 2025, "1060", "1061")
    capture(ledger, 2026, "1060", "1061")
    load(ledger, "202509", 2025, "1060", "1061", at=datetime(2025, 10, 16, 8, 5, tzinfo=BANGKOK))
    load(ledger, "202510", 2026, "1060", "1061", at=datetime(2025, 10, 16, 1, 40, tzinfo=BANGKOK))
    assert look(NOON_AFTER_THE_TICK - timedelta(days=1)).state == "success"
    late = look(NOON_AFTER_THE_TICK)
    assert late.state == "failed"
    assert words(late, "freshness")["overdue"] == {"202510": ["1060", "1061"]}
    load(ledger, "202510", 2026, "1060", "1061", at=datetime(2025, 11, 16, 8, 5, tzinfo=BANGKOK))
    assert look(NOON_AFTER_THE_TICK + timedelta(days=1)).state == "success"
