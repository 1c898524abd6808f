"""Columns by English or Thai label, and their types."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import oracledb
import pytest

from include.bigmeter.errors import ConfigError
from include.bigmeter.source.columns import THAI_LABELS, check_labels, column_name, locate_columns


@dataclass
class Described:
    """A column as the driver describes it."""

    name: str
    type_code: oracledb.DbType = oracledb.DB_TYPE_VARCHAR


CODE = Described("CUST_CODE")
USAGE = Described("PRESENT_WATER_USG", oracledb.DB_TYPE_NUMBER)


@pytest.mark.parametrize(("name", "labels"), THAI_LABELS.items())
def test_a_column_goes_by_its_english_name_in_any_case_and_by_its_thai_label(
    name: str, labels: tuple[str, ...]
) -> None:
    for label in (name, name.upper(), name.title(), *labels):
        assert column_name(label) == name


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_the_ways_to_write_a_thai_vowel_make_one_label(form: str) -> None:
    assert column_name(unicodedata.normalize(form, "เลขที่ผู้ใช้น้ำ")) == "cust_code"  # type: ignore[arg-type]


def test_blanks_in_a_label_do_not_matter() -> None:
    assert column_name(" แม่ข่าย / หน่วยบริการ ") == "org_name"


@pytest.mark.parametrize("label", [None, "", "CUST_ID", "รหัส", "ROWNUM"])
def test_any_other_label_is_no_column_of_ours(label: str | None) -> None:
    assert column_name(label) is None


def test_columns_are_found_by_name_and_others_ignored() -> None:
    described = [
        Described("X"),
        USAGE,
        Described("BA", oracledb.DB_TYPE_NUMBER),
        Described("เลขที่ผู้ใช้น้ำ"),
        Described("X"),
    ]
    assert locate_columns(described, ["cust_code", "present_water_usg"]) == {"present_water_usg": 1, "cust_code": 3}


def test_a_missing_needed_column_is_named_in_both_languages() -> None:
    with pytest.raises(ConfigError, match=r"the column present_water_usg \(หน่วยน้ำปัจจุบัน\) is missing"):
        locate_columns([CODE], ["cust_code", "present_water_usg"])


def test_two_columns_of_one_meaning_are_refused() -> None:
    with pytest.raises(ConfigError, match="the column cust_code .* is selected 2 times"):
        locate_columns([CODE, Described("เลขที่ผู้ใช้น้ำ"), USAGE], ["cust_code"])


def test_the_branch_code_is_not_read_and_may_come_twice() -> None:
    check_labels(["BA", "BRANCH_CODE", "CUST_CODE"], ["cust_code"])


@pytest.mark.parametrize("name", ["cust_code", "use_type", "route_code", "meter_no", "debt_ym", "address"])
@pytest.mark.parametrize("kind", [oracledb.DB_TYPE_NUMBER, oracledb.DB_TYPE_DATE, oracledb.DB_TYPE_CLOB])
def test_a_text_column_of_another_type_is_refused(name: str, kind: oracledb.DbType) -> None:
    with pytest.raises(ConfigError, match=f"the column {name} .* is {kind.name[8:]}; it has to be text"):
        locate_columns([Described(name.upper(), kind)], [])


@pytest.mark.parametrize("kind", [oracledb.DB_TYPE_DATE, oracledb.DB_TYPE_TIMESTAMP, oracledb.DB_TYPE_RAW])
def test_a_number_column_of_another_type_is_refused(kind: oracledb.DbType) -> None:
    with pytest.raises(ConfigError, match="the column average .* it has to be a number"):
        locate_columns([Described("AVERAGE", kind)], [])


@pytest.mark.parametrize(
    "kind", [oracledb.DB_TYPE_NUMBER, oracledb.DB_TYPE_BINARY_DOUBLE, oracledb.DB_TYPE_VARCHAR, oracledb.DB_TYPE_CHAR]
)
def test_a_number_column_may_be_described_as_text_since_null_is(kind: oracledb.DbType) -> None:
    assert locate_columns([Described("AVERAGE", kind)], []) == {"average": 0}
