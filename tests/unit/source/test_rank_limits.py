"""Limits by rank: refused wherever the rank is given and asked, unless they leave each customer a row."""

from __future__ import annotations

import pytest

from include.bigmeter.errors import ConfigError
from include.bigmeter.source.rewriting.draft import MARKER
from include.bigmeter.source.template import parse_yearly_template
from tests.unit.source.rewriting import COLUMNS, FILTER, refused, rewritten

MONTH = "trn.DEBT_YM = :DEBT_YM"
OVER_ALL = "ROW_NUMBER() OVER (ORDER BY trn.PRESENT_WATER_USG DESC)"
WITHIN = "ROW_NUMBER() OVER (PARTITION BY {} ORDER BY trn.PRESENT_WATER_USG DESC)"
BILLS = f"SELECT {COLUMNS} FROM t trn"


def ranked(rank: str = OVER_ALL, marker: str = "") -> str:
    """Return a query that gives a rank as rn."""
    return f"SELECT trn.CUST_ID, {COLUMNS}, {rank} AS rn FROM t trn WHERE {MONTH} {marker}"


ROUND = "a rank over all rows, would hide customers and cannot be taken out; write FETCH FIRST n ROWS ONLY or no limit"
FEEDING = (
    f"a rank over all rows that feed the filtered query, would hide customers; put {MARKER} where the rank is given, "
    "and write FETCH FIRST n ROWS ONLY instead"
)
GROUPS = (
    "a rank within groups of several customers, would hide customers; "
    "leave it out, PARTITION BY CUST_CODE or CUST_ID, or LEFT JOIN a look-up ON its rank = 1"
)


# -- round the filter --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f"SELECT * FROM ({ranked(marker=MARKER)})\nWHERE rn <= 190",
        f"WITH top AS ({ranked(marker=MARKER)}) SELECT top.* FROM top\nWHERE top.RN < 191",
        f"SELECT * FROM (SELECT v.* FROM ({ranked(marker=MARKER)}) v)\nWHERE rn <= 190",
        f"WITH top AS ({ranked(marker=MARKER)}) SELECT top.* FROM top JOIN x ON x.ID = top.CUST_ID\nAND top.rn <= 190",
        f"WITH top (ID, CUST_CODE, PRESENT_WATER_USG, place) AS ({ranked(marker=MARKER)}), "
        "next AS (SELECT top.*, top.place AS p FROM top) SELECT next.* FROM next\nWHERE p <= 190",
        f"WITH top (a, b, c, d, CUST_CODE, PRESENT_WATER_USG, p) AS (SELECT trn.*, {COLUMNS}, {OVER_ALL} "
        f"FROM t trn WHERE {MONTH} {MARKER}) SELECT * FROM top\nWHERE p <= 190",
        f"SELECT * FROM ({ranked(marker=MARKER)} UNION ALL {ranked('0', MARKER)})\nWHERE rn <= 190",
        f"SELECT CUST_CODE, MAX(u) AS present_water_usg FROM ({ranked(marker=MARKER)}) GROUP BY CUST_CODE\n"
        "HAVING MIN(rn) <= 190",
        f"{BILLS} WHERE {MONTH} {MARKER}\nQUALIFY {OVER_ALL} <= 190",
        f"SELECT {COLUMNS}, {OVER_ALL} AS rn FROM t trn WHERE {MONTH} {MARKER}\nQUALIFY rn <= 190",
        f"SELECT * FROM ({ranked()})\nWHERE rn <= 190",
        f"SELECT v.* FROM (SELECT {COLUMNS}, CASE WHEN {OVER_ALL} <= 190 THEN 'Y' END AS big FROM t trn "
        f"WHERE {MONTH} {MARKER}) v\nWHERE big = 'Y'",
    ],
)
def test_a_limit_by_rank_of_what_is_filtered_is_refused(text: str) -> None:
    message = refused(text)
    assert "line 2: a condition on " in message
    assert ROUND in message


@pytest.mark.parametrize(
    "condition",
    ["rn <= 200", "200 >= rn", "rn BETWEEN 1 AND 200", "rn IN (1, 2)", "rn = 1", "a = 1 OR (b = 2 AND rn < 9)"],
)
def test_each_comparison_with_a_rank_is_a_limit(condition: str) -> None:
    assert "a condition on rn, a rank over all rows" in refused(f"SELECT * FROM ({ranked()}) WHERE {condition}")


