"""Clients that break the rules or vanish: nothing crashes, nothing leaks, nobody else notices."""

from __future__ import annotations

import random
import signal
import socket
import struct
import subprocess
import sys
import threading
from contextlib import suppress

import oracledb
import pytest

from dev.oracle_standin.negotiation import accept_packet
from dev.oracle_standin.server import StandinServer, running_server
from tests.oracle.scripted_backend import ScriptedBackend

CONNECT_DATA = b"(DESCRIPTION=(CONNECT_DATA=(SERVICE_NAME=BILLING)))"


def connect_packet(text: bytes = CONNECT_DATA, offset: int = 74) -> bytes:
    body = struct.pack(
        ">HHHHHHHHHHIBB24xIIII", 319, 300, 0x401, 8192, 8192, 0x4F98, 0, 1, len(text), offset, 0, 0x84, 0x84,
        8192, 8192, 0, 1,
    )  # fmt: skip
    return struct.pack(">HHBBH", 8 + len(body) + len(text), 0, 1, 0, 0) + body + text


def data_packet(message: bytes) -> bytes:
    return struct.pack(">IBBHH", 10 + len(message), 6, 0, 0, 0) + message


NEGOTIATE = data_packet(b"\x01\x06\x00python\x00")
GARBAGE = {
    "nothing": b"",
    "an HTTP request": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a TLS hello": bytes.fromhex("16030100c8010000c4030300") + bytes(180),
    "zeros": bytes(5000),
    "a length below the header's": b"\x00\x03\x00\x00\x01\x00\x00\x00",
    "DATA before CONNECT": struct.pack(">HHBBH", 12, 0, 6, 0, 0) + bytes(4),
    "a CONNECT cut short": struct.pack(">HHBBH", 20, 0, 1, 0, 0) + bytes(12),
    "a CONNECT whose text is elsewhere": connect_packet(offset=3),
    "a huge packet": connect_packet() + b"\x7f\xff\xff\xff" + bytes(100),
    "an empty DATA packet": connect_packet() + b"\x00\x00\x00\x08\x06\x00\x00\x00",
    "a marker in the negotiation": connect_packet() + b"\x00\x00\x00\x0b\x0c\x00\x00\x00\x01\x00\x01",
    "noise after negotiation": connect_packet() + NEGOTIATE + data_packet(bytes(range(256))),
    "a login that is none": connect_packet() + NEGOTIATE + data_packet(b"\x03\x5e\x01" + bytes(50)),
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_on_the_port_ends_its_own_connection_only(
    server: StandinServer, connection: oracledb.Connection, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 10) as line:
        line.sendall(garbage)
        line.shutdown(socket.SHUT_WR)
        while line.recv(65536):
            pass
    server.counters.wait_until(lambda counts: counts.open_connections == 1)
    connection.ping()
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]


def test_random_bytes_after_a_valid_start_never_stop_the_server(
    server: StandinServer, connection: oracledb.Connection
) -> None:
    chance = random.Random(2)  # noqa: S311 - repeatable, not secret
    for _ in range(60):
        with socket.create_connection(("127.0.0.1", server.port), 10) as line:
            line.sendall(connect_packet())
            assert line.recv(65536) == accept_packet(8192)
            line.sendall(data_packet(chance.randbytes(chance.randrange(0, 300))))
    server.counters.wait_until(lambda counts: counts.open_connections == 1)
    connection.ping()


def test_requests_broken_at_random_never_stop_the_server(
    backend: ScriptedBackend, caplog: pytest.LogCaptureFixture
) -> None:
    """Send a real client's bytes through a proxy that changes one byte of each session's requests."""
    chance = random.Random(3)  # noqa: S311 - repeatable, not secret
    with running_server(backend) as server:
        for _ in range(60):
            run_client_through_a_bad_line(server, chance)
        with oracledb.connect(server.dsn) as connection:
            connection.ping()
        server.counters.wait_until(lambda counts: counts.open_connections == 0)
    assert backend.open_count == 0
    assert "Traceback" not in caplog.text


def run_client_through_a_bad_line(server: StandinServer, chance: random.Random) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    broken = chance.randrange(5, 14)

    def pump(source: socket.socket, target: socket.socket, broken: int) -> None:
        count = 0
        with suppress(OSError):
            while received := bytearray(source.recv(65536)):
                count += 1
                if count == broken and len(received) > 12:
                    received[chance.randrange(10, len(received))] ^= 1 << chance.randrange(8)
                target.sendall(received)
        for line in (source, target):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def relay() -> None:
        client, _ = listener.accept()
        with client, socket.create_connection(("127.0.0.1", server.port), 10) as upstream:
            back = threading.Thread(target=pump, args=(upstream, client, 0))
            back.start()
            pump(client, upstream, broken)
            back.join()

    proxy = threading.Thread(target=relay)
    proxy.start()
    address = f"127.0.0.1:{listener.getsockname()[1]}/BILLING"
    with (
        suppress(oracledb.Error),
        oracledb.connect(user="bigmeter_ro", password="bigmeter", dsn=address) as connection,
        connection.cursor() as cursor,
    ):
        connection.call_timeout = 300
        for turn in range(4):
            cursor.execute("select :a as a, :b as b from dual", a=turn, b="x" * turn)
            cursor.fetchall()
            cursor.executemany("insert into t values (:a, :b)", [(1, "a"), (2, "b")])
    proxy.join(10)
    listener.close()


