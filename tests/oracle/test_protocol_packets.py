"""Messages cut into packets of any size, in both directions."""

from __future__ import annotations

import oracledb
import pytest

from dev.oracle_standin.packets import PacketBuffer, PacketType, data_packets, narrow_packet
from dev.oracle_standin.primitives import OutOfBytes, ProtocolError, Reader, byte_string, sb, sized_text, ub
from tests.oracle.conftest import Connect
from tests.oracle.scripted_backend import ScriptedBackend, query_result, text_column

SDUS = [512, 513, 2048, 8192, 32767, 65535]


@pytest.mark.parametrize("sdu", SDUS)
def test_large_replies_and_large_requests_pass_at_any_packet_size(
    connect: Connect, backend: ScriptedBackend, sdu: int
) -> None:
    texts = [f"{index} " + "ก" * (index % 700) for index in range(1500)]
    backend.answers["select t"] = lambda _: query_result([text_column("T", 4000)], [(text,) for text in texts])
    connection = connect(sdu=sdu)
    with connection.cursor() as cursor:
        cursor.arraysize = 400
        assert [row[0] for row in cursor.execute("select t")] == texts
        cursor.executemany("insert into t values (:t)", [(text,) for text in texts])
    assert [binds[0].value for _, binds in backend.executed[1:]] == texts


@pytest.mark.parametrize("sdu", [512, 8192])
def test_a_request_that_fills_its_last_packet_is_answered(connect: Connect, backend: ScriptedBackend, sdu: int) -> None:
    connection = connect(sdu=sdu)
    with connection.cursor() as cursor:
        for size in range(sdu - 350, sdu + 20):
            cursor.execute("insert into t values (:t)", ["x" * size])
    assert len(backend.executed) == 370


def test_packets_are_cut_from_the_stream_wherever_it_is_broken() -> None:
    buffer = PacketBuffer()
    buffer.feed(narrow_packet(PacketType.CONNECT, b"hello"))
    packet = buffer.next()
    assert packet is not None
    assert packet.body == b"hello"
    buffer.widen(8192)
    stream = data_packets(bytes(range(256)) * 100, 8192)
    received = b""
    for byte in stream:
        buffer.feed(bytes((byte,)))
        while packet := buffer.next():
            assert packet.size <= 8192
            received += packet.message_bytes
    assert received == bytes(range(256)) * 100


@pytest.mark.parametrize("length", [0, 7, 9000])
def test_a_length_that_cannot_be_one_is_refused(length: int) -> None:
    buffer = PacketBuffer()
    buffer.widen(8192)
    buffer.feed(length.to_bytes(4, "big") + bytes(4))
    with pytest.raises(ProtocolError):
        buffer.next()


@pytest.mark.parametrize("number", [0, 1, 252, 255, 256, 65535, 65536, 2**32 - 1, 2**64 - 1])
def test_integers_are_counted_bytes(number: int) -> None:
    assert Reader(ub(number)).ub(8) == number
    assert len(ub(number)) == 1 + (number.bit_length() + 7) // 8
    assert sb(-number) == (ub(number) if number == 0 else bytes((ub(number)[0] | 0x80,)) + ub(number)[1:])


@pytest.mark.parametrize("size", [0, 1, 252, 253, 254, 255, 32767, 32768, 100_000])
def test_byte_strings_of_any_size_are_read_back(size: int) -> None:
    value = b"x" * size
    encoded = byte_string(value)
    assert Reader(encoded).byte_string() == value
    for end in {0, 1, len(encoded) // 2, len(encoded) - 1} - {len(encoded)}:
        with pytest.raises(OutOfBytes):
            Reader(encoded[:end]).byte_string()


def test_texts_carry_their_length_twice() -> None:
    assert sized_text("hello") == b"\x01\x05\x05hello"
    assert sized_text("") == b"\x00"


def test_connections_of_the_asyncio_driver_are_served(backend: ScriptedBackend, connect: Connect) -> None:
    import asyncio

    texts = ["ก" * index for index in range(600)]
    backend.answers["select t"] = lambda _: query_result([text_column("T", 4000)], [(text,) for text in texts])
    dsn = connect().dsn

    async def read() -> list[str]:
        async with oracledb.connect_async(user="bigmeter_ro", password="bigmeter", dsn=dsn, sdu=600) as connection:
            with connection.cursor() as cursor:
                await cursor.execute("select t")
                return [row[0] async for row in cursor]

    assert asyncio.run(read()) == [text or None for text in texts]