@pytest.mark.parametrize(
    "rank",
    [
        "RANK() OVER (ORDER BY x)",
        "DENSE_RANK() OVER (ORDER BY x)",
        "NTILE(4) OVER (ORDER BY x)",
        "PERCENT_RANK() OVER (ORDER BY x)",
        "CUME_DIST() OVER (ORDER BY x)",
        "COUNT(*) OVER (ORDER BY x)",
        "SUM(x) OVER (ORDER BY x DESC ROWS UNBOUNDED PRECEDING)",
        "ROW_NUMBER() OVER w",
        "ROW_NUMBER() OVER (named ORDER BY x)",
        "1000 - ROW_NUMBER() OVER (ORDER BY x)",
    ],
)
def test_each_way_to_number_rows_is_a_rank(rank: str) -> None:
    text = f"SELECT * FROM ({ranked(rank, MARKER)} WINDOW w AS (named), named AS (ORDER BY x)) WHERE rn <= 190"
    assert ROUND in refused(text)


@pytest.mark.parametrize(
    "expression",
    [
        "COUNT(*) OVER ()",
        "SUM(x) OVER (PARTITION BY y)",
        "MAX(x) KEEP (DENSE_RANK FIRST ORDER BY y) OVER (PARTITION BY z)",
        "(SELECT MIN(q.rn) FROM (SELECT ROW_NUMBER() OVER (ORDER BY x) AS rn FROM q) q)",
        "RANK(10) WITHIN GROUP (ORDER BY x)",
        "trn.ROW_NUMBER",
    ],
)
def test_what_numbers_no_rows_may_be_asked(expression: str) -> None:
    assert FILTER in rewritten(f"SELECT * FROM ({ranked(expression, MARKER)}) WHERE rn <= 190")


def test_a_rank_that_no_condition_asks_hides_nobody() -> None:
    assert FILTER in rewritten(f"SELECT * FROM ({ranked(marker=MARKER)}) ORDER BY rn")
    assert FILTER in rewritten(f"SELECT v.*, CASE WHEN rn <= 10 THEN 1 END AS big FROM ({ranked(marker=MARKER)}) v")


def test_a_column_that_has_the_name_of_a_rank_is_none() -> None:
    assert FILTER in rewritten(f"SELECT {COLUMNS}, {OVER_ALL} AS seq FROM t trn WHERE {MONTH} AND seq > 0")
    other = "EXISTS (SELECT 1 FROM x WHERE x.ID = v.CUST_ID AND {} <= 5)"
    text = f"SELECT v.* FROM ({ranked(marker=MARKER)}) v WHERE {other}"
    assert FILTER in rewritten(text.format("rn"))
    assert ROUND in refused(text.format("v.rn"))


# -- within each customer ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["trn.CUST_CODE", "trn.ORG_OWNER_ID, cust_id", "(trn.ORG_OWNER_ID, trn.CUST_ID)"])
@pytest.mark.parametrize("marker", ["", MARKER])
def test_a_rank_within_each_customer_leaves_each_a_row(key: str, marker: str) -> None:
    assert "rn = 1" in rewritten(f"SELECT * FROM ({ranked(WITHIN.format(key), marker)}) WHERE rn = 1")


def test_a_rank_within_each_customer_may_follow_one_over_all() -> None:
    within = "ROW_NUMBER() OVER (PARTITION BY v.CUST_CODE ORDER BY v.rn) AS n"
    assert FILTER in rewritten(f"SELECT * FROM (SELECT v.*, {within} FROM ({ranked(marker=MARKER)}) v) WHERE n = 1")


def test_the_customer_is_known_under_another_name() -> None:
    text = rewritten(
        f'WITH a (c, u) AS ({BILLS} WHERE {MONTH}), b AS (SELECT a.c AS "เลขที่ผู้ใช้น้ำ", a.u, '
        "ROW_NUMBER() OVER (PARTITION BY a.c ORDER BY a.u) AS rn FROM a), "
        'd AS (SELECT "เลขที่ผู้ใช้น้ำ" AS cust_code, u AS present_water_usg, rn FROM b WHERE rn = 1) SELECT * FROM d'
    )
    assert text.endswith('FROM d WHERE "CUST_CODE" IN (:C0, :C1)')


