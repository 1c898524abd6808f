"""The eleven PWACIS tables: their columns as Oracle declares them, their keys, and the DDL for a real Oracle."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from dev.oracle_standin.catalogue import Catalogue, Table
from dev.oracle_standin.values import Column, OracleType

OWNER: Final = "PWACIS"


def _number(name: str, precision: int = 0, scale: int = -127, *, is_nullable: bool = True) -> Column:
    return Column(name, OracleType.NUMBER, precision=precision, scale=scale, is_nullable=is_nullable)


def _text(name: str, size: int) -> Column:
    return Column(name, OracleType.VARCHAR2, size=size)


def _flag(name: str) -> Column:
    return Column(name, OracleType.CHAR, size=1)


def _date(name: str) -> Column:
    return Column(name, OracleType.DATE)


def _table(name: str, *columns: Column) -> Table:
    # Every table's key is its ID; plain NUMBER, as the billing system declares its keys.
    return Table(OWNER, name, (_number("ID", is_nullable=False), *columns))


DEBT_TRN: Final = _table(
    "TB_TR_DEBT_TRN",
    _number("CUST_ID"),
    _text("CUST_CODE", 11),
    _number("ORG_OWNER_ID"),
    _text("DEBT_YM", 6),
    _number("CUST_TYPE_ID"),
    _text("CUST_NAME", 200),
    _text("CUST_ADDRESS", 300),
    _number("PRESENT_METER_COUNT"),
    _number("PRESENT_WATER_USG"),
    _text("CANCELFLAG", 1),
    _flag("IS_DELETED"),
    _date("BILL_DATE"),
)
"""A bill of a month; live when CANCELFLAG is null and IS_DELETED is 'F'."""

DEBT_TEMP: Final = _table(
    "TB_TR_DEBT_TEMP",
    _number("CUST_ID"),
    _text("DEBT_YM", 6),
    _text("METER_NO", 30),
    _number("METER_ROUTE_ID"),
    _number("METER_SIZE_ID"),
    _flag("IS_DELETE"),
    _date("READ_DATE"),
)
"""The reading behind a bill; its flag is IS_DELETE, without the D."""

CUSTOMER_INF: Final = _table(
    "TB_TR_CUSTOMER_INF", _text("CUST_CODE", 11), Column("REGISTERED_AT", OracleType.TIMESTAMP, scale=6)
)
"""A customer."""

CUST_METER: Final = _table(
    "TB_TR_CUST_METER",
    _number("CUST_ID"),
    _text("METER_NO", 30),
    _number("AVERAGE"),
    _number("MTR_BRAND_ID"),
    _number("MRT_STATE_ID"),
    _flag("IS_DELETED"),
    _date("INSTALL_DATE"),
)
"""A meter at a customer: several over time, and now and then several live ones."""

METER_ROUTE: Final = _table("TB_MS_METER_ROUTE", _text("METER_ROUTE_CODE", 6), _number("METER_LINE_ID"))
METER_LINE: Final = _table("TB_MS_METER_LINE", _number("ORG_CC_ID"))
ORGANIZATION: Final = _table("TB_LT_ORGANIZATION", _text("ORG_NAME", 100))
METERSIZE: Final = _table("TB_LT_METERSIZE", _text("SIZENAME", 20), _number("SIZE_INCH", 5, 3))
METERBRAND: Final = _table("TB_LT_METERBRAND", _text("BRANDNAME", 100))
METERSTATE: Final = _table("TB_LT_METERSTATE", _text("STATENAME", 100))
USETYPE: Final = _table("TB_LT_USETYPE", _text("USETYPE", 2), _text("USENAME", 200))

TABLES: Final = (
    DEBT_TRN,
    DEBT_TEMP,
    CUSTOMER_INF,
    CUST_METER,
    METER_ROUTE,
    METER_LINE,
    ORGANIZATION,
    METERSIZE,
    METERBRAND,
    METERSTATE,
    USETYPE,
)

CATALOGUE: Final[Catalogue] = MappingProxyType({(table.owner, table.name): table for table in TABLES})
"""The eleven tables by (owner, name), as the stand-in's backend takes them."""

INDEXES: Final = (
    ("IX_DEBT_TRN_BRANCH_MONTH", DEBT_TRN, ("ORG_OWNER_ID", "DEBT_YM", "CUST_CODE")),
    ("IX_DEBT_TEMP_CUST_MONTH", DEBT_TEMP, ("CUST_ID", "DEBT_YM")),
    ("IX_CUST_METER_CUST", CUST_METER, ("CUST_ID",)),
)
"""What a real Oracle needs to answer a branch-month by index: name, table, columns."""


def oracle_type(column: Column) -> str:
    """Return the column's type as Oracle's DDL writes it, sizes in characters."""
    match column.type:
        case OracleType.NUMBER:
            return f"NUMBER({column.precision},{column.scale})" if column.precision else "NUMBER"
        case OracleType.VARCHAR2:
            return f"VARCHAR2({column.size} CHAR)"
        case OracleType.CHAR:
            return f"CHAR({column.size} CHAR)"
        case OracleType.DATE:
            return "DATE"
        case OracleType.TIMESTAMP:
            return f"TIMESTAMP({column.scale})"
        case _:
            raise ValueError(f"no table has a column of type {column.type.name}")


def create_table(table: Table) -> str:
    """Return the CREATE TABLE statement of a real Oracle, without the semicolon."""
    lines = [
        f"  {column.name} {oracle_type(column)}{'' if column.is_nullable else ' NOT NULL'}" for column in table.columns
    ]
    key = f"  CONSTRAINT PK_{table.name.removeprefix('TB_')} PRIMARY KEY (ID)"
    return f"CREATE TABLE {table.owner}.{table.name} (\n" + ",\n".join([*lines, key]) + "\n)"


def create_index(name: str, table: Table, columns: tuple[str, ...]) -> str:
    """Return the CREATE INDEX statement of a real Oracle, without the semicolon."""
    return f"CREATE INDEX {table.owner}.{name} ON {table.owner}.{table.name} ({', '.join(columns)})"
