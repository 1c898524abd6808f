"""ORACLE_THICK_MODE on the command line: the same word that decides for Airflow's connection."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import oracledb
import pytest

from include.bigmeter.cli.drivers import DriverConnections
from include.bigmeter.errors import ConfigError
from include.bigmeter.sync.attempt import source_of

ROOT = Path(__file__).parents[3]
BOTH = {"ORACLE_DSN": "reader/s3cret@db.example:1521/BILLING", "POSTGRES_DSN": "postgres://u:p@pg.example/bigmeter"}


class Driver:
    """The driver, replaced: what was asked of it, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failure: Exception | None = None) -> None:
        self.asked: list[str] = []
        self._failure = failure
        monkeypatch.setattr(oracledb, "init_oracle_client", self._load_client)
        monkeypatch.setattr(oracledb, "connect", self._connect)

    def _load_client(self) -> None:
        self.asked.append("client")
        if self._failure:
            raise self._failure

    def _connect(self, **_: Any) -> None:
        self.asked.append("connection")


@pytest.mark.parametrize(
    ("word", "asked"),
    [(None, ["connection"]), ("False", ["connection"]), ("true", ["client", "connection"])],
)
def test_the_client_is_loaded_before_the_connection_where_it_is_asked_for(
    word: str | None, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = Driver(monkeypatch)
    DriverConnections.from_environment(BOTH | ({"ORACLE_THICK_MODE": word} if word else {})).open_source()
    assert driver.asked == asked


def test_a_client_that_is_not_there_is_a_wrong_setting_and_no_connection_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver = Driver(monkeypatch, oracledb.DatabaseError("DPI-1047: Cannot locate a 64-bit Oracle Client library"))
    connections = DriverConnections.from_environment({**BOTH, "ORACLE_THICK_MODE": "True"})
    with pytest.raises(ConfigError, match="DPI-1047.*client library"), source_of(connections, "check"):
        pass
    assert driver.asked == ["client"]


def test_another_word_is_refused_before_anything_is_opened() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "include.bigmeter", "check", "--json"],
        env={**BOTH, "ORACLE_THICK_MODE": "thick"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert json.loads(done.stdout) == {
        "error": "configuration",
        "message": "ORACLE_THICK_MODE: 'thick' is unknown; write True or False, or leave it empty",
    }