@pytest.mark.parametrize(
    "key", ["trn.ORG_OWNER_ID", "trn.CUST_TYPE_ID, trn.DEBT_YM", "tmp.METER_NO", "SUBSTR(trn.CUST_CODE, 1, 4)"]
)
def test_a_rank_within_groups_of_several_customers_is_refused(key: str) -> None:
    for marker in ("", MARKER):
        message = refused(f"SELECT * FROM ({ranked(WITHIN.format(key), marker)})\nWHERE rn <= 200")
        assert f"line 2: a condition on rn, {GROUPS}" in message


def test_the_partition_may_stand_in_a_window_clause() -> None:
    text = f"{BILLS} WHERE {MONTH} {MARKER} WINDOW w AS (PARTITION BY {{}} ORDER BY x) QUALIFY ROW_NUMBER() OVER w = 1"
    assert FILTER in rewritten(text.format("trn.CUST_CODE"))
    assert GROUPS in refused(text.format("trn.CUST_TYPE_ID"))


# -- feeding the filter ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f"SELECT v.* FROM (SELECT * FROM ({ranked()})\nWHERE rn <= 200) v",
        f"SELECT v.* FROM (SELECT r.* FROM ({ranked()}) r\nWHERE 200 >= r.rn) v",
        f"WITH r AS ({ranked()}), s AS (SELECT * FROM r\nWHERE rn <= 190) {BILLS} JOIN s ON s.CUST_ID = trn.CUST_ID",
        f"{BILLS} JOIN (SELECT CUST_ID FROM ({ranked()})\nWHERE rn <= 190) k ON k.CUST_ID = trn.CUST_ID",
        f"{BILLS} WHERE {MONTH} {MARKER} AND trn.CUST_ID IN (SELECT CUST_ID FROM ({ranked()})\nWHERE rn <= 190)",
        f"{BILLS} WHERE EXISTS (SELECT 1 FROM ({ranked()}) k WHERE k.CUST_ID = trn.CUST_ID\nAND k.rn <= 190)",
        f"{BILLS} WHERE trn.X >= (SELECT MIN(PRESENT_WATER_USG) FROM ({ranked()})\nWHERE rn <= 190)",
        f"{BILLS} WHERE trn.X >= (SELECT MIN(x) FROM (SELECT x FROM u WHERE y = :DEBT_YM)\nWHERE ROWNUM <= 190)",
        f"{BILLS} CROSS APPLY (SELECT 1 FROM ({ranked()}) k WHERE k.CUST_ID = trn.CUST_ID\nAND k.rn <= 190) v",
        f"{BILLS} LEFT JOIN (SELECT CUST_ID FROM ({ranked()})\nWHERE rn <= 190) k ON k.CUST_ID = trn.CUST_ID",
        f"{BILLS} LEFT JOIN (SELECT CUST_ID FROM ({ranked()})\nWHERE rn = 1) k ON 1 = 1 WHERE k.CUST_ID IS NOT NULL",
        f"{BILLS} LEFT JOIN (SELECT CUST_ID AS k FROM ({ranked()})\nWHERE rn = 1) ON 1 = 1 WHERE k IS NOT NULL",
        f"{BILLS} WHERE {MONTH} AND trn.CUST_ID IN (SELECT CUST_ID FROM ({ranked()})\nWHERE rn = 1)",
        f"SELECT v.* FROM (SELECT * FROM (SELECT {COLUMNS} FROM t trn WHERE {MONTH}\nQUALIFY {OVER_ALL} <= 9)) v",
    ],
)
def test_a_limit_by_rank_in_what_feeds_the_filter_is_refused(text: str) -> None:
    message = refused(text)
    assert "line 2: a condition on " in message
    assert FEEDING in message


def test_a_limit_by_rank_on_a_joined_query_is_refused_where_it_is_asked() -> None:
    join = f"JOIN ({ranked()}) k ON k.CUST_ID = trn.CUST_ID AND k.rn <= 190"
    assert ROUND in refused(f"{BILLS} {join}")
    assert ROUND in refused(f"{BILLS} LEFT {join}")


LOOK_UP = "SELECT ms.*, ROW_NUMBER() OVER (PARTITION BY ms.ID ORDER BY ms.D DESC) AS rn FROM ms"


