"""The command line's connections: straight from the drivers, to what ORACLE_DSN and POSTGRES_DSN name."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import Any

import oracledb
import psycopg

from include.bigmeter.dsn import ORACLE_DSN_SETTING, POSTGRES_DSN_SETTING, OracleTarget, PostgresTarget
from include.bigmeter.errors import ConfigError, TimeIsUp, UnavailableError, quoted
from include.bigmeter.settings import Environment

THICK_MODE_SETTING = "ORACLE_THICK_MODE"
_CONNECT_TIMEOUT_S = 10


def is_thick_mode(environment: Environment) -> bool:
    """Say whether the driver uses Oracle's client library: ``ORACLE_THICK_MODE`` is ``True``; empty is ``False``.

    :raises ConfigError: if it is neither of these words.
    """
    word = environment.get(THICK_MODE_SETTING, "").strip().lower()
    if word not in {"", "true", "false"}:
        raise ConfigError(f"{THICK_MODE_SETTING}: {quoted(word)} is unknown; write True or False, or leave it empty")
    return word == "true"


class DriverConnections:
    """Opens connections with python-oracledb and psycopg; implements ``sync.connections.Connections``."""

    def __init__(self, oracle: OracleTarget, postgres: PostgresTarget, *, is_thick: bool = False) -> None:
        self._oracle = oracle
        self._postgres = postgres
        self._is_thick = is_thick

    @classmethod
    def from_environment(cls, environment: Environment) -> DriverConnections:
        """Read both names, and whether Oracle's client library is wanted.

        :raises ConfigError: if one is missing or malformed.
        """
        return cls(
            OracleTarget.parse(environment.get(ORACLE_DSN_SETTING, "")),
            PostgresTarget.parse(environment.get(POSTGRES_DSN_SETTING, "")),
            is_thick=is_thick_mode(environment),
        )

    def open_source(self) -> AbstractContextManager[oracledb.Connection]:
        """Log in to Oracle."""
        if self._is_thick:
            oracledb.init_oracle_client()  # as Airflow's hook does at each connection: only the first one loads it
        return oracledb.connect(
            user=self._oracle.user,
            password=self._oracle.password,
            dsn=self._oracle.connect_string,
            tcp_connect_timeout=_CONNECT_TIMEOUT_S,
        )

    def open_store(self) -> AbstractContextManager[psycopg.Connection[tuple[Any, ...]]]:
        """Log in to PostgreSQL."""
        return open_postgres(self._postgres)


class StoreOnly:
    """PostgreSQL alone, for what needs no Oracle; implements ``sync.connections.StoreConnections``."""

    def __init__(self, postgres: PostgresTarget) -> None:
        self._postgres = postgres

    def open_store(self) -> AbstractContextManager[psycopg.Connection[tuple[Any, ...]]]:
        """Log in to PostgreSQL."""
        return open_postgres(self._postgres)


def open_postgres(target: PostgresTarget) -> psycopg.Connection[tuple[Any, ...]]:
    """Log in to PostgreSQL, with libpq's own parameters before our defaults."""
    defaults = {"connect_timeout": str(_CONNECT_TIMEOUT_S), "application_name": "bigmeter"}
    return psycopg.connect(**{**defaults, **target.parameters})  # type: ignore[arg-type]


@contextmanager
def time_limit(seconds: int, where: str, setting: str | None = "TASK_TIMEOUT_S") -> Iterator[None]:
    """End what takes longer, as the task's time-out does under Airflow.

    A listener that accepts and stays silent hangs before any time-out of the driver's applies.

    :param setting: the variable that says how long, for the message.
    :raises UnavailableError: when the time is up.
    """

    def give_up(_signal: int, _frame: FrameType | None) -> None:
        raise TimeIsUp

    previous = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    except TimeIsUp:
        limit = f"{seconds} s{f' ({setting})' if setting else ''}"
        raise UnavailableError(f"{where}: no end after {limit}; is the database reachable?") from None
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
