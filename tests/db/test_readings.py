from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from include.bigmeter.periods import Ym
from include.bigmeter.records import READING_COLUMNS, MeterReading, WriteCounts
from include.bigmeter.store.readings import count_stored, write_month
from include.bigmeter.store.transactions import month_transaction
from tests.db.rows import BRANCH, FISCAL_YEAR, YM, a_code, a_reading, physical_rows, stored_readings

PgConnection = psycopg.Connection[Any]


def load(conn: PgConnection, readings: Sequence[MeterReading], cust_codes: Sequence[str] | None = None) -> WriteCounts:
    codes = [reading.cust_code for reading in readings] if cust_codes is None else cust_codes
    with month_transaction(conn, branch_code=BRANCH, ym=YM, fiscal_year=FISCAL_YEAR, task_timeout_s=60):
        return write_month(conn, ym=YM, branch_code=BRANCH, cust_codes=codes, readings=readings)


def read_all(conn: PgConnection) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute("SELECT * FROM bm_meter_details ORDER BY cust_code").fetchall()
    conn.commit()
    return rows


def test_every_column_is_stored_as_it_came(shared_conn: PgConnection) -> None:
    readings = [
        a_reading(1),
        a_reading(2, present_water_usg=Decimal(0), address="1 ถ.มิตรภาพ\t\\. หมู่ 2\nบรรทัดสอง ", cust_name=""),
        a_reading(3, present_water_usg=None, average=None, present_meter_count=None, org_name=None, meter_no="007 "),
        a_reading(4, present_water_usg=Decimal("-12.50")),
        a_reading(5, present_water_usg=Decimal("12345678901234567890123456789012345678"), average=Decimal("1E-30")),
    ]
    assert load(shared_conn, readings) == WriteCounts(inserted=5)
    stored = [{name: row[name] for name in READING_COLUMNS} for row in read_all(shared_conn)]
    assert stored == [asdict(reading) for reading in readings]


def test_a_second_load_of_the_same_rows_writes_nothing(shared_conn: PgConnection) -> None:
    readings = [a_reading(number) for number in range(1, 201)] + [a_reading(201, present_water_usg=None)]
    load(shared_conn, readings)
    before = physical_rows(shared_conn)
    assert load(shared_conn, readings) == WriteCounts(unchanged=201)
    assert physical_rows(shared_conn) == before


def test_a_number_of_another_scale_is_no_change(shared_conn: PgConnection) -> None:
    load(shared_conn, [a_reading(1, average=Decimal("1.0"))])
    before = physical_rows(shared_conn)
    assert load(shared_conn, [a_reading(1, average=Decimal("1.00"))]) == WriteCounts(unchanged=1)
    assert physical_rows(shared_conn) == before


def test_only_the_rows_in_which_something_differs_are_written(shared_conn: PgConnection) -> None:
    load(shared_conn, [a_reading(1), a_reading(2), a_reading(3)])
    before = {row["cust_code"]: row for row in read_all(shared_conn)}
    counts = load(shared_conn, [a_reading(1), a_reading(2, address="ใหม่"), a_reading(3), a_reading(4)])
    after = {row["cust_code"]: row for row in read_all(shared_conn)}
    assert counts == WriteCounts(inserted=1, updated=1, unchanged=2)
    assert after[a_code(1)] == before[a_code(1)]
    assert after[a_code(2)]["created_at"] == before[a_code(2)]["created_at"]
    assert after[a_code(2)]["updated_at"] > before[a_code(2)]["updated_at"]
    assert after[a_code(4)]["created_at"] == after[a_code(4)]["updated_at"]


@pytest.mark.parametrize(
    "column", [name for name in READING_COLUMNS if name not in ("year_month", "branch_code", "cust_code")]
)
def test_a_change_in_any_column_is_written_also_to_and_from_null(shared_conn: PgConnection, column: str) -> None:
    numbers = ("average", "present_meter_count", "present_water_usg")
    other: Any = Decimal(7) if column in numbers else "256808" if column == "debt_ym" else "x"
    load(shared_conn, [a_reading(1)])
    assert load(shared_conn, [a_reading(1, **{column: other})]) == WriteCounts(updated=1)
    assert read_all(shared_conn)[0][column] == other
    if column != "debt_ym":
        assert load(shared_conn, [a_reading(1, **{column: None})]) == WriteCounts(updated=1)
        assert read_all(shared_conn)[0][column] is None
        assert load(shared_conn, [a_reading(1, **{column: other})]) == WriteCounts(updated=1)


