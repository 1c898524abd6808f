"""A backend, and a session that looks up unqualified names among the tables."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dev.oracle_standin.duckdb_backend import DuckDBBackend, DuckDBSession
from tests.unit.standin.asking import make_backend


@pytest.fixture
def database() -> DuckDBBackend:
    """Return a backend over a fresh database."""
    return make_backend()


@pytest.fixture
def session(database: DuckDBBackend) -> Iterator[DuckDBSession]:
    """Return a session of a user who does not own the tables but looks there."""
    opened = database.open_session("BIGMETER_RO")
    opened.set_schema("PWACIS")
    yield opened
    opened.close()


@pytest.fixture
def other(database: DuckDBBackend) -> Iterator[DuckDBSession]:
    """Return a second session."""
    opened = database.open_session("SOMEBODY")
    opened.set_schema("PWACIS")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def reader() -> Iterator[DuckDBSession]:
    """Return one session for all tests of a module that change nothing."""
    opened = make_backend().open_session("BIGMETER_RO")
    opened.set_schema("PWACIS")
    yield opened
    opened.close()
