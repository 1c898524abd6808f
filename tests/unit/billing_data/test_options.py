"""What data can be made from, and what cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from dev.billing_data.branches import ALL_BRANCHES
from dev.billing_data.database import billing_database
from dev.billing_data.generate import generate
from dev.billing_data.options import GeneratorOptions, OptionError

SMALL = GeneratorOptions(branches=("1060",), customers=10, months=2)


def test_the_default_is_region_6_with_25_months_up_to_october_2026() -> None:
    options = GeneratorOptions()
    assert len(options.chosen) == 22
    assert {options.chosen[0].code, options.chosen[-1].code} == {"1060", "1245"}
    assert (options.calendar[0].ym, options.calendar[-1].ym, len(options.calendar)) == ("202410", "202610", 25)
    assert options.calendar[0].debt_ym == "256710"


def test_the_whole_authority_has_234_branches_with_codes_of_their_own() -> None:
    assert len(ALL_BRANCHES) == 234
    assert len({branch.code for branch in ALL_BRANCHES}) == 234
    assert GeneratorOptions(branches=234).chosen[0].code == "1000"


@pytest.mark.parametrize(
    ("choices", "named"),
    [
        ({"branches": 0}, "branches 0"),
        ({"branches": 235}, "branches 235"),
        ({"branches": ("1060", "9999")}, "'9999'"),
        ({"branches": ("1060", "1060")}, "once"),
        ({"branches": ()}, "at least one"),
        ({"customers": 0}, "customers 0"),
        ({"customers": 20_001}, "customers 20001"),
        ({"customers": 20_000, "months": 60}, "customers 20000 x months 60"),
        ({"months": 0}, "months 0"),
        ({"seed": -1}, "seed -1"),
        ({"last_month": "202513"}, "'202513'"),
        ({"last_month": "2025-09"}, "'2025-09'"),
        ({"last_month": "256909"}, "Gregorian"),
    ],
)
def test_a_bad_choice_is_named_in_one_line(choices: dict[str, Any], named: str) -> None:
    with pytest.raises(OptionError) as raised:
        GeneratorOptions(**choices)
    assert named in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("customers", "months"), [(1, 1), (3, 2), (40, 7), (40, 8), (41, 60)])
def test_very_small_sets_can_be_made(customers: int, months: int) -> None:
    with duckdb.connect() as connection:
        generate(connection, GeneratorOptions(branches=("1060", "1064"), customers=customers, months=months))
        ((rows, branches),) = connection.execute(
            'SELECT count(*), count(DISTINCT ORG_OWNER_ID) FROM "PWACIS"."TB_TR_DEBT_TRN"'
        ).fetchall()
    assert branches == 2
    assert rows >= 1.2 * customers * months


def test_a_failure_midway_leaves_no_schema_behind() -> None:
    def fail(_: object) -> None:
        raise KeyboardInterrupt

    with duckdb.connect() as connection:
        with pytest.raises(KeyboardInterrupt):
            generate(connection, SMALL, progress=fail)
        assert connection.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]


def test_a_file_is_filled_once_and_used_as_it_is_afterwards(tmp_path: Path) -> None:
    file = tmp_path / "billing.duckdb"
    made: list[str] = []
    for _ in range(2):
        with billing_database(SMALL, file, progress=lambda branch: made.append(branch.code)) as connection:
            assert connection.execute('SELECT count(*) FROM "PWACIS"."TB_TR_DEBT_TRN"').fetchall() == [(20,)]
    assert made == ["1060"]


def test_a_failure_midway_leaves_no_file_behind(tmp_path: Path) -> None:
    def fail(_: object) -> None:
        raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        billing_database(SMALL, tmp_path / "billing.duckdb", progress=fail),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_with_other_data_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "billing.duckdb"
    with billing_database(SMALL, file):
        pass
    with (
        pytest.raises(OptionError, match="it has other data \\(seed 1, 1 branches from 1060 to 1060"),
        billing_database(GeneratorOptions(seed=2, branches=("1060",), customers=10, months=2), file),
    ):
        pass


def test_a_file_that_is_no_database_and_one_of_somebody_elses_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "letter.txt"
    text.write_text("Dear reader, " * 2_000, encoding="utf-8")
    other = tmp_path / "other.duckdb"
    with duckdb.connect(str(other)) as connection:
        connection.execute("CREATE TABLE theirs (a INTEGER)")
    for file in (text, other):
        with pytest.raises(OptionError, match="database "), billing_database(SMALL, file):
            pass
    assert text.read_text(encoding="utf-8").startswith("Dear reader")
