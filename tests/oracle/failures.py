"""Read from a driver's exception what kind of failure it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import oracledb
import pytest


@dataclass
class Failure:
    """An expected failure: the driver's own code (``ORA-00942``, ``DPY-4011``), the text, and its position."""

    full_code: str = ""
    message: str = ""
    offset: int = 0
    is_recoverable: bool = False


@contextmanager
def raises(*full_codes: str) -> Iterator[Failure]:
    """Expect a driver error with one of these codes."""
    failure = Failure()
    with pytest.raises(oracledb.Error) as caught:
        yield failure
    (error,) = caught.value.args
    failure.full_code, failure.message = error.full_code, error.message
    failure.offset, failure.is_recoverable = error.offset, error.isrecoverable
    assert failure.full_code in full_codes, failure.message