def test_a_client_killed_in_the_middle_of_a_fetch_leaves_nothing_behind(
    server: StandinServer, connection: oracledb.Connection, backend: ScriptedBackend
) -> None:
    client = f"""
import os, oracledb
cursor = oracledb.connect({server.dsn!r}).cursor()
cursor.execute("select level as n from dual connect by level <= 100000")
cursor.fetchmany(500)
print("fetching", flush=True)
os.kill(os.getpid(), 9)
"""
    before = threading.active_count()
    killed = subprocess.run([sys.executable, "-c", client], timeout=60, check=False, capture_output=True, text=True)
    assert killed.stdout == "fetching\n"
    server.counters.wait_until(lambda counts: counts.open_sessions == 1)
    server.counters.wait_until(lambda counts: counts.open_connections == 1)
    assert backend.open_count == 1
    assert threading.active_count() <= before
    connection.ping()


def test_a_client_that_vanishes_while_its_statement_runs_stops_the_statement(
    server: StandinServer, backend: ScriptedBackend
) -> None:
    client = f"""
import oracledb
oracledb.connect({server.dsn!r}).cursor().execute("select n from slow")
"""
    process = subprocess.Popen([sys.executable, "-c", client], stderr=subprocess.DEVNULL)
    server.counters.wait_until(lambda counts: counts.executes == 1, timeout_s=30)
    assert backend.sessions[0].is_waiting.wait(10)
    process.kill()
    process.wait(10)
    server.counters.wait_until(lambda counts: counts.open_connections == 0)
    assert backend.sessions[0].cancelled.is_set()
    assert backend.open_count == 0


def test_a_client_that_never_reads_its_rows_leaves_nothing_behind_when_it_goes(
    server: StandinServer, backend: ScriptedBackend
) -> None:
    client = f"""
import oracledb
cursor = oracledb.connect({server.dsn!r}).cursor()
cursor.arraysize = cursor.prefetchrows = 500_000
cursor.execute("select level as n from dual connect by level <= 300000")
"""
    process = subprocess.Popen([sys.executable, "-c", client])
    server.counters.wait_until(lambda counts: counts.executes == 1, timeout_s=30)
    process.send_signal(signal.SIGSTOP)
    server.counters.wait_until(lambda counts: counts.rows == 300_000, timeout_s=30)
    process.kill()
    process.wait(10)
    server.counters.wait_until(lambda counts: counts.open_connections == 0)
    assert backend.open_count == 0


def test_a_connection_that_never_speaks_is_closed_in_time(backend: ScriptedBackend) -> None:
    with (
        running_server(backend, handshake_timeout_s=0.2) as server,
        oracledb.connect(server.dsn) as connection,
        socket.create_connection(("127.0.0.1", server.port), 30) as silent,
        socket.create_connection(("127.0.0.1", server.port), 30) as mumbling,
    ):
        mumbling.sendall(b"\x00")
        assert silent.recv(100) == b""
        assert mumbling.recv(100) == b""
        server.counters.wait_until(lambda counts: counts.open_connections == 1)
        connection.ping()


def test_a_request_larger_than_the_limit_ends_its_connection(backend: ScriptedBackend) -> None:
    with running_server(backend, max_request_bytes=100_000) as server:
        with oracledb.connect(server.dsn) as connection, connection.cursor() as cursor:
            cursor.execute("insert into t values (:a)", ["x" * 50_000])
        with pytest.raises(oracledb.DatabaseError, match="DPY-4011"):
            oracledb.connect(server.dsn).cursor().execute("insert into t values (:a)", ["x" * 200_000])
        server.counters.wait_until(lambda counts: counts.open_connections == 0)
    assert len(backend.executed) == 1


def test_stopping_the_server_ends_its_sessions(backend: ScriptedBackend) -> None:
    before = threading.active_count()
    with running_server(backend) as server:
        connections = [oracledb.connect(server.dsn) for _ in range(3)]
        assert backend.open_count == 3
    assert backend.open_count == 0
    assert threading.active_count() <= before
    for connection in connections:
        with pytest.raises(oracledb.DatabaseError):
            connection.ping()
