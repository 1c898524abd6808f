"""What our code imports is a requirement of ours: one that only comes with another can go with it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN = {"dags", "dev", "docker", "include", "plugins", "tests"}
PRODUCT = ("dags", "docker", "include", "plugins")
# Airflow's providers share its name, and its extras bring what it asks for itself.
OF_AIRFLOW = {"airflow", "sqlalchemy", "statsd"}


def _listed(name: str) -> set[str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return {_normal(match[0]) for line in lines if (match := re.match(r"[\w.-]+", line))}


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _imported(*folders: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            yield from ((module.split(".")[0], path) for module in modules)


def _is_foreign(module: str) -> bool:
    return module not in OWN | OF_AIRFLOW and module not in sys.stdlib_module_names


@pytest.mark.parametrize(
    ("folders", "lists"),
    [(PRODUCT, ["requirements.txt"]), (("dev", "tests"), ["requirements.txt", "requirements-dev.txt"])],
    ids=["the product", "development"],
)
def test_each_package_that_is_imported_is_listed(folders: tuple[str, ...], lists: list[str]) -> None:
    listed = set().union(*map(_listed, lists))
    brought_by = packages_distributions()
    lacking = {
        module: str(path.relative_to(ROOT))
        for module, path in _imported(*folders)
        if _is_foreign(module) and not listed & {_normal(name) for name in brought_by.get(module, [])}
    }
    assert lacking == {}


def test_each_requirement_of_the_product_is_pinned() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith("#") and "==" not in line] == []
