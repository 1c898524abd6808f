"""The connections of a task, from Airflow's hooks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from include.bigmeter.errors import ConfigError
from include.bigmeter.settings import ORACLE_CONNECTION_ID, POSTGRES_CONNECTION_ID

if TYPE_CHECKING:
    import oracledb
    import psycopg


class HookConnections:
    """Opens what the Airflow connections ``bigmeter_oracle`` and ``bigmeter_postgres`` describe."""

    @contextmanager
    def open_source(self) -> Iterator[oracledb.Connection]:
        """Log in to Oracle, thin or (extra ``thick_mode``) thick.

        :raises ConfigError: if the Airflow connection is missing, of another type, or has the service as its schema.
        """
        _refuse_service_as_schema(_described(ORACLE_CONNECTION_ID, "oracle"))
        from airflow.providers.oracle.hooks.oracle import OracleHook  # noqa: PLC0415 - too heavy for a DAG import

        with OracleHook(oracle_conn_id=ORACLE_CONNECTION_ID).get_conn() as connection:
            yield connection

    @contextmanager
    def open_store(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """Log in to PostgreSQL, with autocommit off.

        :raises ConfigError: if the Airflow connection is missing or of another type.
        """
        _described(POSTGRES_CONNECTION_ID, "postgres")
        from airflow.providers.postgres.hooks.postgres import PostgresHook  # noqa: PLC0415 - too heavy for a DAG import

        hook = PostgresHook(postgres_conn_id=POSTGRES_CONNECTION_ID)
        with cast("psycopg.Connection[tuple[Any, ...]]", hook.get_conn()) as connection:
            yield connection


def _described(connection_id: str, conn_type: str) -> Connection:
    try:
        connection = BaseHook.get_connection(connection_id)
    except AirflowNotFoundException:
        raise ConfigError(
            f"{connection_id}: there is no such Airflow connection; run"
            " `python -m include.bigmeter connections --apply`, or add it under Admin > Connections"
        ) from None
    if connection.conn_type != conn_type:
        raise ConfigError(
            f"{connection_id}: the Airflow connection is of type {connection.conn_type!r}; make it {conn_type!r}"
        )
    return connection


def _refuse_service_as_schema(connection: Connection) -> None:
    """Refuse what Airflow's hook takes silently: a service in the schema field also becomes the session's schema."""
    extra = connection.extra_dejson
    if connection.schema and not (extra.get("service_name") or extra.get("sid")):
        raise ConfigError(
            f"{ORACLE_CONNECTION_ID}: the Airflow connection has its service in the field schema; empty that field and"
            ' write it as an extra: {"service_name": "..."}'
        )
