"""The shipped and the users' own templates on the billing data, against its truth, row by row and column by column.

They run on the stand-in, or on the real Oracle Database that ``ORACLE_TEST_DSN`` names, loaded with an export.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import oracledb
import pytest

from dev.billing_data.database import billing_database
from dev.billing_data.options import GeneratorOptions
from dev.billing_data.schema import CATALOGUE
from dev.oracle_standin.duckdb_backend import DuckDBBackend
from dev.oracle_standin.server import StandinServer, running_server
from include.bigmeter.errors import ConfigError
from include.bigmeter.periods import Ym, october_of, to_debt_ym
from include.bigmeter.records import MEMBER_COLUMNS, READING_COLUMNS, CohortRead, MonthRead
from include.bigmeter.source.reader import check_templates, read_cohort, read_month
from include.bigmeter.source.rewriting.draft import MARKER
from include.bigmeter.source.template import (
    MonthlyTemplate,
    YearlyTemplate,
    load_monthly_template,
    load_yearly_template,
    parse_monthly_template,
    parse_yearly_template,
)

ROOT = Path(__file__).parents[2]
DETAILS_FILE, MINIMAL_FILE = ROOT / "sqls" / "200-meter-details.sql", ROOT / "sqls" / "200-meter-minimal.sql"
THAI_FILE = ROOT / "tests" / "unit" / "source" / "templates" / "thai-labels.sql"
THAI_YEARLY_FILE = THAI_FILE.with_name("thai-labels-yearly.sql")
DETAILS, MINIMAL = load_monthly_template(DETAILS_FILE), load_yearly_template(MINIMAL_FILE)
BRANCH_CODES = [branch.code for branch in GeneratorOptions().chosen]

EXPECTED_READINGS = f"""
    SELECT {", ".join(READING_COLUMNS)}, duplicates FROM truth.expected_meter
    WHERE branch_code = ? AND year_month = ? AND list_contains(?, cust_code) ORDER BY cust_code
"""
EXPECTED_COHORT = """
    SELECT cust_code, usage_rank, present_water_usg, debt_ym FROM truth.expected_cohort
    WHERE branch_code = ? AND fiscal_year = ? ORDER BY usage_rank
"""


@pytest.fixture(scope="module")
def truth() -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield the default set with its truth."""
    with billing_database(GeneratorOptions()) as database:
        yield database


@pytest.fixture(scope="module")
def reader(truth: duckdb.DuckDBPyConnection) -> Iterator[oracledb.Connection]:
    """Yield a connection to ``ORACLE_TEST_DSN`` if it is set, else to the stand-in."""
    real = os.environ.get("ORACLE_TEST_DSN")
    if real:
        with oracledb.connect(real) as connection:
            yield connection
        return
    with running_server(DuckDBBackend(truth, CATALOGUE)) as server, oracledb.connect(server.dsn) as connection:
        yield connection


def month(
    reader: oracledb.Connection, template: MonthlyTemplate, branch: str, ym: str, codes: Sequence[str]
) -> MonthRead:
    return read_month(
        reader,
        template,
        branch_code=branch,
        ym=Ym(ym),
        debt_ym=to_debt_ym(Ym(ym)),
        cust_codes=codes,
        batch_size=100,
        call_timeout_s=120,
    )


def cohort(reader: oracledb.Connection, template: YearlyTemplate, branch: str, fiscal_year: int) -> CohortRead:
    return read_cohort(
        reader,
        template,
        branch_code=branch,
        fiscal_year=fiscal_year,
        debt_ym=to_debt_ym(october_of(fiscal_year)),
        cohort_size=200,
        call_timeout_s=120,
    )


def cohort_codes(truth: duckdb.DuckDBPyConnection, branch: str, fiscal_year: int) -> list[str]:
    return [row[0] for row in truth.execute(EXPECTED_COHORT, [branch, fiscal_year]).fetchall()]


def as_rows(records: Sequence[Any], columns: Sequence[str]) -> list[tuple[Any, ...]]:
    return [tuple(getattr(record, column) for column in columns) for record in records]


