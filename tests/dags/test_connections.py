"""What is wrong with an Airflow connection is said before a driver tries it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from include.bigmeter.errors import ConfigError

pytestmark = pytest.mark.usefixtures("airflow_database")


def _define(monkeypatch: pytest.MonkeyPatch, connection_id: str, **fields: Any) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{connection_id.upper()}", json.dumps(fields))


def _open_source() -> None:
    from include.bigmeter.tasks.connections import HookConnections

    with HookConnections().open_source():
        raise AssertionError("there is no Oracle here")


def _open_store() -> None:
    from include.bigmeter.tasks.connections import HookConnections

    with HookConnections().open_store():
        raise AssertionError("there is no PostgreSQL here")


def test_a_missing_oracle_connection_is_named_with_the_way_to_make_it() -> None:
    with pytest.raises(ConfigError, match=r"^bigmeter_oracle: there is no such Airflow connection; run `python -m "):
        _open_source()


def test_a_missing_postgres_connection_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^bigmeter_postgres: there is no such Airflow connection"):
        _open_store()


def test_a_connection_of_another_type_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _define(monkeypatch, "bigmeter_postgres", conn_type="mysql", host="x")
    with pytest.raises(ConfigError, match=r"^bigmeter_postgres: .* type 'mysql'; make it 'postgres'$"):
        _open_store()


@pytest.mark.parametrize("extra", [{}, {"dsn": "db:1521/PWACIS"}])
def test_a_service_in_the_schema_field_is_refused(extra: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    _define(monkeypatch, "bigmeter_oracle", conn_type="oracle", host="db", schema="PWACIS", extra=extra)
    with pytest.raises(ConfigError, match=r"^bigmeter_oracle: .* field schema; empty that field"):
        _open_source()


def test_the_store_is_reached_through_the_airflow_connection(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from include.bigmeter.dsn import PostgresTarget
    from include.bigmeter.tasks.connections import HookConnections

    _define(monkeypatch, "bigmeter_postgres", **PostgresTarget.parse(database).airflow_connection())
    with HookConnections().open_store() as connection:
        assert connection.autocommit is False
        assert connection.execute("SELECT count(*) FROM bm_sync_runs").fetchone() == (0,)
    assert connection.closed


def test_an_error_rolls_back_and_closes(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import psycopg

    from include.bigmeter.dsn import PostgresTarget
    from include.bigmeter.tasks.connections import HookConnections

    _define(monkeypatch, "bigmeter_postgres", **PostgresTarget.parse(database).airflow_connection())
    opened = []

    def write_and_fail() -> None:
        with HookConnections().open_store() as connection:
            opened.append(connection)
            connection.execute("INSERT INTO bm_branches (code, name) VALUES ('1063', 'x')")
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()
    assert opened[0].closed
    with psycopg.connect(database) as other:
        assert other.execute("SELECT count(*) FROM bm_branches").fetchone() == (0,)
