"""Every hard case of real billing data is in the default set, and the truth about it agrees with the tables."""

from __future__ import annotations

import pytest

from dev.billing_data.events import IN_TIME, STANDING
from dev.billing_data.rows import HUGE_AVERAGE_UNSCALED, HUGE_REGISTER
from tests.unit.billing_data.billing import Billing

OTHER_KINDS = (
    "moved_away",
    "moved_in",
    "foreign_code",
    "tie_at_last_place",
    "null_address",
    "meter_number_not_digits",
    "meter_number_leading_zeros",
)
HIDING_KINDS = ("no_bill", "closed_account", "cancelled_only", "deleted_only", "no_reading", "moved_away")
STARTING_KINDS = ("new_account", "moved_in")


@pytest.mark.parametrize("kind", [*(kind.name for kind in (*IN_TIME, *STANDING)), *OTHER_KINDS])
def test_the_case_is_in_several_branches_and_in_several_cohorts(default_billing: Billing, kind: str) -> None:
    branches, in_cohorts = default_billing.rows(f"""
        SELECT count(DISTINCT e.branch_code), count(DISTINCT c.branch_code)
        FROM truth.event e LEFT JOIN truth.expected_cohort c USING (branch_code, cust_code)
        WHERE e.kind = '{kind}'""")[0]
    assert branches >= 5
    assert in_cohorts >= 5


def test_two_live_meters_are_at_the_customers_that_the_truth_names(default_billing: Billing) -> None:
    found = default_billing.distinct(
        "SELECT branch, CUST_CODE FROM meter WHERE IS_DELETED = 'F' GROUP BY ALL HAVING count(*) > 1"
    )
    assert found == default_billing.event_customers("two_live_meters")


def test_two_live_readings_are_in_the_months_that_the_truth_names(default_billing: Billing) -> None:
    found = default_billing.distinct(
        "SELECT branch, CUST_CODE, ym FROM reading WHERE IS_DELETE = 'F' GROUP BY ALL HAVING count(*) > 1"
    )
    assert found == default_billing.event_months("two_readings", "reissued_and_two_readings")


def test_bills_are_issued_again_in_the_months_that_the_truth_names(default_billing: Billing) -> None:
    found = default_billing.distinct(
        "SELECT branch, CUST_CODE, ym FROM bill WHERE CANCELFLAG IS NULL AND IS_DELETED = 'F' "
        "GROUP BY ALL HAVING count(*) > 1"
    )
    assert found == default_billing.event_months("reissued_bill", "reissued_and_two_readings")


def test_one_customer_can_come_in_four_and_more_rows(default_billing: Billing) -> None:
    assert default_billing.one("SELECT max(duplicates) FROM truth.expected_meter") >= 3


def test_cancelled_and_deleted_bills_are_in_the_months_that_the_truth_names(default_billing: Billing) -> None:
    cancelled = default_billing.distinct("SELECT branch, CUST_CODE, ym FROM bill WHERE CANCELFLAG IS NOT NULL")
    deleted = default_billing.distinct("SELECT branch, CUST_CODE, ym FROM bill WHERE IS_DELETED = 'T'")
    assert cancelled == default_billing.event_months("cancelled_beside_live", "cancelled_only")
    assert deleted == default_billing.event_months("deleted_beside_live", "deleted_only")


def test_a_void_bill_beside_a_live_one_shows_more_usage_than_it(default_billing: Billing) -> None:
    lower, all_pairs = default_billing.rows("""
        SELECT count(*) FILTER (void.PRESENT_WATER_USG <= live.PRESENT_WATER_USG), count(*)
        FROM bill void JOIN bill live USING (CUST_ID, ym)
        WHERE (void.CANCELFLAG IS NOT NULL OR void.IS_DELETED = 'T')
            AND live.CANCELFLAG IS NULL AND live.IS_DELETED = 'F'""")[0]
    assert lower == 0
    assert all_pairs > 300


def test_zero_null_and_negative_usage_are_in_the_months_that_the_truth_names(default_billing: Billing) -> None:
    def months(condition: str) -> set[tuple[str, str, str]]:
        return default_billing.distinct(
            f"SELECT branch_code, cust_code, year_month FROM truth.expected_meter WHERE {condition}"
        )

    assert months("present_water_usg = 0") == default_billing.event_months(
        "stopped_meter", "stopped_for_good", "zero_month", "vacant"
    )
    assert months("present_water_usg IS NULL") == default_billing.event_months("null_usage")
    assert months("present_water_usg < 0") == default_billing.event_months("negative_correction")


