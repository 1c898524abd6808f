"""The Airflow connections that the environment describes: as init stores them, as the command prints them."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from include.bigmeter.cli.upkeep import airflow_connections
from include.bigmeter.errors import ConfigError
from tests.command_line import Command

BOTH = {"ORACLE_DSN": "reader/secret@db.example:1521/BILLING", "POSTGRES_DSN": "postgres://u:p@pg.example/bigmeter"}
MESSAGES = {"NOTIFY_URL": " tgram://123456789:s3cret/-1001234567890 "}
APPRISE = {"conn_type": "apprise", "extra": {"config": {"path": "tgram://123456789:s3cret/-1001234567890"}}}


@pytest.mark.parametrize("word", ["", "False"])
def test_the_thin_image_asks_for_no_client(word: str) -> None:
    found = airflow_connections({**BOTH, "ORACLE_THICK_MODE": word})
    assert found["bigmeter_oracle"]["extra"] == {"service_name": "BILLING"}
    assert set(found) == {"bigmeter_oracle", "bigmeter_postgres"}


def test_the_thick_image_asks_for_the_client() -> None:
    found = airflow_connections({**BOTH, "ORACLE_THICK_MODE": "True"})
    assert found["bigmeter_oracle"]["extra"] == {"service_name": "BILLING", "thick_mode": True}


def test_a_url_for_messages_becomes_a_connection_of_apprise() -> None:
    assert airflow_connections({**BOTH, **MESSAGES})["bigmeter_notify"] == APPRISE


def test_a_url_for_messages_that_is_none_is_refused_without_its_text() -> None:
    with pytest.raises(ConfigError, match="^NOTIFY_URL: ") as caught:
        airflow_connections({**BOTH, "NOTIFY_URL": "123456789:s3cret"})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("missing", ["ORACLE_DSN", "POSTGRES_DSN"])
def test_a_missing_name_is_an_error_that_names_it(missing: str) -> None:
    with pytest.raises(ConfigError, match=missing):
        airflow_connections({**BOTH, missing: ""})


def test_the_command_prints_a_variable_of_airflow_for_each_that_a_shell_can_read(command: Command) -> None:
    answer = command({**BOTH, **MESSAGES}, "connections")
    assert answer.status == 0
    printed = dict(shlex.split(line)[0].split("=", 1) for line in answer.out.splitlines())
    assert list(printed) == [f"AIRFLOW_CONN_BIGMETER_{name}" for name in ("ORACLE", "POSTGRES", "NOTIFY")]
    assert json.loads(printed["AIRFLOW_CONN_BIGMETER_NOTIFY"]) == APPRISE
    assert json.loads(printed["AIRFLOW_CONN_BIGMETER_ORACLE"])["password"] == "secret"


def test_the_command_prints_one_document_for_machines(command: Command) -> None:
    answer = command(BOTH, "connections", "--json")
    assert (answer.status, answer.document()) == (0, airflow_connections(BOTH))


def test_what_is_stored_is_named_and_not_shown(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    stored: list[Any] = []
    monkeypatch.setattr("include.bigmeter.cli.main.apply_connections", stored.append)
    answer = command({**BOTH, **MESSAGES}, "connections", "--apply")
    assert answer.status == 0
    assert stored == [airflow_connections({**BOTH, **MESSAGES})]
    assert answer.out == "stored: bigmeter_oracle, bigmeter_postgres, bigmeter_notify\n"
    assert answer.err == ""
