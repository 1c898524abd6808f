"""``migrate`` and ``connections --apply``: what makes a database and an Airflow ready."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import psycopg

from include.bigmeter.branches import Branch
from include.bigmeter.errors import ConfigError
from include.bigmeter.store.branches import write_branches
from include.bigmeter.store.failures import connecting
from include.bigmeter.store.migrations import Adoption, migrate

StoreConnection = psycopg.Connection[tuple[Any, ...]]


def migrate_database(
    open_store: Callable[[], AbstractContextManager[StoreConnection]], branches: Sequence[Branch]
) -> dict[str, Any]:
    """Bring the schema up to date, adopt an older one, write the branches' names; say what was done.

    :raises BigmeterError: if the database cannot be reached or an applied migration was changed.
    """
    with ExitStack() as stack:
        with connecting():
            store = stack.enter_context(open_store())
        report = migrate(store)
        write_branches(store, {branch.code: branch.name for branch in branches})
    return {"applied": list(report.applied), **(_adoption_facts(report.adoption) if report.adoption else {})}


def _adoption_facts(adoption: Adoption) -> dict[str, Any]:
    kept = {f"kept in {table}": count for table, count in adoption.kept.items()}
    aside = {f"set aside from {table}, {reason}": count for (table, reason), count in adoption.set_aside.items()}
    return {**kept, **aside, "adopted months of a branch": adoption.months}


def apply_connections(connections: Mapping[str, Mapping[str, Any]]) -> None:
    """Store connections in Airflow's database, through Airflow's own command; those of the same name are replaced.

    :raises ConfigError: if Airflow refuses; its own message is on standard error.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "connections.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(connections), encoding="utf-8")
        command = [sys.executable, "-m", "airflow", "connections", "import", "--overwrite", str(file)]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)  # noqa: S603  fixed words and a path
    if done.returncode:
        raise ConfigError("connections: Airflow did not store them; see its message above, then run airflow db migrate")
