"""Whole runs on real parts: whatever fails, no log, XCom or ledger row has a customer's data."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from dev.oracle_standin.faults import parse_fault
from include.bigmeter.cli.upkeep import airflow_connections
from include.bigmeter.dsn import as_airflow_variable
from tests.faults.poison import POISON, leaks, set_texts
from tests.loading import Billing, load_small, small_billing

pytestmark = pytest.mark.usefixtures("airflow_database")

RUNS = {
    "bigmeter_monthly_sync": ({"ym": "256811", "branches": ["1063"]}, "bm_meter_details"),
    "bigmeter_yearly_init": ({"debt_ym": "256810", "branches": ["1063"], "history_months": 0}, "bm_custcode_init"),
}
QUOTE_THE_ROW = """
    CREATE FUNCTION quote() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'row is %', new USING ERRCODE = '23514', DETAIL = new::text; END $$;
    CREATE TRIGGER quote BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION quote();
"""
MINUTES = itertools.count()


@pytest.fixture(scope="module")
def source() -> Iterator[Billing]:
    """Serve a small set for the tests of this module."""
    with small_billing() as small:
        yield small


@pytest.fixture
def poisoned(source: Billing, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Billing]:
    """Serve poison in every text column to a database whose cohorts were captured before; Airflow knows both."""
    source.server.faults.clear()
    set_texts(source, dict.fromkeys(POISON, "-"))
    load_small(source, database)
    set_texts(source, POISON)
    for known in airflow_connections({"ORACLE_DSN": source.server.dsn, "POSTGRES_DSN": database}).items():
        monkeypatch.setenv(*as_airflow_variable(*known))
    monkeypatch.setenv("BRANCHES", "1063 1065")
    yield source
    source.server.faults.clear()


def everything_kept(run_id: str, database: str) -> str:
    """Return what Airflow's database keeps of a run for others to read, and our ledger."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        values = list(session.scalars(select(XComModel.value).where(XComModel.run_id == run_id)))
    assert values
    with psycopg.connect(database) as conn:
        ledger = conn.execute("SELECT r::text FROM bm_sync_runs AS r").fetchall()
    return json.dumps([values, ledger], default=str)


@pytest.mark.parametrize("dag_id", RUNS)
@pytest.mark.parametrize(
    ("failure", "reason"),
    [("the source", "ORA-04030"), ("the store", "PostgreSQL refuses a row"), ("nothing", "")],
)
def test_no_data_reaches_log_xcom_or_ledger(
    dag_id: str,
    failure: str,
    reason: str,
    *,
    poisoned: Billing,
    database: str,
    read_dags: Callable[[], Any],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    form, table = RUNS[dag_id]
    if failure == "the source":
        fault = replace(parse_fault("ora=4030@rows:50"), message=f"a row holds {POISON['cust_name']}")
        poisoned.server.faults.add(fault)
    elif failure == "the store":
        with psycopg.connect(database, autocommit=True) as conn:
            conn.execute(QUOTE_THE_ROW.format(table=table).encode())
    moment = datetime(2025, 12, 20, 3, next(MINUTES), tzinfo=UTC)
    run = read_dags().dags[dag_id].test(run_conf=form, logical_date=moment)
    printed = capfd.readouterr()
    said = printed.out + printed.err + caplog.text
    kept = everything_kept(run.run_id, database)
    assert run.state == ("failed" if reason else "success")
    assert reason in said
    assert reason in kept
    assert leaks(said) == []
    assert leaks(kept) == []
