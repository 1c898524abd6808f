"""The tables as their users know them."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from include.bigmeter.periods import Ym, fiscal_year_of

PgConnection = psycopg.Connection[Any]

DETAILS = [
    *("year_month", "branch_code", "org_name", "cust_code", "use_type", "use_name", "cust_name", "address"),
    *("route_code", "meter_no", "meter_size", "meter_brand", "meter_state", "average", "present_meter_count"),
    *("present_water_usg", "debt_ym", "created_at", "updated_at"),
]
COHORT = [
    *("fiscal_year", "branch_code", "cust_code", "use_type", "meter_no", "meter_state", "debt_ym", "created_at"),
    *("org_name", "use_name", "cust_name", "address", "route_code", "meter_size", "meter_brand"),
    *("present_water_usg", "usage_rank", "updated_at"),
]


@pytest.fixture
def conn(module_database: str) -> Any:
    with psycopg.connect(module_database) as connection:
        yield connection


@pytest.mark.parametrize(("table", "columns"), [("bm_meter_details", DETAILS), ("bm_custcode_init", COHORT)])
def test_the_columns_stand_in_the_order_their_users_have(conn: PgConnection, table: str, columns: list[str]) -> None:
    cursor = conn.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))
    assert [column.name for column in cursor.description or ()] == columns


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("bm_meter_details", ["year_month", "branch_code", "cust_code"]),
        ("bm_custcode_init", ["fiscal_year", "branch_code", "cust_code"]),
        ("bm_branches", ["code"]),
    ],
)
def test_the_unique_keys_are_the_ones_their_users_have(conn: PgConnection, table: str, key: list[str]) -> None:
    rows = conn.execute(
        """SELECT array_agg(a.attname::text ORDER BY k.place)
           FROM pg_index AS x
           CROSS JOIN LATERAL unnest(x.indkey) WITH ORDINALITY AS k (attnum, place)
           JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
           WHERE x.indrelid = %s::regclass AND x.indisunique
           GROUP BY x.indexrelid""",
        [table],
    ).fetchall()
    assert rows == [(key,)]


def test_every_table_view_and_column_is_explained(conn: PgConnection) -> None:
    relations = conn.execute(
        """SELECT c.relname, obj_description(c.oid, 'pg_class') FROM pg_class AS c
           WHERE c.relname LIKE 'bm\\_%' AND c.relkind IN ('r', 'v')"""
    ).fetchall()
    columns = conn.execute(
        """SELECT c.relname || '.' || a.attname, col_description(c.oid, a.attnum) FROM pg_class AS c
           JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           WHERE c.relname LIKE 'bm\\_%' AND c.relkind IN ('r', 'v')"""
    ).fetchall()
    assert len(relations) == 9
    assert len(columns) > 100
    assert [name for name, comment in [*relations, *columns] if not comment] == []


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        *[("bm_meter_details", "year_month", value) for value in ("202513", "202500", "2025-1", "20251", "256809", "")],
        *[("bm_meter_details", "debt_ym", value) for value in ("256813", "2568-9", "")],
        *[("bm_meter_details", name, value) for name in ("branch_code", "cust_code") for value in ("", "1063 ")],
        *[("bm_custcode_init", "debt_ym", value) for value in ("256813", "2568-9", "")],
        *[("bm_custcode_init", name, value) for name in ("branch_code", "cust_code") for value in ("", "1063 ")],
        ("bm_custcode_init", "fiscal_year", 2568),
        ("bm_custcode_init", "usage_rank", 0),
        ("bm_branches", "code", "1063 "),
    ],
)
def test_the_tables_refuse_malformed_months_and_codes(conn: PgConnection, table: str, column: str, value: Any) -> None:
    good: dict[str, dict[str, Any]] = {
        "bm_meter_details": {"year_month": "202509", "branch_code": "1063", "cust_code": "1", "debt_ym": "256809"},
        "bm_custcode_init": {"fiscal_year": 2025, "branch_code": "1063", "cust_code": "1", "debt_ym": "256710"},
        "bm_branches": {"code": "1063"},
    }
    row = good[table]
    insert = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, row | {column: value})),
        sql.SQL(", ").join(sql.Placeholder() * len(row | {column: value})),
    )
    conn.execute(insert, list((row | ({column: 1} if column == "usage_rank" else {})).values()))
    conn.rollback()
    with pytest.raises(errors.CheckViolation):
        conn.execute(insert, list((row | {column: value}).values()))


@pytest.mark.parametrize("ym", ["202409", "202410", "202412", "202501", "202509", "202510"])
def test_the_database_and_the_code_agree_on_the_fiscal_year(conn: PgConnection, ym: str) -> None:
    assert conn.execute("SELECT bm_fiscal_year(%s)", [ym]).fetchone() == (fiscal_year_of(Ym(ym)),)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            "SELECT * FROM bm_meter_details WHERE year_month = '202509' AND branch_code = '1063'",
            "bm_meter_details_pkey",
        ),
        ("SELECT * FROM bm_meter_details WHERE cust_code = '1'", "bm_meter_details_cust_code_idx"),
        ("SELECT * FROM bm_custcode_init WHERE fiscal_year = 2025 AND branch_code = '1063'", "bm_custcode_init_pkey"),
        ("SELECT * FROM bm_custcode_init WHERE cust_code = '1'", "bm_custcode_init_cust_code_idx"),
        ("SELECT * FROM bm_sync_runs WHERE run_id = 'r'", "bm_sync_runs_run_id_idx"),
        (
            "SELECT * FROM bm_meter_status WHERE fiscal_year = 2025 AND year_month = '202509' AND branch_code = '1063'",
            "bm_sync_runs_loaded_idx",
        ),
    ],
)
def test_the_usual_questions_have_an_index(conn: PgConnection, query: str, index: str) -> None:
    conn.execute("SET LOCAL enable_seqscan = off")
    plan = "\n".join(str(line) for (line,) in conn.execute(sql.SQL("EXPLAIN ") + sql.SQL(query)))
    assert index in plan
