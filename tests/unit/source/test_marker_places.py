"""Markers that would let other customers in are refused, with their line; those that filter every row are filled."""

from __future__ import annotations

import pytest

from include.bigmeter.source.rewriting.draft import MARKER
from tests.unit.source.rewriting import COLUMNS, FILTER, refused, rewritten

BILLS = f"SELECT {COLUMNS} FROM t trn"
MONTH = "trn.DEBT_YM = :DEBT_YM"
FILTERED = f"SELECT trn.CUST_ID, {COLUMNS} FROM t trn WHERE {MONTH} {MARKER}"


# -- within a condition ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "condition",
    [
        f"a = :DEBT_YM OR b = 2 {MARKER}",
        f"(a = :DEBT_YM OR b = 2 {MARKER})",
        f"a = :DEBT_YM {MARKER} OR b = 1",
        f"{MARKER} a = :DEBT_YM OR b = 1",
        f"(a = :DEBT_YM {MARKER}) OR b = 1",
        f"b = 1 OR (c = 2 AND ((a = :DEBT_YM {MARKER})))",
        f"(a = :DEBT_YM AND (b = 1 {MARKER}) OR c = 1) AND d = 1",
        f"a = :DEBT_YM {MARKER} OR b = 1 {MARKER} OR c = 1",
    ],
)
def test_a_marker_that_an_or_passes_by_is_refused(condition: str) -> None:
    message = refused(f"{BILLS}\nWHERE {condition}")
    assert f"line 2: {MARKER} stands beside an OR" in message
    assert "put the OR and its conditions in brackets, and the marker behind them" in message


def test_an_or_with_a_marker_on_each_side_lets_nobody_in() -> None:
    text = rewritten(f"{BILLS} WHERE (a = :DEBT_YM {MARKER}) OR b = 1 {MARKER}")
    assert text == f"{BILLS} WHERE (a = :DEBT_YM AND {FILTER} ) OR b = 1 AND {FILTER}"
    text = rewritten(f"{BILLS} WHERE {MARKER} a = :DEBT_YM OR b = 1 {MARKER}")
    assert text == f"{BILLS} WHERE {FILTER} AND a = :DEBT_YM OR b = 1 AND {FILTER}"


@pytest.mark.parametrize("condition", ["NOT (a = 1 {})", "b = 1 AND NOT (a = 1 AND (c = 2 {}))", "NOT ((a = 1 {}))"])
def test_a_marker_under_a_not_is_refused(condition: str) -> None:
    message = refused(f"{BILLS}\nWHERE {MONTH}\nAND {condition.format(MARKER)}")
    assert f"line 3: {MARKER} stands under a NOT" in message


def test_a_marker_behind_a_not_filters() -> None:
    text = f"{BILLS} WHERE {MONTH} AND NOT (a = 1) AND b IS NOT NULL AND c NOT IN (1, 2) "
    assert rewritten(text + MARKER) == f"{text}AND {FILTER}"


@pytest.mark.parametrize(
    "condition",
    [
        "a BETWEEN 1 {} AND 2",
        "CASE WHEN a = 1 {} THEN 1 END = 1",
        "CASE WHEN (a = 1 {}) THEN 1 END = 1",
        "f(a {}) = 1",
        "a IN (1, 2 {})",
    ],
)
def test_a_marker_within_an_expression_is_refused(condition: str) -> None:
    assert "has to follow a condition" in refused(f"{BILLS} WHERE {MONTH} AND {condition.format(MARKER)}")


def test_a_marker_behind_such_an_expression_filters() -> None:
    text = f"{BILLS} WHERE {MONTH} AND a BETWEEN 1 AND 2 AND CASE WHEN a = 1 THEN 1 END = 1 "
    assert rewritten(text + MARKER) == f"{text}AND {FILTER}"


# -- in the ON of a join -----------------------------------------------------------------------------------------------