def test_rows_are_missing_in_the_months_that_the_truth_names_and_in_no_other(default_billing: Billing) -> None:
    missing = default_billing.distinct("""
        SELECT c.branch, c.CUST_CODE, m.ym FROM customer c CROSS JOIN months m
        ANTI JOIN truth.expected_meter e
            ON e.branch_code = c.branch AND e.cust_code = c.CUST_CODE AND e.year_month = m.ym""")
    before_start = default_billing.distinct(f"""
        SELECT e.branch_code, e.cust_code, m.ym FROM truth.event e JOIN months m ON m.ym < e.from_ym
        WHERE e.kind IN {STARTING_KINDS}""")
    assert missing == default_billing.event_months(*HIDING_KINDS) | before_start
    assert len(missing) > 2_000


def test_a_swapped_meter_has_another_number_from_its_month_on(default_billing: Billing) -> None:
    rows = default_billing.rows("""
        SELECT e.branch_code, e.cust_code,
            count(DISTINCT r.METER_NO) FILTER (r.ym < e.from_ym), count(DISTINCT r.METER_NO) FILTER (r.ym >= e.from_ym),
            count(DISTINCT r.METER_NO)
        FROM truth.event e JOIN reading r ON r.branch = e.branch_code AND r.CUST_CODE = e.cust_code
        WHERE e.kind = 'meter_swap'
            AND (e.branch_code, e.cust_code) NOT IN
                (SELECT branch_code, cust_code FROM truth.event WHERE kind = 'no_meter_number')
        GROUP BY ALL""")
    assert len(rows) > 200
    assert {tuple(counts) for _, _, *counts in rows} == {(1, 1, 2)}


def test_a_register_goes_back_only_where_it_rolls_over_or_the_truth_says_why(default_billing: Billing) -> None:
    default_billing.connection.execute("""
        CREATE OR REPLACE TEMP TABLE drop_back AS
        SELECT branch_code, cust_code, year_month FROM (
            SELECT *, lag(present_meter_count) OVER (PARTITION BY branch_code, cust_code ORDER BY year_month) AS before
            FROM truth.expected_meter)
        WHERE present_meter_count < before""")
    explained = default_billing.event_customers(
        "meter_swap", "negative_correction", "reissued_bill", "reissued_and_two_readings", "huge_register"
    )
    found = default_billing.distinct("FROM drop_back")
    rolled_over = default_billing.distinct(
        "SELECT branch_code, cust_code, from_ym FROM truth.event WHERE kind = 'register_rollover'"
    )
    unexplained = {row for row in found if row not in rolled_over and row[:2] not in explained}
    # A register that rolled over in a month without a bill shows it in the next one.
    hidden = default_billing.event_customers(*HIDING_KINDS, "null_usage", *STARTING_KINDS)
    assert {row for row in unexplained if row[:2] not in hidden} == set()
    assert len(found & rolled_over) > 150


def test_usage_drops_suddenly_and_declines_slowly_where_the_truth_says(default_billing: Billing) -> None:
    # Compared with the same months a year before, so that the seasons cancel out.
    ratio = """
        SELECT median(now.present_water_usg / past.present_water_usg)
        FROM truth.event e
        JOIN truth.expected_meter now ON now.branch_code = e.branch_code AND now.cust_code = e.cust_code
            AND now.year_month BETWEEN greatest(e.from_ym, '202608') AND e.to_ym
        JOIN truth.expected_meter past ON past.branch_code = e.branch_code AND past.cust_code = e.cust_code
            AND CAST(past.year_month AS INTEGER) = CAST(now.year_month AS INTEGER) - 100 AND past.year_month < e.from_ym
        WHERE e.kind = '{kind}' AND past.present_water_usg > 20"""
    assert 0.03 < default_billing.one(ratio.format(kind="sudden_drop")) < 0.2
    assert 0.3 < default_billing.one(ratio.format(kind="slow_decline")) < 0.7
    assert (
        0.9
        < default_billing.one(ratio.format(kind="missing_brand").replace("AND past.year_month < e.from_ym", ""))
        < 1.1
    )


def test_who_moves_keeps_the_code_and_is_billed_by_one_branch_after_the_other(default_billing: Billing) -> None:
    rows = default_billing.rows("""
        SELECT gone.cust_code, gone.from_ym, come.from_ym,
            gone.detail = come.branch_code, come.detail = gone.branch_code,
            gone.from_ym >
                (SELECT max(ym) FROM bill b WHERE b.branch = gone.branch_code AND b.CUST_CODE = gone.cust_code),
            come.from_ym =
                (SELECT min(ym) FROM bill b WHERE b.branch = come.branch_code AND b.CUST_CODE = come.cust_code)
        FROM truth.event gone JOIN truth.event come USING (cust_code)
        WHERE gone.kind = 'moved_away' AND come.kind = 'moved_in'""")
    assert len(rows) == 44
    assert all(left == came and all(checks) for _, left, came, *checks in rows)


