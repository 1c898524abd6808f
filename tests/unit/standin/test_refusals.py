"""What Oracle refuses is refused, with its number and place; what is not on the list is never answered by guess."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dev.oracle_standin.duckdb_backend import DuckDBBackend, DuckDBSession
from tests.unit.standin.asking import ask, change, refused


@pytest.mark.parametrize(
    ("sql", "code", "position"),
    [
        ("SELECT * FROM NO_SUCH", 942, 14),
        ("SELECT *\n  FROM METERS, NO_SUCH", 942, 24),
        ("SELECT NO_SUCH FROM METERS", 904, 7),
        ("SELECT ID, m.NO_SUCH FROM METERS m", 904, 11),
        ('SELECT "id" FROM METERS', 904, 7),
        ("SELECT ID FROM METERS ORDER BY NO_SUCH", 904, 31),
        ("SELECT ID FROM METERS, CODES", 918, 7),
        ("SELECT NO_SUCH(1) FROM DUAL", 904, 7),
        ("SELECT ID FROM METERS LIMIT 1", 933, 22),
        ("SELECT ID FROM METERS;", 933, 21),
        ("SELECT ID FROM METERS m x", 933, 24),
        ("SELECT ID NAME FLAG FROM METERS", 923, 15),
        ("SELECT 'abc FROM DUAL", 1756, 7),
        ('SELECT "abc FROM DUAL', 1740, 7),
        ("UPDATE NO_SUCH SET A = 1", 942, 7),
        ("INSERT INTO METERS (ID, NO_SUCH) VALUES (1, 2)", 904, 24),
        ("DELETE FROM NO_SUCH", 942, 12),
        ("SELECT TRUE FROM DUAL", 904, 7),
        ("SELECT ' 1e2+1', 1e2+1e3-NO_SUCH FROM DUAL", 904, 25),
    ],
)
def test_a_refusal_says_where(reader: DuckDBSession, sql: str, code: int, position: int) -> None:
    error = refused(reader, sql)
    assert (error.code, error.position) == (code, position)


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT NAME, COUNT(*) FROM METERS", 937),
        ("SELECT NAME, COUNT(*) FROM METERS GROUP BY FLAG", 979),
        ("SELECT COUNT(*) FROM METERS GROUP BY FLAG HAVING NAME = 'a'", 979),
        ("SELECT * FROM METERS GROUP BY ID", 979),
        ("SELECT ID FROM METERS WHERE NAME = 5", 1722),
        ("SELECT ID FROM METERS WHERE ID = 'x'", 1722),
        ("SELECT NAME + 1 FROM METERS", 1722),
        ("SELECT ID / 0 FROM METERS", 1476),
        ("SELECT (SELECT ID FROM CODES) FROM DUAL", 1427),
        ("SELECT ID FROM METERS WHERE ID = (SELECT ID, CODE FROM CODES)", 913),
        ("SELECT ID FROM METERS WHERE READ_AT = 5", 932),
        ("SELECT ID FROM METERS WHERE ID IN ()", 936),
        ("SELECT m.ID FROM METERS m JOIN CODES c USING (ID)", 25154),
        ("SELECT a.ID FROM METERS a JOIN CODES", 905),
        ("SELECT DISTINCT ID FROM METERS ORDER BY NAME", 1791),
        ("SELECT ID x, NAME x FROM METERS ORDER BY x", 960),
        ("SELECT NVL(ID, 'x') FROM METERS", 1722),
        ("SELECT NVL(ID, NAME) FROM METERS", 1722),
        ("SELECT NVL(ID, USAGE_M3 / 0) FROM METERS", 1476),
        ("SELECT NVL(READ_AT, 'x') FROM METERS WHERE ID = 1", 1858),
        ("SELECT NVL(READ_AT, 5) FROM METERS", 932),
        ("SELECT NVL2(ID, 1, 'x') FROM METERS", 1722),
        ("SELECT NVL2(ID, 1, NAME) FROM METERS", 3001),
        ("SELECT NVL2(ID, READ_AT, 5) FROM METERS", 932),
        ("SELECT DECODE(ID, 9, 1, 'x') FROM METERS WHERE ID = 9", 1722),
        ("SELECT DECODE(ID, 1, 'one', 'x', 'two') FROM METERS", 1722),
        ("SELECT DECODE(NAME, 1, 2) FROM METERS", 1722),
        ("SELECT DECODE(ID, 1, READ_AT, 'x') FROM METERS WHERE ID = 1", 1858),
        ("SELECT CASE ID WHEN '1' THEN 2 END FROM METERS", 932),
        ("SELECT CASE NAME WHEN 1 THEN 2 END FROM METERS", 932),
        ("SELECT CASE READ_AT WHEN '01-JAN-24' THEN 2 END FROM METERS", 932),
        ("SELECT NULLIF(NAME, 1) FROM METERS", 932),
        ("SELECT NULLIF(READ_AT, '01-JAN-24') FROM METERS", 932),
        ("SELECT 1 FROM METERS WHERE ID IN (1, 'a')", 1722),
        ("SELECT 1 FROM METERS WHERE ID = ANY (1, 'a')", 1722),
        ("SELECT ID, NAME, ID FROM METERS FETCH FIRST 1 ROW ONLY", 918),
        ("SELECT m.*, c.* FROM METERS m, CODES c OFFSET 1 ROW", 918),
        ("SELECT ID, ID FROM METERS UNION ALL SELECT ID, ID FROM CODES FETCH FIRST 1 ROW ONLY", 918),
        ("SELECT * FROM (SELECT * FROM METERS m, CODES c)", 918),
        ("WITH v AS (SELECT ID, ID FROM METERS) SELECT v.* FROM v", 918),
        ("SELECT * FROM (SELECT ID, ID FROM METERS) WHERE ROWNUM = 1", 918),
        ("SELECT ID = 1 FROM METERS", 933),
        ("SELECT ID FROM METERS WHERE ID", 920),
        ("SELECT ID::INTEGER FROM METERS", 911),
        ("SELECT ID FROM METERS WHERE ID == 1", 936),
        ("SELECT 5 % 2 FROM DUAL", 911),
        ("SELECT ? FROM DUAL", 911),
        ("SELECT SELECT FROM DUAL", 936),
        ("SELECT ID AS SELECT FROM METERS", 923),
        ("SELECT ID FROM METERS GROUP BY", 936),
        ("SELECT NVL(ID,) FROM METERS", 936),
        ("SELECT _ID FROM METERS", 911),
        ("SELECT " + "A" * 129 + " FROM DUAL", 972),
        ("SELECT ID FROM METERS WHERE ID BETWEEN 1 2", 905),
        ("SELECT CASE WHEN ID = 1 2 END FROM METERS", 905),
        ("SELECT CASE WHEN ID = 1 THEN 2 FROM METERS", 905),
        ("SELECT CASE ID END FROM METERS", 936),
        ("SELECT ID FROM METERS WHERE NAME NOT NULL", 936),
        ("SELECT ID FROM METERS WHERE NAME ISNULL", 933),
        ("SELECT ID FROM METERS ORDER BY ID WHERE ID = 1", 933),
        ("SELECT FLAG FROM METERS GROUP BY FLAG WHERE ID = 1", 933),
        ("SELECT ID FROM METERS FETCH FIRST 1 ROWS ONLY ORDER BY ID", 933),
        ("SELECT ID FROM METERS OFFSET 1 FETCH NEXT 1 ROWS ONLY", 933),
        ("SELECT ID FROM METERS FETCH 1 ROWS ONLY", 905),
        ("SELECT ID FROM METERS FETCH FIRST 1 ROWS", 905),
        ("SELECT NVL(ID, 1 AS) FROM METERS", 923),
        ("SELECT TRIM(NAME, 'x') FROM METERS", 907),
        ("SELECT TRIM(LEADING 'x' FROM) FROM METERS", 936),
        ("SELECT EXTRACT(YEAR, READ_AT) FROM METERS", 905),
        ("SELECT CAST(ID AS NUMBER(5 2)) FROM METERS", 907),
        ("SELECT CAST(ID AS NUMBER FROM METERS", 907),
        ("SELECT SUM(ID) OVER (PARTITION BY ORDER BY ID) FROM METERS", 936),
        ("SELECT SUM(ID) OVER (ORDER BY ID ROWS UNBOUNDED PRECEDING AND CURRENT ROW) FROM METERS", 905),
        ("SELECT ID FROM METERS WHERE NOT BETWEEN 2 AND 3", 936),
        ("INSERT CODES (ID) VALUES (1)", 925),
        ("", 900),
        ("HELLO", 900),
    ],
)
def test_a_refusal_has_oracles_number(reader: DuckDBSession, sql: str, code: int) -> None:
    assert refused(reader, sql).code == code


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT ID FROM METERS FOR UPDATE",
        "SELECT DATE '1582-10-04' + 1 FROM DUAL",
        "SELECT DATE '1582-10-15' - 1 FROM DUAL",
        "SELECT DATE '1582-10-05' FROM DUAL",
        "SELECT TO_DATE('14/10/1582 23:59', 'DD/MM/YYYY HH24:MI') FROM DUAL",
        "SELECT DATE '1582-10-15' - DATE '1582-10-04' FROM DUAL",
        "SELECT ADD_MONTHS(DATE '1500-01-31', 1) FROM DUAL",
        "SELECT ADD_MONTHS(DATE '1582-11-10', -1) FROM DUAL",
        "SELECT MONTHS_BETWEEN(SYSDATE, DATE '1500-01-31') FROM DUAL",
        "SELECT LAST_DAY(DATE '1500-02-01') FROM DUAL",
        "SELECT TO_CHAR(DATE '1500-02-01', 'DY') FROM DUAL",
        "SELECT TO_CHAR(DATE '1582-12-31', 'DDD') FROM DUAL",
        "SELECT TRUNC(DATE '1582-10-16', 'IW') FROM DUAL",
        "SELECT CHR(ID) FROM METERS",
        "SELECT CHR(128) FROM DUAL",
        "SELECT CHR(0) FROM DUAL",
        "SELECT SYSTIMESTAMP FROM DUAL",
        "SELECT CURRENT_TIMESTAMP FROM DUAL",
        "SELECT * FROM METERS UNPIVOT (V FOR C IN (ID))",
        "SELECT FLAG FROM METERS GROUP BY GROUPING SETS ((FLAG))",
        "SELECT VARIANCE(ID) FROM METERS",
        "SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY ID) FROM METERS",
        "SELECT INITCAP(NAME) FROM METERS",
        "SELECT SQRT(4) FROM DUAL",
        "SELECT ID FROM METERS WHERE REGEXP_LIKE(NAME, 'a')",
        "WITH v (n) AS (SELECT 1 FROM DUAL UNION ALL SELECT n + 1 FROM v WHERE n < 3) SELECT n FROM v",
        "INSERT ALL INTO CODES VALUES (1, 'a') SELECT 1 FROM DUAL",
        "SELECT * FROM METERS, LATERAL (SELECT 1 FROM DUAL)",
        "CREATE VIEW v AS SELECT 1 x FROM DUAL",
        "CREATE SEQUENCE s",
        "SELECT LEVEL FROM DUAL CONNECT BY LEVEL < 5",
        "SELECT ID FROM METERS SAMPLE (10)",
        "SELECT * FROM METERS PIVOT (COUNT(*) FOR FLAG IN ('F'))",
        "SELECT FLAG, COUNT(*) FROM METERS GROUP BY ROLLUP (FLAG)",
        "SELECT FLAG, COUNT(*) FROM METERS GROUP BY CUBE (FLAG)",
        "SELECT MAX(NAME) KEEP (DENSE_RANK FIRST ORDER BY ID) FROM METERS",
        "SELECT ID FROM METERS FETCH FIRST 10 PERCENT ROWS ONLY",
        "SELECT ID FROM METERS WHERE ROWNUM = 1 OR ID = 2",
        "SELECT ID FROM METERS WHERE ROWNUM < ID",
        "SELECT ROWID FROM METERS",
        "SELECT REGEXP_REPLACE(NAME, 'a') FROM METERS",
        "SELECT MEDIAN(ID) FROM METERS",
        "SELECT STDDEV(ID) FROM METERS",
        "SELECT SUM(COUNT(*)) FROM METERS GROUP BY FLAG",
        "SELECT 'a' || 1 + 2 FROM DUAL",
        "SELECT 1.5d FROM DUAL",
        "SELECT COUNT(*) FILTER (WHERE ID > 1) FROM METERS",
        "SELECT ID FROM METERS QUALIFY ROW_NUMBER() OVER (ORDER BY ID) = 1",
        "SELECT ID FROM METERS WHERE NAME ILIKE 'a%'",
        "SELECT ID FROM METERS TABLESAMPLE (10)",
        "SELECT * EXCLUDE (ID) FROM METERS",
        "SELECT [1, 2] FROM DUAL",
        "SELECT {'a': 1} FROM DUAL",
        "SELECT ID FROM METERS AS OF TIMESTAMP SYSDATE",
        "SELECT TRY_CAST(NAME AS NUMBER) FROM METERS",
        "SELECT IF(1 = 1, 2, 3) FROM DUAL",
        "SELECT ID FROM METERS CROSS APPLY (SELECT 1 FROM DUAL)",
        "SELECT ID FROM METERS m SEMI JOIN CODES c ON m.ID = c.ID",
        "SELECT ID FROM METERS UNION BY NAME SELECT ID FROM CODES",
        "SELECT ID FROM METERS EXCEPT ALL SELECT ID FROM CODES",
        "SELECT TOP 5 ID FROM METERS",
        "FROM METERS",
        "VALUES (1)",
        "SELECT * FROM (VALUES (1)) v",
        "SELECT ID INTO X FROM METERS",
        "SELECT * FROM TABLE(X)",
        "SELECT * FROM READ_CSV('x')",
        "SELECT 1 IS DISTINCT FROM 2 FROM DUAL",
        "MERGE INTO METERS USING CODES ON (1 = 1) WHEN MATCHED THEN UPDATE SET NAME = 'x'",
        "INSERT INTO CODES VALUES (1, 'a'), (2, 'b')",
        "UPDATE METERS SET (ID, NAME) = (SELECT 1, 'x' FROM DUAL)",
        "DELETE FROM METERS RETURNING ID INTO :1",
        "EXPLAIN PLAN FOR SELECT 1 FROM DUAL",
        "GRANT SELECT ON METERS TO SOMEBODY",
        "PRAGMA database_list",
        "ATTACH 'x.db'",
        "COPY METERS TO 'x.csv'",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "ALTER SESSION SET NLS_SORT = THAI_M",
        "ALTER SESSION SET NLS_NUMERIC_CHARACTERS = ',.'",
        "SAVEPOINT a",
        "BEGIN DELETE FROM METERS; END;",
        "DECLARE x NUMBER; BEGIN x := 1; END;",
    ],
)
def test_what_is_not_on_the_list_is_an_ora_error(reader: DuckDBSession, sql: str) -> None:
    error = refused(reader, sql, *(["x"] if ":1" in sql else []))
    assert error.code != 604, error
    assert error.message


@pytest.mark.parametrize(
    "name",
    [
        "truth.ANSWERS",
        "TRUTH.ANSWERS",
        '"truth"."ANSWERS"',
        "ANSWERS",
        "information_schema.tables",
        "sqlite_master",
        "pg_catalog.pg_tables",
        "duckdb_settings",
        "V$SESSION",
        "ALL_TABLES",
        "USER_TAB_COLUMNS",
        "SYS.ALL_TABLES",
        '"stand-in"."moment"',
        "BIGMETER_RO.METERS",
    ],
)
def test_nothing_but_the_catalogue_can_be_seen(reader: DuckDBSession, name: str) -> None:
    assert refused(reader, f"SELECT * FROM {name}").code == 942


def test_a_user_who_does_not_own_the_tables_needs_their_owner(database: DuckDBBackend) -> None:
    session = database.open_session("bigmeter_ro")
    assert refused(session, "SELECT ID FROM METERS").code == 942
    assert len(ask(session, "SELECT ID FROM PWACIS.METERS")) == 4
    assert len(ask(session, "SELECT PWACIS.METERS.ID FROM pwacis.meters")) == 4
    change(session, "ALTER SESSION SET CURRENT_SCHEMA = pwacis")
    assert len(ask(session, "SELECT ID FROM METERS")) == 4


def test_an_unknown_schema_is_refused_by_the_next_statement(session: DuckDBSession) -> None:
    assert refused(session, "ALTER SESSION SET CURRENT_SCHEMA = NOBODY").code == 1435
    session.set_schema("NOBODY")
    assert refused(session, "SELECT 1 FROM DUAL").code == 1435
    assert ask(session, "SELECT COUNT(*) FROM METERS") == ask(session, "SELECT 4 FROM DUAL")


def test_one_in_list_takes_1000_members_and_not_one_more(session: DuckDBSession) -> None:
    def listed(count: int) -> str:
        return "SELECT ID FROM METERS WHERE ID IN (" + ", ".join(f":{n}" for n in range(count)) + ")"

    thousand = [*range(2, 1001), 2]
    assert len(thousand) == 1000
    assert len(ask(session, listed(1000), *thousand)) == 3
    assert refused(session, listed(1001), *thousand, 1).code == 1795


def test_a_missing_bind_is_ora_01008(session: DuckDBSession) -> None:
    assert refused(session, "SELECT ID FROM METERS WHERE ID = :a AND NAME = :b", 1).code == 1008


def test_a_refusal_leaves_the_session_usable(session: DuckDBSession) -> None:
    for sql in ("SELECT 1 / 0 FROM DUAL", "SELEC", "SELECT X FROM DUAL", "SELECT NAME + 1 FROM METERS"):
        refused(session, sql)
        assert ask(session, "SELECT 'alive' FROM DUAL") == [("alive",)]


def test_an_error_tells_no_value(session: DuckDBSession) -> None:
    error = refused(session, "SELECT ID FROM METERS WHERE NAME || 'Somchai' = 5")
    assert "alpha" not in str(error)
    assert "Somchai" not in str(error)


@pytest.mark.parametrize(
    "item",
    [
        " || ".join(["ID"] * 150),
        "+".join(["ID"] * 100),
        "TRIM(" * 40 + "NAME" + ")" * 40,
        "(" * 40 + "ID" + ")" * 40,
        "CASE " + " ".join(f"WHEN ID = {n} THEN {n}" for n in range(300)) + " END",
    ],
    ids=["concatenation", "sum", "trim", "brackets", "case"],
)
def test_a_long_expression_is_answered(reader: DuckDBSession, item: str) -> None:
    assert len(ask(reader, f"SELECT {item} FROM METERS")) == 4


@pytest.mark.parametrize(
    "item",
    ["GREATEST(" * 60 + "ID" + ", 1)" * 60, "+".join(["ID"] * 3000), "(" * 2000 + "ID" + ")" * 2000],
    ids=["greatest", "sum", "brackets"],
)
def test_an_expression_without_measure_is_an_ora_error(reader: DuckDBSession, item: str) -> None:
    assert refused(reader, f"SELECT {item} FROM METERS").code in (933, 3001)
    assert len(ask(reader, "SELECT ID FROM METERS")) == 4


def test_a_where_of_many_conditions_is_answered(reader: DuckDBSession) -> None:
    for word in ("AND", "OR"):
        conditions = f" {word} ".join(f"ID <> {n}" for n in range(10, 400))
        assert len(ask(reader, f"SELECT ID FROM METERS WHERE {conditions}")) == 4


def test_a_statement_that_nobody_understands_reaches_no_log(
    reader: DuckDBSession, caplog: pytest.LogCaptureFixture
) -> None:
    for sql in (
        "CREATE TABLE Somchai x",
        "ALTER TABLE METERS ADD Somchai NUMBER",
        "DROP Somchai",
        "INSERT INTO (Somchai)",
    ):
        refused(reader, sql)
    assert "Somchai" not in caplog.text


def test_keep_is_refused_by_its_name(reader: DuckDBSession) -> None:
    error = refused(reader, "SELECT MAX(ID) KEEP (DENSE_RANK FIRST ORDER BY ID) FROM METERS")
    assert (error.code, error.message) == (3001, "unimplemented feature: KEEP")


def test_a_null_offset_leaves_no_row(reader: DuckDBSession) -> None:
    assert ask(reader, "SELECT ID FROM METERS OFFSET :1 ROWS FETCH FIRST 2 ROWS ONLY", None) == []
    assert len(ask(reader, "SELECT ID FROM METERS OFFSET :1 ROWS FETCH FIRST 2 ROWS ONLY", 1)) == 2


def test_the_smallest_numbers_cross_as_they_are(reader: DuckDBSession) -> None:
    smallest = Decimal("1E-130")
    assert ask(reader, "SELECT :1, :2, 1E-129 FROM DUAL", smallest, -smallest) == [
        (smallest, -smallest, Decimal("1E-129"))
    ]
