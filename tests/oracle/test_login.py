"""Who gets in, who does not, and what the driver is told."""

from __future__ import annotations

import oracledb
import pytest

from dev.oracle_standin.login import combined_key, decrypt, encrypt, verifier_key
from dev.oracle_standin.server import StandinServer, running_server
from tests.oracle.failures import raises
from tests.oracle.scripted_backend import ScriptedBackend


def login(server: StandinServer, user: str = "bigmeter_ro", password: str = "bigmeter") -> oracledb.Connection:  # noqa: S107
    return oracledb.connect(user=user, password=password, dsn=server.address)


def test_the_right_password_logs_in_and_the_driver_sees_a_19c_database(server: StandinServer) -> None:
    with login(server) as connection:
        assert connection.version == "19.3.0.0.0"
        assert connection.service_name == "BILLING"
        assert connection.thin


def test_a_user_name_is_taken_in_any_case_and_owns_the_schema_of_its_name(
    server: StandinServer, backend: ScriptedBackend
) -> None:
    with login(server, user="BigMeter_RO"):
        assert [session.user for session in backend.sessions] == ["BIGMETER_RO"]


@pytest.mark.parametrize(
    ("user", "password"),
    [("bigmeter_ro", "BigMeter"), ("bigmeter_ro", "x" * 500), ("nobody", "bigmeter"), ("bigmeter_ro", "น้ำ")],
)
def test_a_wrong_password_or_an_unknown_user_is_ora_01017(
    server: StandinServer, backend: ScriptedBackend, user: str, password: str
) -> None:
    with raises("ORA-01017"):
        login(server, user, password)
    assert backend.sessions == []


@pytest.mark.parametrize("password", ["x", "p" * 16, "p" * 200, "รหัสผ่าน", 'with "quotes" and @/:'])
def test_any_password_that_the_user_has_logs_in(backend: ScriptedBackend, password: str) -> None:
    with (
        running_server(backend, users={"someone": password}) as server,
        login(server, "someone", password) as connection,
    ):
        connection.ping()


def test_an_unknown_service_is_ora_12514(server: StandinServer) -> None:
    with raises("DPY-6005") as failure:
        oracledb.connect(user="bigmeter_ro", password="bigmeter", host="127.0.0.1", port=server.port, service_name="X")
    assert "ORA-12514" in failure.message


def test_an_unknown_sid_is_ora_12505_and_the_name_of_the_service_is_taken_as_one(server: StandinServer) -> None:
    with raises("DPY-6005") as failure:
        oracledb.connect(user="bigmeter_ro", password="bigmeter", host="127.0.0.1", port=server.port, sid="X")
    assert "ORA-12505" in failure.message
    dsn = oracledb.makedsn("127.0.0.1", server.port, sid="BILLING")
    with oracledb.connect(user="bigmeter_ro", password="bigmeter", dsn=dsn) as connection:
        connection.ping()


def test_a_privileged_login_is_refused(server: StandinServer) -> None:
    with raises("ORA-01017"):
        oracledb.connect(server.dsn, mode=oracledb.AUTH_MODE_SYSDBA)


def test_a_new_password_is_refused_at_login_and_later(server: StandinServer) -> None:
    with raises("ORA-01017"):
        oracledb.connect(server.dsn, newpassword="other")
    with login(server) as connection:
        with raises("ORA-03001"):
            connection.changepassword("bigmeter", "other")
        connection.ping()


def test_a_connect_string_too_long_for_its_packet_is_read_from_the_next_one(server: StandinServer) -> None:
    program = "/opt/" + "a-long-path/" * 30 + "python"
    with oracledb.connect(server.dsn, program=program) as connection:
        connection.ping()


def test_the_keys_are_those_of_the_12c_verifier() -> None:
    salt, server_half, client_half = bytes(range(16)), b"\x11" * 32, b"\x22" * 32
    key = verifier_key("tiger", salt)
    assert key.hex() == "14ea3f411c70c9a3e7aa9026b8d71b205a99b5efb1e5f739b6c13191e5935ab3"
    assert encrypt(key, server_half).hex() == "8100ced3e41ed636e279d5f0e13ffd67c3764fbbc77d3bac0b2b3fe6c1e1792c"
    sent = bytes.fromhex("953dc4bd19b21b4052bd365500695f2eba376bf5eee513ef85db14fb585619ba")
    assert decrypt(key, sent) == client_half
    combined = combined_key(client_half, server_half, b"\x33" * 16)
    assert combined.hex() == "0eb104d709da53463ae6db5eae0f9205017e5704d4681b46386d11e614656a63"
    password = bytes.fromhex("18018772c9eff9a4e31cf1f2e1b28442de74cd43b2fefba2f1b825156e68920c")
    assert decrypt(combined, password) == b"\x44" * 16 + b"tiger" + b"\x0b" * 11
