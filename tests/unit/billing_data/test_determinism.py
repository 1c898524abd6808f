"""The same options give the same bytes: in another process, in a smaller set, in an export."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from dev.billing_data.branches import BY_CODE
from dev.billing_data.export import export
from dev.billing_data.generate import branch_rows, generate
from dev.billing_data.options import GeneratorOptions

ROOT = Path(__file__).parents[3]
SMALL = GeneratorOptions(seed=7, branches=("1061", "1064"), customers=60, months=13, last_month="202509")
DIGEST = """
import hashlib
from dev.billing_data.generate import branch_rows
from dev.billing_data.options import GeneratorOptions
options = GeneratorOptions(seed=7, branches=("1061", "1064"), customers=60, months=13, last_month="202509")
digest = hashlib.sha256()
for branch in options.chosen:
    for schema, name, rows in branch_rows(branch, options):
        digest.update(repr((schema, name, rows.to_pylist())).encode())
print(digest.hexdigest())
"""


def digest_of(options: GeneratorOptions) -> str:
    digest = hashlib.sha256()
    for branch in options.chosen:
        for schema, name, rows in branch_rows(branch, options):
            digest.update(repr((schema, name, rows.to_pylist())).encode())
    return digest.hexdigest()


@pytest.mark.parametrize("hash_seed", ["0", "42"])
def test_another_process_makes_the_same_rows(hash_seed: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    other = subprocess.run(
        [sys.executable, "-c", DIGEST], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == digest_of(SMALL)


def test_another_seed_and_another_last_month_make_other_rows() -> None:
    def variant(seed: int, last_month: str) -> str:
        return digest_of(
            GeneratorOptions(seed=seed, branches=("1061",), customers=60, months=13, last_month=last_month)
        )

    assert len({variant(7, "202509"), variant(8, "202509"), variant(7, "202510")}) == 3


def test_a_branch_has_the_same_rows_alone_as_among_others() -> None:
    alone = GeneratorOptions(seed=7, branches=("1064",), customers=60, months=13, last_month="202509")
    for (*_, mine), (*_, theirs) in zip(
        branch_rows(BY_CODE["1064"], alone), branch_rows(BY_CODE["1064"], SMALL), strict=True
    ):
        assert mine.equals(theirs)


def test_the_database_is_the_same_whatever_the_order_in_which_branches_are_named() -> None:
    def bills(branches: tuple[str, ...]) -> list[tuple[object, ...]]:
        with duckdb.connect() as connection:
            generate(connection, GeneratorOptions(branches=branches, customers=30, months=3))
            return connection.execute('FROM "PWACIS"."TB_TR_DEBT_TRN"').fetchall()

    rows = bills(("1062", "1060"))
    assert len(rows) > 150
    assert rows == bills(("1060", "1062"))


def test_two_exports_have_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for number in (1, 2):
        directory = tmp_path / str(number)
        with duckdb.connect() as connection:
            generate(connection, SMALL)
            export(connection, directory)
        contents.append(
            {path.relative_to(directory): path.read_bytes() for path in directory.rglob("*") if path.is_file()}
        )
    assert contents[0] == contents[1]
    assert len(contents[0]) == 1 + 4 + 2 * 11
