"""The columns of a template: which labels they go by, and which Oracle types they may have."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import oracledb

from include.bigmeter.errors import ConfigError

CUST_CODE = "cust_code"
USAGE = "present_water_usg"
DEBT_YM = "debt_ym"

# Each column with the labels of the users' own query files. The branch code is known but not read: a customer belongs
# to the branch whose cohort holds it.
THAI_LABELS: Mapping[str, tuple[str, ...]] = {
    "branch_code": ("BA",),
    "org_name": ("แม่ข่าย/หน่วยบริการ",),
    "cust_code": ("เลขที่ผู้ใช้น้ำ",),
    "use_type": ("ประเภท",),
    "use_name": ("รายละเอียด",),
    "cust_name": ("ชื่อผู้ใช้น้ำ",),
    "address": ("ที่อยู่",),
    "route_code": ("เส้นทาง",),
    "meter_no": ("หมายเลขมาตร",),
    "meter_size": ("ขนาดมาตร",),
    "meter_brand": ("ยี่ห้อมาตร", "ยี่ห้อ"),
    "meter_state": ("สถานะมาตร",),
    "average": ("หน่วยน้ำเฉลี่ย",),
    "present_meter_count": ("เลขมาตรที่อ่านได้",),
    "present_water_usg": ("หน่วยน้ำปัจจุบัน",),
    "debt_ym": ("เดือนหนี้",),
}
NUMBER_COLUMNS = frozenset({"average", "present_meter_count", "present_water_usg"})
TEXT_COLUMNS = frozenset(THAI_LABELS) - NUMBER_COLUMNS - {"branch_code"}

# Codes and months, whose trailing blanks are padding and no part of the value; all other text stays as Oracle has it.
TRIMMED_COLUMNS = frozenset({"cust_code", "use_type", "route_code", "debt_ym"})

_TEXT_TYPES = (
    oracledb.DB_TYPE_VARCHAR,
    oracledb.DB_TYPE_NVARCHAR,
    oracledb.DB_TYPE_CHAR,
    oracledb.DB_TYPE_NCHAR,
    oracledb.DB_TYPE_LONG,
)
_NUMBER_TYPES = (oracledb.DB_TYPE_NUMBER, oracledb.DB_TYPE_BINARY_DOUBLE, oracledb.DB_TYPE_BINARY_FLOAT)


class ColumnInfo(Protocol):
    """What the driver says about a column of a result: ``oracledb.FetchInfo`` and anything that looks like it."""

    @property
    def name(self) -> str:
        """The label."""
        ...

    @property
    def type_code(self) -> oracledb.DbType:
        """The Oracle type."""
        ...


def _key(label: str) -> str:
    # One Thai vowel can be written as one code point or as two, and a label can be spaced: neither makes another label.
    return "".join(unicodedata.normalize("NFKC", label).split()).casefold()


_NAMES = {
    **{_key(name): name for name in THAI_LABELS},
    **{_key(label): name for name, labels in THAI_LABELS.items() for label in labels},
}


def column_name(label: str | None) -> str | None:
    """Return our name for a column with this label, English in any case or Thai; None for any other column."""
    return None if label is None else _NAMES.get(_key(label))


def check_labels(labels: Iterable[str | None], needed: Iterable[str]) -> None:
    """Check that each needed column is there, and no column that is read is there twice.

    :raises ConfigError: naming the column by our name and by its Thai label.
    """
    names = [column_name(label) for label in labels]
    for name in needed:
        if name not in names:
            raise ConfigError(f"the column {name} ({_written(name)}) is missing from the SELECT list")
    for name in THAI_LABELS:
        if name != "branch_code" and names.count(name) > 1:
            raise ConfigError(f"the column {name} ({_written(name)}) is selected {names.count(name)} times")


def locate_columns(description: Sequence[ColumnInfo], needed: Iterable[str]) -> dict[str, int]:
    """Return the place of each column that is read in the rows of a result.

    :raises ConfigError: if a needed column is missing, one is there twice, or has a type that could not keep its
        values: a code as a number loses its leading zeros.
    """
    check_labels([column.name for column in description], needed)
    places: dict[str, int] = {}
    for place, column in enumerate(description):
        name = column_name(column.name)
        if name is None or name == "branch_code":
            continue
        # NULL and '' as a column are described as text, so text is allowed where numbers are expected.
        allowed = (*_NUMBER_TYPES, *_TEXT_TYPES) if name in NUMBER_COLUMNS else _TEXT_TYPES
        if column.type_code not in allowed:
            kind = "a number" if name in NUMBER_COLUMNS else "text"
            raise ConfigError(
                f"the column {name} ({_written(name)}) is {column.type_code.name.removeprefix('DB_TYPE_')}; "
                f"it has to be {kind}"
            )
        places[name] = place
    return places


def is_number(column: ColumnInfo) -> bool:
    """Say whether a column is of a number type, so that Oracle orders it by value."""
    return column.type_code in _NUMBER_TYPES


def _written(name: str) -> str:
    return " or ".join(THAI_LABELS[name])