JOINS = [
    ("t trn LEFT JOIN u ON u.YM = trn.YM {}", False),
    ("t trn LEFT OUTER JOIN u ON u.YM = trn.YM {} JOIN v ON 1 = 1", False),
    ("u RIGHT JOIN t trn ON u.YM = trn.YM {}", False),
    ("t trn FULL OUTER JOIN u ON u.YM = trn.YM {}", False),
    ("t trn NATURAL JOIN w LEFT JOIN u ON u.YM = trn.YM {}", False),
    ("t trn JOIN u ON u.YM = trn.YM {} RIGHT JOIN v ON 1 = 1", False),
    ("v LEFT JOIN (t trn JOIN u ON u.YM = trn.YM {}) ON 1 = 1", False),
    ("v LEFT JOIN t trn JOIN u ON u.YM = trn.YM {} ON 1 = 1", False),
    ("t trn JOIN u ON u.YM = trn.YM {} LEFT JOIN v ON 1 = 1", True),
    ("t trn JOIN u ON {} u.YM = trn.YM", True),
    ("t trn JOIN u ON (u.YM = trn.YM {})", True),
    ("t trn LEFT JOIN v ON 1 = 1 INNER JOIN u ON u.YM = trn.YM {}", True),
    ("(t trn JOIN u ON u.YM = trn.YM {}) LEFT JOIN v ON 1 = 1", True),
    ("v FULL JOIN w ON 1 = 1, t trn JOIN u ON u.YM = trn.YM {}", True),
    ("t trn JOIN u ON u.YM = trn.YM {}, v RIGHT JOIN w ON 1 = 1", True),
    ("t trn NATURAL LEFT JOIN w JOIN u ON u.YM = trn.YM {}", True),
]


@pytest.mark.parametrize("join", [join for join, is_filtered in JOINS if not is_filtered])
def test_a_marker_in_the_on_of_an_outer_join_is_refused(join: str) -> None:
    message = refused(f"SELECT {COLUMNS}\nFROM {join.format(MARKER)} WHERE {MONTH}")
    assert f"line 2: {MARKER} stands in the ON of an outer join" in message


@pytest.mark.parametrize("join", [join for join, is_filtered in JOINS if is_filtered])
def test_a_marker_in_the_on_of_an_inner_join_filters(join: str) -> None:
    assert FILTER in rewritten(f"SELECT {COLUMNS} FROM {join.format(MARKER)} WHERE {MONTH}")


def test_a_marker_between_the_words_of_a_join_is_refused() -> None:
    text = f"{BILLS} JOIN u ON u.YM = trn.YM LEFT {MARKER} JOIN v ON 1 = 1 WHERE {MONTH}"
    assert "has to follow a condition" in refused(text)


# -- in a query whose rows are not those of the result -----------------------------------------------------------------

TOP = f"WITH top AS ({FILTERED}) "
PASSED_BY = [
    f"{TOP}{BILLS}",
    f"{TOP}{BILLS} LEFT JOIN top ON top.CUST_ID = trn.CUST_ID",
    f"{TOP}SELECT {COLUMNS} FROM top RIGHT JOIN t trn ON top.CUST_ID = trn.CUST_ID",
    f"{TOP}{BILLS}, top WHERE top.CUST_ID (+) = trn.CUST_ID",
    f"{TOP}{BILLS} WHERE trn.CUST_ID NOT IN (SELECT CUST_ID FROM top)",
    f"{TOP}{BILLS} WHERE trn.CUST_ID <> ALL (SELECT CUST_ID FROM top)",
    f"{TOP}{BILLS} WHERE NOT EXISTS (SELECT 1 FROM top WHERE top.CUST_ID = trn.CUST_ID)",
    f"{TOP}{BILLS} WHERE NOT (a = 1 AND EXISTS (SELECT 1 FROM top WHERE top.CUST_ID = trn.CUST_ID))",
    f"{TOP}{BILLS} WHERE a = 1 OR trn.CUST_ID IN (SELECT CUST_ID FROM top)",
    f"{TOP}{BILLS} WHERE (a = 1 OR trn.CUST_ID IN (SELECT CUST_ID FROM top)) AND b = 2",
    f"{TOP}{BILLS} LEFT JOIN u ON trn.CUST_ID IN (SELECT CUST_ID FROM top)",
    f"{TOP}{BILLS} START WITH trn.CUST_ID IN (SELECT CUST_ID FROM top) CONNECT BY PRIOR trn.ID = trn.PARENT",
    f"SELECT {COLUMNS}, (SELECT 1 FROM u WHERE u.YM = :DEBT_YM {MARKER}) AS n FROM t trn",
    f"{BILLS} OUTER APPLY (SELECT 1 FROM u WHERE u.YM = :DEBT_YM {MARKER}) v",
]
FILTERING = [
    f"{TOP}SELECT * FROM top",
    f"{TOP}, next AS (SELECT top.* FROM top JOIN v ON v.ID = top.CUST_ID) SELECT * FROM next LEFT JOIN u ON 1 = 1",
    f"{TOP}{BILLS} JOIN top ON top.CUST_ID = trn.CUST_ID",
    f"{TOP}{BILLS} RIGHT JOIN top ON top.CUST_ID = trn.CUST_ID",
    f"{TOP}{BILLS}, top WHERE top.CUST_ID = trn.CUST_ID (+)",
    f"{TOP}{BILLS} WHERE a IS NOT NULL AND trn.CUST_ID IN (SELECT CUST_ID FROM top) AND NOT b = 1",
    f"{TOP}{BILLS} WHERE (a = 1 OR b = 2) AND (EXISTS (SELECT 1 FROM top WHERE top.CUST_ID = trn.CUST_ID))",
    f"{TOP}{BILLS} JOIN u ON trn.CUST_ID IN (SELECT CUST_ID FROM top)",
    f"{BILLS} CROSS APPLY (SELECT 1 FROM u WHERE u.YM = :DEBT_YM {MARKER}) v",
    f"{BILLS} LEFT JOIN (SELECT u.CUST_CODE FROM u WHERE 1 = 1 {MARKER}) u ON u.CUST_CODE = trn.CUST_CODE "
    f"WHERE {MONTH} {MARKER}",
]


