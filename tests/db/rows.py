"""Builders of typed rows, and what to compare stored rows by."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql

from include.bigmeter.periods import DebtYm, Ym, to_debt_ym
from include.bigmeter.records import CohortMember, MeterReading, RunIdentity, SourceCost
from include.bigmeter.store.ledger import Attempt, Outcome

BRANCH = "1063"
YM = Ym("202509")
FISCAL_YEAR = 2025
POISON = "พิษณุ Nosy O'Poison\t\\N; DROP"
COST = SourceCost(seconds=1.5, round_trips=2)
DATA_TABLES = ("bm_branches", "bm_custcode_init", "bm_meter_details", "bm_sync_runs")


def a_code(number: int) -> str:
    """Return the code of a customer."""
    return f"{BRANCH}{number:07d}"


def a_reading(number: int = 1, **changes: Any) -> MeterReading:
    """Build a live bill of 100 cubic metres, changed where asked."""
    values: dict[str, Any] = {
        "year_month": YM,
        "branch_code": BRANCH,
        "org_name": "น.น้ำพอง",
        "cust_code": a_code(number),
        "use_type": "29",
        "use_name": "ธุรกิจขนาดเล็ก",
        "cust_name": "ร้านค้า",
        "address": None,
        "route_code": "039901",
        "meter_no": "000008",
        "meter_size": "3/4",
        "meter_brand": "อาซาฮี",
        "meter_state": "ปกติ",
        "average": Decimal("131"),
        "present_meter_count": Decimal("8688"),
        "present_water_usg": Decimal("100"),
        "debt_ym": to_debt_ym(changes.get("year_month", YM)),
    }
    return MeterReading(**(values | changes))


def a_member(number: int = 1, **changes: Any) -> CohortMember:
    """Build a cohort member whose rank is its number, changed where asked."""
    values: dict[str, Any] = {
        "fiscal_year": FISCAL_YEAR,
        "branch_code": BRANCH,
        "org_name": "น.น้ำพอง",
        "cust_code": a_code(number),
        "use_type": "29",
        "use_name": "ธุรกิจขนาดเล็ก",
        "cust_name": "ร้านค้า",
        "address": None,
        "route_code": "039901",
        "meter_no": "000008",
        "meter_size": "3/4",
        "meter_brand": "อาซาฮี",
        "meter_state": "ปกติ",
        "debt_ym": "256710",
        "present_water_usg": Decimal(1000 - number),
        "usage_rank": number,
    }
    return CohortMember(**(values | changes))


def an_attempt(**changes: Any) -> Attempt:
    """Build a monthly attempt of a scheduled run, changed where asked."""
    values: dict[str, Any] = {
        "kind": "monthly",
        "branch_code": BRANCH,
        "fiscal_year": FISCAL_YEAR,
        "year_month": YM,
        "debt_ym": DebtYm("256809"),
        "identity": RunIdentity(run_id="run 1", dag_id="bigmeter_monthly_sync", triggered_by="schedule"),
    }
    return Attempt(**(values | changes))


def an_outcome(**changes: Any) -> Outcome:
    """Build the outcome of a month with 3 members: 1 reported, 1 zero, 1 missing."""
    values: dict[str, Any] = {
        "cohort_size": 3,
        "reported": 1,
        "zero": 1,
        "missing": 1,
        "inserted": 2,
        "updated": 0,
        "unchanged": 0,
        "removed": 0,
        "duplicates": 0,
        "usage_m3": Decimal("100"),
    }
    return Outcome(**(values | changes))


def physical_rows(conn: psycopg.Connection[Any], tables: Iterable[str] = DATA_TABLES) -> dict[str, list[Any]]:
    """Return every row of the tables with its place and xmin: equal only if nothing was written, not even alike."""
    rows = {}
    for table in tables:
        query = sql.SQL("SELECT ctid::text, xmin::text, t.* FROM {} AS t ORDER BY ctid").format(sql.Identifier(table))
        rows[table] = conn.execute(query).fetchall()
    conn.commit()
    return rows


def stored_readings(conn: psycopg.Connection[Any]) -> dict[str, Any]:
    """Return the usage of each stored reading by customer code."""
    rows = conn.execute("SELECT cust_code, present_water_usg FROM bm_meter_details").fetchall()
    conn.commit()
    return dict(rows)
