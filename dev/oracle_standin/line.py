"""A client's line: packets in and out, and the ways in which it ends."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NoReturn, TypeVar

from dev.oracle_standin.faults import Fault
from dev.oracle_standin.packets import (
    DATA_FLAG_CLOSING,
    Marker,
    Packet,
    PacketBuffer,
    PacketType,
    data_packets,
    marker_packet,
)
from dev.oracle_standin.primitives import OutOfBytes, ProtocolError, Reader

_READ_SIZE: Final = 262_144
_SILENCE_S: Final = 0.01
_GOODBYE_S: Final = 5.0
_HANG_UP_S: Final = 1.0
_MAX_LOGIN_BYTES: Final = 1 << 20
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)

_T = TypeVar("_T")


class LineEnded(Exception):
    """The line is gone, whoever closed it."""


class Line:
    """One client's connection; before ``widen`` it takes and sends packets as the connect phase has them."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sdu = 0
        self._reader = reader
        self._writer = writer
        self._packets = PacketBuffer()

    def widen(self, sdu: int) -> None:
        """Speak with packets of 32-bit lengths and of no more than the agreed size from now on."""
        self.sdu = sdu
        self._packets.widen(sdu)

    async def packet(self) -> Packet:
        """Return the next packet.

        :raises LineEnded: if there is none any more.
        :raises ProtocolError: if it cannot be one.
        """
        while (packet := self._packets.next()) is None:
            received = await self._reader.read(_READ_SIZE)
            if not received:
                raise LineEnded
            self._packets.feed(received)
        return packet

    async def packet_or_silence(self) -> Packet | None:
        """Return the next packet, or None if nothing comes for 10 ms."""
        try:
            async with asyncio.timeout(_SILENCE_S):
                return await self.packet()
        except TimeoutError:
            return None

    async def message(self, read: Callable[[Reader], _T]) -> _T:
        """Read one message of the negotiation or the login, over as many packets as it takes."""
        received = b""
        while True:
            packet = await self.packet()
            if packet.type != PacketType.DATA:
                raise ProtocolError(f"a packet of type {packet.type} in front of the login")
            if packet.data_flags & DATA_FLAG_CLOSING:
                raise LineEnded
            received += packet.message_bytes
            if len(received) > _MAX_LOGIN_BYTES:
                raise ProtocolError("a login that never ends")
            with suppress(OutOfBytes):
                return read(Reader(received))

    def send(self, message: bytes) -> None:
        """Send a message in as many DATA packets as it takes."""
        self._writer.write(data_packets(message, self.sdu))

    def send_marker(self, marker: Marker) -> None:
        """Send a MARKER packet."""
        self._writer.write(marker_packet(marker))

    def send_packet(self, packet: bytes) -> None:
        """Send a packet of the connect phase as it is."""
        self._writer.write(packet)

    def close(self) -> None:
        """Close the line in order, behind what is still to be sent."""
        self._writer.close()

    def end_by(self, fault: Fault) -> NoReturn:
        """End the line as a fault of the kind ``drop`` or ``reset`` does.

        :raises LineEnded: always.
        """
        if fault.kind == "reset":
            self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self._writer.transport.abort()
        else:
            self.close()
        raise LineEnded

    async def until_closed(self) -> NoReturn:
        """Read on without a word until the client ends the line.

        :raises LineEnded: always, in the end.
        """
        while True:
            await self.packet()

    async def say_goodbye(self) -> None:
        """Let the client read the last words: closing with its bytes unread would reset the line."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await self.until_closed()

    async def hang_up(self) -> None:
        """Close the line, also if the client does not read what is left for it."""
        self._writer.close()
        try:
            async with asyncio.timeout(_HANG_UP_S):
                await self._writer.wait_closed()
        except TimeoutError:
            self._writer.transport.abort()
        except ConnectionError:
            pass
