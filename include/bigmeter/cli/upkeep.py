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
from include.bigmeter.cli.drivers import is_thick_mode
from include.bigmeter.dsn import ORACLE_DSN_SETTING, POSTGRES_DSN_SETTING, OracleTarget, PostgresTarget
from include.bigmeter.errors import ConfigError
from include.bigmeter.settings import NOTIFY_CONNECTION_ID, ORACLE_CONNECTION_ID, POSTGRES_CONNECTION_ID, Environment
from include.bigmeter.store.branches import write_branches
from include.bigmeter.store.failures import connecting
from include.bigmeter.store.migrations import Adoption, migrate

NOTIFY_URL_SETTING = "NOTIFY_URL"
_NOTIFY_FORM = "mailtos://user:password@host, or the URL of another service that Apprise knows"

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


def airflow_connections(environment: Environment) -> dict[str, dict[str, Any]]:
    """Return the Airflow connections of the environment, by id; without ``NOTIFY_URL`` none for messages.

    :raises ConfigError: naming the variable that is missing or malformed, never its value.
    """
    oracle = OracleTarget.parse(environment.get(ORACLE_DSN_SETTING, "")).airflow_connection()
    if is_thick_mode(environment):
        oracle["extra"] = {**oracle.get("extra", {}), "thick_mode": True}
    postgres = PostgresTarget.parse(environment.get(POSTGRES_DSN_SETTING, "")).airflow_connection()
    connections = {ORACLE_CONNECTION_ID: oracle, POSTGRES_CONNECTION_ID: postgres}
    if url := environment.get(NOTIFY_URL_SETTING, "").strip():
        if "://" not in url:
            raise ConfigError(f"{NOTIFY_URL_SETTING}: is not a URL; percent-encode special characters: {_NOTIFY_FORM}")
        connections[NOTIFY_CONNECTION_ID] = {"conn_type": "apprise", "extra": {"config": {"path": url}}}
    return connections


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
