"""A database of the first implementation is taken over where it stands, row by row accounted for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from include.bigmeter.errors import ConfigError, StoreUnavailable
from include.bigmeter.periods import Ym
from include.bigmeter.records import WriteCounts
from include.bigmeter.store.cohorts import read_cohort
from include.bigmeter.store.ledger import read_freshness, read_loaded_months
from include.bigmeter.store.migrations import Adoption, migrate, pending, read_migrations
from include.bigmeter.store.readings import write_month
from include.bigmeter.store.transactions import month_transaction
from tests.command_line import Command
from tests.db.rows import BRANCH, a_code, a_reading

PgConnection = psycopg.Connection[Any]
OLD = datetime(2025, 9, 16, 1, 0, tzinfo=UTC)
NEW = datetime(2025, 9, 17, 1, 0, tzinfo=UTC)

BASE = """
CREATE TABLE bm_branches (code TEXT PRIMARY KEY, name TEXT NOT NULL, created_at TIMESTAMPTZ DEFAULT now());
CREATE TABLE bm_custcode_init (
    id BIGSERIAL PRIMARY KEY, fiscal_year INT NOT NULL, branch_code TEXT NOT NULL, cust_code TEXT NOT NULL,
    use_type TEXT, meter_no TEXT NOT NULL DEFAULT '', meter_state TEXT, debt_ym TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(), UNIQUE (fiscal_year, branch_code, cust_code));
CREATE TABLE bm_sync_logs (
    id SERIAL PRIMARY KEY, sync_type TEXT, branch_code TEXT, year_month TEXT, fiscal_year INT, debt_ym TEXT,
    status TEXT, started_at TIMESTAMPTZ, finished_at TIMESTAMPTZ, duration_ms INT, records_upserted INT,
    records_zeroed INT, error_message TEXT, triggered_by TEXT, created_at TIMESTAMPTZ DEFAULT now());
CREATE TABLE bm_meter_details (
    id BIGSERIAL PRIMARY KEY, {fiscal_year} year_month TEXT NOT NULL, branch_code TEXT NOT NULL, org_name TEXT,
    cust_code TEXT NOT NULL, use_type TEXT, use_name TEXT, cust_name TEXT, address TEXT, route_code TEXT,
    meter_no TEXT, meter_size TEXT, meter_brand TEXT, meter_state TEXT, average NUMERIC, present_meter_count NUMERIC,
    present_water_usg NUMERIC, debt_ym TEXT NOT NULL DEFAULT '', created_at TIMESTAMPTZ DEFAULT now());
"""
LATER_COLUMNS = """
ALTER TABLE bm_custcode_init ADD COLUMN org_name TEXT, ADD COLUMN use_name TEXT, ADD COLUMN cust_name TEXT,
    ADD COLUMN address TEXT, ADD COLUMN route_code TEXT, ADD COLUMN meter_size TEXT, ADD COLUMN meter_brand TEXT;
