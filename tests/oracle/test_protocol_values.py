"""Values there and back: contract tests, the same against a real Oracle Database."""

from __future__ import annotations

import random
from datetime import datetime
from decimal import Decimal

import oracledb
import pytest

from dev.oracle_standin.oracle_number import decode_number, encode_number, encode_with_length
from tests.oracle.scripted_backend import ScriptedBackend, query_result, text_column


def decimals(cursor: oracledb.Cursor, metadata: oracledb.FetchInfo) -> oracledb.Var | None:
    if metadata.type_code is oracledb.DB_TYPE_NUMBER:
        return cursor.var(Decimal, arraysize=cursor.arraysize)
    return None


def returned(connection: oracledb.Connection, value: object, kind: object = None) -> object:
    with connection.cursor() as cursor:
        cursor.outputtypehandler = decimals
        if kind is not None:
            cursor.setinputsizes(v=kind)
        cursor.execute("select :v as v from dual", v=value)
        (row,) = cursor.fetchall()
        return row[0]


NUMBERS = [
    *("0", "1", "-1", "10", "99", "100", "101", "-100", "12.5", "-12.5", "250", "0.01", "-0.01", "0.1", "1E+20"),
    *("12345678901234567890123456789012345678", "-12345678901234567890123456789012345678"),
    *("0.12345678901234567890123456789012345678", "-99999999999999999999999999999999999999", "1E-130", "1E+125"),
    *("1234567890123456789.0123456789012345678", "-0.00000000000000000001"),
]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_comes_back_exactly(oracle: oracledb.Connection, number: str) -> None:
    assert returned(oracle, Decimal(number)) == Decimal(number)


def test_random_numbers_of_up_to_38_digits_come_back_exactly(oracle: oracledb.Connection) -> None:
    chance = random.Random(38)  # noqa: S311 - repeatable, not secret
    for _ in range(300):
        digits = chance.randrange(1, 10 ** chance.randrange(1, 38))
        number = Decimal(digits * chance.choice((1, -1))).scaleb(-chance.randrange(0, 60))
        assert returned(oracle, number) == number


def test_the_stored_form_of_a_number_is_oracles() -> None:
    stored = {
        "0": "80", "1": "c102", "10": "c10b", "100": "c202", "12.5": "c10d33", "0.01": "c002", "-1": "3e6466",
        "-12.5": "3e593366", "250": "c20333", "1E+125": "ff0b", "1E-130": "8002",
    }  # fmt: skip
    assert {number: encode_number(Decimal(number)).hex() for number in stored} == stored
    assert {number: decode_number(bytes.fromhex(form)) for number, form in stored.items()} == {
        number: Decimal(number) for number in stored
    }


def test_the_short_way_to_a_number_leads_to_the_same_bytes() -> None:
    chance = random.Random(100)  # noqa: S311 - repeatable, not secret
    numbers = [Decimal(number) for number in NUMBERS] + [
        Decimal(chance.randrange(10 ** chance.randrange(1, 39))).scaleb(-chance.randrange(0, 45)) for _ in range(3000)
    ]
    for number in numbers:
        stored = encode_number(number)
        assert encode_with_length(number) == bytes((len(stored),)) + stored
        assert decode_number(stored) == number or len(number.as_tuple().digits) > 38


def test_a_number_is_written_without_exponent_or_trailing_zeros() -> None:
    for text in ("100", "12.5", "0.01", "-0.5", "1000000000000000000000", "0.000001"):
        assert str(decode_number(encode_number(Decimal(text)))) == str(Decimal(text))


def test_more_than_38_digits_are_rounded_and_what_is_too_large_is_ora_01426() -> None:
    with_40_digits = Decimal("1234567890123456789012345678901234567891")
    assert decode_number(encode_number(with_40_digits)) == with_40_digits
    assert decode_number(encode_number(Decimal("1." + "3" * 50))) == Decimal("1." + "3" * 37)
    assert encode_number(Decimal("1E-200")) == encode_number(Decimal(0))
    for number in ("1E+126", "-1E+300", "Infinity", "NaN"):
        with pytest.raises(Exception, match="ORA-01426: numeric overflow"):
            encode_number(Decimal(number))


@pytest.mark.parametrize("size", [1, 84, 85, 252, 253, 254, 255, 256, 1000, 4000])
def test_text_of_any_size_comes_back(oracle: oracledb.Connection, size: int) -> None:
    assert returned(oracle, "x" * size) == "x" * size


