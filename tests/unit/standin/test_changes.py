"""INSERT, UPDATE, DELETE and the tables of the user's own schema."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dev.oracle_standin.duckdb_backend import DuckDBBackend, DuckDBSession
from tests.unit.standin.asking import ask, change, refused


@pytest.fixture
def owner(database: DuckDBBackend) -> DuckDBSession:
    """Return a session of a user in his own schema, with a table."""
    session = database.open_session("owner")
    change(session, "CREATE TABLE T (N NUMBER, P NUMBER(5,2), V VARCHAR2(5) NOT NULL, C CHAR(3), D DATE)")
    return session


def test_a_plain_number_column_keeps_38_digits(owner: DuckDBSession) -> None:
    numbers = [Decimal(f"{'1234567890' * 4}"[:38]).scaleb(-scale) for scale in (0, 1, 19, 38)]
    for number in numbers:
        change(owner, "INSERT INTO T (N, V) VALUES (:n, 'x')", number)
    assert [row[0] for row in ask(owner, "SELECT N FROM T ORDER BY N DESC")] == numbers
    assert ask(owner, "SELECT COUNT(*) FROM T WHERE N = :n", numbers[2]) == ask(owner, "SELECT 1 FROM DUAL")


def test_number_with_a_scale_rounds_half_up_and_refuses_what_is_too_large(owner: DuckDBSession) -> None:
    for given, stored in (("1.005", "1.01"), ("-1.005", "-1.01"), ("999.994", "999.99")):
        change(owner, "INSERT INTO T (P, V) VALUES (:p, :v)", Decimal(given), given[:5])
        assert ask(owner, "SELECT P FROM T WHERE V = :v", given[:5]) == [(Decimal(stored),)]
    assert refused(owner, "INSERT INTO T (P, V) VALUES (:p, 'x')", Decimal("999.995")).code == 1438
    assert refused(owner, "INSERT INTO T (P, V) VALUES (1000, 'x')").code == 1438
    assert refused(owner, "UPDATE T SET P = P * 1000").code == 1438


def test_text_is_measured_and_char_is_padded(owner: DuckDBSession) -> None:
    change(owner, "INSERT INTO T (V, C) VALUES ('12345', 'ab')")
    assert ask(owner, "SELECT V, C, LENGTH(C) FROM T") == [("12345", "ab ", Decimal(3))]
    error = refused(owner, "INSERT INTO T (V) VALUES ('123456')")
    assert (error.code, error.message) == (
        12899,
        'value too large for column "OWNER"."T"."V" (actual: 6, maximum: 5)',
    )
    assert refused(owner, "UPDATE T SET C = 'abcd'").code == 12899


def test_null_is_refused_where_the_column_says_so(owner: DuckDBSession) -> None:
    error = refused(owner, "INSERT INTO T (N) VALUES (1)")
    assert (error.code, error.message) == (1400, 'cannot insert NULL into ("OWNER"."T"."V")')
    assert refused(owner, "INSERT INTO T (V) VALUES ('')").code == 1400
    change(owner, "INSERT INTO T (V) VALUES ('x')")
    assert refused(owner, "UPDATE T SET V = ''").code == 1407


def test_insert_select_and_the_counts(owner: DuckDBSession) -> None:
    assert (
        change(owner, "INSERT INTO T (N, V) SELECT ID, SUBSTR(NAME, 1, 5) FROM PWACIS.METERS WHERE NAME IS NOT NULL")
        == 3
    )
    assert (
        change(owner, "UPDATE T x SET x.N = x.N * 10, D = SYSDATE WHERE x.V LIKE '%a' OR N IN (SELECT 4 FROM DUAL)")
        == 3
    )
    assert change(owner, "DELETE T WHERE N > 15") == 2
    assert change(owner, "DELETE FROM T WHERE 1 = 2") == 0
    assert ask(owner, "SELECT N, V FROM T") == [(Decimal(10), "alpha")]


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("INSERT INTO T (N) VALUES (1, 2)", 913),
        ("INSERT INTO T (N, V) VALUES (1)", 947),
        ("INSERT INTO T VALUES (1)", 947),
        ("INSERT INTO T (N, N) VALUES (1, 2)", 957),
        ("INSERT INTO T (X) VALUES (1)", 904),
        ("INSERT INTO T (N, V) VALUES ('one', 'x')", 1722),
        ("INSERT INTO T (D, V) VALUES (5, 'x')", 932),
        ("INSERT INTO T (D, V) VALUES ('2024-10-05', 'x')", 1861),
        ("UPDATE T SET X = 1", 904),
        ("UPDATE T SET N = 1, N = 2", 957),
        ("CREATE TABLE T (A NUMBER)", 955),
        ("CREATE TABLE U (A NUMBER, A NUMBER)", 957),
        ("CREATE TABLE PWACIS.U (A NUMBER)", 1031),
        ("DROP TABLE PWACIS.METERS", 1031),
        ("DROP TABLE NO_SUCH", 942),
        ("CREATE TABLE U (A XMLTYPE)", 3001),
        ("CREATE INDEX I ON T (N)", 3001),
        ("CREATE VIEW V AS SELECT 1 X FROM DUAL", 3001),
        ("CREATE TABLE U (V VARCHAR2(5 BYTE))", 3001),
        ("CREATE TABLE U (AT TIMESTAMP(3))", 3001),
        ("CREATE TABLE U (N NUMBER(5,-2))", 3001),
    ],
)
def test_a_change_that_oracle_refuses(owner: DuckDBSession, sql: str, code: int) -> None:
    assert refused(owner, sql).code == code
    assert ask(owner, "SELECT N FROM T") == []


_LONG = [
    "1234567890123456789012345678.0123456789",
    "12345678901234567890123456789012345678",
    "-0.12345678901234567890123456789012345678",
]


@pytest.mark.parametrize("digits", _LONG)
@pytest.mark.parametrize(
    "sql", ["UPDATE METERS SET USAGE_M3 = {} WHERE ID = 1", "UPDATE METERS SET USAGE_M3 = {} + 0 WHERE ID = 1"]
)
def test_any_number_of_38_digits_can_be_stored(session: DuckDBSession, sql: str, digits: str) -> None:
    number = Decimal(digits)
    change(session, "UPDATE METERS SET NAME = 'before' WHERE ID = 2")
    change(session, sql.format(":n"), number)
    assert ask(session, "SELECT USAGE_M3, USAGE_M3 + 1 - 1 FROM METERS WHERE ID = 1") == [(number, number)]
    session.rollback()
    assert ask(session, "SELECT NAME, USAGE_M3 FROM METERS WHERE ID <= 2 ORDER BY ID") == [
        ("alpha", Decimal("10.5")),
        ("beta", None),
    ]
    change(session, sql.format(digits))
    session.commit()
    assert ask(session, "SELECT ID FROM METERS WHERE USAGE_M3 = :n", number) == [(Decimal(1),)]
    assert ask(session, "SELECT SUM(USAGE_M3) - :n FROM METERS", number) == [(Decimal(7),)]


def test_a_column_stored_anew_disturbs_nobody(
    database: DuckDBBackend, session: DuckDBSession, other: DuckDBSession
) -> None:
    usage = "SELECT USAGE_M3 FROM METERS ORDER BY ID"
    before = [Decimal("10.5"), None, Decimal(0), Decimal(7)]
    reading = database.open_session("READER")
    change(reading, "SET TRANSACTION READ ONLY")
    change(other, "UPDATE METERS SET USAGE_M3 = 8 WHERE ID = 4")
    many = "SELECT a.USAGE_M3 FROM PWACIS.METERS a, PWACIS.METERS b, PWACIS.METERS c, PWACIS.METERS d, PWACIS.METERS e"
    rows = session.execute(many, []).rows
    assert rows is not None
    rows.fetch(1)
    change(session, "UPDATE METERS SET USAGE_M3 = :n WHERE ID = 1", Decimal(_LONG[1]))
    session.commit()
    assert len(rows.fetch(2000)) == 4**5 - 1
    assert [row[0] for row in ask(reading, usage.replace("METERS", "PWACIS.METERS"))] == before
    assert [row[0] for row in ask(other, usage)] == [Decimal(_LONG[1]), None, Decimal(0), Decimal(8)]
    other.commit()
    assert [row[0] for row in ask(session, usage)] == [Decimal(_LONG[1]), None, Decimal(0), Decimal(8)]


def test_ddl_commits(database: DuckDBBackend, owner: DuckDBSession) -> None:
    other = database.open_session("other")
    change(owner, "INSERT INTO T (V) VALUES ('x')")
    assert ask(other, "SELECT V FROM OWNER.T") == []
    change(owner, "CREATE TABLE U (A NUMBER PRIMARY KEY, B DATE)")
    assert ask(other, "SELECT V FROM OWNER.T") == [("x",)]
    assert not owner.is_in_transaction


def test_a_table_comes_and_goes_for_every_session(database: DuckDBBackend, owner: DuckDBSession) -> None:
    other = database.open_session("other")
    assert refused(other, "SELECT * FROM T").code == 942
    assert ask(other, "SELECT * FROM OWNER.T") == []
    change(owner, "DROP TABLE T PURGE")
    assert refused(other, "SELECT * FROM OWNER.T").code == 942
    change(owner, "CREATE TABLE T (A NUMBER)")
    assert [column.name for column in other.describe("SELECT * FROM OWNER.T")] == ["A"]


def test_a_table_can_be_made_from_a_query(owner: DuckDBSession) -> None:
    change(owner, "CREATE TABLE U AS SELECT ID, NAME, FLAG, USAGE_M3 / 3 third FROM PWACIS.METERS WHERE ID <= 2")
    assert ask(owner, "SELECT * FROM U ORDER BY ID") == [
        (Decimal(1), "alpha", "F  ", Decimal("3.5")),
        (Decimal(2), "beta", "T  ", None),
    ]
    change(owner, "TRUNCATE TABLE U")
    assert ask(owner, "SELECT * FROM U") == []


def test_a_primary_key_is_unique(owner: DuckDBSession) -> None:
    change(owner, "CREATE TABLE U (A NUMBER(5) PRIMARY KEY, B VARCHAR2(3))")
    change(owner, "INSERT INTO U VALUES (1, 'a')")
    assert refused(owner, "INSERT INTO U VALUES (1, 'b')").code == 1
    assert refused(owner, "INSERT INTO U (B) VALUES ('b')").code == 1400
    change(owner, "INSERT INTO U VALUES (2, 'b')")
    owner.commit()
    assert ask(owner, "SELECT A, B FROM U ORDER BY A") == [(Decimal(1), "a"), (Decimal(2), "b")]
