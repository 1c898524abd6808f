"""The truth that the generator writes down, against the eleven tables joined in SQL of its own."""

from __future__ import annotations

import duckdb
import pytest

from dev.billing_data.generate import generate
from dev.billing_data.options import GeneratorOptions
from tests.unit.billing_data.billing import Billing

EXPECTED_COLUMNS = (
    "branch_code, debt_ym, cust_code, org_name, use_type, use_name, cust_name, address, route_code, meter_no, "
    "meter_size, meter_brand, meter_state, average, present_meter_count, present_water_usg, duplicates"
)
COMPARED = (
    "present_water_usg",
    "meter_no",
    "org_name",
    "use_type",
    "use_name",
    "cust_name",
    "address",
    "route_code",
    "meter_size",
    "meter_brand",
    "meter_state",
    "average",
    "present_meter_count",
)
JOINED = f"""
CREATE TEMP TABLE joined AS
WITH live AS (
    SELECT
        trn.DEBT_YM AS debt_ym, trn.branch AS branch_code, org.ORG_NAME AS org_name, trn.CUST_CODE AS cust_code,
        ut.USETYPE AS use_type, ut.USENAME AS use_name, trn.CUST_NAME AS cust_name, trn.CUST_ADDRESS AS address,
        mr.METER_ROUTE_CODE AS route_code, tmp.METER_NO AS meter_no, ms.SIZENAME AS meter_size,
        mb.BRANDNAME AS meter_brand, mst.STATENAME AS meter_state, cm.AVERAGE AS average,
        trn.PRESENT_METER_COUNT AS present_meter_count, trn.PRESENT_WATER_USG AS present_water_usg
    FROM bill trn
    JOIN "PWACIS"."TB_TR_DEBT_TEMP" tmp
        ON tmp.CUST_ID = trn.CUST_ID AND tmp.DEBT_YM = trn.DEBT_YM AND tmp.IS_DELETE = 'F'
    LEFT JOIN "PWACIS"."TB_TR_CUSTOMER_INF" cf ON cf.ID = trn.CUST_ID
    LEFT JOIN "PWACIS"."TB_TR_CUST_METER" cm ON cm.CUST_ID = cf.ID AND cm.IS_DELETED = 'F'
    LEFT JOIN "PWACIS"."TB_MS_METER_ROUTE" mr ON mr.ID = tmp.METER_ROUTE_ID
    LEFT JOIN "PWACIS"."TB_MS_METER_LINE" ml ON ml.ID = mr.METER_LINE_ID
    LEFT JOIN "PWACIS"."TB_LT_ORGANIZATION" org ON org.ID = ml.ORG_CC_ID
    LEFT JOIN "PWACIS"."TB_LT_METERSIZE" ms ON ms.ID = tmp.METER_SIZE_ID
    LEFT JOIN "PWACIS"."TB_LT_METERBRAND" mb ON mb.ID = cm.MTR_BRAND_ID
    LEFT JOIN "PWACIS"."TB_LT_METERSTATE" mst ON mst.ID = cm.MRT_STATE_ID
    LEFT JOIN "PWACIS"."TB_LT_USETYPE" ut ON ut.ID = trn.CUST_TYPE_ID
    WHERE trn.CANCELFLAG IS NULL AND trn.IS_DELETED = 'F'
)
SELECT
    *,
    count(*) OVER (PARTITION BY branch_code, debt_ym, cust_code) - 1 AS duplicates,
    row_number() OVER (
        PARTITION BY branch_code, debt_ym, cust_code
        ORDER BY {", ".join(f"{column} DESC NULLS LAST" for column in COMPARED)}
    ) AS place
FROM live
"""


@pytest.fixture(scope="module")
def joined_billing(default_billing: Billing) -> Billing:
    default_billing.connection.execute(JOINED)
    return default_billing


def test_the_expected_rows_are_what_the_eleven_tables_give_column_by_column(joined_billing: Billing) -> None:
    found = f"SELECT {EXPECTED_COLUMNS} FROM joined WHERE place = 1"
    expected = f"SELECT {EXPECTED_COLUMNS} FROM truth.expected_meter"

    assert joined_billing.one(f"SELECT count(*) FROM ({found})") > 190_000
    assert joined_billing.rows(f"{found} EXCEPT ALL {expected} LIMIT 3") == []
    assert joined_billing.rows(f"{expected} EXCEPT ALL {found} LIMIT 3") == []