"""
LONG_KEY = "ALTER TABLE bm_meter_details ADD UNIQUE (fiscal_year, year_month, branch_code, cust_code);"
SHORT_KEY = "ALTER TABLE bm_meter_details ADD UNIQUE (year_month, branch_code, cust_code);"


@dataclass(frozen=True)
class Variant:
    name: str
    has_year: bool = True
    keys: tuple[str, ...] = (LONG_KEY,)
    has_later_columns: bool = True

    @property
    def ddl(self) -> str:
        years = "fiscal_year INT," if self.has_year else ""
        return BASE.format(fiscal_year=years) + "".join(self.keys) + (LATER_COLUMNS if self.has_later_columns else "")


VARIANTS = [
    Variant("fiscal year in the key"),
    Variant("fiscal year in the key, twice", keys=(LONG_KEY, LONG_KEY)),
    Variant("fiscal year beside the key", keys=(SHORT_KEY,), has_later_columns=False),
    Variant("no fiscal year", has_year=False, keys=(SHORT_KEY, SHORT_KEY), has_later_columns=False),
    Variant("no key at all", keys=()),
]


@pytest.fixture
def old(empty_database: str) -> Iterator[PgConnection]:
    with psycopg.connect(empty_database) as conn:
        yield conn


def build(conn: PgConnection, variant: Variant) -> None:
    conn.execute(variant.ddl.encode())
    conn.commit()


def insert(conn: PgConnection, table: str, *rows: dict[str, Any]) -> None:
    for row in rows:
        conn.execute(
            sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                sql.Identifier(table),
                sql.SQL(", ").join(map(sql.Identifier, row)),
                sql.SQL(", ").join(sql.Placeholder() * len(row)),
            ),
            list(row.values()),
        )
    conn.commit()


def a_detail(number: int, usage: Any = 100, **changes: Any) -> dict[str, Any]:
    row = {
        "fiscal_year": 2025,
        "year_month": "202508",
        "branch_code": BRANCH,
        "org_name": "น.น้ำพอง",
        "cust_code": a_code(number),
        "use_name": "",
        "present_meter_count": 5000,
        "present_water_usg": usage,
        "debt_ym": "256808",
        "created_at": OLD,
    }
    return row | changes


def a_stored_member(number: int, **changes: Any) -> dict[str, Any]:
    row = {
        "fiscal_year": 2025,
        "branch_code": BRANCH,
        "cust_code": a_code(number),
        "debt_ym": "256710",
        "created_at": OLD,
    }
    return row | changes


def rows(conn: PgConnection, query: str) -> list[tuple[Any, ...]]:
    found = conn.execute(query.encode()).fetchall()
    conn.commit()
    return found


SHAPE = """
SELECT c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum),
       row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum)
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relname LIKE 'bm%' AND c.relname NOT LIKE 'bm_sync_logs%'
ORDER BY 1, 8
"""
KEYS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid::regclass::text LIKE 'bm%' AND conrelid::regclass::text NOT LIKE 'bm_sync_logs%'
UNION ALL
SELECT tablename, indexname, indexdef FROM pg_indexes
WHERE tablename LIKE 'bm%' AND tablename NOT LIKE 'bm_sync_logs%'
ORDER BY 1, 2, 3
"""


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_an_adopted_database_has_the_shape_of_a_new_one(old: PgConnection, database: str, variant: Variant) -> None:
    build(old, variant)
    report = migrate(old)
    assert report.applied[0] == "0001_init.sql"
    assert report.adoption == Adoption(
        kept={"bm_branches": 0, "bm_custcode_init": 0, "bm_meter_details": 0}, set_aside={}, months=0
    )
    with psycopg.connect(database) as new:
        assert rows(old, SHAPE) == rows(new, SHAPE)
        assert rows(old, KEYS) == rows(new, KEYS)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_rows_are_kept_invented_ones_set_aside_and_months_entered_in_the_ledger(
    old: PgConnection, variant: Variant
) -> None:
    build(old, variant)
    insert(old, "bm_branches", {"code": "1063", "name": "น้ำพอง"}, {"code": "1060", "name": ""})
    insert(old, "bm_custcode_init", *[a_stored_member(number) for number in range(1, 6)])
    details = [
        a_detail(1, Decimal("12345678901234567890.123")),
        a_detail(2, 0),  # a stopped meter: its service unit is known
        a_detail(3, 0, present_meter_count=0, org_name=""),
        a_detail(4, 0, present_meter_count=0, org_name=None),
        a_detail(5, 0, present_meter_count=0),
        a_detail(1, year_month="202507", debt_ym="256807"),
        a_detail(3, 0, year_month="202506", debt_ym="256806", present_meter_count=0, org_name=""),
        a_detail(1, branch_code="1060", created_at=NEW),
    ]
    if not variant.has_year:
        details = [{key: value for key, value in row.items() if key != "fiscal_year"} for row in details]
    insert(old, "bm_meter_details", *details)
    insert(old, "bm_sync_logs", {"sync_type": "monthly", "branch_code": BRANCH, "status": "completed"})
    logs = rows(old, "SELECT *, xmin::text FROM bm_sync_logs")

    report = migrate(old)

    assert report.adoption == Adoption(
        kept={"bm_branches": 2, "bm_custcode_init": 5, "bm_meter_details": 5},
        set_aside={("bm_meter_details", "invented_zero"): 3},
        months=3,
    )
    kept = rows(
        old,
        """SELECT year_month, branch_code, cust_code, present_water_usg, use_name, created_at, updated_at
           FROM bm_meter_details ORDER BY 1, 2, 3""",
    )
    assert kept == [
        ("202507", "1063", a_code(1), Decimal(100), None, OLD, OLD),
        ("202508", "1060", a_code(1), Decimal(100), None, NEW, NEW),
        ("202508", "1063", a_code(1), Decimal("12345678901234567890.123"), None, OLD, OLD),
        ("202508", "1063", a_code(2), Decimal(0), None, OLD, OLD),
        ("202508", "1063", a_code(5), Decimal(0), None, OLD, OLD),
    ]
    ledger = rows(
        old,
        """SELECT kind, status, branch_code, fiscal_year, year_month, debt_ym, cohort_size, reported, zero, missing,
                  inserted, finished_at, run_id
           FROM bm_sync_runs ORDER BY year_month, branch_code""",
    )
    assert ledger == [
        ("adopted", "success", "1063", 2025, "202507", "256807", 5, 1, 0, 4, 1, OLD, "adopted"),
        ("adopted", "success", "1060", 2025, "202508", "256808", 0, 0, 0, 0, 1, NEW, "adopted"),
        ("adopted", "success", "1063", 2025, "202508", "256808", 5, 1, 2, 2, 3, OLD, "adopted"),
    ]
    assert rows(old, "SELECT code, name FROM bm_branches ORDER BY 1") == [("1060", None), ("1063", "น้ำพอง")]
    assert rows(old, "SELECT *, xmin::text FROM bm_sync_logs") == logs
    statuses = rows(old, "SELECT status FROM bm_meter_status WHERE year_month = '202508' ORDER BY cust_code")
    assert [status for (status,) in statuses] == ["reported", "zero", "missing", "missing", "zero"]

    assert migrate(old).applied == ()
    assert migrate(old).adoption is None
    assert pending(old) == []


