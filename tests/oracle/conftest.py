"""The stand-in over a scripted backend, and the database that the contract tests ask: it, or a real Oracle Database."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import oracledb
import pytest

from dev.oracle_standin.server import StandinServer, running_server
from tests.oracle.scripted_backend import ScriptedBackend

Connect = Callable[..., oracledb.Connection]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let these tests overlook that the driver forgets to close its own socket when the server resets the line."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))


@pytest.fixture
def backend() -> ScriptedBackend:
    """Return a database that knows its answers by heart."""
    return ScriptedBackend()


@pytest.fixture
def server(backend: ScriptedBackend) -> Iterator[StandinServer]:
    """Run the stand-in over the scripted backend."""
    with running_server(backend) as running:
        yield running


@pytest.fixture
def connect(server: StandinServer) -> Iterator[Connect]:
    """Return a function that connects to the stand-in, first adding a fault; what it opened is closed at the end."""
    opened: list[oracledb.Connection] = []

    def open_connection(faults: str = "", **options: Any) -> oracledb.Connection:
        if faults:
            server.faults.add(faults)
        connection = oracledb.connect(server.dsn, **options)
        opened.append(connection)
        return connection

    yield open_connection
    server.faults.clear()
    for connection in opened:
        if connection.is_healthy():
            connection.close()


@pytest.fixture
def connection(connect: Connect) -> oracledb.Connection:
    """Return a connection to the stand-in."""
    return connect()


@pytest.fixture
def oracle_dsn(request: pytest.FixtureRequest) -> str:
    """Return where the contract tests run: ``ORACLE_TEST_DSN`` if it is set, else the stand-in."""
    real = os.environ.get("ORACLE_TEST_DSN")
    if real:
        return real
    standin: StandinServer = request.getfixturevalue("server")
    return standin.dsn


@pytest.fixture
def oracle(oracle_dsn: str) -> Iterator[oracledb.Connection]:
    """Return a connection for a contract test."""
    with oracledb.connect(oracle_dsn) as opened:
        yield opened
