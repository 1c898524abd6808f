"""What the tests of the command line share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Put the logging back that a command sets up: it writes to the test's standard error, which is closed later."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