def test_of_rows_with_one_key_the_months_own_fiscal_year_stays_and_then_the_newest(old: PgConnection) -> None:
    build(old, VARIANTS[0])
    insert(
        old,
        "bm_meter_details",
        a_detail(1, 10, fiscal_year=2026, created_at=NEW),
        a_detail(1, 11, fiscal_year=2025, created_at=OLD),  # its own year
        a_detail(2, 20, fiscal_year=2026, created_at=OLD),
        a_detail(2, 21, fiscal_year=2027, created_at=NEW),  # neither is its own: the newest
        a_detail(3, 30, fiscal_year=2026, created_at=OLD),
        a_detail(3, 31, fiscal_year=2027, created_at=OLD),  # as old: the later id
        a_detail(4, 0, fiscal_year=2025, created_at=NEW, present_meter_count=0, org_name=""),  # invented
        a_detail(4, 40, fiscal_year=2026, created_at=OLD),  # a bill wins over an invented row of the own year
    )
    report = migrate(old)
    assert report.adoption
    assert report.adoption.set_aside == {
        ("bm_meter_details", "invented_zero"): 1,
        ("bm_meter_details", "same_key"): 3,
    }
    kept = rows(old, "SELECT present_water_usg FROM bm_meter_details ORDER BY cust_code")
    assert kept == [(11,), (21,), (31,), (40,)]
    aside = rows(
        old,
        """SELECT row_as_it_was ->> 'present_water_usg', row_as_it_was ->> 'fiscal_year', row_as_it_was ->> 'use_name'
           FROM bm_adopted_aside WHERE reason = 'same_key' ORDER BY 1""",
    )
    assert aside == [("10", "2026", ""), ("20", "2026", ""), ("30", "2026", "")]


