"""The yearly template: its row limits go out, and its order or its usage is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.bigmeter.errors import ConfigError
from include.bigmeter.source.template import YearlyTemplate, load_yearly_template, parse_yearly_template

WHERE = "WHERE trn.ORG_OWNER_ID = :ORG_OWNER_ID AND trn.DEBT_YM = :DEBT_YM"
USAGE = "trn.PRESENT_WATER_USG"
PRODUCTION_STYLE = Path(__file__).parent / "templates" / "thai-labels-yearly.sql"


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
    assert template.is_ordered_by_usage
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


def test_usage_is_selected_too_from_rising_rows_which_are_then_all_read() -> None:
    template = parsed(f"SELECT trn.CUST_CODE FROM t trn {WHERE} ORDER BY {USAGE}")
    assert f"{USAGE} AS PRESENT_WATER_USG" in template.statement
    assert not template.is_ordered_by_usage


# -- the usage that an order names under another name ------------------------------------------------------------------

BIGGEST = (
    f"SELECT trn.CUST_ID, trn.CUST_CODE, {USAGE} FROM t trn {WHERE} ORDER BY {USAGE} DESC FETCH FIRST 200 ROWS ONLY"
)
NOT_SEEN = "the order is not recognisably by the usage; select the usage as present_water_usg (หน่วยน้ำปัจจุบัน)"
NOBODY_SAYS = "neither the column present_water_usg"


@pytest.mark.parametrize(
    ("text", "added"),
    [
        (f"WITH b (i, c, u) AS ({BIGGEST}) SELECT b.c AS cust_code FROM b JOIN x ON x.i = i ORDER BY b.u DESC", "b.u"),
        (f"WITH b (i, c, u) AS ({BIGGEST}) SELECT c AS cust_code FROM b ORDER BY u DESC NULLS LAST, c", "u"),
        (f"SELECT CUST_CODE FROM (SELECT v.*, 1 AS one FROM ({BIGGEST}) v) ORDER BY PRESENT_WATER_USG DESC", None),
        (f"SELECT CUST_CODE, m FROM (SELECT CUST_CODE, MAX(x) AS m FROM (SELECT CUST_CODE, {USAGE} AS x FROM t trn "
         f"{WHERE}) GROUP BY CUST_CODE) ORDER BY 2 DESC", "m"),
        (f"SELECT CUST_CODE FROM (SELECT CUST_CODE, {USAGE} AS u FROM t trn {WHERE} UNION ALL "
         f"SELECT CUST_CODE, {USAGE} FROM s trn {WHERE}) ORDER BY u DESC", "u"),
        (f'SELECT CUST_CODE FROM (SELECT CUST_CODE, a + b AS "หน่วยน้ำปัจจุบัน" FROM t trn {WHERE}) '
         'ORDER BY "หน่วยน้ำปัจจุบัน" DESC', '"หน่วยน้ำปัจจุบัน"'),
        (f"SELECT DISTINCT trn.CUST_CODE, {USAGE} AS u FROM t trn {WHERE} ORDER BY u DESC", USAGE),
    ],
)  # fmt: skip
def test_the_usage_is_followed_to_where_it_has_its_name(text: str, added: str | None) -> None:
    template = parsed(text)
    assert f", {added or 'PRESENT_WATER_USG'} AS PRESENT_WATER_USG FROM " in template.statement
    assert template.is_ordered_by_usage
    assert "FETCH" not in template.statement


@pytest.mark.parametrize(
    "text",
    [
        f"SELECT trn.CUST_CODE FROM t trn {WHERE} ORDER BY trn.CUST_CODE",
        f"SELECT trn.CUST_CODE FROM t trn {WHERE} ORDER BY trn.X DESC",
        f"SELECT DISTINCT trn.CUST_CODE, trn.X FROM t trn {WHERE} ORDER BY 2 DESC",
        f"SELECT CUST_CODE FROM (SELECT CUST_CODE, trn.X AS u FROM t trn {WHERE}) ORDER BY u DESC",
        f"SELECT CUST_CODE FROM (SELECT CUST_CODE, {USAGE} AS u FROM t trn {WHERE} UNION ALL "
        f"SELECT CUST_CODE, x FROM s trn {WHERE}) ORDER BY u DESC",
        f"SELECT trn.CUST_CODE, {USAGE} AS u FROM t trn {WHERE} UNION ALL SELECT s.C, s.u FROM s ORDER BY 2 DESC",
    ],
)
def test_an_order_that_is_not_known_to_be_by_the_usage_is_refused(text: str) -> None:
    assert f"line 1: {NOT_SEEN}" in refused(text)


# -- the usage by which the query is ordered that the customers come from ----------------------------------------------


@pytest.mark.parametrize(
    ("text", "added"),
    [
        (f"WITH b AS ({BIGGEST}) SELECT b.CUST_CODE FROM b ORDER BY b.CUST_CODE", '"B"."PRESENT_WATER_USG"'),
        (f"WITH b AS ({BIGGEST}) SELECT b.CUST_CODE FROM b", '"B"."PRESENT_WATER_USG"'),
        (f"SELECT CUST_CODE FROM ({BIGGEST})", '"PRESENT_WATER_USG"'),
        (f"SELECT DISTINCT b.CUST_CODE FROM ({BIGGEST}) b JOIN u ON u.i = b.CUST_ID", '"B"."PRESENT_WATER_USG"'),
        (f"WITH b (i, c, u) AS ({BIGGEST}), d AS (SELECT b.*, x.N FROM b JOIN x ON x.i = b.i) "
         'SELECT "d".c AS "เลขที่ผู้ใช้น้ำ" FROM d "d" ORDER BY "d".N', '"d"."U"'),
        (f"WITH b (i, c, u) AS ({BIGGEST}), d AS (SELECT b.c AS code, x.i, b.u AS usg FROM b JOIN x ON x.i = b.i) "
         "SELECT code AS cust_code FROM d LEFT JOIN z ON z.i = d.i", '"D"."USG"'),
        (f"SELECT b.CUST_CODE FROM (SELECT trn.CUST_CODE, p.PRESENT_WATER_USG AS was, {USAGE} AS u FROM t trn JOIN p "
         f"ON p.i = trn.i {WHERE} ORDER BY {USAGE} DESC) b", '"B"."U"'),
        (f"SELECT b.CUST_CODE FROM (SELECT trn.CUST_CODE, {USAGE} AS u FROM t trn JOIN p ON p.i = trn.i {WHERE} "
         'ORDER BY PRESENT_WATER_USG) b', '"B"."U"'),
        (f"SELECT b.CUST_CODE FROM (SELECT CUST_CODE, {USAGE} AS u FROM t trn {WHERE} UNION ALL SELECT CUST_CODE, "
         f"{USAGE} FROM s trn ORDER BY 2 DESC) b", '"B"."U"'),
    ],
)  # fmt: skip
def test_the_usage_that_orders_the_customers_query_is_selected_too_and_all_rows_are_read(text: str, added: str) -> None:
    template = parsed(text)
    assert f", {added} AS PRESENT_WATER_USG FROM " in template.statement
    assert "FETCH" not in template.statement
    assert not template.is_ordered_by_usage


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"SELECT CUST_CODE FROM ({BIGGEST}) GROUP BY CUST_CODE", NOBODY_SAYS),
        (f"SELECT b.CUST_CODE FROM (SELECT trn.CUST_CODE, {USAGE} FROM t trn {WHERE}) b", NOBODY_SAYS),
        (f"SELECT LPAD(b.CUST_CODE, 11) AS cust_code FROM ({BIGGEST}) b", NOBODY_SAYS),
        (f"SELECT trn.CUST_CODE FROM t trn JOIN ({BIGGEST}) b ON b.CUST_ID = trn.CUST_ID ORDER BY trn.X", NOT_SEEN),
        (f"SELECT b.CUST_CODE FROM (SELECT CUST_CODE FROM t trn {WHERE} ORDER BY {USAGE} DESC) b ORDER BY 1", NOT_SEEN),
        (f"SELECT b.CUST_CODE FROM (SELECT trn.CUST_CODE, p.PRESENT_WATER_USG AS was FROM t trn JOIN p ON p.i = trn.i "
         f"{WHERE} ORDER BY {USAGE} DESC) b", NOBODY_SAYS),
        (f"SELECT b.CUST_CODE FROM ({BIGGEST}) b UNION ALL SELECT b.CUST_CODE FROM ({BIGGEST}) b", NOBODY_SAYS),
        (f"WITH r (c, u) AS (SELECT CUST_CODE, {USAGE} FROM t trn {WHERE} UNION ALL SELECT c, u FROM r) "
         "SELECT r.c AS cust_code FROM r", NOBODY_SAYS),
    ],
)  # fmt: skip
def test_a_usage_that_cannot_be_followed_is_asked_for(text: str, why: str) -> None:
    assert why in refused(text)


def test_a_key_that_is_missing_is_left_to_oracle() -> None:
    assert parsed(f"SELECT trn.CUST_CODE FROM t trn {WHERE} ORDER BY {USAGE} DESC,").statement.endswith(" DESC,")
    assert NOT_SEEN in refused(f"SELECT trn.CUST_CODE FROM t trn {WHERE} ORDER BY ")


def test_the_order_of_a_set_operation_counts() -> None:
    block = f"SELECT trn.CUST_CODE, {USAGE} FROM t trn {WHERE}"
    assert parsed(f"{block} UNION ALL {block} ORDER BY 2 DESC FETCH FIRST 200 ROWS ONLY").is_ordered_by_usage


def test_neither_usage_nor_order_is_refused() -> None:
    assert "neither the column present_water_usg" in refused(f"SELECT trn.CUST_CODE FROM t trn {WHERE}")


def test_a_template_without_the_branch_would_read_the_whole_country() -> None:
    assert ":ORG_OWNER_ID is not used" in refused(f"SELECT CUST_CODE, {USAGE} FROM t trn WHERE YM = :DEBT_YM")


def test_a_template_without_customer_codes_is_refused() -> None:
    assert "cust_code (เลขที่ผู้ใช้น้ำ) is missing" in refused(f"SELECT {USAGE} FROM t trn {WHERE}")


def test_a_template_of_production_runs_with_its_limit_out_and_its_usage_selected() -> None:
    source = PRODUCTION_STYLE.read_bytes().decode("utf-8-sig")
    template = load_yearly_template(PRODUCTION_STYLE)
    expected = source.replace("FETCH FIRST 200 ROWS ONLY", "    ")
    last = 'biggest.DEBT_YM         AS "เดือนหนี้"'
    assert template.statement == expected.replace(last, f'{last}, "BIGGEST"."PRESENT_WATER_USG" AS PRESENT_WATER_USG')
    assert not template.is_ordered_by_usage


def test_a_template_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "my-minimal.sql"
    file.write_text(f"SELECT trn.CUST_CODE, {USAGE} FROM t trn {WHERE};\r\n", newline="")
    template = load_yearly_template(file)
    assert template.name == "my-minimal.sql"
    assert template.statement == f"SELECT trn.CUST_CODE, {USAGE} FROM t trn {WHERE}"


def test_a_template_of_thousands_of_brackets_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "deep.sql"
    deep = "(" * 5000 + "1 = 1" + ")" * 5000
    path.write_text(f"SELECT trn.CUST_CODE, {USAGE} FROM TRN trn {WHERE} AND {deep}", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"^deep\.sql: the template is nested too deeply"):
        load_yearly_template(path)