# -- against the truth -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("branch", BRANCH_CODES)
def test_a_september_and_an_october_are_the_truth_in_every_column(
    truth: duckdb.DuckDBPyConnection, reader: oracledb.Connection, branch: str
) -> None:
    for ym, fiscal_year in (("202609", 2026), ("202510", 2026)):
        codes = cohort_codes(truth, branch, fiscal_year)
        expected = truth.execute(EXPECTED_READINGS, [branch, ym, codes]).fetchall()
        read = month(reader, DETAILS, branch, ym, codes)
        assert as_rows(read.readings, READING_COLUMNS) == [row[:-1] for row in expected]
        assert read.duplicates == sum(row[-1] for row in expected)
        assert len(expected) > 100


@pytest.mark.parametrize("branch", BRANCH_CODES)
def test_a_cohort_is_the_truth_in_its_order(
    truth: duckdb.DuckDBPyConnection, reader: oracledb.Connection, branch: str
) -> None:
    for fiscal_year in (2026, 2027):
        expected = truth.execute(EXPECTED_COHORT, [branch, fiscal_year]).fetchall()
        read = cohort(reader, MINIMAL, branch, fiscal_year)
        columns = ("cust_code", "usage_rank", "present_water_usg", "debt_ym")
        assert as_rows(read.members, columns) == expected
        assert len(expected) > 100


def test_a_members_description_is_that_of_its_reading(
    truth: duckdb.DuckDBPyConnection, reader: oracledb.Connection
) -> None:
    codes = cohort_codes(truth, "1063", 2026)
    shared = [name for name in MEMBER_COLUMNS if name in READING_COLUMNS]
    readings = as_rows(month(reader, DETAILS, "1063", "202510", codes).readings, shared)
    members = as_rows(cohort(reader, MINIMAL, "1063", 2026).members, shared)
    assert len(shared) > 10
    assert sorted(members, key=lambda row: row[shared.index("cust_code")]) == readings


# -- the users' own templates ------------------------------------------------------------------------------------------

BODY = DETAILS_FILE.read_text(encoding="utf-8")
SELECT_LIST = BODY[BODY.index("SELECT\n") : BODY.index("FROM PWACIS")]
FROM_ON = BODY[BODY.index("FROM PWACIS") : BODY.index("ORDER BY")]
UNMARKED = (SELECT_LIST + FROM_ON).replace(MARKER, "").rstrip()

OWN_MONTHLY = {
    "no marker": UNMARKED,
    "no marker, and an OR": UNMARKED + " OR 1 = 2",
    "lower case and CRLF": UNMARKED.lower().replace("'f'", "'F'").replace("\n", "\r\n") + "\r\n;\r\n/\r\n",
    "a limit of its own": UNMARKED + "\nORDER BY trn.PRESENT_WATER_USG DESC FETCH FIRST 5 ROWS ONLY",
    "an inline view with the marker": f"SELECT v.* FROM ({SELECT_LIST}{FROM_ON} FETCH NEXT 3 ROWS ONLY) v WHERE 1 = 1",
    "an inline view without it": f"SELECT * FROM ({UNMARKED}) v",
    "a table of another name": UNMARKED.replace("trn.", "bill.").replace("TRN trn", "TRN bill"),
    "a set operation": f"{SELECT_LIST}{FROM_ON} AND trn.PRESENT_WATER_USG > 100 UNION ALL "
    f"{SELECT_LIST}{FROM_ON} AND (trn.PRESENT_WATER_USG <= 100 OR trn.PRESENT_WATER_USG IS NULL)",
    "hints and decoys": UNMARKED.replace(
        "SELECT\n", "SELECT /*+ INDEX(trn) */ -- ORDER BY FROM WHERE\n  'GROUP BY ; --' AS decoy,\n", 1
    )
    + " -- FETCH FIRST 1 ROW ONLY",
    "marked on both sides of an OR": f"{SELECT_LIST}{FROM_ON}".replace(
        MARKER, f"AND (trn.PRESENT_WATER_USG > 100 {MARKER} OR NVL(trn.PRESENT_WATER_USG, 0) <= 100 {MARKER})"
    ),
    "ranked within each customer": f"SELECT v.* FROM (SELECT w.*, RANK() OVER (PARTITION BY w.cust_code "
    f"ORDER BY w.debt_ym) AS rn FROM ({UNMARKED}) w) v WHERE rn = 1",
    "grouped": "SELECT v.cust_code, MAX(v.present_water_usg) AS present_water_usg FROM ("
    f"{UNMARKED}) v GROUP BY v.cust_code ORDER BY 2 DESC",
}