def test_some_customers_have_the_digits_of_another_branch_in_front(default_billing: Billing) -> None:
    found = default_billing.distinct("SELECT branch, CUST_CODE FROM customer WHERE left(CUST_CODE, 4) <> branch")
    assert found == default_billing.event_customers("foreign_code", "moved_in")


def test_every_other_branch_has_a_tie_at_rank_200_of_every_october(default_billing: Billing) -> None:
    tied = default_billing.distinct("""
        SELECT c.branch_code, c.fiscal_year
        FROM truth.expected_cohort c
        JOIN truth.expected_meter e ON e.branch_code = c.branch_code AND e.debt_ym = c.debt_ym
            AND e.present_water_usg = c.present_water_usg
        ANTI JOIN truth.expected_cohort m ON m.branch_code = e.branch_code AND m.debt_ym = e.debt_ym
            AND m.cust_code = e.cust_code
        WHERE c.usage_rank = 200""")
    even_branches = default_billing.distinct("""
        SELECT branch_code, fiscal_year FROM truth.expected_cohort
        WHERE CAST(branch_code AS INTEGER) % 2 = 0 AND branch_code <> '1064'""")
    assert len(even_branches) == 27
    assert even_branches <= tied


def test_one_branch_has_fewer_than_200_customers_and_one_fewer_that_use_water(default_billing: Billing) -> None:
    customers = dict(default_billing.rows("SELECT branch, count(*) FROM customer GROUP BY ALL"))
    thin = default_billing.distinct("""
        SELECT branch_code FROM truth.expected_cohort GROUP BY branch_code, fiscal_year HAVING count(*) < 200""")
    assert customers["1064"] < 200 < customers["1245"]
    assert thin == {("1064",), ("1245",)}


@pytest.mark.parametrize(
    ("column", "kinds"),
    [
        ("use_type", ("missing_use_type",)),
        ("meter_brand", ("missing_brand", "no_live_meter", "no_customer_record")),
        ("meter_state", ("missing_state", "no_live_meter", "no_customer_record")),
        ("cust_name", ("null_name",)),
    ],
)
def test_a_name_is_missing_only_at_the_customers_that_the_truth_names(
    default_billing: Billing, column: str, kinds: tuple[str, ...]
) -> None:
    found = default_billing.distinct(f"SELECT branch_code, cust_code FROM truth.expected_meter WHERE {column} IS NULL")
    seen = default_billing.distinct("SELECT branch_code, cust_code FROM truth.expected_meter")
    assert found == default_billing.event_customers(*kinds) & seen
    assert len(found) > 30


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("route_code", "missing_route"),
        ("org_name", "missing_line"),
        ("org_name", "missing_unit"),
        ("meter_size", "missing_size"),
        ("meter_no", "no_meter_number"),
        ("address", "null_address"),
    ],
)
def test_what_the_truth_calls_missing_is_null_in_the_rows(default_billing: Billing, column: str, kind: str) -> None:
    nulls, rows = default_billing.rows(f"""
        SELECT count(*) FILTER (m.{column} IS NULL), count(*)
        FROM truth.event e JOIN truth.expected_meter m USING (branch_code, cust_code)
        WHERE e.kind = '{kind}' AND m.duplicates = 0""")[0]
    assert nulls == rows > 1_000


def test_a_missing_lookup_is_a_null_here_and_an_id_without_a_row_there(default_billing: Billing) -> None:
    for table, column, lookup in (
        ("bill", "CUST_TYPE_ID", "TB_LT_USETYPE"),
        ("reading", "METER_ROUTE_ID", "TB_MS_METER_ROUTE"),
        ("reading", "METER_SIZE_ID", "TB_LT_METERSIZE"),
        ("meter", "MTR_BRAND_ID", "TB_LT_METERBRAND"),
        ("meter", "MRT_STATE_ID", "TB_LT_METERSTATE"),
    ):
        nulls, dangling = default_billing.rows(f"""
            SELECT count(*) FILTER (t.{column} IS NULL), count(*) FILTER (t.{column} IS NOT NULL AND l.ID IS NULL)
            FROM {table} t LEFT JOIN "PWACIS"."{lookup}" l ON l.ID = t.{column}""")[0]
        assert nulls > 10, column
        assert dangling > 10, column