@pytest.mark.parametrize("text", PASSED_BY)
def test_a_marker_that_rows_come_past_is_refused(text: str) -> None:
    message = refused("\n" + text)
    assert f"line 2: {MARKER} does not filter the rows of the outer SELECT" in message
    assert "put it into the WHERE clause of the SELECT that reads the bills" in message


@pytest.mark.parametrize("text", FILTERING)
def test_a_marker_in_what_every_row_comes_from_filters(text: str) -> None:
    assert FILTER in rewritten(text)


# -- set operations ----------------------------------------------------------------------------------------------------

OPEN = f"{BILLS} WHERE {MONTH}"


@pytest.mark.parametrize(
    "text",
    [
        f"{OPEN} {MARKER} UNION ALL\n{OPEN}",
        f"({OPEN} {MARKER}) UNION\n({OPEN})",
        f"{OPEN} {MARKER} UNION ALL {OPEN} {MARKER} UNION ALL\n{OPEN}",
        f"{OPEN} {MARKER} UNION ALL (\n{OPEN} UNION ALL {OPEN})",
        f"SELECT * FROM ({OPEN} {MARKER} UNION ALL\n{OPEN})",
        f"WITH a AS ({OPEN} {MARKER}) SELECT * FROM a UNION ALL\n{OPEN}",
        f"{OPEN} {MARKER} INTERSECT {OPEN} UNION ALL\n{OPEN}",
    ],
)
def test_a_union_with_the_marker_in_some_selects_names_the_first_that_lacks_it(text: str) -> None:
    message = refused(text)
    assert f"line 2: a set operation (UNION, MINUS, INTERSECT) needs {MARKER} in each SELECT to be filtered" in message


def test_what_is_taken_away_from_unfiltered_rows_filters_nothing() -> None:
    assert "needs /*__CUSTCODE_FILTER__*/ in each SELECT" in refused(f"{OPEN} MINUS {OPEN} {MARKER}")


@pytest.mark.parametrize(
    "text",
    [
        f"{OPEN} {MARKER} MINUS {OPEN}",
        f"{OPEN} INTERSECT {OPEN} {MARKER}",
        f"WITH a AS ({OPEN} {MARKER}) SELECT * FROM a JOIN u ON 1 = 1 UNION ALL SELECT * FROM a JOIN v ON 1 = 1",
        f"WITH a AS ({OPEN} {MARKER}) SELECT * FROM a UNION {OPEN} AND trn.X IN (SELECT X FROM a)",
        f"WITH few AS (SELECT 1 AS x FROM u UNION ALL SELECT 2 FROM v) {OPEN} AND x IN (SELECT x FROM few) {MARKER}",
        f"WITH a (code, n) AS (SELECT trn.CUST_CODE, 1 FROM t trn WHERE {MONTH} {MARKER} "
        "UNION ALL SELECT code, n + 1 FROM a) SELECT code AS cust_code, n AS present_water_usg FROM a",
    ],
)
def test_a_select_that_brings_nobody_new_needs_no_marker_of_its_own(text: str) -> None:
    assert rewritten(text).count(FILTER) == 1


def test_a_with_query_named_as_the_table_it_reads_is_not_recursive() -> None:
    own_name = f"WITH trn AS (SELECT trn.* FROM trn WHERE {MONTH})"
    assert "does not filter the rows" in refused(
        f"{own_name} SELECT {COLUMNS} FROM trn LEFT JOIN ({FILTERED}) top ON 1 = 1"
    )
    assert rewritten(f"{own_name} SELECT {COLUMNS} FROM trn").endswith(f"FROM trn WHERE {FILTER}")
