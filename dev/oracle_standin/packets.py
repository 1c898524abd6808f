"""The packets that messages travel in: their headers, and how a message is cut to the agreed size."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from dev.oracle_standin.primitives import ProtocolError

HEADER_SIZE = 8
DATA_HEADER_SIZE = HEADER_SIZE + 2
DATA_FLAG_CLOSING = 0x0040

_NEARLY_FULL = 8
"""Drivers fill every packet of a message but the last to within this many bytes of the SDU."""

_NARROW_LIMIT = 0xFFFF
_SLACK = 512


class PacketType(IntEnum):
    """What a packet is, by the fifth byte of its header."""

    CONNECT = 1
    ACCEPT = 2
    REFUSE = 4
    DATA = 6
    MARKER = 12


class Marker(IntEnum):
    """What a MARKER packet says."""

    BREAK = 1
    RESET = 2
    INTERRUPT = 3


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet: its type and everything behind the 8 bytes of the header."""

    type: int
    body: bytes

    @property
    def size(self) -> int:
        """The size on the wire, header included."""
        return HEADER_SIZE + len(self.body)

    @property
    def data_flags(self) -> int:
        """The two bytes in front of the message bytes of a DATA packet."""
        if len(self.body) < 2:
            raise ProtocolError("a DATA packet without its flags")
        return int.from_bytes(self.body[:2], "big")

    @property
    def message_bytes(self) -> bytes:
        """The part of a message that a DATA packet carries."""
        return self.body[2:]

    @property
    def marker(self) -> Marker:
        """What a MARKER packet says.

        :raises ProtocolError: if it says nothing known.
        """
        try:
            return Marker(self.body[2])
        except (IndexError, ValueError):
            raise ProtocolError("a marker that means nothing") from None

    def is_nearly_full(self, sdu: int) -> bool:
        """Tell whether the message probably goes on in the next packet."""
        return self.size >= sdu - _NEARLY_FULL


class PacketBuffer:
    """Cut the received bytes into packets.

    Lengths have 16 bits up to and including ACCEPT, and 32 bits after it: see ``widen``.
    """

    def __init__(self) -> None:
        self._received = bytearray()
        self._is_wide = False
        self._limit = _NARROW_LIMIT

    def widen(self, sdu: int) -> None:
        """Expect 32-bit lengths from now on, of packets no longer than the SDU."""
        self._is_wide = True
        self._limit = sdu + _SLACK

    def feed(self, received: bytes) -> None:
        """Add what came from the socket."""
        self._received += received

    def next(self) -> Packet | None:
        """Return the next whole packet, or None if more bytes are needed.

        :raises ProtocolError: if the length cannot be one.
        """
        received = self._received
        if len(received) < HEADER_SIZE:
            return None
        size = int.from_bytes(received[: 4 if self._is_wide else 2], "big")
        if not HEADER_SIZE <= size <= self._limit:
            raise ProtocolError(f"a packet of {size} bytes")
        if len(received) < size:
            return None
        packet = Packet(received[4], bytes(received[HEADER_SIZE:size]))
        del received[:size]
        return packet


def narrow_packet(kind: PacketType, body: bytes) -> bytes:
    """Build a packet with a 16-bit length, as ACCEPT and REFUSE have it."""
    return struct.pack(">HHBBH", HEADER_SIZE + len(body), 0, kind, 0, 0) + body


def data_packets(message: bytes, sdu: int) -> bytes:
    """Cut a message into DATA packets no longer than the SDU, one behind the other."""
    room = sdu - DATA_HEADER_SIZE
    if len(message) <= room:
        return _data_header(len(message)) + message
    parts: list[bytes] = []
    for start in range(0, len(message), room):
        piece = message[start : start + room]
        parts += (_data_header(len(piece)), piece)
    return b"".join(parts)


def marker_packet(marker: Marker) -> bytes:
    """Build a MARKER packet."""
    return struct.pack(">IBBHBBB", HEADER_SIZE + 3, PacketType.MARKER, 0, 0, 1, 0, marker)


def _data_header(size: int) -> bytes:
    return struct.pack(">IBBHH", DATA_HEADER_SIZE + size, PacketType.DATA, 0, 0, 0)
