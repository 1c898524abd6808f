"""The eleven tables as Oracle declares them."""

from __future__ import annotations

import duckdb

from dev.billing_data.generate import create_tables
from dev.billing_data.schema import CATALOGUE, DEBT_TRN, INDEXES, METERSIZE, TABLES, create_index, create_table
from dev.oracle_standin.values import OracleType

# What the job's joins and filters use, by table.
NEEDED = {
    "TB_TR_DEBT_TRN": "CUST_ID CUST_CODE ORG_OWNER_ID DEBT_YM CUST_TYPE_ID CUST_NAME CUST_ADDRESS PRESENT_METER_COUNT "
    "PRESENT_WATER_USG CANCELFLAG IS_DELETED",
    "TB_TR_DEBT_TEMP": "CUST_ID DEBT_YM METER_NO METER_ROUTE_ID METER_SIZE_ID IS_DELETE",
    "TB_TR_CUSTOMER_INF": "ID",
    "TB_TR_CUST_METER": "CUST_ID AVERAGE MTR_BRAND_ID MRT_STATE_ID IS_DELETED",
    "TB_MS_METER_ROUTE": "ID METER_ROUTE_CODE METER_LINE_ID",
    "TB_MS_METER_LINE": "ID ORG_CC_ID",
    "TB_LT_ORGANIZATION": "ID ORG_NAME",
    "TB_LT_METERSIZE": "ID SIZENAME",
    "TB_LT_METERBRAND": "ID BRANDNAME",
    "TB_LT_METERSTATE": "ID STATENAME",
    "TB_LT_USETYPE": "ID USETYPE USENAME",
}


def test_the_catalogue_has_the_eleven_tables_with_every_column_that_the_job_reads() -> None:
    assert set(CATALOGUE) == {("PWACIS", name) for name in NEEDED}
    for (_, name), table in CATALOGUE.items():
        assert set(NEEDED[name].split()) <= {column.name for column in table.columns}, name


def test_the_columns_have_the_types_that_the_billing_system_declares() -> None:
    types = {column.name: column for column in DEBT_TRN.columns}
    assert (types["ORG_OWNER_ID"].type, types["ORG_OWNER_ID"].precision) == (OracleType.NUMBER, 0)
    assert (types["DEBT_YM"].type, types["DEBT_YM"].size) == (OracleType.VARCHAR2, 6)
    assert (types["IS_DELETED"].type, types["IS_DELETED"].size) == (OracleType.CHAR, 1)


def test_the_ddl_of_a_real_oracle_declares_sizes_in_characters_and_a_key() -> None:
    bills = create_table(DEBT_TRN)
    assert bills.startswith("CREATE TABLE PWACIS.TB_TR_DEBT_TRN (\n  ID NUMBER NOT NULL,\n")
    assert "  CUST_CODE VARCHAR2(11 CHAR),\n" in bills
    assert bills.endswith("  CONSTRAINT PK_TR_DEBT_TRN PRIMARY KEY (ID)\n)")
    assert "SIZE_INCH NUMBER(5,3)" in create_table(METERSIZE)
    assert create_index(*INDEXES[0]) == (
        "CREATE INDEX PWACIS.IX_DEBT_TRN_BRANCH_MONTH ON PWACIS.TB_TR_DEBT_TRN (ORG_OWNER_ID, DEBT_YM, CUST_CODE)"
    )


def test_every_indexed_column_exists_and_no_name_is_longer_than_an_old_oracle_takes() -> None:
    for name, table, columns in INDEXES:
        assert set(columns) <= {column.name for column in table.columns}
        assert len(name) <= 30
    assert all(len(column.name) <= 30 for table in TABLES for column in table.columns)


def test_duckdb_gets_the_same_columns_in_the_same_order() -> None:
    with duckdb.connect() as connection:
        create_tables(connection)
        for table in TABLES:
            described = connection.execute(f'SELECT * FROM "PWACIS"."{table.name}"').description
            assert [column[0] for column in described or ()] == [column.name for column in table.columns]