def test_history_of_another_cohort_has_a_ledger_row_of_its_own(old: PgConnection) -> None:
    build(old, VARIANTS[0])
    insert(old, "bm_meter_details", a_detail(1), a_detail(2, fiscal_year=2026), a_detail(3, fiscal_year=None))
    assert migrate(old).adoption == Adoption(
        kept={"bm_branches": 0, "bm_custcode_init": 0, "bm_meter_details": 3}, set_aside={}, months=2
    )
    assert [month.fiscal_year for month in read_loaded_months(old)] == [2025]
    assert [month.fiscal_year for month in read_loaded_months(old, fiscal_year=2026)] == [2026]
    (fresh,) = read_freshness(old)
    assert (fresh.kind, fresh.last_year_month, fresh.months_loaded, fresh.loaded_at) == ("adopted", "202508", 1, OLD)


def test_malformed_rows_go_aside_and_blanks_are_cut_from_codes_and_months(old: PgConnection) -> None:
    build(old, VARIANTS[4])
    insert(
        old,
        "bm_meter_details",
        a_detail(
            1, year_month="202508 ", branch_code="1063  ", cust_code=a_code(1) + " ", debt_ym="256808 ", org_name="x "
        ),
        a_detail(1, 99, created_at=NEW),  # the same key once the blanks are cut
        a_detail(2, year_month="202513"),
        a_detail(3, year_month="256808"),
        a_detail(4, year_month=""),
        a_detail(5, debt_ym="2568-8"),
        a_detail(6, cust_code=" "),
        a_detail(7, branch_code=""),
        a_detail(8, debt_ym=""),
        a_detail(9, created_at=None),
        a_detail(10, Decimal("NaN")),
        a_detail(11, average=Decimal("-Infinity")),
    )
    insert(
        old,
        "bm_custcode_init",
        a_stored_member(1, cust_code=a_code(1) + " ", debt_ym=None, meter_no=""),
        a_stored_member(1, debt_ym="256710", created_at=NEW),
        a_stored_member(2, debt_ym="256713"),
        a_stored_member(3, fiscal_year=2568),
        a_stored_member(4, cust_code=""),
        a_stored_member(5, debt_ym=None),
    )
    old.execute("ALTER TABLE bm_branches DROP CONSTRAINT bm_branches_pkey")
    insert(old, "bm_branches", {"code": "1063 ", "name": "a", "created_at": OLD}, {"code": "1063", "name": "b"})
    insert(old, "bm_branches", {"code": " ", "name": "c"})
    report = migrate(old)
    assert report.adoption == Adoption(
        kept={"bm_branches": 1, "bm_custcode_init": 2, "bm_meter_details": 3},
        set_aside={
            ("bm_branches", "bad_key"): 1,
            ("bm_branches", "same_key"): 1,
            ("bm_custcode_init", "bad_fiscal_year"): 1,
            ("bm_custcode_init", "bad_key"): 1,
            ("bm_custcode_init", "bad_month"): 1,
            ("bm_custcode_init", "same_key"): 1,
            ("bm_meter_details", "bad_key"): 2,
            ("bm_meter_details", "bad_month"): 4,
            ("bm_meter_details", "bad_number"): 2,
            ("bm_meter_details", "same_key"): 1,
        },
        months=1,
    )
    kept = rows(old, "SELECT cust_code, debt_ym, present_water_usg, org_name FROM bm_meter_details ORDER BY cust_code")
    assert kept == [
        (a_code(1), "256808", Decimal(99), "น.น้ำพอง"),
        (a_code(8), "256808", Decimal(100), "น.น้ำพอง"),
        (a_code(9), "256808", Decimal(100), "น.น้ำพอง"),
    ]
    cohort = read_cohort(old, fiscal_year=2025, branch_code=BRANCH)
    assert [(member.cust_code, member.debt_ym, member.meter_no) for member in cohort] == [
        (a_code(1), "256710", None),
        (a_code(5), "256710", None),
    ]
    assert rows(old, "SELECT code, name FROM bm_branches") == [("1063", "b")]


