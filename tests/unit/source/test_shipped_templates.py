"""The two templates that come with the software."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from include.bigmeter.records import MEMBER_COLUMNS, READING_COLUMNS
from include.bigmeter.source.columns import column_name
from include.bigmeter.source.rewriting.draft import MARKER
from include.bigmeter.source.rewriting.lexer import Kind, split_tokens
from include.bigmeter.source.rewriting.statement import Statement
from include.bigmeter.source.template import load_monthly_template, load_yearly_template

SQLS = Path(__file__).parents[3] / "sqls"
MINIMAL, DETAILS = SQLS / "200-meter-minimal.sql", SQLS / "200-meter-details.sql"


def selected(path: Path) -> set[str | None]:
    statement = Statement(split_tokens(path.read_text(encoding="utf-8")))
    return {column_name(item.label) for item in next(statement.whole.iter_blocks()).items}


def test_the_details_return_every_column_that_is_stored() -> None:
    assert selected(DETAILS) == set(READING_COLUMNS) - {"year_month"}


def test_the_minimal_query_returns_every_column_of_a_cohort_member() -> None:
    assert selected(MINIMAL) == set(MEMBER_COLUMNS) - {"fiscal_year", "usage_rank"}


def test_the_details_keep_usage_0_and_every_live_row() -> None:
    tokens = [token.text for token in split_tokens(DETAILS.read_text(encoding="utf-8")) if not token.is_trivia]
    conditions = tokens[tokens.index("WHERE") :]
    assert "PRESENT_WATER_USG" not in conditions
    assert "ROWS" not in conditions


def test_the_details_filter_at_their_marker() -> None:
    text = load_monthly_template(DETAILS).statement(2)
    assert text.count("AND trn.CUST_CODE IN (:C0, :C1)") == 1
    assert DETAILS.read_text(encoding="utf-8").count(MARKER) == 1


def test_the_minimal_query_is_ordered_by_usage_and_loses_its_limit() -> None:
    template = load_yearly_template(MINIMAL)
    assert template.is_ordered_by_usage
    text = re.sub(r"--.*", "", template.statement)
    assert "FETCH" not in text
    assert "ORDER BY trn.PRESENT_WATER_USG DESC NULLS LAST, trn.CUST_CODE" in text
    assert "FETCH FIRST 200 ROWS ONLY" in re.sub(r"--.*", "", MINIMAL.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", [MINIMAL, DETAILS])
def test_the_header_says_purpose_grain_binds_and_caller(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    header = text[: text.index("SELECT\n")]
    assert [line.split(":")[0] for line in header.splitlines() if re.match(r"-- [A-Z]\w+:", line)][:4] == [
        "-- Purpose", "-- Grain", "-- Binds", "-- Caller",
    ]  # fmt: skip
    used = {token.text for token in split_tokens(text) if token.kind is Kind.BIND}
    assert used == {":ORG_OWNER_ID", ":DEBT_YM"}
    for bind in used:
        assert re.search(rf"--   {bind}: text, ", header)
