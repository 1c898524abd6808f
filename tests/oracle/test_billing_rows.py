"""The billing data through the driver, from the stand-in or from a real Oracle Database loaded with an export."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import oracledb
import pytest

from dev.billing_data.database import billing_database
from dev.billing_data.options import GeneratorOptions
from dev.billing_data.schema import CATALOGUE, DEBT_TRN
from dev.oracle_standin.duckdb_backend import DuckDBBackend
from dev.oracle_standin.server import running_server

# Every live row of a branch-month, duplicates and all; one customer can come in several.
LIVE_ROWS = """
SELECT
    org.ORG_NAME, trn.CUST_CODE, ut.USETYPE, ut.USENAME, trn.CUST_NAME, trn.CUST_ADDRESS, mr.METER_ROUTE_CODE,
    tmp.METER_NO, ms.SIZENAME, mb.BRANDNAME, mst.STATENAME, cm.AVERAGE, trn.PRESENT_METER_COUNT,
    trn.PRESENT_WATER_USG, trn.DEBT_YM
FROM PWACIS.TB_TR_DEBT_TRN trn
JOIN PWACIS.TB_TR_DEBT_TEMP tmp
    ON trn.CUST_ID = tmp.CUST_ID AND trn.DEBT_YM = tmp.DEBT_YM AND tmp.IS_DELETE = 'F'
LEFT JOIN PWACIS.TB_TR_CUSTOMER_INF cf ON trn.CUST_ID = cf.ID
LEFT JOIN PWACIS.TB_TR_CUST_METER cm ON cf.ID = cm.CUST_ID AND cm.IS_DELETED = 'F'
LEFT JOIN PWACIS.TB_MS_METER_ROUTE mr ON tmp.METER_ROUTE_ID = mr.ID
LEFT JOIN PWACIS.TB_MS_METER_LINE ml ON mr.METER_LINE_ID = ml.ID
LEFT JOIN PWACIS.TB_LT_ORGANIZATION org ON ml.ORG_CC_ID = org.ID
LEFT JOIN PWACIS.TB_LT_METERSIZE ms ON tmp.METER_SIZE_ID = ms.ID
LEFT JOIN PWACIS.TB_LT_METERBRAND mb ON cm.MTR_BRAND_ID = mb.ID
LEFT JOIN PWACIS.TB_LT_METERSTATE mst ON cm.MRT_STATE_ID = mst.ID
LEFT JOIN PWACIS.TB_LT_USETYPE ut ON trn.CUST_TYPE_ID = ut.ID
WHERE trn.ORG_OWNER_ID = :ORG_OWNER_ID AND trn.DEBT_YM = :DEBT_YM AND trn.CANCELFLAG IS NULL AND trn.IS_DELETED = 'F'
"""
EXPECTED = """
SELECT org_name, cust_code, use_type, use_name, cust_name, address, route_code, meter_no, meter_size, meter_brand,
    meter_state, average, present_meter_count, present_water_usg, debt_ym
FROM truth.expected_meter WHERE branch_code = ? AND debt_ym = ? ORDER BY cust_code
"""
CUST_CODE, METER_NO, USAGE = 1, 7, 13


@pytest.fixture(scope="module")
def billing() -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield the default set with its truth."""
    with billing_database(GeneratorOptions()) as database:
        yield database


@pytest.fixture(scope="module")
def reader(billing: duckdb.DuckDBPyConnection) -> Iterator[oracledb.Connection]:
    """Yield a connection to ``ORACLE_TEST_DSN`` if it is set, else to the stand-in."""
    real = os.environ.get("ORACLE_TEST_DSN")
    if real:
        with oracledb.connect(real) as connection:
            yield connection
        return
    with running_server(DuckDBBackend(billing, CATALOGUE)) as server, oracledb.connect(server.dsn) as connection:
        yield connection


def ask(reader: oracledb.Connection, sql: str, **binds: Any) -> list[tuple[Any, ...]]:
    with reader.cursor() as cursor:
        cursor.arraysize = cursor.prefetchrows = 1_000
        cursor.execute(sql, binds)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


@pytest.fixture(autouse=True)
def exact_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetch numbers as Decimal."""
    monkeypatch.setattr(oracledb.defaults, "fetch_decimals", True)


def best_first(row: tuple[Any, ...]) -> list[tuple[bool, Any]]:
    """Return the key by which the greatest of a customer's rows is kept: usage, meter number, the columns in order."""
    return [(value is not None, value) for value in (row[USAGE], row[METER_NO], *row)]


