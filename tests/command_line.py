"""The command line, run inside the test's process: its exit status and what it wrote."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import structlog

from include.bigmeter.cli.main import main
from include.bigmeter.settings import Environment


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command answered."""

    status: int
    out: str
    err: str

    def document(self) -> dict[str, Any]:
        """Return what ``--json`` printed: one document and nothing else."""
        document: dict[str, Any] = json.loads(self.out)
        return document


Command = Callable[..., Answer]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Return a function that runs the command line with an environment and words.

    The logging is put back at the end: a command sends it to the test's standard error, which is closed then.
    """
    logging = structlog.get_config()

    def run(environment: Environment, *words: str) -> Answer:
        capsys.readouterr()
        status = main(list(words), environment)
        output = capsys.readouterr()
        return Answer(status, output.out, output.err)

    yield run
    structlog.configure(**logging)