@pytest.mark.parametrize("text", ["น้ำพอง", "ก" * 1000, 'O\'Brien "x" :a --', "\n\t ", "😀", "0007"])
def test_text_of_any_script_comes_back(oracle: oracledb.Connection, text: str) -> None:
    assert returned(oracle, text) == text


@pytest.mark.parametrize("kind", [oracledb.DB_TYPE_NVARCHAR, oracledb.DB_TYPE_CHAR])
def test_text_comes_back_however_it_is_bound(oracle: oracledb.Connection, kind: object) -> None:
    assert returned(oracle, "น้ำพอง", kind) == "น้ำพอง"


@pytest.mark.parametrize("empty", ["", None])
def test_an_empty_string_is_null(oracle: oracledb.Connection, empty: str | None) -> None:
    assert returned(oracle, empty) is None


@pytest.mark.parametrize("moment", ["2025-10-16T01:30:00", "0001-01-01", "9999-12-31T23:59:59", "2024-02-29"])
def test_a_date_comes_back(oracle: oracledb.Connection, moment: str) -> None:
    assert returned(oracle, datetime.fromisoformat(moment)) == datetime.fromisoformat(moment)


@pytest.mark.parametrize("microsecond", [0, 1, 123456, 999999])
def test_a_timestamp_comes_back_to_the_microsecond(oracle: oracledb.Connection, microsecond: int) -> None:
    moment = datetime(2025, 10, 16, 8, 0, 1, microsecond)  # noqa: DTZ001
    assert returned(oracle, moment, oracledb.DB_TYPE_TIMESTAMP) == moment


@pytest.mark.parametrize("number", [0.0, 1.5, -1.5, 1e300, -1e-300, 12345.678])
def test_a_binary_double_comes_back(oracle: oracledb.Connection, number: float) -> None:
    assert returned(oracle, number, oracledb.DB_TYPE_BINARY_DOUBLE) == number


def test_bytes_come_back(oracle: oracledb.Connection) -> None:
    assert returned(oracle, bytes(range(256))) == bytes(range(256))


def test_char_is_padded_with_blanks_to_its_size(oracle: oracledb.Connection) -> None:
    with oracle.cursor() as cursor:
        cursor.execute("select cast(:v as char(5)) as v from dual", v="ab")
        assert cursor.fetchall() == [("ab   ",)]
        assert cursor.description[0].type_code is oracledb.DB_TYPE_CHAR


def test_a_column_is_described_with_its_type_size_precision_and_scale(oracle: oracledb.Connection) -> None:
    with oracle.cursor() as cursor:
        cursor.execute(
            "select cast(:a as number(10,2)) as a, cast(:b as varchar2(30)) as b, cast(:c as date) as c from dual",
            [1, "x", None],
        )
        number, text, date = cursor.description
        assert (number.name, number.type_code, number.precision, number.scale) == ("A", oracledb.DB_TYPE_NUMBER, 10, 2)
        assert (text.name, text.type_code, text.display_size) == ("B", oracledb.DB_TYPE_VARCHAR, 30)
        assert (date.name, date.type_code) == ("C", oracledb.DB_TYPE_DATE)


def test_a_quoted_name_in_thai_names_the_column(oracle: oracledb.Connection) -> None:
    with oracle.cursor() as cursor:
        cursor.execute('select 1 as "น้ำ" from dual')
        assert cursor.description[0].name == "น้ำ"


def test_a_column_that_is_always_null_needs_no_bytes(oracle: oracledb.Connection) -> None:
    with oracle.cursor() as cursor:
        cursor.execute("select null as a, 1 as b from dual")
        assert cursor.fetchall() == [(None, 1)]


def test_text_larger_than_a_varchar2_comes_back_as_long(
    connection: oracledb.Connection, backend: ScriptedBackend
) -> None:
    from dev.oracle_standin.values import Column, OracleType

    texts = ["ก" * 50_000, None, "x" * 252, "x" * 40_000]
    backend.answers["select story"] = lambda _: query_result(
        [Column("STORY", OracleType.LONG), text_column("T")], [(text, "t") for text in texts]
    )
    with connection.cursor() as cursor:
        cursor.execute("select story")
        assert cursor.fetchall() == [(text, "t") for text in texts]
