"""Each SQL file says what it is for, and asks for exactly the binds that its header names."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

from include.bigmeter.records import MEMBER_COLUMNS, READING_COLUMNS
from include.bigmeter.store.statements import STATEMENTS_DIR, statement

FILES = sorted(STATEMENTS_DIR.glob("*.sql"))
INCLUDE = Path(__file__).parents[3] / "include" / "bigmeter"


def header(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines[: next(n for n, line in enumerate(lines) if not line.startswith("--"))])


def test_there_are_statements() -> None:
    assert len(FILES) > 20


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_header_names_purpose_grain_binds_and_caller_in_this_order(path: Path) -> None:
    assert re.search(r"^-- Purpose: .+^-- Grain: .+^-- Binds:.+^-- Caller: ", header(path), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_placeholders_are_the_binds_of_the_header(path: Path) -> None:
    binds = header(path).split("-- Binds:", 1)[1].split("-- Caller:", 1)[0]
    named = re.findall(r"^--   (\w+): \w+", binds, re.MULTILINE)
    assert named or binds.split() == ["none"]
    placeholders = re.findall(r"%\((\w+)\)s", statement(path.stem).decode())
    assert set(placeholders) == set(named)
    assert len(named) == len(set(named))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_percent_sign_is_a_placeholder_of_the_driver(path: Path) -> None:
    assert "%" not in re.sub(r"%\(\w+\)s|%%", "", statement(path.stem).decode())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_holds_one_statement_without_a_semicolon(path: Path) -> None:
    text = re.sub(r"\$\$.*?\$\$", "", statement(path.stem).decode(), flags=re.DOTALL)
    assert ";" not in re.sub(r"--.*", "", text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_caller_of_the_header_exists_and_its_module_runs_the_statement(path: Path) -> None:
    callers = re.findall(r"[\w.]+", header(path).split("-- Caller:", 1)[1].splitlines()[0])
    module_name, _, first = callers[0].rpartition(".")
    module = import_module(module_name)
    assert all(callable(getattr(module, name)) for name in (first, *callers[1:]))
    assert f'"{path.stem}"' in inspect.getsource(module)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_keywords_are_upper_case(path: Path) -> None:
    text = re.sub(r"--.*|'[^']*'", "", statement(path.stem).decode())
    assert not re.search(r"\b(select|from|where|insert|update|delete|join|group|order|values|null|with)\b", text)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("create_incoming_readings", READING_COLUMNS),
        ("copy_incoming_readings", READING_COLUMNS),
        ("create_incoming_cohort", MEMBER_COLUMNS),
        ("copy_incoming_cohort", MEMBER_COLUMNS),
        ("read_cohort", MEMBER_COLUMNS),
    ],
)
def test_the_columns_stand_in_the_order_of_the_typed_row(name: str, columns: tuple[str, ...]) -> None:
    text = statement(name).decode()
    listed = re.search(r"(?:SELECT|\()\s*((?:\w+,\s*)+\w+)", text)
    assert listed
    assert tuple(re.split(r",\s*", listed[1])) == columns


def test_every_statement_that_the_code_names_is_there() -> None:
    named = {
        name
        for path in INCLUDE.rglob("*.py")
        for name in re.findall(r'\bstatement\(\s*"(\w+)"\s*\)', path.read_text(encoding="utf-8"))
    }
    assert named
    assert named <= {path.stem for path in FILES}