@pytest.mark.parametrize(
    "text",
    [
        f"{BILLS} LEFT JOIN ({LOOK_UP}) ms ON ms.ID = trn.M AND ms.rn = 1 WHERE {MONTH}",
        f"{BILLS} LEFT JOIN ({LOOK_UP}) ms ON ms.ID = trn.M AND 1 >= ms.rn LEFT JOIN x ON x.ID = ms.ID WHERE {MONTH}",
        f"{BILLS} LEFT JOIN (SELECT * FROM ({LOOK_UP}) WHERE rn < 2) ms ON ms.ID = trn.M WHERE {MONTH}",
        f"{BILLS} FULL JOIN (SELECT * FROM ({LOOK_UP}) WHERE rn = 1) ms ON ms.ID = trn.M WHERE {MONTH}",
        f"{BILLS} LEFT JOIN w JOIN (SELECT * FROM ({LOOK_UP}) WHERE rn = 1) ms ON ms.ID = w.M ON w.YM = :DEBT_YM",
        f"{BILLS} CROSS APPLY (SELECT * FROM ({LOOK_UP}) WHERE rn = 1) ms WHERE {MONTH}",
        f"{BILLS} WHERE {MONTH} AND trn.M = (SELECT m FROM (SELECT ID AS m FROM ({LOOK_UP}) WHERE rn = 1))",
        f"{BILLS}, (SELECT * FROM ({LOOK_UP}) WHERE rn = 1) ms WHERE ms.ID (+) = trn.M AND {MONTH}",
        f"{BILLS} WHERE {MONTH} AND trn.M = (SELECT ID FROM (SELECT ID, {OVER_ALL} AS rn FROM ms trn) WHERE rn = 1)",
        f"{BILLS} WHERE {MONTH} AND trn.M = (SELECT ID FROM (SELECT ID FROM ms ORDER BY D) WHERE ROWNUM = 1)",
        f"{BILLS} WHERE {MONTH} AND EXISTS (SELECT 1 FROM ms WHERE ms.ID = trn.M AND ROWNUM <= 3)",
        f"{BILLS} OUTER APPLY (SELECT AVG(u) AS u FROM (SELECT h.u FROM h WHERE h.CUST_ID = trn.CUST_ID ORDER BY h.d "
        f"FETCH FIRST 3 ROWS ONLY)) v WHERE {MONTH}",
        f"{BILLS} CROSS APPLY (SELECT AVG(u) AS u FROM (SELECT h.u, ROW_NUMBER() OVER (ORDER BY h.d) AS rn FROM h "
        f"WHERE h.CUST_ID = trn.CUST_ID) WHERE rn <= 3) v WHERE {MONTH}",
        f"{BILLS} JOIN (SELECT * FROM (SELECT cm.*, ROW_NUMBER() OVER (PARTITION BY cm.CUST_ID ORDER BY cm.ID DESC) rn "
        f"FROM cm) WHERE rn = 1) cm ON cm.CUST_ID = trn.CUST_ID WHERE {MONTH}",
        f"SELECT {COLUMNS}, (SELECT MIN(x) FROM ({LOOK_UP}) WHERE rn <= 3) AS n FROM t trn WHERE {MONTH}",
    ],
)
def test_the_pick_of_a_row_in_a_look_up_stays(text: str) -> None:
    assert FILTER in rewritten(text)


@pytest.mark.parametrize(
    "condition", ["ms.rn <= 2", "ms.rn = 10", "ms.rn + 1 = 2", "1 = ms.rn * 2", "ms.rn = 1 + 9", "ms.one = 1"]
)
def test_more_than_the_first_row_of_a_look_up_is_no_pick(condition: str) -> None:
    look_up = LOOK_UP.replace(
        " AS rn", " AS rn, CASE WHEN RANK() OVER (PARTITION BY x ORDER BY y) < 9 THEN 1 END AS one"
    )
    assert GROUPS in refused(f"{BILLS} LEFT JOIN ({look_up}) ms ON ms.ID = trn.M AND {condition} WHERE {MONTH}")


def test_a_pick_by_an_inner_join_has_to_be_within_each_customer() -> None:
    for join in ("JOIN", "RIGHT JOIN x ON 1 = 1 JOIN"):
        assert GROUPS in refused(f"{BILLS} {join} ({LOOK_UP}) ms ON ms.ID = trn.M AND ms.rn = 1 WHERE {MONTH}")


