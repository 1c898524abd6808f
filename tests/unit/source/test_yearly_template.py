"""The yearly template: its row limits go out, and its order or its usage is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.bigmeter.errors import ConfigError
from include.bigmeter.source.template import YearlyTemplate, load_yearly_template, parse_yearly_template

WHERE = "WHERE trn.ORG_OWNER_ID = :ORG_OWNER_ID AND trn.DEBT_YM = :DEBT_YM"
USAGE = "trn.PRESENT_WATER_USG"


def parsed(text: str) -> YearlyTemplate:
    return parse_yearly_template(text, "minimal.sql")


def rewritten(text: str) -> str:
    return " ".join(parsed(text).statement.split())


def refused(text: str) -> str:
    with pytest.raises(ConfigError, match=r"^minimal\.sql: ") as caught:
        parsed(text)
    return str(caught.value)


@pytest.mark.parametrize(
    "limit", ["FETCH FIRST 200 ROWS ONLY", "fetch next 1 row only", "FETCH FIRST /* top */ 200\nROWS ONLY;\n/"]
)
def test_the_outer_limit_is_dropped(limit: str) -> None:
    text = rewritten(f"SELECT trn.CUST_CODE, {USAGE} FROM t trn {WHERE} ORDER BY {USAGE} DESC {limit}")
    assert text.removesuffix(" /* top */") == (
        f"SELECT trn.CUST_CODE, {USAGE} FROM t trn {WHERE} ORDER BY {USAGE} DESC"
    )


def test_the_limit_of_a_query_that_feeds_the_outer_one_is_dropped_as_well() -> None:
    text = rewritten(
        f"WITH top AS (SELECT trn.CUST_ID, trn.CUST_CODE, {USAGE} FROM t trn {WHERE} "
        f"ORDER BY {USAGE} DESC FETCH FIRST 200 ROWS ONLY) SELECT top.* FROM top JOIN u ON u.ID = top.CUST_ID"
    )
    assert "FETCH" not in text


def test_the_pick_of_one_row_stays() -> None:
    pick = "(SELECT RATE FROM r ORDER BY d DESC FETCH FIRST 1 ROW ONLY) r"
    text = rewritten(f"SELECT trn.CUST_CODE, {USAGE} FROM t trn CROSS JOIN {pick} {WHERE} FETCH FIRST 200 ROWS ONLY")
    assert text.endswith(f"CROSS JOIN {pick} {WHERE}")


@pytest.mark.parametrize(
    ("limit", "what"),
    [
        ("OFFSET 1 ROW", "OFFSET"),
        ("FETCH FIRST 9 ROWS WITH TIES", "TIES"),
        ("FETCH FIRST 9 PERCENT ROWS ONLY", "PERCENT"),
    ],
)
def test_a_limit_that_cannot_be_dropped_is_refused(limit: str, what: str) -> None:
    block = f"SELECT trn.CUST_CODE, {USAGE} FROM t trn {WHERE} {limit}"
    assert what in refused(block)
    assert what in refused(f"SELECT * FROM ({block})")


def test_rownum_is_refused_in_the_outer_block_and_in_what_feeds_it() -> None:
    block = f"SELECT trn.CUST_CODE, {USAGE} FROM t trn {WHERE}"
    assert "ROWNUM" in refused(f"SELECT * FROM ({block} ORDER BY 2 DESC) WHERE ROWNUM <= 200")
    assert "ROWNUM" in refused(f"SELECT * FROM ({block} AND ROWNUM <= 200)")


@pytest.mark.parametrize(
    ("items", "order"),
    [
        (f"trn.CUST_CODE, {USAGE}", f"{USAGE} DESC"),
        (f"trn.CUST_CODE, {USAGE}", f"{USAGE} DESC NULLS LAST, trn.CUST_CODE"),
        (f"trn.CUST_CODE, {USAGE}", "trn.present_water_usg desc nulls first"),
        (f"trn.CUST_CODE, {USAGE}", "PRESENT_WATER_USG DESC"),
        (f"trn.CUST_CODE, {USAGE}", "2 DESC"),
        ('trn.CUST_CODE, x "หน่วยน้ำปัจจุบัน"', '"หน่วยน้ำปัจจุบัน" DESC'),
        ('trn.CUST_CODE, NVL(x, 0) AS "หน่วยน้ำปัจจุบัน"', "nvl( x,0 ) DESC"),
    ],
)
def test_rows_that_fall_by_the_usage_column_are_known_to_be_ordered(items: str, order: str) -> None:
    template = parsed(f"SELECT {items} FROM t trn {WHERE} ORDER BY {order}")
    assert (template.is_ordered, template.is_ordered_by_usage) == (True, True)
    assert f"ORDER BY {order}" in template.statement


@pytest.mark.parametrize(
    ("items", "order"),
    [
        (f"trn.CUST_CODE, {USAGE}", ""),
        (f"trn.CUST_CODE, {USAGE}", f"ORDER BY {USAGE}"),
        (f"trn.CUST_CODE, {USAGE}", f"ORDER BY {USAGE} ASC"),
        (f"trn.CUST_CODE, {USAGE}", "ORDER BY trn.CUST_CODE DESC, 2 DESC"),
        (f"trn.CUST_CODE, {USAGE}", "ORDER BY 1 DESC"),
        ("trn.CUST_CODE, -x AS PRESENT_WATER_USG", f"ORDER BY {USAGE} DESC"),
        ('trn.CUST_CODE, trn.X AS "หน่วยน้ำปัจจุบัน"', "ORDER BY trn.Y DESC"),
        ("trn.*", f"ORDER BY {USAGE} DESC"),
    ],
)
def test_any_other_order_is_not_relied_upon(items: str, order: str) -> None:
    assert not parsed(f"SELECT {items} FROM t trn {WHERE} {order}").is_ordered_by_usage


@pytest.mark.parametrize(
    ("select", "order", "added"),
    [
        ("SELECT trn.CUST_CODE", f"{USAGE} DESC", USAGE),
        ("SELECT trn.CUST_CODE", f"{USAGE} DESC NULLS FIRST", USAGE),
        ("SELECT trn.CUST_CODE, trn.PRESENT_WATER_USG AS usg", "usg DESC", USAGE),
        ("SELECT trn.CUST_CODE, trn.PRESENT_WATER_USG AS usg", "2 DESC", USAGE),
        ("SELECT trn.CUST_CODE", f"NVL({USAGE}, 0) DESC", f"NVL({USAGE}, 0)"),
        ("SELECT trn.CUST_CODE", f"(SUM({USAGE})) DESC", f"(SUM({USAGE}))"),
    ],
)
def test_the_usage_that_orders_the_rows_is_selected_too(select: str, order: str, added: str) -> None:
    template = parsed(f"{select} FROM t trn {WHERE} ORDER BY {order}, 1")
    assert template.statement == f"{select}, {added} AS PRESENT_WATER_USG FROM t trn {WHERE} ORDER BY {order}, 1"
    assert template.is_ordered_by_usage


def test_usage_that_orders_second_is_selected_too_and_all_rows_are_read() -> None:
    order = f"trn.ORG_OWNER_ID, {USAGE} DESC"
    template = parsed(f"SELECT trn.CUST_CODE FROM t trn {WHERE} ORDER BY {order}")
    assert (
        template.statement == f"SELECT trn.CUST_CODE, {USAGE} AS PRESENT_WATER_USG FROM t trn {WHERE} ORDER BY {order}"
    )
    assert not template.is_ordered_by_usage


@pytest.mark.parametrize(
    "order",
    [
        f"RANK() OVER (ORDER BY {USAGE} DESC NULLS LAST)",
        f"ROW_NUMBER() OVER (ORDER BY {USAGE} DESC)",
        f"CASE WHEN {USAGE} IS NULL THEN 1 ELSE 0 END, {USAGE} DESC",
        f"-{USAGE}",
        f"MIN({USAGE}) DESC",
        f"NVL({USAGE}, trn.OTHER) DESC",
        f"trn.X DESC, 0 - {USAGE}",
    ],
)
def test_an_order_by_something_else_of_the_usage_would_rank_by_that(order: str) -> None:
    """A rank selected as the usage would make the smallest customers the largest."""
    said = refused(f"SELECT trn.CUST_CODE FROM t trn {WHERE} ORDER BY {order}")
    assert "expression of PRESENT_WATER_USG; select that column as present_water_usg too" in said
    template = parsed(f"SELECT trn.CUST_CODE, {USAGE} FROM t trn {WHERE} ORDER BY {order}")
    assert not template.is_ordered_by_usage


def test_a_star_whose_usage_orders_second_has_to_have_it() -> None:
    template = parsed(f"SELECT trn.* FROM t trn {WHERE} ORDER BY trn.X, {USAGE} DESC")
    assert (template.is_ordered, template.is_ordered_by_usage) == (False, False)


def test_usage_is_selected_too_from_rising_rows_which_are_then_all_read() -> None:
    template = parsed(f"SELECT trn.CUST_CODE FROM t trn {WHERE} ORDER BY {USAGE}")
    assert f"{USAGE} AS PRESENT_WATER_USG" in template.statement
    assert not template.is_ordered_by_usage


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("trn.X DESC", "trn.X DESC NULLS LAST"),
        ("trn.X DESC, trn.Y DESC", "trn.X DESC NULLS LAST, trn.Y DESC"),
        ("trn.X DESC NULLS FIRST", "trn.X DESC NULLS FIRST"),
        ("trn.X", "trn.X"),
    ],
)
def test_a_falling_order_that_is_the_rank_has_its_nulls_last(order: str, expected: str) -> None:
    template = parsed(f"SELECT trn.CUST_CODE FROM t trn {WHERE} ORDER BY {order}")
    assert template.statement == f"SELECT trn.CUST_CODE FROM t trn {WHERE} ORDER BY {expected}"
    assert (template.is_ordered, template.is_ordered_by_usage) == (True, False)


def test_a_distinct_list_gets_no_further_column() -> None:
    text = parsed(f"SELECT DISTINCT trn.CUST_CODE, trn.X FROM t trn {WHERE} ORDER BY {USAGE} DESC").statement
    assert "AS PRESENT_WATER_USG" not in text
    assert text.endswith("DESC NULLS LAST")


def test_the_order_of_a_set_operation_counts() -> None:
    block = f"SELECT trn.CUST_CODE, {USAGE} FROM t trn {WHERE}"
    assert parsed(f"{block} UNION ALL {block} ORDER BY 2 DESC FETCH FIRST 200 ROWS ONLY").is_ordered_by_usage


def test_neither_usage_nor_order_is_refused() -> None:
    assert "neither the column present_water_usg" in refused(f"SELECT trn.CUST_CODE FROM t trn {WHERE}")


def test_a_template_without_the_branch_would_read_the_whole_country() -> None:
    assert ":ORG_OWNER_ID is not used" in refused(f"SELECT CUST_CODE, {USAGE} FROM t trn WHERE YM = :DEBT_YM")


def test_a_template_without_customer_codes_is_refused() -> None:
    assert "cust_code (เลขที่ผู้ใช้น้ำ) is missing" in refused(f"SELECT {USAGE} FROM t trn {WHERE}")


def test_a_template_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "my-minimal.sql"
    file.write_text(f"SELECT trn.CUST_CODE, {USAGE} FROM t trn {WHERE};\r\n", newline="")
    template = load_yearly_template(file)
    assert template.name == "my-minimal.sql"
    assert template.statement == f"SELECT trn.CUST_CODE, {USAGE} FROM t trn {WHERE}"
