from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from include.bigmeter.records import CohortMember
from include.bigmeter.store.cohorts import CohortCounts, count_cohorts, read_cohort, replace_cohort, write_cohort
from include.bigmeter.store.transactions import cohort_transaction
from tests.db.rows import BRANCH, FISCAL_YEAR, a_code, a_member, physical_rows

PgConnection = psycopg.Connection[Any]


def capture(conn: PgConnection, members: Sequence[CohortMember], recapture: bool = False) -> CohortCounts:
    write = replace_cohort if recapture else write_cohort
    with cohort_transaction(conn, branch_code=BRANCH, fiscal_year=FISCAL_YEAR, task_timeout_s=60):
        return write(conn, fiscal_year=FISCAL_YEAR, branch_code=BRANCH, members=members)


def cohort(conn: PgConnection) -> list[CohortMember]:
    return read_cohort(conn, fiscal_year=FISCAL_YEAR, branch_code=BRANCH)


def test_a_first_capture_is_read_back_as_it_was_written_largest_first(shared_conn: PgConnection) -> None:
    members = [a_member(number) for number in range(1, 201)]
    assert capture(shared_conn, list(reversed(members))) == CohortCounts(is_first_capture=True, inserted=200)
    assert cohort(shared_conn) == members
    assert count_cohorts(shared_conn, fiscal_year=FISCAL_YEAR) == {BRANCH: 200}
    assert count_cohorts(shared_conn, fiscal_year=2024) == {}


def test_a_branch_without_a_cohort_has_an_empty_one(shared_conn: PgConnection) -> None:
    assert cohort(shared_conn) == []


def test_a_second_capture_of_the_same_result_writes_nothing(shared_conn: PgConnection) -> None:
    members = [a_member(number) for number in range(1, 201)]
    capture(shared_conn, members)
    before = physical_rows(shared_conn)
    assert capture(shared_conn, members) == CohortCounts(is_first_capture=False, unchanged=200)
    assert capture(shared_conn, members, recapture=True) == CohortCounts(is_first_capture=False, unchanged=200)
    assert physical_rows(shared_conn) == before


def test_a_frozen_cohort_takes_new_descriptions_and_keeps_what_it_was_chosen_by(shared_conn: PgConnection) -> None:
    capture(shared_conn, [a_member(1), a_member(2), a_member(3)])
    counts = capture(
        shared_conn,
        [
            a_member(1, present_water_usg=Decimal(5), usage_rank=3, debt_ym="256711"),
            a_member(2, cust_name="เจ้าของใหม่", address="2", present_water_usg=Decimal(7), usage_rank=2),
            a_member(4, usage_rank=1),
        ],
    )
    assert counts == CohortCounts(
        is_first_capture=False, updated=1, unchanged=1, entered=(a_code(4),), departed=(a_code(3),)
    )
    assert cohort(shared_conn) == [a_member(1), a_member(2, cust_name="เจ้าของใหม่", address="2"), a_member(3)]


def test_created_at_stays_and_updated_at_moves_with_a_refreshed_member(shared_conn: PgConnection) -> None:
    capture(shared_conn, [a_member(1)])
    query = "SELECT created_at, updated_at FROM bm_custcode_init"
    first = shared_conn.execute(query).fetchone()
    shared_conn.commit()
    capture(shared_conn, [a_member(1, meter_no="2")])
    second = shared_conn.execute(query).fetchone()
    assert first
    assert second
    assert second[0] == first[0]
    assert second[1] > first[1]


def test_a_recapture_replaces_the_cohort_and_keeps_the_readings(shared_conn: PgConnection) -> None:
    capture(shared_conn, [a_member(1), a_member(2), a_member(3)])
    shared_conn.execute(
        "INSERT INTO bm_meter_details (year_month, branch_code, cust_code, debt_ym)"
        " VALUES ('202410', %s, %s, '256710')",
        [BRANCH, a_code(3)],
    )
    shared_conn.commit()
    result = [
        a_member(2, usage_rank=1, present_water_usg=Decimal(9)),
        a_member(4, usage_rank=2),
        a_member(1, usage_rank=3),
    ]
    assert capture(shared_conn, result, recapture=True) == CohortCounts(
        is_first_capture=False, inserted=1, updated=2, removed=1, entered=(a_code(4),), departed=(a_code(3),)
    )
    assert cohort(shared_conn) == result
    assert shared_conn.execute("SELECT cust_code FROM bm_meter_details").fetchall() == [(a_code(3),)]


def test_a_recapture_with_an_empty_result_removes_nobody(shared_conn: PgConnection) -> None:
    capture(shared_conn, [a_member(1)])
    before = physical_rows(shared_conn)
    capture(shared_conn, [], recapture=True)
    assert physical_rows(shared_conn) == before


def test_a_recapture_of_a_branch_without_a_cohort_is_a_first_capture(shared_conn: PgConnection) -> None:
    assert capture(shared_conn, [a_member(1)], recapture=True) == CohortCounts(is_first_capture=True, inserted=1)


def test_cohorts_of_other_years_and_branches_are_left_alone(shared_conn: PgConnection) -> None:
    with cohort_transaction(shared_conn, branch_code=BRANCH, fiscal_year=2024, task_timeout_s=60):
        write_cohort(shared_conn, fiscal_year=2024, branch_code=BRANCH, members=[a_member(1, fiscal_year=2024)])
    before = physical_rows(shared_conn)["bm_custcode_init"]
    capture(shared_conn, [a_member(2)])
    capture(shared_conn, [a_member(3)], recapture=True)
    assert physical_rows(shared_conn)["bm_custcode_init"][0] == before[0]
    assert cohort(shared_conn) == [a_member(3)]


@pytest.mark.parametrize(
    "members",
    [[a_member(1, fiscal_year=2024)], [a_member(1, branch_code="1060")], [a_member(1), a_member(1, use_type="1")]],
    ids=["another year", "another branch", "one customer twice"],
)
def test_members_that_do_not_belong_to_the_branch_year_are_refused(
    shared_conn: PgConnection, members: list[CohortMember]
) -> None:
    with pytest.raises(ValueError, match=BRANCH):
        capture(shared_conn, members)
    assert cohort(shared_conn) == []


def test_a_cohort_outside_a_branch_transaction_is_refused(shared_conn: PgConnection) -> None:
    with pytest.raises(RuntimeError, match="outside"):
        write_cohort(shared_conn, fiscal_year=FISCAL_YEAR, branch_code=BRANCH, members=[a_member(1)])
