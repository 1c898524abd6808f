"""The data source names in use, read into what a driver and an Airflow connection need."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from include.bigmeter.errors import ConfigError

ORACLE_DSN_SETTING = "ORACLE_DSN"
POSTGRES_DSN_SETTING = "POSTGRES_DSN"
ORACLE_DEFAULT_PORT = 1521

_ORACLE_FORMS = "user/password@host:1521/service or oracle://user:password@host:1521/service"
_POSTGRES_FORMS = "postgres://user:password@host:5432/database"
_PORTS = re.compile(r"[0-9]{1,5}(?:,[0-9]{1,5})*")
_LAST_PORT = 65535
_EASY_CONNECT = re.compile(
    r"(?://)?(?P<host>[\w.-]+|\[[0-9A-Fa-f:]+\])(?::(?P<port>[0-9]{1,5}))?/(?P<service>[\w.$#-]+)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleTarget:
    """An Oracle service and the user that reads it; either host and service name, or a full connect descriptor."""

    user: str
    password: str = field(repr=False)
    host: str | None = None
    port: int = ORACLE_DEFAULT_PORT
    service_name: str | None = None
    descriptor: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``ORACLE_DSN``.

        :param text: ``user/password@host:1521/service`` (the first ``/`` and the last ``@`` divide it, so a password
            may hold both), or ``oracle://user:password@host:1521/service`` with percent-encoded parts.
        :raises ConfigError: naming the part that is missing, never the password.
        """
        stripped = text.strip()
        if not stripped:
            raise ConfigError(f"{ORACLE_DSN_SETTING}: not set; write {_ORACLE_FORMS}")
        if "://" in stripped.split("@", 1)[0]:
            return cls._parse_url(stripped)
        credentials, at, place = stripped.rpartition("@")
        user, slash, password = credentials.partition("/")
        if not (at and slash and user and password and place):
            raise ConfigError(f"{ORACLE_DSN_SETTING}: has no user, password or host; write {_ORACLE_FORMS}")
        easy = _EASY_CONNECT.fullmatch(place)
        if easy is not None and not 0 < int(easy["port"] or ORACLE_DEFAULT_PORT) <= _LAST_PORT:
            raise ConfigError(f"{ORACLE_DSN_SETTING}: its port is not 1 to {_LAST_PORT}; write {_ORACLE_FORMS}")
        if easy is None:  # a connect descriptor, an alias of tnsnames.ora, or Easy Connect Plus with options
            return cls(user=user, password=password, descriptor=place)
        return cls(
            user=user,
            password=password,
            host=easy["host"],
            port=int(easy["port"] or ORACLE_DEFAULT_PORT),
            service_name=easy["service"],
        )

    @classmethod
    def _parse_url(cls, text: str) -> Self:
        try:
            url = urlsplit(text)
            port = url.port or ORACLE_DEFAULT_PORT
        except ValueError:
            raise ConfigError(
                f"{ORACLE_DSN_SETTING}: is not a URL; percent-encode special characters: {_ORACLE_FORMS}"
            ) from None
        if not url.scheme.startswith("oracle"):
            raise ConfigError(f"{ORACLE_DSN_SETTING}: is a {url.scheme}:// URL; write {_ORACLE_FORMS}")
        service = unquote(url.path.strip("/")) or next(iter(parse_qs(url.query).get("service_name", [])), "")
        if not (url.username and url.password and url.hostname and service):
            raise ConfigError(f"{ORACLE_DSN_SETTING}: has no user, password, host or service; write {_ORACLE_FORMS}")
        return cls(
            user=unquote(url.username),
            password=unquote(url.password),
            host=url.hostname,
            port=port,
            service_name=service,
        )

    @property
    def connect_string(self) -> str:
        """What the driver takes as ``dsn``."""
        return self.descriptor or f"{self.host}:{self.port}/{self.service_name}"

    def airflow_connection(self) -> dict[str, Any]:
        """Return it as the fields of an Airflow connection.

        The service goes to the extras: in ``schema`` Airflow's hook would also make it the session's schema.
        """
        common = {"conn_type": "oracle", "login": self.user, "password": self.password}
        if self.descriptor:
            return {**common, "extra": {"dsn": self.descriptor}}
        return {**common, "host": self.host, "port": self.port, "extra": {"service_name": self.service_name}}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresTarget:
    """A PostgreSQL database by libpq's own parameter names."""

    parameters: Mapping[str, str] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``POSTGRES_DSN``: a ``postgres://`` URL, or libpq's ``key=value`` words.

        :raises ConfigError: if it is neither, or names no database.
        """
        if not text.strip():
            raise ConfigError(f"{POSTGRES_DSN_SETTING}: not set; write {_POSTGRES_FORMS}")
        try:
            parsed = conninfo_to_dict(text.strip())
        except ProgrammingError:
            raise ConfigError(
                f"{POSTGRES_DSN_SETTING}: cannot be read; percent-encode special characters: {_POSTGRES_FORMS}"
            ) from None
        parameters = {name: str(value) for name, value in parsed.items() if value is not None}
        if not parameters.get("dbname"):
            raise ConfigError(f"{POSTGRES_DSN_SETTING}: names no database; write {_POSTGRES_FORMS}")
        if not _PORTS.fullmatch(parameters.get("port", "0")):
            raise ConfigError(f"{POSTGRES_DSN_SETTING}: its port is no number; write {_POSTGRES_FORMS}")
        return cls(parameters=parameters)

    def airflow_connection(self) -> dict[str, Any]:
        """Return it as the fields of an Airflow connection; libpq's other parameters go to the extras."""
        own = {"host": "host", "user": "login", "password": "password", "dbname": "schema"}
        connection: dict[str, Any] = {"conn_type": "postgres"}
        connection |= {own[name]: value for name, value in self.parameters.items() if name in own}
        others = {name: value for name, value in self.parameters.items() if name not in own}
        if others.get("port", "").isdecimal():  # several, for as many hosts, go to libpq as they are
            connection["port"] = int(others.pop("port"))
        extra = others
        return connection | ({"extra": extra} if extra else {})


def as_airflow_variable(connection_id: str, connection: Mapping[str, Any]) -> tuple[str, str]:
    """Return the environment variable and its JSON value by which Airflow finds a connection."""
    return f"AIRFLOW_CONN_{connection_id.upper()}", json.dumps(connection, ensure_ascii=False)
