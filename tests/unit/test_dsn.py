"""Data source names in the forms in use."""

import pytest

from include.bigmeter.dsn import OracleTarget, PostgresTarget
from include.bigmeter.errors import ConfigError


@pytest.mark.parametrize(
    "text",
    [
        "reader/s3cret@db.example:1522/BILLING",
        "oracle://reader:s3cret@db.example:1522/BILLING",
        "oracle+oracledb://reader:s3cret@db.example:1522/?service_name=BILLING",
        "  reader/s3cret@//db.example:1522/BILLING\n",
    ],
)
def test_each_form_names_the_same_service(text: str) -> None:
    target = OracleTarget.parse(text)
    assert target == OracleTarget(
        user="reader", password="s3cret", host="db.example", port=1522, service_name="BILLING"
    )
    assert target.connect_string == "db.example:1522/BILLING"


def test_the_first_slash_and_the_last_at_divide_a_dsn() -> None:
    target = OracleTarget.parse("reader/p@ss/w:rd@@db.example/BILLING")
    assert (target.user, target.password) == ("reader", "p@ss/w:rd@")
    assert (target.host, target.port, target.service_name) == ("db.example", 1521, "BILLING")


def test_a_urls_password_is_percent_decoded() -> None:
    assert OracleTarget.parse("oracle://reader:p%40ss%2F@h/S").password == "p@ss/"


@pytest.mark.parametrize(
    "place", ["(DESCRIPTION=(ADDRESS=(HOST=h)(PORT=1))(CONNECT_DATA=(SERVICE_NAME=S)))", "BILLING_TNS"]
)
def test_a_descriptor_or_alias_is_handed_on_as_it_is(place: str) -> None:
    target = OracleTarget.parse(f"reader/s3cret@{place}")
    assert target.connect_string == place
    assert target.airflow_connection()["extra"] == {"dsn": place}


def test_the_service_never_becomes_the_schema_of_an_airflow_connection() -> None:
    connection = OracleTarget.parse("reader/s3cret@h:1521/S").airflow_connection()
    assert connection == {
        "conn_type": "oracle",
        "login": "reader",
        "password": "s3cret",
        "host": "h",
        "port": 1521,
        "extra": {"service_name": "S"},
    }


@pytest.mark.parametrize(
    "text",
    ["", "  ", "reader@h/S", "reader/s3cret", "/s3cret@h/S", "reader/@h/S", "mysql://u:s3cret@h/S", "oracle://h:1/S"],
)
def test_an_oracle_dsn_with_a_part_missing_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(ConfigError, match="^ORACLE_DSN: ") as caught:
        OracleTarget.parse(text)
    assert "s3cret" not in str(caught.value)


def test_a_password_is_not_in_the_representation() -> None:
    assert "s3cret" not in repr(OracleTarget.parse("reader/s3cret@h/S"))
    assert "s3cret" not in repr(PostgresTarget.parse("postgres://u:s3cret@h/db"))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_postgres_url_becomes_an_airflow_connection(scheme: str) -> None:
    target = PostgresTarget.parse(f"{scheme}://u:p%40ss@h:5433/db?sslmode=require")
    assert target.airflow_connection() == {
        "conn_type": "postgres",
        "host": "h",
        "login": "u",
        "password": "p@ss",
        "schema": "db",
        "port": 5433,
        "extra": {"sslmode": "require"},
    }


def test_libpqs_own_words_are_understood() -> None:
    assert PostgresTarget.parse("host=/tmp/pg dbname=db user=u").parameters == {
        "host": "/tmp/pg",
        "dbname": "db",
        "user": "u",
    }


def test_several_hosts_keep_their_ports() -> None:
    connection = PostgresTarget.parse("host=a,b port=5432,5433 dbname=db").airflow_connection()
    assert (connection["host"], connection["extra"]) == ("a,b", {"port": "5432,5433"})
    assert "port" not in connection


@pytest.mark.parametrize("text", ["u/s3cret@h:0/S", "u/s3cret@h:65536/S", "oracle://u:s3cret@h:65536/S"])
def test_a_port_that_there_is_not_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="^ORACLE_DSN: ") as caught:
        OracleTarget.parse(text)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "postgres://u:s3cret@h:5432", "postgres://u:s3cret@h:x/db", "postgres://u:s3cret@h:²/db", "nonsense s3cret"],
)
def test_a_bad_postgres_dsn_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(ConfigError, match="^POSTGRES_DSN: ") as caught:
        PostgresTarget.parse(text)
    assert "s3cret" not in str(caught.value)
