"""How the sync gets its connections: from Airflow's hooks in a task, from the drivers on the command line."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

import oracledb
import psycopg


class StoreConnections(Protocol):
    """Opens PostgreSQL; the connection is closed at the end of its ``with``, the driver's errors pass through."""

    def open_store(self) -> AbstractContextManager[psycopg.Connection[tuple[Any, ...]]]:
        """Log in to PostgreSQL, with autocommit off."""
        ...


class Connections(StoreConnections, Protocol):
    """Opens Oracle as well, likewise."""

    def open_source(self) -> AbstractContextManager[oracledb.Connection]:
        """Log in to Oracle."""
        ...
