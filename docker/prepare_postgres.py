"""Make the roles and databases of the PostgreSQL server that Compose starts, at each start; what is there stays.

========================  =====================================================================================
``airflow``               owns the database ``airflow``: Airflow's own metadata
``bigmeter``              owns the database ``bigmeter``: it loads and migrates, and may make temporary tables
``bigmeter_reader``       reads every table and view of ``bigmeter``, now and later, and can write nothing
========================  =====================================================================================

Passwords follow ``.env``: change one there, start again, and the role has it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

LOADER, READER = "bigmeter", "bigmeter_reader"
PRODUCT_DATABASE = "bigmeter"
_READER_TIMEOUT = "5min"
# The passwords become part of URLs (SQLAlchemy's, Celery's, POSTGRES_DSN), where other characters need an escape.
_PASSWORD = re.compile(r"[A-Za-z0-9_.~-]{12,}")


class SettingError(Exception):
    """A setting is missing or cannot be used; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passwords:
    """One per role; those of ``airflow``, ``bigmeter`` and ``bigmeter_reader``."""

    airflow: str = field(repr=False)
    loader: str = field(repr=False)
    reader: str = field(repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Passwords:
        """Read ``AIRFLOW_DB_PASSWORD``, ``BIGMETER_DB_PASSWORD`` and ``REPORTS_DB_PASSWORD``.

        :raises SettingError: naming the one that is missing, short or holds a character that a URL would escape.
        """
        return cls(
            airflow=_password(environment, "AIRFLOW_DB_PASSWORD"),
            loader=_password(environment, "BIGMETER_DB_PASSWORD"),
            reader=_password(environment, "REPORTS_DB_PASSWORD"),
        )


def prepare(server: str, passwords: Passwords) -> None:
    """Make roles, databases and grants.

    :param server: a superuser's connection string to the server; its database does not matter.
    """
    with psycopg.connect(server, autocommit=True) as connection:
        for role, password in (("airflow", passwords.airflow), (LOADER, passwords.loader), (READER, passwords.reader)):
            _ensure_role(connection, role, password)
        for database, owner in (("airflow", "airflow"), (PRODUCT_DATABASE, LOADER)):
            _ensure_database(connection, database, owner)
        name = sql.Identifier(PRODUCT_DATABASE)
        reader = sql.Identifier(READER)
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, reader))
        connection.execute(sql.SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(reader))
        connection.execute(
            sql.SQL("ALTER ROLE {} SET statement_timeout = {}").format(reader, sql.Literal(_READER_TIMEOUT))
        )
    with psycopg.connect(make_conninfo(server, dbname=PRODUCT_DATABASE), autocommit=True) as connection:
        loader = sql.Identifier(LOADER)
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(reader))
        connection.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}").format(reader))
        connection.execute(
            sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA public GRANT SELECT ON TABLES TO {}").format(
                loader, reader
            )
        )


def _ensure_role(connection: psycopg.Connection[tuple[object, ...]], role: str, password: str) -> None:
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    verb = sql.SQL("ALTER" if known else "CREATE")
    connection.execute(
        sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, sql.Identifier(role), sql.Literal(password))
    )


def _ensure_database(connection: psycopg.Connection[tuple[object, ...]], database: str, owner: str) -> None:
    """Make a database that only its owner can enter, make temporary tables in, and create in."""
    name = sql.Identifier(database)
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0").format(
                name, sql.Identifier(owner)
            )
        )
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    connection.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(name, sql.Identifier(owner)))


def _password(environment: Mapping[str, str], name: str) -> str:
    password = environment.get(name, "")
    if not _PASSWORD.fullmatch(password):
        raise SettingError(
            f"{name}: write at least 12 letters, digits, or - _ . ~ into .env (it becomes part of a URL);"
            " docker/new_env.sh makes one"
        )
    return password


def main(environment: Mapping[str, str]) -> int:
    """Prepare the server that ``POSTGRES_SERVER`` and ``POSTGRES_PASSWORD`` name; return an exit status."""
    try:
        server = make_conninfo(
            environment.get("POSTGRES_SERVER", ""), user="postgres", password=environment.get("POSTGRES_PASSWORD", "")
        )
        prepare(server, Passwords.from_environment(environment))
    except SettingError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except psycopg.OperationalError as error:
        # The server's message about a refused login holds no secret, and says which of two passwords is meant.
        sys.stderr.write(f"error: PostgreSQL: {str(error).strip().splitlines()[-1]}\n")
        return 3
    sys.stdout.write(f"PostgreSQL: roles airflow, {LOADER}, {READER}; databases airflow, {PRODUCT_DATABASE}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