def test_every_row_is_kept_or_set_aside_whole(old: PgConnection) -> None:
    build(old, VARIANTS[4])
    details = [
        a_detail(number, year_month=ym, fiscal_year=year, org_name=org, present_meter_count=0)
        for number in range(5)
        for ym in ("202508", "202508 ", "202510", "2025")
        for year in (2025, 2026, None)
        for org in ("x", "")
    ]
    for usage, detail in enumerate(details):
        detail["present_water_usg"] = usage % 3 and usage
        detail["meter_no"] = f"row {usage}"
    insert(old, "bm_meter_details", *details)
    migrate(old)
    found = rows(
        old,
        """SELECT meter_no FROM bm_meter_details
           UNION ALL SELECT row_as_it_was ->> 'meter_no' FROM bm_adopted_aside""",
    )
    assert sorted(name for (name,) in found) == sorted(f"row {number}" for number in range(len(details)))


def test_an_adopted_month_can_be_loaded_again(old: PgConnection) -> None:
    build(old, VARIANTS[0])
    insert(old, "bm_meter_details", a_detail(1), a_detail(2), a_detail(3, 0, present_meter_count=0, org_name=""))
    migrate(old)
    ym = Ym("202508")
    with month_transaction(old, branch_code=BRANCH, ym=ym, fiscal_year=2025, task_timeout_s=60):
        counts = write_month(
            old,
            ym=ym,
            branch_code=BRANCH,
            cust_codes=[a_code(1), a_code(2), a_code(3)],
            readings=[a_reading(1, year_month=ym), a_reading(3, year_month=ym)],
        )
    assert counts == WriteCounts(inserted=1, updated=1, removed=1)


ADOPTED: dict[str, Any] = {
    "applied": [migration.name for migration in read_migrations()],
    "kept in bm_branches": 1,
    "kept in bm_custcode_init": 2,
    "kept in bm_meter_details": 3,
    "set aside from bm_custcode_init, bad_key": 1,
    "set aside from bm_meter_details, bad_month": 1,
    "set aside from bm_meter_details, invented_zero": 2,
    "set aside from bm_meter_details, same_key": 1,
    "adopted months of a branch": 2,
}


@pytest.mark.parametrize("is_for_machines", [False, True])
def test_the_command_says_how_many_rows_were_kept_and_set_aside(
    old: PgConnection, empty_database: str, command: Command, is_for_machines: bool
) -> None:
    build(old, VARIANTS[0])
    insert(old, "bm_branches", {"code": "1063", "name": "น้ำพอง"})
    insert(old, "bm_custcode_init", a_stored_member(1), a_stored_member(2), a_stored_member(3, cust_code=" "))
    insert(
        old,
        "bm_meter_details",
        *(a_detail(1), a_detail(2), a_detail(1, fiscal_year=2026), a_detail(1, year_month="202507", debt_ym="256807")),
        *(a_detail(number, 0, present_meter_count=0, org_name="") for number in (3, 4)),
        a_detail(5, year_month="202513"),
    )
    environment = {"POSTGRES_DSN": empty_database, "BRANCHES": "1063"}
    answer = command(environment, "migrate", *(["--json"] if is_for_machines else []))
    assert answer.status == 0
    if is_for_machines:
        assert list(answer.document().items()) == list(ADOPTED.items())
    else:
        counts = {**ADOPTED, "applied": ", ".join(ADOPTED["applied"])}
        assert answer.out.splitlines() == [f"{name}: {count}" for name, count in counts.items()]
    assert command(environment, "migrate", "--json").document() == {"applied": []}


def test_only_some_of_the_tables_may_be_there(old: PgConnection) -> None:
    old.execute("CREATE TABLE bm_branches (code TEXT PRIMARY KEY, name TEXT, created_at TIMESTAMPTZ)")
    insert(old, "bm_branches", {"code": "1063", "name": "น้ำพอง"})
    adoption = migrate(old).adoption
    assert adoption
    assert adoption.kept == {"bm_branches": 1, "bm_custcode_init": 0, "bm_meter_details": 0}


def everything(conn: PgConnection) -> list[Any]:
    tables = ("bm_branches", "bm_custcode_init", "bm_meter_details", "bm_sync_logs")
    return [
        rows(conn, SHAPE),
        rows(conn, KEYS),
        *(rows(conn, f"SELECT ctid::text, xmin::text, t.* FROM {table} AS t ORDER BY ctid") for table in tables),
    ]


