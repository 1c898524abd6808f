from __future__ import annotations

from typing import Any

import psycopg

from include.bigmeter.records import WriteCounts
from include.bigmeter.store.branches import write_branches
from tests.db.rows import physical_rows

PgConnection = psycopg.Connection[Any]


def names(conn: PgConnection) -> dict[str, str | None]:
    rows = conn.execute("SELECT code, name FROM bm_branches").fetchall()
    conn.commit()
    return dict(rows)


def test_branches_are_written_once_and_then_only_when_a_name_changes(shared_conn: PgConnection) -> None:
    assert write_branches(shared_conn, {"1060": "ขอนแก่น", "1063": "น้ำพอง", "1245": None}) == WriteCounts(inserted=3)
    before = physical_rows(shared_conn)
    assert write_branches(shared_conn, {"1060": "ขอนแก่น", "1063": "น้ำพอง", "1245": None}) == WriteCounts(unchanged=3)
    assert physical_rows(shared_conn) == before
    assert write_branches(shared_conn, {"1063": "น้ำพองใหม่", "1245": "บำเหน็จณรงค์"}) == WriteCounts(updated=2)
    assert names(shared_conn) == {"1060": "ขอนแก่น", "1063": "น้ำพองใหม่", "1245": "บำเหน็จณรงค์"}


def test_a_branch_that_comes_without_a_name_keeps_its_own(shared_conn: PgConnection) -> None:
    write_branches(shared_conn, {"1063": "น้ำพอง"})
    assert write_branches(shared_conn, {"1063": None}) == WriteCounts(unchanged=1)
    assert write_branches(shared_conn, {"1063": ""}) == WriteCounts(unchanged=1)
    assert names(shared_conn) == {"1063": "น้ำพอง"}


def test_no_branches_is_no_write(shared_conn: PgConnection) -> None:
    assert write_branches(shared_conn, {}) == WriteCounts()
