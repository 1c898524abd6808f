"""The connections that init stores in Airflow."""

from __future__ import annotations

import pytest

from docker.prepare_airflow import connections
from include.bigmeter.errors import ConfigError

BOTH = {"ORACLE_DSN": "reader/secret@db.example:1521/BILLING", "POSTGRES_DSN": "postgres://u:p@pg.example/bigmeter"}


def test_the_thin_image_asks_for_no_client() -> None:
    found = connections({**BOTH, "ORACLE_THICK_MODE": ""})
    assert found["bigmeter_oracle"]["extra"] == {"service_name": "BILLING"}
    assert set(found) == {"bigmeter_oracle", "bigmeter_postgres"}


def test_the_thick_image_asks_for_the_client() -> None:
    found = connections({**BOTH, "ORACLE_THICK_MODE": "True"})
    assert found["bigmeter_oracle"]["extra"] == {"service_name": "BILLING", "thick_mode": True}


def test_a_url_for_messages_becomes_a_connection_of_apprise() -> None:
    found = connections({**BOTH, "NOTIFY_URL": " json://hooks.example/path "})
    assert found["bigmeter_notify"] == {
        "conn_type": "apprise",
        "extra": {"config": {"path": "json://hooks.example/path"}},
    }


@pytest.mark.parametrize("missing", ["ORACLE_DSN", "POSTGRES_DSN"])
def test_a_missing_name_is_an_error_that_names_it(missing: str) -> None:
    with pytest.raises(ConfigError, match=missing):
        connections({**BOTH, missing: ""})