def test_the_expected_cohorts_are_the_largest_distinct_customers_of_each_october(joined_billing: Billing) -> None:
    found = """
        SELECT branch_code, CAST(left(debt_ym, 4) AS INTEGER) - 542 AS fiscal_year,
            row_number() OVER october AS usage_rank, cust_code, debt_ym, present_water_usg
        FROM joined WHERE place = 1 AND debt_ym LIKE '%10' AND present_water_usg > 0
        WINDOW october AS (PARTITION BY branch_code, debt_ym ORDER BY present_water_usg DESC, cust_code)
        QUALIFY usage_rank <= 200"""
    expected = "SELECT * FROM truth.expected_cohort"

    assert joined_billing.one(f"SELECT count(*) FROM ({found})") > 12_000
    assert joined_billing.rows(f"{found} EXCEPT ALL {expected} LIMIT 3") == []
    assert joined_billing.rows(f"{expected} EXCEPT ALL {found} LIMIT 3") == []


def test_a_customer_comes_once_a_month_in_the_truth(default_billing: Billing) -> None:
    assert (
        default_billing.one(
            "SELECT max(rows) FROM (SELECT count(*) AS rows FROM truth.expected_meter "
            "GROUP BY branch_code, debt_ym, cust_code)"
        )
        == 1
    )


def test_every_rule_that_chooses_among_duplicates_decides_somewhere(joined_billing: Billing) -> None:
    # By column: how many customer-months have a second row that differs in it and in none of the columns before it.
    deciding = {}
    for position, column in enumerate(COMPARED):
        equal = " AND ".join(f"a.{name} IS NOT DISTINCT FROM b.{name}" for name in COMPARED[:position]) or "true"
        deciding[column] = joined_billing.one(
            f"SELECT count(*) FROM joined a JOIN joined b USING (branch_code, debt_ym, cust_code) "
            f"WHERE a.place = 1 AND b.place = 2 AND {equal} AND a.{column} IS DISTINCT FROM b.{column}"
        )
    # Use type, its name and the customer's name are the same on all bills of a customer.
    assert {column for column, count in deciding.items() if count} == set(COMPARED) - {
        "use_type",
        "use_name",
        "cust_name",
    }


def test_null_usage_loses_against_any_usage_of_the_same_month(joined_billing: Billing) -> None:
    assert (
        joined_billing.one(
            "SELECT count(*) FROM joined a JOIN joined b USING (branch_code, debt_ym, cust_code) "
            "WHERE a.place = 1 AND b.place > 1 AND a.present_water_usg IS NOT NULL AND b.present_water_usg IS NULL"
        )
        > 20
    )


def test_every_month_of_every_cohort_is_complete_enough_to_be_loaded(default_billing: Billing) -> None:
    # The loader refuses a month with fewer than 0.8 of the cohort; its history goes back three months before October.
    thinnest = default_billing.one("""
        WITH asked AS (
            SELECT c.branch_code, c.fiscal_year, c.cust_code, m.ym
            FROM truth.expected_cohort c
            JOIN months m ON m.ym BETWEEN (c.fiscal_year - 1) || '07' AND c.fiscal_year || '09'
        )
        SELECT min(share) FROM (
            SELECT count(*) FILTER (e.present_water_usg <> 0) / count(*) AS share
            FROM asked a LEFT JOIN truth.expected_meter e
                ON e.branch_code = a.branch_code AND e.cust_code = a.cust_code AND e.year_month = a.ym
            GROUP BY a.branch_code, a.fiscal_year, a.ym
        )""")
    assert 0.88 < thinnest < 0.97


@pytest.mark.parametrize("seed", [2, 3])
def test_the_truth_holds_for_other_seeds_and_few_customers(seed: int) -> None:
    with duckdb.connect() as connection:
        generate(
            connection,
            GeneratorOptions(
                seed=seed, branches=("1060", "1064", "1245"), customers=90, months=14, last_month="202602"
            ),
        )
        connection.execute(
            "CREATE TEMP VIEW bill AS SELECT *, CAST(CAST(ORG_OWNER_ID AS BIGINT) AS VARCHAR) AS branch "
            'FROM "PWACIS"."TB_TR_DEBT_TRN"'
        )
        connection.execute(JOINED)
        found = f"SELECT {EXPECTED_COLUMNS} FROM joined WHERE place = 1"
        expected = f"SELECT {EXPECTED_COLUMNS} FROM truth.expected_meter"
        assert len(connection.execute(found).fetchall()) > 3_000
        assert (
            connection.execute(f"({found} EXCEPT ALL {expected}) UNION ALL ({expected} EXCEPT ALL {found})").fetchall()
            == []
        )
