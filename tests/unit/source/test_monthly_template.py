"""The monthly template: where the customer filter goes, and which row limits go out."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.bigmeter.errors import ConfigError
from include.bigmeter.source.rewriting.draft import MARKER
from include.bigmeter.source.template import load_monthly_template, parse_monthly_template
from tests.unit.source.rewriting import COLUMNS, FILTER, refused, rewritten

PRODUCTION_STYLE = Path(__file__).parent / "templates" / "thai-labels.sql"


# -- the place of the filter -------------------------------------------------------------------------------------------


def test_the_filter_takes_the_markers_place() -> None:
    assert rewritten(f"SELECT {COLUMNS} FROM t trn WHERE trn.DEBT_YM = :DEBT_YM {MARKER} ORDER BY 1") == (
        f"SELECT {COLUMNS} FROM t trn WHERE trn.DEBT_YM = :DEBT_YM AND {FILTER} ORDER BY 1"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("WHERE trn.DEBT_YM = :DEBT_YM{}", "WHERE trn.DEBT_YM = :DEBT_YM AND {}"),
        ("WHERE {} trn.DEBT_YM = :DEBT_YM", "WHERE {} AND trn.DEBT_YM = :DEBT_YM"),
        ("WHERE 1 = 1 {} AND trn.DEBT_YM = :DEBT_YM", "WHERE 1 = 1 AND {} AND trn.DEBT_YM = :DEBT_YM"),
        ("WHERE (trn.DEBT_YM = :DEBT_YM {}) GROUP BY 1", "WHERE (trn.DEBT_YM = :DEBT_YM AND {} ) GROUP BY 1"),
        (
            "JOIN u ON u.YM = trn.YM {} WHERE trn.YM = :DEBT_YM",
            "JOIN u ON u.YM = trn.YM AND {} WHERE trn.YM = :DEBT_YM",
        ),
        (
            "WHERE (a = 1 OR b = 2) AND trn.DEBT_YM = :DEBT_YM {}",
            "WHERE (a = 1 OR b = 2) AND trn.DEBT_YM = :DEBT_YM AND {}",
        ),
        (
            "WHERE CASE WHEN a = 1 OR b = 2 THEN :DEBT_YM END = trn.DEBT_YM {}",
            "WHERE CASE WHEN a = 1 OR b = 2 THEN :DEBT_YM END = trn.DEBT_YM AND {}",
        ),
        (
            "WHERE trn.YM = :DEBT_YM GROUP BY trn.CUST_CODE HAVING COUNT(*) > 0 {}",
            "WHERE trn.YM = :DEBT_YM GROUP BY trn.CUST_CODE HAVING COUNT(*) > 0 AND {}",
        ),
    ],
)
def test_the_marker_may_stand_at_any_condition(before: str, after: str) -> None:
    head = f"SELECT {COLUMNS} FROM t trn "
    assert rewritten(head + before.format(MARKER)) == head + after.format(FILTER)


@pytest.mark.parametrize(
    "marker", ["/* __CUSTCODE_FILTER__ */", "/*__custcode_filter__*/", "/*\n__CUSTCODE_FILTER__\n*/"]
)
def test_blanks_and_case_do_not_hide_the_marker(marker: str) -> None:
    assert FILTER in rewritten(f"SELECT {COLUMNS} FROM t trn WHERE trn.YM = :DEBT_YM {marker}")


def test_every_marker_is_replaced() -> None:
    text = rewritten(
        f"SELECT {COLUMNS} FROM t trn WHERE YM = :DEBT_YM {MARKER} "
        f"UNION ALL SELECT {COLUMNS} FROM u trn WHERE YM = :DEBT_YM {MARKER}"
    )
    assert text.count(FILTER) == 2


@pytest.mark.parametrize(
    "decoy",
    [
        f"'{MARKER}' <> 'x'",
        f"q'[{MARKER}]' <> 'x'",
        f'trn."{MARKER}" = 1',
        f"1 = 1 -- {MARKER}\n",
        f"1 = 1 /*+ {MARKER[2:-2]} */",
        f"1 = 1 /* see {MARKER}",
    ],
)
def test_a_marker_in_a_string_a_quoted_name_or_another_comment_is_none(decoy: str) -> None:
    text = parse_monthly_template(f"SELECT {COLUMNS} FROM t trn WHERE trn.YM = :DEBT_YM AND {decoy}", "t").statement(1)
    decoy = decoy.rstrip("\n")
    kept, _, _ = decoy.partition(" --")
    kept, _, _ = kept.partition(" /*")
    assert f"(trn.YM = :DEBT_YM AND {kept}) AND trn.CUST_CODE IN (:C0)" in text
    assert decoy.partition(kept)[2] in text


@pytest.mark.parametrize(
    "text",
    [
        f"SELECT {COLUMNS} {MARKER} FROM t trn WHERE trn.YM = :DEBT_YM",
        f"SELECT {COLUMNS} FROM t trn {MARKER} WHERE trn.YM = :DEBT_YM",
        f"SELECT {COLUMNS} FROM t trn JOIN u ON a = b JOIN v {MARKER} ON c = d WHERE trn.YM = :DEBT_YM",
        f"SELECT {COLUMNS} FROM t trn WHERE trn.YM = :DEBT_YM ORDER BY 1 {MARKER}",
        f"SELECT {COLUMNS} FROM t trn WHERE trn.YM = :DEBT_YM AND {MARKER} 1 = 1",
        f"SELECT {COLUMNS} FROM t trn WHERE trn.YM = {MARKER} :DEBT_YM",
        f"SELECT {COLUMNS} FROM t trn WHERE trn.YM = :DEBT_YM GROUP BY 1 {MARKER}",
        f"{MARKER} SELECT {COLUMNS} FROM t trn WHERE trn.YM = :DEBT_YM",
    ],
)
def test_a_marker_that_follows_no_condition_is_refused(text: str) -> None:
    assert f"line 1: {MARKER} has to follow a condition of a WHERE clause" in refused(text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("WHERE a = :DEBT_YM", "WHERE (a = :DEBT_YM) AND {}"),
        ("WHERE a = :DEBT_YM OR b = 2", "WHERE (a = :DEBT_YM OR b = 2) AND {}"),
        ("JOIN u ON u.a = :DEBT_YM", "JOIN u ON u.a = :DEBT_YM WHERE {}"),
        ("WHERE a = :DEBT_YM GROUP BY b HAVING c > 1", "WHERE (a = :DEBT_YM) AND {} GROUP BY b HAVING c > 1"),
        ("WHERE a = :DEBT_YM ORDER BY b", "WHERE (a = :DEBT_YM) AND {} ORDER BY b"),
        ("WHERE a = :DEBT_YM ORDER SIBLINGS BY b", "WHERE (a = :DEBT_YM) AND {} ORDER SIBLINGS BY b"),
        (
            "WHERE a = :DEBT_YM START WITH b = 1 CONNECT BY PRIOR c = d",
            "WHERE (a = :DEBT_YM) AND {} START WITH b = 1 CONNECT BY PRIOR c = d",
        ),
        (
            "JOIN u ON u.a = :DEBT_YM CONNECT BY PRIOR c = d START WITH b = 1",
            "JOIN u ON u.a = :DEBT_YM WHERE {} CONNECT BY PRIOR c = d START WITH b = 1",
        ),
        (
            "WHERE a = :DEBT_YM AND EXISTS (SELECT 1 FROM u WHERE u.x = 1 ORDER BY y)",
            "WHERE (a = :DEBT_YM AND EXISTS (SELECT 1 FROM u WHERE u.x = 1 ORDER BY y)) AND {}",
        ),
        (
            "JOIN (SELECT x FROM u WHERE y = :DEBT_YM GROUP BY x ORDER BY x) v ON v.x = trn.x",
            "JOIN (SELECT x FROM u WHERE y = :DEBT_YM GROUP BY x ORDER BY x) v ON v.x = trn.x WHERE {}",
        ),
        ("WHERE a = 'WHERE GROUP BY' || :DEBT_YM", "WHERE (a = 'WHERE GROUP BY' || :DEBT_YM) AND {}"),
        ('WHERE a = :DEBT_YM AND "ORDER BY" = 1', 'WHERE (a = :DEBT_YM AND "ORDER BY" = 1) AND {}'),
        ("WHERE a = :DEBT_YM WINDOW w AS (PARTITION BY b)", "WHERE (a = :DEBT_YM) AND {} WINDOW w AS (PARTITION BY b)"),
        (
            "WHERE a = :DEBT_YM AND trn.offset = 1 AND trn.fetch = 2 AND trn.model = 3",
            "WHERE (a = :DEBT_YM AND trn.offset = 1 AND trn.fetch = 2 AND trn.model = 3) AND {}",
        ),
        (
            "WHERE EXTRACT(YEAR FROM b) = 1 AND TRIM(LEADING '0' FROM c) = :DEBT_YM",
            "WHERE (EXTRACT(YEAR FROM b) = 1 AND TRIM(LEADING '0' FROM c) = :DEBT_YM) AND {}",
        ),
    ],
)
def test_without_a_marker_the_filter_goes_into_the_outer_block(before: str, after: str) -> None:
    head = f"SELECT {COLUMNS} FROM t trn "
    assert rewritten(head + before) == head + after.format(FILTER)


@pytest.mark.parametrize(
    "items",
    [
        "ROW_NUMBER() OVER (PARTITION BY x ORDER BY y) AS n",
        "MAX(a) KEEP (DENSE_RANK FIRST ORDER BY b) AS n",
        "LISTAGG(a, ',') WITHIN GROUP (ORDER BY b) AS n",
        "(SELECT MAX(x) FROM u WHERE u.ID = trn.ID GROUP BY y) AS n",
        "EXTRACT(YEAR FROM d) AS n",
        "TRIM(BOTH 'x' FROM d) AS n",
        "CASE WHEN a = 'FROM' THEN 'WHERE' ELSE q'[ORDER BY]' END AS n",
        'trn."FROM" AS "GROUP BY"',
        "CAST(a AS NUMBER(10)) AS n /* FROM x WHERE y */",
        "a -- FROM x WHERE y\n AS n",
        "CURSOR(SELECT 1 FROM dual) AS n",
    ],
)
def test_nothing_in_the_select_list_is_taken_for_a_clause(items: str) -> None:
    text = parse_monthly_template(
        f"SELECT /*+ LEADING(trn) */ {items}, {COLUMNS} FROM t trn WHERE trn.YM = :DEBT_YM ORDER BY 1", "t"
    ).statement(2)
    assert text == (
        f"SELECT /*+ LEADING(trn) */ {items}, {COLUMNS} FROM t trn WHERE (trn.YM = :DEBT_YM) AND {FILTER} ORDER BY 1"
    )


def test_a_with_clause_is_not_the_outer_block() -> None:
    assert rewritten(
        "WITH a AS (SELECT x FROM u WHERE y = :DEBT_YM ORDER BY x), b (m, n) AS (SELECT 1, 2 FROM dual) "
        f"SELECT {COLUMNS} FROM t trn JOIN a ON a.x = trn.x"
    ) == (
        "WITH a AS (SELECT x FROM u WHERE y = :DEBT_YM ORDER BY x), b (m, n) AS (SELECT 1, 2 FROM dual) "
        f"SELECT {COLUMNS} FROM t trn JOIN a ON a.x = trn.x WHERE {FILTER}"
    )


def test_a_recursive_with_clause_is_read_over() -> None:
    assert rewritten(
        "WITH a (x, y) AS (SELECT 1, 2 FROM u UNION ALL SELECT x, y FROM a) SEARCH DEPTH FIRST BY x, y SET o "
        f"CYCLE x, y SET c TO 'Y' DEFAULT 'N', b AS (SELECT 1 x FROM dual) "
        f"SELECT {COLUMNS} FROM t trn WHERE a = :DEBT_YM"
    ).endswith(f"WHERE (a = :DEBT_YM) AND {FILTER}")


def test_brackets_round_the_whole_query_are_entered() -> None:
    assert rewritten(f"((SELECT {COLUMNS} FROM t trn WHERE a = :DEBT_YM)) ORDER BY 1") == (
        f"((SELECT {COLUMNS} FROM t trn WHERE (a = :DEBT_YM) AND {FILTER})) ORDER BY 1"
    )


def test_a_comment_at_the_end_of_the_condition_does_not_swallow_the_filter() -> None:
    text = parse_monthly_template(
        f"SELECT {COLUMNS} FROM t trn\nWHERE -- live\n  trn.YM = :DEBT_YM -- this month\n  -- and no more\n", "t"
    ).statement(1)
    assert "(trn.YM = :DEBT_YM) AND trn.CUST_CODE IN (:C0) -- this month\n" in text


# -- which expression is compared --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("select", "expression"),
    [
        ("SELECT b.CUST_CODE, b.PRESENT_WATER_USG FROM bills b", "b.CUST_CODE"),
        ("select b.cust_code, present_water_usg from bills b", "b.cust_code"),
        ('SELECT b.code AS "เลขที่ผู้ใช้น้ำ", u PRESENT_WATER_USG FROM bills b', "b.code"),
        ("SELECT LPAD(b.code, 11, '0') cust_code, u PRESENT_WATER_USG FROM bills b", "LPAD(b.code, 11, '0')"),
        ("SELECT a || b AS cust_code, u PRESENT_WATER_USG FROM bills b", "a || b"),
        ("SELECT a||b AS cust_code, u PRESENT_WATER_USG FROM bills b", "a||b"),
        ("SELECT DISTINCT b.CUST_CODE, u PRESENT_WATER_USG FROM bills b", "b.CUST_CODE"),
        ("SELECT b.CUST_CODE, u PRESENT_WATER_USG FROM schema.trn b", "b.CUST_CODE"),
        ("SELECT CUST_CODE, u PRESENT_WATER_USG FROM trn b", "CUST_CODE"),
        ("SELECT CUST_CODE, u PRESENT_WATER_USG FROM trn", "trn.CUST_CODE"),
        ("SELECT CUST_CODE, u PRESENT_WATER_USG FROM bills TRN", "trn.CUST_CODE"),
        ('SELECT CUST_CODE, u PRESENT_WATER_USG FROM bills "TRN"', "trn.CUST_CODE"),
        ('SELECT CUST_CODE, u PRESENT_WATER_USG FROM bills "trn"', "CUST_CODE"),
        ("SELECT CUST_CODE, u PRESENT_WATER_USG FROM a, bills trn, b", "trn.CUST_CODE"),
        ("SELECT CUST_CODE, u PRESENT_WATER_USG FROM a LEFT OUTER JOIN bills trn ON 1 = 1", "trn.CUST_CODE"),
        ("SELECT CUST_CODE, u PRESENT_WATER_USG FROM (a JOIN bills trn ON 1 = 1) JOIN c ON 2 = 2", "trn.CUST_CODE"),
        ("SELECT CUST_CODE, u PRESENT_WATER_USG FROM bills PARTITION (p1) trn", "trn.CUST_CODE"),
        ("SELECT CUST_CODE, u PRESENT_WATER_USG FROM TABLE(bills_of(:ORG_OWNER_ID)) trn", "trn.CUST_CODE"),
        ("SELECT CUST_CODE, u PRESENT_WATER_USG FROM bills_of(1) trn", "trn.CUST_CODE"),
        ("SELECT CUST_CODE, u PRESENT_WATER_USG FROM PWACIS.bills@far.away trn", "trn.CUST_CODE"),
        ("SELECT CUST_CODE, u PRESENT_WATER_USG FROM bills SAMPLE (10) SEED (1) trn", "trn.CUST_CODE"),
        (
            "SELECT CUST_CODE, u PRESENT_WATER_USG FROM a PARTITION BY (b) RIGHT JOIN bills trn ON 1 = 1",
            "trn.CUST_CODE",
        ),
        ("SELECT CUST_CODE, u PRESENT_WATER_USG FROM (SELECT * FROM x) trn", "trn.CUST_CODE"),
        ("SELECT CUST_CODE, u PRESENT_WATER_USG FROM a b, LATERAL (SELECT 1 FROM trn) c", "CUST_CODE"),
        ("SELECT * FROM (SELECT b.CUST_CODE, b.PRESENT_WATER_USG FROM bills b)", '"CUST_CODE"'),
        ('SELECT v.* FROM (SELECT a "เลขที่ผู้ใช้น้ำ" FROM bills trn) v', '"เลขที่ผู้ใช้น้ำ"'),
        ("SELECT * FROM bills", '"CUST_CODE"'),
    ],
)
def test_the_filter_compares_trn_or_what_is_selected_as_the_customer_code(select: str, expression: str) -> None:
    assert rewritten(f"{select} WHERE ym = :DEBT_YM").endswith(f"(ym = :DEBT_YM) AND {expression} IN (:C0, :C1)")


def test_in_an_inner_block_the_column_itself_is_found() -> None:
    text = rewritten(
        f"WITH a AS (SELECT b.CUST_CODE AS code, b.u FROM bills b WHERE b.ym = :DEBT_YM {MARKER}) "
        "SELECT code AS cust_code, u AS present_water_usg FROM a"
    )
    assert "b.ym = :DEBT_YM AND b.CUST_CODE IN (:C0, :C1) )" in text


def test_a_correlated_subquery_sees_the_outer_trn() -> None:
    text = rewritten(f"SELECT {COLUMNS} FROM t trn WHERE EXISTS (SELECT 1 FROM u WHERE u.ym = :DEBT_YM {MARKER})")
    assert text.endswith(f"(SELECT 1 FROM u WHERE u.ym = :DEBT_YM AND {FILTER} )")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT MAX(b.code) AS cust_code, u AS present_water_usg FROM bills b WHERE ym = :DEBT_YM GROUP BY c",
        f"SELECT CUST_CODE, u AS present_water_usg FROM (SELECT 1 AS x FROM bills b WHERE ym = :DEBT_YM {MARKER}) v",
    ],
)
def test_an_unclear_customer_code_is_asked_for(text: str) -> None:
    assert "which expression is the customer code?" in refused(text)


# -- row limits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "limit",
    [
        "FETCH FIRST 200 ROWS ONLY",
        "FETCH NEXT 1 ROW ONLY",
        "fetch first row only",
        "Fetch\r\n\tFirst 200\n Rows   Only",
        "FETCH FIRST (100 + 100) ROWS ONLY",
        "ORDER BY 2 DESC NULLS LAST FETCH NEXT 200 ROWS ONLY",
    ],
)
def test_the_limit_of_the_filtered_block_is_dropped_however_it_is_written(limit: str) -> None:
    text = rewritten(f"SELECT {COLUMNS} FROM t trn WHERE YM = :DEBT_YM {MARKER} {limit}")
    assert "FETCH" not in text.upper()
    assert "ONLY" not in text.upper()
    assert ("ORDER BY 2 DESC NULLS LAST" in text) == ("ORDER" in limit)


def test_comments_inside_a_dropped_limit_stay() -> None:
    text = parse_monthly_template(
        f"SELECT {COLUMNS} FROM t trn WHERE YM = :DEBT_YM FETCH /* how many? */ FIRST -- top\n 200 ROWS ONLY", "t"
    ).statement(1)
    assert "/* how many? */" in text
    assert "-- top" in text
    assert "200" not in text


def test_a_column_named_like_a_limit_is_none() -> None:
    text = f"SELECT {COLUMNS}, trn.fetch first, offset FROM t trn WHERE trn.offset = :DEBT_YM {MARKER}"
    assert rewritten(text) == text.replace(f" {MARKER}", f" AND {FILTER}")


def test_the_limit_inside_the_filtered_with_query_and_of_its_readers_is_dropped() -> None:
    assert rewritten(
        "WITH top AS (SELECT trn.CUST_ID, trn.CUST_CODE, trn.PRESENT_WATER_USG FROM t trn "
        f"WHERE trn.YM = :DEBT_YM {MARKER} ORDER BY 3 DESC FETCH FIRST 200 ROWS ONLY), "
        "more AS (SELECT top.*, m.N FROM top JOIN m ON m.ID = top.CUST_ID FETCH FIRST 300 ROWS ONLY) "
        "SELECT * FROM more LEFT JOIN x ON x.ID = more.CUST_ID ORDER BY 1 FETCH FIRST 200 ROWS ONLY"
    ) == (
        "WITH top AS (SELECT trn.CUST_ID, trn.CUST_CODE, trn.PRESENT_WATER_USG FROM t trn "
        f"WHERE trn.YM = :DEBT_YM AND {FILTER} ORDER BY 3 DESC ), "
        "more AS (SELECT top.*, m.N FROM top JOIN m ON m.ID = top.CUST_ID ) "
        "SELECT * FROM more LEFT JOIN x ON x.ID = more.CUST_ID ORDER BY 1"
    )


def test_the_limits_of_all_blocks_round_the_marker_are_dropped() -> None:
    text = rewritten(
        f"SELECT * FROM (SELECT * FROM (SELECT {COLUMNS} FROM t trn WHERE YM = :DEBT_YM {MARKER} "
        "FETCH FIRST 3 ROWS ONLY) FETCH NEXT 2 ROWS ONLY) ORDER BY 1 FETCH FIRST 1 ROW ONLY"
    )
    assert "FETCH" not in text


def test_the_limit_round_a_set_operation_with_markers_is_dropped() -> None:
    block = f"SELECT {COLUMNS} FROM t trn WHERE YM = :DEBT_YM {MARKER}"
    text = rewritten(f"({block} FETCH FIRST 5 ROWS ONLY) UNION ALL {block} ORDER BY 1 FETCH FIRST 200 ROWS ONLY")
    assert "FETCH" not in text
    assert text.endswith("ORDER BY 1")


HIDING = "a row limit in a query that feeds the filtered one would hide customers"


@pytest.mark.parametrize(
    "text",
    [
        "WITH top AS (SELECT CUST_CODE, CUST_ID FROM t FETCH FIRST 200 ROWS ONLY) "
        f"SELECT {COLUMNS} FROM top JOIN u trn ON trn.ID = top.CUST_ID WHERE YM = :DEBT_YM",
        f"SELECT {COLUMNS} FROM (SELECT * FROM t FETCH FIRST 200 ROWS ONLY) trn WHERE YM = :DEBT_YM",
        f"SELECT {COLUMNS} FROM (SELECT * FROM t FETCH FIRST 200 ROWS ONLY) trn WHERE YM = :DEBT_YM {MARKER}",
        f"SELECT {COLUMNS} FROM (SELECT * FROM t WHERE ROWNUM <= 200) trn WHERE YM = :DEBT_YM",
        f"SELECT {COLUMNS} FROM (SELECT * FROM (SELECT * FROM t OFFSET 5 ROWS)) trn WHERE YM = :DEBT_YM",
        f"SELECT {COLUMNS} FROM t trn WHERE YM = :DEBT_YM AND ID IN (SELECT ID FROM u FETCH FIRST 200 ROWS ONLY)",
        f"SELECT {COLUMNS} FROM t trn WHERE YM = :DEBT_YM "
        "AND u >= (SELECT u FROM t OFFSET 199 ROWS FETCH NEXT 1 ROW ONLY)",
        f"WITH a AS (SELECT * FROM t FETCH FIRST 9 ROWS WITH TIES), b AS (SELECT * FROM a) SELECT {COLUMNS} FROM b trn "
        "WHERE YM = :DEBT_YM",
        f"SELECT {COLUMNS} FROM ((SELECT * FROM t FETCH FIRST 2 ROWS ONLY) UNION ALL SELECT * FROM u) trn "
        "WHERE YM = :DEBT_YM",
    ],
)
def test_a_limit_in_what_feeds_the_filtered_block_is_refused_and_the_marker_asked_for(text: str) -> None:
    message = refused(text)
    assert HIDING in message
    assert f"put {MARKER} inside that query" in message


@pytest.mark.parametrize(
    ("look_up", "limit"),
    [
        (", (SELECT x FROM u WHERE u.ID = trn.ID {}) AS n FROM t trn", "FETCH FIRST 1 ROW ONLY"),
        (" FROM t trn CROSS APPLY (SELECT x FROM u WHERE u.ID = trn.ID {}) v", "FETCH FIRST 1 ROW ONLY"),
        (" FROM t trn, LATERAL (SELECT x FROM u WHERE u.ID = trn.ID {}) v", "FETCH FIRST 2 ROWS ONLY"),
        (" FROM t trn JOIN w ON EXISTS (SELECT 1 FROM u WHERE u.ID = trn.ID {})", "AND ROWNUM = 1"),
        (" FROM t trn JOIN w ON w.x = (SELECT x FROM u WHERE u.ID = trn.ID {})", "FETCH FIRST ROW ONLY"),
    ],
)
def test_a_look_up_for_each_row_keeps_its_limit(look_up: str, limit: str) -> None:
    text = rewritten(f"SELECT {COLUMNS}{look_up.format(limit)} WHERE YM = :DEBT_YM")
    assert text == f"SELECT {COLUMNS}{look_up.format(limit)} WHERE (YM = :DEBT_YM) AND {FILTER}"


def test_a_with_query_that_nobody_reads_may_be_limited() -> None:
    text = rewritten(
        "WITH spare AS (SELECT 1 AS x FROM dual FETCH FIRST 1 ROW ONLY) "
        f"SELECT {COLUMNS} FROM t trn WHERE YM = :DEBT_YM"
    )
    assert "FETCH FIRST 1 ROW ONLY" in text


@pytest.mark.parametrize(
    ("limit", "what"),
    [
        ("OFFSET 10 ROWS", "OFFSET"),
        ("OFFSET 10 ROWS FETCH NEXT 200 ROWS ONLY", "OFFSET"),
        ("FETCH FIRST 200 ROWS WITH TIES", "TIES"),
        ("FETCH FIRST 10 PERCENT ROWS ONLY", "PERCENT"),
        ("fetch first 10 percent rows with ties", "PERCENT"),
        ("AND ROWNUM <= 200", "ROWNUM"),
    ],
)
@pytest.mark.parametrize("has_marker", [True, False])
def test_a_limit_that_cannot_be_dropped_is_refused(limit: str, what: str, has_marker: bool) -> None:
    marker = f" AND 1 = 1 {MARKER}" if has_marker else ""
    message = refused(f"SELECT {COLUMNS} FROM t trn\nWHERE YM = :DEBT_YM{marker}\n{limit}")
    assert "line 3: " in message
    assert what in message


def test_rownum_round_the_filtered_block_is_refused() -> None:
    assert "ROWNUM" in refused(
        f"SELECT * FROM (SELECT {COLUMNS} FROM t trn WHERE YM = :DEBT_YM {MARKER} ORDER BY 2 DESC) WHERE ROWNUM <= 200"
    )


def test_a_column_named_rownum_behind_its_table_is_no_limit() -> None:
    assert FILTER in rewritten(f"SELECT {COLUMNS} FROM t trn WHERE trn.ROWNUM = :DEBT_YM")


# -- what else a template must and must not be ---------------------------------------------------------------------


@pytest.mark.parametrize("operator", ["UNION", "UNION ALL", "MINUS", "INTERSECT", "EXCEPT"])
def test_a_set_operation_without_a_marker_is_refused(operator: str) -> None:
    block = f"SELECT {COLUMNS} FROM t trn WHERE YM = :DEBT_YM"
    assert MARKER in refused(f"{block} {operator} {block}")
    assert MARKER in refused(f"({block}) {operator} ({block}) ORDER BY 1")


def test_a_multiset_operator_is_no_set_operation() -> None:
    assert FILTER in rewritten(f"SELECT {COLUMNS}, a MULTISET UNION ALL b AS n FROM t trn WHERE YM = :DEBT_YM")


@pytest.mark.parametrize("end", ["", ";", "\n;\n", " ; -- done\n", "\n/\n", ";\r\n/\r\n", "\n-- end", "; /* end */ /"])
def test_what_ends_a_statement_for_sqlplus_does_not_reach_the_driver(end: str) -> None:
    text = parse_monthly_template(f"SELECT {COLUMNS} FROM t trn WHERE YM = :DEBT_YM{end}", "t").statement(2)
    assert text.startswith(f"SELECT {COLUMNS} FROM t trn WHERE (YM = :DEBT_YM) AND {FILTER}")
    assert ";" not in text
    assert not text.rstrip().endswith("/") or text.rstrip().endswith("*/")


def test_crlf_lower_case_and_line_numbers_survive() -> None:
    source = (
        "select trn.cust_code,\r\n  trn.present_water_usg\r\nfrom t trn\r\nwhere trn.ym = :debt_ym\r\norder by 1\r\n"
    )
    text = parse_monthly_template(source, "t").statement(2)
    assert text == source.rstrip().replace("trn.ym = :debt_ym", f"(trn.ym = :debt_ym) AND {FILTER}")


@pytest.mark.parametrize("bind", [":BRANCH", ":1", ":C0", ":custcode", ':"debt_ym"'])
def test_a_bind_that_nobody_supplies_is_named(bind: str) -> None:
    message = refused(f"SELECT {COLUMNS} FROM t trn WHERE YM = :DEBT_YM\nAND x = {bind}")
    assert f"line 2: the bind {bind} is not supplied" in message


def test_a_bind_in_a_string_or_a_comment_is_none() -> None:
    template = parse_monthly_template(
        f"SELECT {COLUMNS}, ':X' AS x FROM t trn WHERE YM = :debt_ym -- :Y\n /* :Z */ AND n = q'[:V]'", "t"
    )
    assert template.binds == {"DEBT_YM"}


def test_a_template_without_the_month_is_refused() -> None:
    assert ":DEBT_YM is not used" in refused(f"SELECT {COLUMNS} FROM t trn WHERE a = :ORG_OWNER_ID")


def test_a_monthly_template_may_do_without_the_branch() -> None:
    assert parse_monthly_template(f"SELECT {COLUMNS} FROM t trn WHERE a = :DEBT_YM", "t").binds == {"DEBT_YM"}


@pytest.mark.parametrize(
    ("items", "what"),
    [
        ("trn.PRESENT_WATER_USG", "the column cust_code (เลขที่ผู้ใช้น้ำ) is missing"),
        ("trn.CUST_CODE", "the column present_water_usg (หน่วยน้ำปัจจุบัน) is missing"),
        ("trn.CUST_CODE, trn.PRESENT_WATER_USG * 1", "the column present_water_usg (หน่วยน้ำปัจจุบัน) is missing"),
        ('trn.CUST_CODE, a PRESENT_WATER_USG, b "หน่วยน้ำปัจจุบัน"', "present_water_usg (หน่วยน้ำปัจจุบัน) is selected 2 times"),
        ('trn.CUST_CODE, PRESENT_WATER_USG, a "ยี่ห้อ", b "ยี่ห้อมาตร"', "meter_brand (ยี่ห้อมาตร or ยี่ห้อ) is selected 2 times"),
    ],
)
def test_a_missing_or_doubled_column_is_named(items: str, what: str) -> None:
    assert what in refused(f"SELECT {items} FROM t trn WHERE YM = :DEBT_YM")


def test_what_a_star_holds_is_left_to_oracle() -> None:
    assert FILTER in rewritten("SELECT trn.*, 1 AS one FROM t trn WHERE YM = :DEBT_YM")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "it is not one SELECT statement"),
        ("-- nothing\n", "it is not one SELECT statement"),
        ("UPDATE t SET a = :DEBT_YM", "it is not one SELECT statement"),
        ("SET DEFINE OFF\nSELECT 1 FROM dual", "it is not one SELECT statement"),
        (f"SELECT {COLUMNS} FROM t trn WHERE a = :DEBT_YM; SELECT 1 FROM dual;", "line 1: a template is one statement"),
        (f"SELECT {COLUMNS} FROM t trn WHERE (a = :DEBT_YM", "line 1: a bracket that is never closed"),
        (f"SELECT {COLUMNS} FROM t trn\nWHERE a = :DEBT_YM)", "line 2: a closing bracket without an opening one"),
        (f"SELECT {COLUMNS} FROM t trn WHERE a = :DEBT_YM AND b = 'x", "line 1: a string begins here"),
        (f"SELECT {COLUMNS}\nFROM t trn WHERE a = :DEBT_YM\nFOR UPDATE", "line 3: FOR UPDATE"),
        ("WITH FUNCTION f RETURN NUMBER IS BEGIN RETURN 1; END; SELECT 1 FROM dual", "a template is one statement"),
        (f"SELECT {COLUMNS} FROM t trn WHERE a = :DEBT_YM UNION", "a SELECT is expected"),
        ("SELECT FROM t WHERE a = :DEBT_YM", "an item of the SELECT list is empty"),
        ("SELECT a, FROM t WHERE a = :DEBT_YM", "an item of the SELECT list is empty"),
        ("SELECT :DEBT_YM AS cust_code, 1 AS present_water_usg", "has no FROM clause"),
        (f"SELECT {COLUMNS} FROM t trn WHERE", ":DEBT_YM is not used"),
        (f"SELECT {COLUMNS} FROM t trn, PWACIS.", ":DEBT_YM is not used"),
        (f"SELECT {COLUMNS}, :DEBT_YM x FROM t trn WHERE", "the outer WHERE has no condition"),
        (
            f"SELECT {COLUMNS} FROM t trn WHERE a = :DEBT_YM MODEL DIMENSION BY (a) MEASURES (b) RULES ()",
            "MODEL clause needs",
        ),
    ],
)
def test_what_is_no_single_readable_query_is_refused_in_one_line(text: str, what: str) -> None:
    assert what in refused(text)


@pytest.mark.parametrize("size", [0, -1, 1001])
def test_a_batch_has_one_to_a_thousand_customers(size: int) -> None:
    template = parse_monthly_template(f"SELECT {COLUMNS} FROM t trn WHERE a = :DEBT_YM", "t")
    with pytest.raises(ConfigError, match=f"batch_size: {size} is not possible"):
        template.statement(size)


@pytest.mark.parametrize("size", [1, 999, 1000])
def test_a_batch_binds_one_name_for_each_customer(size: int) -> None:
    text = parse_monthly_template(f"SELECT {COLUMNS} FROM t trn WHERE a = :DEBT_YM", "t").statement(size)
    assert text.endswith(f"IN ({', '.join(f':C{number}' for number in range(size))})")


# -- files -------------------------------------------------------------------------------------------------------------


def test_a_file_with_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mine.sql"
    file.write_bytes(b"\xef\xbb\xbf" + f"SELECT {COLUMNS} FROM t trn WHERE a = :DEBT_YM\r\n".encode())
    assert load_monthly_template(file).statement(2) == (
        f"SELECT {COLUMNS} FROM t trn WHERE (a = :DEBT_YM) AND {FILTER}"
    )


@pytest.mark.parametrize("encoding", ["cp874", "utf-16"])
def test_a_file_in_another_encoding_is_refused_by_name(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "mine.sql"
    file.write_bytes('SELECT a "เลขที่ผู้ใช้น้ำ" FROM t'.encode(encoding))
    with pytest.raises(ConfigError, match=r"^mine\.sql: the template is not UTF-8"):
        load_monthly_template(file)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^mine\.sql: the template cannot be read"):
        load_monthly_template(tmp_path / "mine.sql")


def test_a_template_of_production_runs_as_it_is() -> None:
    source = PRODUCTION_STYLE.read_bytes().decode("utf-8-sig")
    text = load_monthly_template(PRODUCTION_STYLE).statement(2)
    expected = source.replace(MARKER, f" AND {FILTER} ").replace("FETCH FIRST 200 ROWS ONLY", "    ")
    expected = expected.replace("fetch  next 200 rows only;", "     ").rstrip("/\r\n")
    assert text == expected.rstrip()
    assert source.count("200") == 2