def test_a_members_withdrawn_bill_is_removed_and_other_customers_rows_stay(shared_conn: PgConnection) -> None:
    load(shared_conn, [a_reading(1), a_reading(2), a_reading(3)])
    counts = load(shared_conn, [a_reading(1)], cust_codes=[a_code(1), a_code(2)])
    assert counts == WriteCounts(unchanged=1, removed=1)
    assert set(stored_readings(shared_conn)) == {a_code(1), a_code(3)}


def test_other_months_and_branches_are_left_alone(shared_conn: PgConnection) -> None:
    with month_transaction(
        shared_conn, branch_code=BRANCH, ym=Ym("202508"), fiscal_year=FISCAL_YEAR, task_timeout_s=60
    ):
        readings = [a_reading(1, year_month=Ym("202508"))]
        write_month(shared_conn, ym=Ym("202508"), branch_code=BRANCH, cust_codes=[a_code(1)], readings=readings)
    with month_transaction(shared_conn, branch_code="1060", ym=YM, fiscal_year=FISCAL_YEAR, task_timeout_s=60):
        readings = [a_reading(1, branch_code="1060")]
        write_month(shared_conn, ym=YM, branch_code="1060", cust_codes=[a_code(1)], readings=readings)
    before = physical_rows(shared_conn)["bm_meter_details"]
    assert load(shared_conn, [a_reading(2)], cust_codes=[a_code(1), a_code(2)]) == WriteCounts(inserted=1)
    assert physical_rows(shared_conn)["bm_meter_details"][:2] == before


def test_an_empty_result_never_deletes(shared_conn: PgConnection) -> None:
    load(shared_conn, [a_reading(1), a_reading(2)])
    before = physical_rows(shared_conn)
    assert load(shared_conn, [], cust_codes=[a_code(1), a_code(2)]) == WriteCounts()
    assert physical_rows(shared_conn) == before


def test_stored_rows_are_counted_for_the_cohorts_members_alone(shared_conn: PgConnection) -> None:
    load(shared_conn, [a_reading(1), a_reading(2), a_reading(3)])
    codes = [a_code(1), a_code(3), a_code(9)]
    assert count_stored(shared_conn, ym=YM, branch_code=BRANCH, cust_codes=codes) == 2
    assert count_stored(shared_conn, ym=Ym("202508"), branch_code=BRANCH, cust_codes=codes) == 0
    assert shared_conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_a_write_outside_a_branch_transaction_is_refused(shared_conn: PgConnection) -> None:
    with pytest.raises(RuntimeError, match="outside"):
        write_month(shared_conn, ym=YM, branch_code=BRANCH, cust_codes=[a_code(1)], readings=[a_reading(1)])
    assert stored_readings(shared_conn) == {}


@pytest.mark.parametrize(
    "readings",
    [
        [a_reading(1, year_month=Ym("202508"))],
        [a_reading(1, branch_code="1060")],
        [a_reading(1), a_reading(1, address="b")],
    ],
    ids=["another month", "another branch", "one customer twice"],
)
def test_rows_that_do_not_belong_to_the_branch_month_are_refused(
    shared_conn: PgConnection, readings: list[MeterReading]
) -> None:
    with pytest.raises(ValueError, match=BRANCH):
        load(shared_conn, readings)
    assert stored_readings(shared_conn) == {}


def test_a_branch_month_costs_postgres_few_statements_whatever_its_size(shared_conn: PgConnection) -> None:
    """COPY and set statements: no statement per row."""
    sent: list[bytes] = []

    class CountingCursor(psycopg.Cursor[Any]):
        def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            sent.append(query)
            return super().execute(query, *args, **kwargs)

    shared_conn.cursor_factory = CountingCursor
    load(shared_conn, [a_reading(number) for number in range(1, 1001)])
    assert len(sent) == 4  # lock, temporary table, upsert, delete; BEGIN, COPY and COMMIT beside them