def test_a_view_on_a_column_that_goes_stops_the_adoption_and_nothing_is_changed(old: PgConnection) -> None:
    build(old, VARIANTS[0])
    insert(old, "bm_meter_details", a_detail(1), a_detail(2, 0, present_meter_count=0, org_name=""))
    old.execute("CREATE VIEW report AS SELECT fiscal_year, cust_code FROM bm_meter_details")
    old.commit()
    before = everything(old)
    with pytest.raises(ConfigError, match=r"0001_init\.sql, rolled back: .*a view perhaps.*2BP01"):
        migrate(old)
    assert everything(old) == before
    old.execute("DROP VIEW report")
    old.commit()
    assert migrate(old).adoption


def test_an_adoption_that_is_cut_off_leaves_the_old_database_as_it_was(old: PgConnection, empty_database: str) -> None:
    build(old, VARIANTS[0])
    insert(old, "bm_meter_details", a_detail(1), a_detail(2, 0, present_meter_count=0, org_name=""))
    before = everything(old)
    old.execute(
        """CREATE FUNCTION cut() RETURNS event_trigger LANGUAGE plpgsql AS
           $$ BEGIN IF tg_tag = 'CREATE VIEW' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; END $$"""
    )
    old.execute("CREATE EVENT TRIGGER cut ON ddl_command_end EXECUTE FUNCTION cut()")
    old.commit()
    with pytest.raises(StoreUnavailable, match=r"0001_init\.sql"):
        migrate(old)
    with psycopg.connect(empty_database) as again:
        assert everything(again) == before


def test_grants_and_views_that_do_not_need_the_old_columns_survive(old: PgConnection) -> None:
    build(old, VARIANTS[0])
    old.execute("CREATE VIEW report AS SELECT year_month, cust_code, present_water_usg FROM bm_meter_details")
    old.execute("GRANT SELECT ON bm_meter_details TO pg_monitor")
    old.commit()
    insert(old, "bm_meter_details", a_detail(1))
    migrate(old)
    assert rows(old, "SELECT * FROM report") == [("202508", a_code(1), Decimal(100))]
    assert rows(old, "SELECT has_table_privilege('pg_monitor', 'bm_meter_details', 'SELECT')") == [(True,)]


def test_a_table_of_our_name_that_is_no_first_implementations_is_left_alone_and_named(old: PgConnection) -> None:
    old.execute("CREATE TABLE bm_meter_details (year_month TEXT, cust_code TEXT)")
    old.commit()
    with pytest.raises(ConfigError, match="bm_meter_details that is there is not .* it has no branch_code, debt_ym"):
        migrate(old)
    assert rows(old, "SELECT count(*) FROM pg_class WHERE relname LIKE 'bm%'") == [(1,)]


def test_columns_that_somebody_added_stay_and_do_not_stop_a_load(old: PgConnection) -> None:
    build(old, VARIANTS[0])
    old.execute("ALTER TABLE bm_meter_details ADD COLUMN remark TEXT NOT NULL")
    old.execute("ALTER TABLE bm_meter_details ALTER COLUMN cust_code TYPE VARCHAR(20), ALTER COLUMN average TYPE FLOAT")
    insert(old, "bm_meter_details", a_detail(1, remark="read twice"))
    migrate(old)
    ym = Ym("202508")
    with month_transaction(old, branch_code=BRANCH, ym=ym, fiscal_year=2025, task_timeout_s=60):
        readings = [a_reading(1, year_month=ym), a_reading(2, year_month=ym)]
        write_month(old, ym=ym, branch_code=BRANCH, cust_codes=[], readings=readings)
    with old.cursor(row_factory=dict_row) as cursor:
        stored = cursor.execute("SELECT * FROM bm_meter_details ORDER BY cust_code").fetchall()
    assert [row["remark"] for row in stored] == ["read twice", None]
    assert [row["average"] for row in stored] == [Decimal(131), Decimal(131)]