@pytest.mark.parametrize(("branch", "debt_ym"), [("1060", "256710"), ("1064", "256809"), ("1245", "256910")])
def test_a_branch_month_read_by_the_driver_is_what_the_truth_expects(
    billing: duckdb.DuckDBPyConnection, reader: oracledb.Connection, branch: str, debt_ym: str
) -> None:
    kept: dict[str, tuple[Any, ...]] = {}
    for row in ask(reader, LIVE_ROWS, ORG_OWNER_ID=branch, DEBT_YM=debt_ym):
        other = kept.get(row[CUST_CODE])
        if other is None or best_first(row) > best_first(other):
            kept[row[CUST_CODE]] = row
    expected = billing.execute(EXPECTED, [branch, debt_ym]).fetchall()
    assert len(expected) > 140
    assert [kept[code] for code in sorted(kept)] == expected


def test_the_duplicates_that_the_truth_counts_are_the_other_rows(
    billing: duckdb.DuckDBPyConnection, reader: oracledb.Connection
) -> None:
    rows = ask(reader, LIVE_ROWS, ORG_OWNER_ID="1063", DEBT_YM="256905")
    ((duplicates,),) = billing.execute(
        "SELECT sum(duplicates) FROM truth.expected_meter WHERE branch_code = '1063' AND debt_ym = '256905'"
    ).fetchall()
    assert len(rows) - len({row[CUST_CODE] for row in rows}) == duplicates > 5


def test_the_largest_users_of_an_october_are_the_expected_cohort(
    billing: duckdb.DuckDBPyConnection, reader: oracledb.Connection
) -> None:
    rows = ask(
        reader,
        LIVE_ROWS + "AND trn.PRESENT_WATER_USG > 0 ORDER BY trn.PRESENT_WATER_USG DESC, trn.CUST_CODE",
        ORG_OWNER_ID="1062",
        DEBT_YM="256810",
    )
    found = dict.fromkeys(row[CUST_CODE] for row in rows)
    expected = billing.execute(
        "SELECT cust_code FROM truth.expected_cohort WHERE branch_code = '1062' AND fiscal_year = 2026 "
        "ORDER BY usage_rank"
    ).fetchall()
    assert len(expected) == 200
    assert list(found)[:200] == [code for (code,) in expected]


def test_columns_are_described_as_the_billing_system_declares_them(reader: oracledb.Connection) -> None:
    with reader.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM PWACIS.TB_TR_DEBT_TRN WHERE ORG_OWNER_ID = :1 AND DEBT_YM = :2", ["1061", "256801"]
        )
        described = {column.name: column for column in cursor.description or ()}
        row = cursor.fetchone()
    assert list(described) == [column.name for column in DEBT_TRN.columns]
    assert (described["CUST_CODE"].type_code, described["CUST_CODE"].display_size) == (oracledb.DB_TYPE_VARCHAR, 11)
    assert described["IS_DELETED"].type_code == oracledb.DB_TYPE_CHAR
    assert described["BILL_DATE"].type_code == oracledb.DB_TYPE_DATE
    usage = described["PRESENT_WATER_USG"]
    assert (usage.type_code, usage.precision, usage.scale) == (oracledb.DB_TYPE_NUMBER, 0, -127)
    assert row is not None
    values = dict(zip(described, row, strict=True))
    assert values["BILL_DATE"] == datetime(2025, 1, 20)  # noqa: DTZ001 - Oracle's DATE has no zone
    assert values["ORG_OWNER_ID"] == Decimal(1061)


def test_numbers_of_38_digits_come_through_exactly(
    billing: duckdb.DuckDBPyConnection, reader: oracledb.Connection
) -> None:
    ((expected,),) = billing.execute('SELECT max(AVERAGE) FROM "PWACIS"."TB_TR_CUST_METER"').fetchall()
    ((found,),) = ask(reader, "SELECT MAX(AVERAGE) FROM PWACIS.TB_TR_CUST_METER")
    assert found == expected
    assert len(found.as_tuple().digits) == 38


@pytest.mark.parametrize(
    "name", ["TB_TR_DEBT_TRN", "BIGMETER_RO.TB_TR_DEBT_TRN", "TRUTH.EXPECTED_METER", "EXPECTED_METER"]
)
def test_tables_are_found_only_under_their_owner_and_the_truth_not_at_all(
    reader: oracledb.Connection, name: str
) -> None:
    with pytest.raises(oracledb.DatabaseError, match="ORA-00942"):
        ask(reader, f"SELECT * FROM {name}")