@pytest.mark.parametrize("name", [name for name in OWN_MONTHLY if name != "grouped"])
def test_a_users_own_form_of_the_details_reads_the_same(
    truth: duckdb.DuckDBPyConnection, reader: oracledb.Connection, name: str
) -> None:
    codes = cohort_codes(truth, "1063", 2026)
    shipped = month(reader, DETAILS, "1063", "202605", codes)
    own = month(reader, parse_monthly_template(OWN_MONTHLY[name], "own.sql"), "1063", "202605", codes)
    assert own.readings == shipped.readings
    assert own.duplicates == shipped.duplicates > 0


def test_a_grouped_query_of_two_columns_reads_its_two_columns(
    truth: duckdb.DuckDBPyConnection, reader: oracledb.Connection
) -> None:
    codes = cohort_codes(truth, "1063", 2026)
    shipped = month(reader, DETAILS, "1063", "202605", codes)
    own = month(reader, parse_monthly_template(OWN_MONTHLY["grouped"], "own.sql"), "1063", "202605", codes)
    columns = ("cust_code", "present_water_usg", "debt_ym")
    assert as_rows(own.readings, columns) == as_rows(shipped.readings, columns)
    assert {reading.address for reading in own.readings} == {None}
    assert own.duplicates == 0


def test_the_template_of_production_reads_the_same(
    truth: duckdb.DuckDBPyConnection, reader: oracledb.Connection
) -> None:
    codes = cohort_codes(truth, "1245", 2026)
    shipped = month(reader, DETAILS, "1245", "202608", codes)
    own = month(reader, load_monthly_template(THAI_FILE), "1245", "202608", codes)
    assert own.readings == shipped.readings
    assert own.duplicates == shipped.duplicates


YEARLY_BODY = MINIMAL_FILE.read_text(encoding="utf-8")
RANKED = YEARLY_BODY[YEARLY_BODY.index("SELECT\n") : YEARLY_BODY.index("ORDER BY")]
ITS_ROWS = RANKED[RANKED.index("FROM PWACIS") :]

OWN_YEARLY = {
    "no order": RANKED,
    "nulls first": RANKED.replace("AND trn.PRESENT_WATER_USG > 0", "") + "ORDER BY trn.PRESENT_WATER_USG DESC",
    "rising": RANKED + "ORDER BY trn.PRESENT_WATER_USG",
    "codes only, by usage": f"SELECT trn.CUST_CODE {ITS_ROWS.replace('AND trn.PRESENT_WATER_USG > 0', '')} "
    "ORDER BY trn.PRESENT_WATER_USG DESC FETCH FIRST 200 ROWS ONLY",
    "a limit in a WITH query": f"WITH biggest AS (SELECT trn.CUST_ID, trn.CUST_CODE, trn.PRESENT_WATER_USG {ITS_ROWS} "
    "ORDER BY trn.PRESENT_WATER_USG DESC FETCH FIRST 200 ROWS ONLY) "
    'SELECT biggest.CUST_CODE AS "เลขที่ผู้ใช้น้ำ", biggest.PRESENT_WATER_USG AS "หน่วยน้ำปัจจุบัน" FROM biggest '
    "LEFT JOIN PWACIS.TB_TR_CUST_METER cm ON cm.CUST_ID = biggest.CUST_ID",
    "renamed and distinct": f"WITH b (c, u) AS (SELECT trn.CUST_CODE, trn.PRESENT_WATER_USG {ITS_ROWS}) "
    "SELECT DISTINCT c AS cust_code, u FROM b ORDER BY u DESC",
    "production, in the order of the codes": THAI_YEARLY_FILE.read_text(encoding="utf-8"),
}