# -- limits without a rank, by the same ways ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f"{BILLS} WHERE {MONTH} AND trn.X >= (SELECT MIN(x) FROM (SELECT x FROM u\nFETCH FIRST 200 ROWS ONLY))",
        f"{BILLS} WHERE {MONTH} AND EXISTS (SELECT 1 FROM (SELECT trn.CUST_ID FROM t trn\nFETCH FIRST 200 ROWS ONLY) k "
        "WHERE k.CUST_ID = trn.CUST_ID)",
        f"{BILLS} CROSS APPLY (SELECT u.ID FROM u ORDER BY u.X\nFETCH FIRST 9 ROWS ONLY) v WHERE {MONTH} AND v.ID = 1",
        f"{BILLS} WHERE {MONTH} AND trn.ID NOT IN (SELECT ID FROM u\nFETCH FIRST 5 ROWS ONLY)",
        f"{BILLS} WHERE {MONTH} AND trn.ID IN (SELECT b.ID FROM t b WHERE b.ORG = trn.ORG\nFETCH FIRST 200 ROWS ONLY)",
    ],
)
def test_a_limit_in_what_is_asked_or_applied_is_refused(text: str) -> None:
    assert "line 2: a row limit in a query that feeds the filtered one would hide customers" in refused(text)


# -- the yearly template -----------------------------------------------------------------------------------------------

YEARLY_WHERE = "WHERE trn.ORG_OWNER_ID = :ORG_OWNER_ID AND trn.DEBT_YM = :DEBT_YM"


def yearly(text: str) -> str:
    return " ".join(parse_yearly_template(text, "minimal.sql").statement.split())


def yearly_refused(text: str) -> str:
    with pytest.raises(ConfigError, match=r"^minimal\.sql: line 2: ") as caught:
        parse_yearly_template(text, "minimal.sql")
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        f"SELECT * FROM (SELECT v.* FROM (SELECT {COLUMNS}, {OVER_ALL} n FROM t trn {YEARLY_WHERE}) v)\nWHERE n <= 200",
        f"{BILLS} JOIN (SELECT CUST_ID FROM ({ranked()})\nWHERE rn <= 200) k ON k.CUST_ID = trn.CUST_ID {YEARLY_WHERE}",
    ],
)
def test_a_limit_by_rank_is_refused_in_the_yearly_template_as_well(text: str) -> None:
    assert ROUND in yearly_refused(text)


def test_a_yearly_limit_in_what_a_condition_asks_is_refused() -> None:
    said = yearly_refused(
        f"{BILLS} {YEARLY_WHERE} AND trn.ID NOT IN (SELECT ID FROM u ORDER BY x\nFETCH FIRST 5 ROWS ONLY)"
    )
    assert "a row limit in what a condition asks would hide customers; leave it out" in said


def test_a_yearly_limit_in_what_a_row_must_be_among_is_taken_out() -> None:
    among = "AND trn.CUST_ID IN (SELECT CUST_ID FROM u ORDER BY x DESC"
    text = f"{BILLS} {YEARLY_WHERE} {among} FETCH FIRST 200 ROWS ONLY)"
    assert yearly(text) == f"{BILLS} {YEARLY_WHERE} {among} )"


def test_a_yearly_pick_within_each_customer_stays() -> None:
    text = f"SELECT {COLUMNS}, {WITHIN.format('trn.CUST_ID')} AS rn FROM t trn {YEARLY_WHERE}"
    assert yearly(f"SELECT * FROM ({text}) WHERE rn = 1") == f"SELECT * FROM ({text}) WHERE rn = 1"


# -- within a customer, but not the first ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "condition", ["rn = 2", "2 = rn", "rn > 1", "1 < rn", "rn >= 2", "2 <= rn", "rn <> 1", "rn != 1"]
)
def test_a_condition_that_leaves_out_each_customers_first_row_is_refused(condition: str) -> None:
    """Most customers come in one row."""
    text = f"SELECT * FROM ({ranked(WITHIN.format('trn.CUST_CODE'), MARKER)})\nWHERE {condition}"
    assert "line 2: a condition on a rank leaves out the first row" in refused(text)


@pytest.mark.parametrize(
    "condition", ["rn = 1", "1 = rn", "rn <= 2", "rn < 3", "3 > rn", "rn >= 1", "rn <> 2", "rn > 0"]
)
def test_a_condition_that_keeps_each_customers_first_row_stays(condition: str) -> None:
    text = f"SELECT * FROM ({ranked(WITHIN.format('trn.CUST_CODE'), MARKER)}) WHERE {condition}"
    assert condition in rewritten(text)