def test_meter_numbers_have_letters_leading_zeros_and_hyphens(default_billing: Billing) -> None:
    found = default_billing.rows("""
        SELECT avg(CAST(regexp_matches(meter_no, '[A-Z]') AS INTEGER)),
            avg(CAST(starts_with(meter_no, '0') AS INTEGER)),
            avg(CAST(contains(meter_no, '-') AS INTEGER))
        FROM truth.expected_meter WHERE meter_no IS NOT NULL""")[0]
    assert all(0.05 < share < 0.4 for share in found)


def test_numbers_reach_38_digits_and_some_have_decimals(default_billing: Billing) -> None:
    register, average, with_decimals, cancelled = default_billing.rows("""
        SELECT max(present_meter_count), max(average), avg(CAST(present_water_usg % 1 <> 0 AS INTEGER)),
            (SELECT max(PRESENT_WATER_USG) FROM bill WHERE CANCELFLAG IS NOT NULL)
        FROM truth.expected_meter""")[0]
    assert HUGE_REGISTER - 400 < register <= HUGE_REGISTER
    assert len(str(int(register))) == 28
    digits = average.as_tuple().digits
    assert len(digits) == 38
    assert int("".join(map(str, digits))) - HUGE_AVERAGE_UNSCALED in range(400)
    assert 0.02 < with_decimals < 0.1
    assert len(str(int(cancelled))) == 28


def test_a_few_names_end_in_blanks_and_no_text_is_empty(default_billing: Billing) -> None:
    padded = default_billing.distinct(
        "SELECT branch_code, cust_code FROM truth.expected_meter WHERE cust_name LIKE '% '"
    )
    assert padded == default_billing.event_customers("blank_padded_name")
    assert default_billing.one("SELECT count(*) FROM bill WHERE CUST_NAME = '' OR CUST_ADDRESS = ''") == 0


def test_usage_is_heavy_tailed_and_schools_rest_in_the_holidays(default_billing: Billing) -> None:
    top, total = default_billing.rows("""
        SELECT sum(present_water_usg) FILTER (place <= 0.1), sum(present_water_usg) FROM (
            SELECT present_water_usg, percent_rank() OVER (ORDER BY present_water_usg DESC) AS place
            FROM truth.expected_meter WHERE year_month = '202606' AND present_water_usg > 0)""")[0]
    assert top / total > 0.5
    months = dict(
        default_billing.rows("""
        SELECT right(year_month, 2), avg(least(present_water_usg, 5000)) FROM truth.expected_meter
        WHERE use_type = '25' AND present_water_usg > 0 GROUP BY ALL""")
    )
    assert months["04"] < 0.5 * months["06"]
    households = dict(
        default_billing.rows("""
        SELECT right(year_month, 2), avg(least(present_water_usg, 500)) FROM truth.expected_meter
        WHERE use_type = '11' AND present_water_usg > 0 GROUP BY ALL""")
    )
    assert households["04"] > 1.15 * households["12"]


def test_larger_meters_are_where_more_water_goes(default_billing: Billing) -> None:
    medians = [
        median
        for _, median in default_billing.rows("""
        SELECT s.ID, median(e.present_water_usg) FROM truth.expected_meter e
        JOIN "PWACIS"."TB_LT_METERSIZE" s ON s.SIZENAME = e.meter_size
        WHERE e.year_month = '202509' GROUP BY ALL ORDER BY 1""")
    ]
    assert len(medians) == 9
    assert medians == sorted(medians)


def test_every_key_is_unique_and_every_join_within_the_customer_is_by_branch(default_billing: Billing) -> None:
    for table in ("TB_TR_DEBT_TRN", "TB_TR_DEBT_TEMP", "TB_TR_CUST_METER", "TB_TR_CUSTOMER_INF", "TB_MS_METER_ROUTE"):
        rows, keys = default_billing.rows(f'SELECT count(*), count(DISTINCT ID) FROM "PWACIS"."{table}"')[0]
        assert rows == keys > 300
    assert default_billing.one("SELECT max(n) FROM (SELECT count(*) AS n FROM customer GROUP BY CUST_ID)") == 1


def test_rows_lie_by_branch_month_and_customer(default_billing: Billing) -> None:
    for source, key in (("bill", "branch, ym, CUST_ID"), ("reading", "branch, ym, CUST_ID")):
        assert (
            default_billing.one(f"""
            SELECT count(*) FROM (SELECT ID, row_number() OVER (ORDER BY {key}, ID) AS place,
                row_number() OVER (ORDER BY ID) AS by_id FROM {source}) WHERE place <> by_id""")
            == 0
        )