@pytest.mark.parametrize("name", OWN_YEARLY)
def test_a_users_own_form_of_the_minimal_query_chooses_the_same(reader: oracledb.Connection, name: str) -> None:
    columns = ("cust_code", "usage_rank", "present_water_usg")
    shipped = cohort(reader, MINIMAL, "1063", 2027)
    template = parse_yearly_template(OWN_YEARLY[name], "own.sql")
    own = cohort(reader, template, "1063", 2027)
    assert as_rows(own.members, columns) == as_rows(shipped.members, columns)


# -- the check before any branch ---------------------------------------------------------------------------------------


def test_the_shipped_templates_and_those_of_production_pass_the_check(reader: oracledb.Connection) -> None:
    check_templates(reader, DETAILS, MINIMAL, batch_size=100, call_timeout_s=60)
    check_templates(reader, load_monthly_template(THAI_FILE), MINIMAL, batch_size=1000, call_timeout_s=60)
    for text in OWN_MONTHLY.values():
        check_templates(reader, parse_monthly_template(text, "own.sql"), MINIMAL, batch_size=1, call_timeout_s=60)
    for text in OWN_YEARLY.values():
        check_templates(reader, DETAILS, parse_yearly_template(text, "own.sql"), batch_size=1, call_timeout_s=60)


def test_a_column_that_is_not_there_is_found_with_its_line(reader: oracledb.Connection) -> None:
    text = UNMARKED.replace("cm.AVERAGE ", "cm.AVERAGES ")
    line = 1 + text[: text.index("cm.AVERAGES")].count("\n")
    assert line > 10
    with pytest.raises(ConfigError, match=rf"^own\.sql: Oracle refuses the template with ORA-00904 at line {line}$"):
        check_templates(reader, parse_monthly_template(text, "own.sql"), MINIMAL, batch_size=100, call_timeout_s=60)


def test_a_table_that_is_not_there_is_found(reader: oracledb.Connection) -> None:
    text = UNMARKED.replace("TB_TR_CUST_METER", "TB_TR_CUST_METERS")
    with pytest.raises(ConfigError, match=r"^own\.sql: Oracle refuses the template with ORA-00942"):
        check_templates(reader, parse_monthly_template(text, "own.sql"), MINIMAL, batch_size=9, call_timeout_s=60)


def test_a_code_selected_as_a_number_is_found(reader: oracledb.Connection) -> None:
    text = UNMARKED.replace("trn.CUST_CODE AS cust_code", "trn.CUST_ID AS cust_code")
    with pytest.raises(ConfigError, match=r"^own\.sql: the column cust_code .* is NUMBER"):
        check_templates(reader, parse_monthly_template(text, "own.sql"), MINIMAL, batch_size=9, call_timeout_s=60)


# -- one moment --------------------------------------------------------------------------------------------------------


@pytest.fixture
def changing() -> Iterator[StandinServer]:
    """Yield a stand-in whose data may be changed."""
    options = GeneratorOptions(branches=("1063",), customers=240, months=13)
    with billing_database(options) as database, running_server(DuckDBBackend(database, CATALOGUE)) as server:
        yield server


def test_all_batches_see_the_moment_of_the_first(changing: StandinServer) -> None:
    with oracledb.connect(changing.dsn) as connection:
        codes = [member.cust_code for member in cohort(connection, MINIMAL, "1063", 2027).members]
        before = month(connection, DETAILS, "1063", "202610", codes)
        changing.between_executes(
            2, "UPDATE PWACIS.TB_TR_DEBT_TRN SET PRESENT_WATER_USG = PRESENT_WATER_USG + 1 WHERE DEBT_YM = '256910'"
        )
        assert month(connection, DETAILS, "1063", "202610", codes).readings == before.readings
        after = month(connection, DETAILS, "1063", "202610", codes).readings
        changed = [
            (new.present_water_usg or Decimal(0)) - (old.present_water_usg or Decimal(0))
            for old, new in zip(before.readings, after, strict=True)
        ]
        assert set(changed) == {Decimal(1)}
