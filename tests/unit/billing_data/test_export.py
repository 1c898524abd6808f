"""The files for a real Oracle Database: what is in them, and what the load script does with them."""

from __future__ import annotations

import csv
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from dev.billing_data.export import FOLDER, SCRIPT, export
from dev.billing_data.generate import generate
from dev.billing_data.options import GeneratorOptions
from dev.billing_data.schema import DEBT_TRN, TABLES
from dev.oracle_standin.values import Column, OracleType

SMALL = GeneratorOptions(branches=("1060", "1063"), customers=60, months=13)
FAKE_SQLPLUS = """#!/bin/bash
echo "arguments: $*"
cat
"""


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        generate(connection, SMALL)
        yield connection


@pytest.fixture(scope="module")
def exported(database: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("export") / "made"
    export(database, directory)
    return directory


def as_stored(text: str, column: Column) -> Decimal | datetime | str | None:
    """Return the value that a field of a file stands for."""
    if not text:
        return None
    if column.type is OracleType.NUMBER:
        return Decimal(text)
    if column.type in (OracleType.DATE, OracleType.TIMESTAMP):
        return datetime.fromisoformat(text)
    return text


def run_script(exported: Path, tmp_path: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the load script with a stand-in for sqlplus that prints what it is given."""
    fake = tmp_path / "sqlplus"
    fake.write_text(FAKE_SQLPLUS, encoding="utf-8")
    fake.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", **settings}
    return subprocess.run([exported / SCRIPT], env=environment, capture_output=True, text=True, check=False)


def test_every_row_is_in_the_files_with_every_digit_and_every_null(
    database: duckdb.DuckDBPyConnection, exported: Path
) -> None:
    for table in TABLES:
        with (exported / FOLDER / f"{table.name}.csv").open(encoding="utf-8", newline="") as file:
            written = list(csv.reader(file))
        stored = database.execute(f'SELECT * FROM "PWACIS"."{table.name}"').fetchall()
        assert len(written) == len(stored) > 0
        assert [
            [as_stored(text, column) for text, column in zip(row, table.columns, strict=True)] for row in written
        ] == [list(row) for row in stored]


def test_numbers_are_plain_and_dates_are_iso(exported: Path) -> None:
    with (exported / FOLDER / "TB_TR_DEBT_TRN.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, fieldnames=[column.name for column in DEBT_TRN.columns]))
    assert all(re.fullmatch(r"-?[0-9]+(\.[0-9]*[1-9])?|", row["PRESENT_WATER_USG"]) for row in rows)
    assert any(len(row["PRESENT_WATER_USG"]) == 28 for row in rows)
    assert all(re.fullmatch(r"20[0-9]{2}-[0-9]{2}-20", row["BILL_DATE"]) for row in rows)


def test_the_fields_of_the_load_statement_and_of_the_control_file_are_the_columns_in_order(exported: Path) -> None:
    load = (exported / FOLDER / "load.ddl").read_text(encoding="utf-8")
    assert load.count("INSERT /*+ APPEND */") == load.count("\nCOMMIT;") == 11
    for table in TABLES:
        names = [column.name for column in table.columns]
        statement = next(part for part in load.split("COMMIT;\n") if f"LOCATION ('{table.name}.csv')" in part)
        fields = statement.split("MISSING FIELD VALUES ARE NULL (\n")[1].split("\n    )")[0]
        assert re.findall(r"^ +(\w+) ", fields, flags=re.MULTILINE) == names
        control = (exported / FOLDER / f"{table.name}.ctl").read_text(encoding="utf-8")
        assert re.findall(r"^  (\w+) ", control, flags=re.MULTILINE) == names
        assert f"INTO TABLE PWACIS.{table.name}\n" in control


def test_only_the_reading_user_may_read_and_no_password_is_written(exported: Path) -> None:
    grants = (exported / FOLDER / "grants.ddl").read_text(encoding="utf-8").splitlines()
    assert grants == [f"GRANT SELECT ON PWACIS.{table.name} TO BIGMETER_RO;" for table in TABLES]
    script = (exported / SCRIPT).read_text(encoding="utf-8")
    assert 'IDENTIFIED BY "$password"' in script
    assert "NO AUTHENTICATION" in script


def test_a_container_finds_one_script_to_run_and_no_sql_file(exported: Path) -> None:
    assert [path.name for path in sorted(exported.iterdir())] == [SCRIPT, FOLDER]
    assert os.access(exported / SCRIPT, os.X_OK)
    assert {path.suffix for path in (exported / FOLDER).iterdir()} == {".csv", ".ctl", ".ddl"}


def test_the_script_loads_everything_into_the_named_database(exported: Path, tmp_path: Path) -> None:
    done = run_script(exported, tmp_path, BIGMETER_RO_PASSWORD="s3cret/pass@word", ORACLE_DATABASE="BILLING,OTHER")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("arguments: -s -L / as sysdba\nWHENEVER OSERROR EXIT FAILURE")
    assert "ALTER SESSION SET CONTAINER = BILLING;" in done.stdout
    assert 'CREATE USER BIGMETER_RO IDENTIFIED BY "s3cret/pass@word";' in done.stdout
    called = re.findall(r'^@"(.+)"$', done.stdout, flags=re.MULTILINE)
    assert [Path(name).name for name in called] == ["tables.ddl", "load.ddl", "indexes.ddl", "grants.ddl"]
    assert all(Path(name).is_file() for name in called)


def test_the_script_takes_the_image_s_own_database_when_none_is_named(exported: Path, tmp_path: Path) -> None:
    done = run_script(exported, tmp_path, BIGMETER_RO_PASSWORD="x")
    assert "ALTER SESSION SET CONTAINER = FREEPDB1;" in done.stdout


@pytest.mark.parametrize("settings", [{}, {"BIGMETER_RO_PASSWORD": 'a"b'}, {"BIGMETER_RO_PASSWORD": "a&b"}])
def test_the_script_needs_a_password_that_sqlplus_can_take(
    exported: Path, tmp_path: Path, settings: dict[str, str]
) -> None:
    done = run_script(exported, tmp_path, **settings)
    assert done.returncode != 0
    assert "BIGMETER_RO_PASSWORD" in done.stderr
    assert "CREATE USER" not in done.stdout


def test_a_directory_with_something_in_it_is_left_alone(database: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep", encoding="utf-8")
    with pytest.raises(FileExistsError, match="is not empty"):
        export(database, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
