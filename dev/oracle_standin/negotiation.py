"""Everything before login: the CONNECT packet and its answers, the protocol and the data types messages."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from dev.oracle_standin.packets import PacketType, narrow_packet
from dev.oracle_standin.primitives import ProtocolError, Reader, byte_string

PROTOCOL_MESSAGE = 1
DATA_TYPES_MESSAGE = 2

LEVEL = 12
"""The protocol level announced: 12 is Oracle 19c, the release in production; 8 to 13 have the same messages."""

MAX_SDU = 65535
MIN_SDU = 512

_VERSION = 315
"""From 315 on lengths have 32 bits; 318 and up would add features that this server has no use for."""

_MIN_CONNECT_BODY = 66
_AL32UTF8 = 873
_AL16UTF16 = 2000
_LEVEL_INDEX = 7
_LONG_STRINGS = 0x04
_BANNER = b"Oracle stand-in for tests\x00"


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """What a CONNECT packet says: packet size and the connect string, or how long it is if it comes apart."""

    sdu: int
    connect_string: str
    missing_bytes: int


def read_connect(body: bytes) -> ConnectRequest:
    """Read a CONNECT packet (without its header).

    :raises ProtocolError: if it is none.
    """
    if len(body) < _MIN_CONNECT_BODY:
        raise ProtocolError("a CONNECT packet that is too short")
    size, offset = struct.unpack_from(">HH", body, 16)
    (sdu,) = struct.unpack_from(">I", body, 50)
    text = body[offset - 8 : offset - 8 + size] if offset >= 8 else b""
    return ConnectRequest(
        sdu=min(max(sdu, MIN_SDU), MAX_SDU),
        connect_string=text.decode("utf-8", "replace"),
        missing_bytes=size if not text else 0,
    )


def requested_service(connect_string: str) -> tuple[str, bool]:
    """Return the service or SID that is asked for ('' if none), and whether it was asked for as a SID."""
    for keyword in ("SERVICE_NAME", "SID"):
        found = re.search(rf"\(\s*{keyword}\s*=\s*([^)\s]*)\s*\)", connect_string, re.IGNORECASE)
        if found:
            return found[1], keyword == "SID"
    return "", False


def accept_packet(sdu: int) -> bytes:
    """Build the ACCEPT packet, the last one with a 16-bit length."""
    return narrow_packet(
        PacketType.ACCEPT,
        struct.pack(">HHHHHHHBB8xIIB", _VERSION, 0, min(sdu, 65535), min(sdu, 65535), 1, 0, 45, 0, 0, sdu, sdu, 0),
    )


def refuse_packet(code: int) -> bytes:
    """Build the REFUSE packet for a listener's error number."""
    text = (f"(DESCRIPTION=(TMP=)(VSNNUM=318767104)(ERR={code})(ERROR_STACK=(ERROR=(CODE={code})(EMFI=4))))").encode()
    return narrow_packet(PacketType.REFUSE, b"\x22\x00" + struct.pack(">H", len(text)) + text)


def read_protocol(reader: Reader) -> None:
    """Read the client's protocol message: nothing in it is needed.

    :raises ProtocolError: if it is another message.
    """
    if reader.u8() != PROTOCOL_MESSAGE:
        raise ProtocolError("not a protocol message")
    reader.raw(2)
    while reader.u8():
        pass


def protocol_reply() -> bytes:
    """Build the answer: character sets and the two arrays of capabilities.

    Drivers index the arrays without asking how long they are, so both are longer than the highest index in use.
    """
    compile_time = bytearray(64)
    compile_time[0] = 6
    compile_time[_LEVEL_INDEX] = LEVEL
    run_time = bytearray(16)
    run_time[0] = 2
    run_time[6] = _LONG_STRINGS
    character_sets = bytes(9) + _AL16UTF16.to_bytes(2, "big")
    return b"".join(
        (
            bytes((PROTOCOL_MESSAGE, 6, 0)),
            _BANNER,
            struct.pack("<HBH", _AL32UTF8, 1, 0),
            struct.pack(">H", len(character_sets)),
            character_sets,
            byte_string(bytes(compile_time)),
            byte_string(bytes(run_time)),
        )
    )


def read_data_types(reader: Reader) -> None:
    """Read the client's data types message to its end.

    :raises ProtocolError: if it is another message, or if the client's level is below the one announced.
    """
    if reader.u8() != DATA_TYPES_MESSAGE:
        raise ProtocolError("not a data types message")
    reader.raw(5)
    compile_time = reader.byte_string()
    reader.byte_string()
    if len(compile_time) <= _LEVEL_INDEX or compile_time[_LEVEL_INDEX] != LEVEL:
        raise ProtocolError(f"a client that cannot speak level {LEVEL}")
    while reader.u16():
        if reader.u16():
            reader.raw(4)


def data_types_reply() -> bytes:
    """Build the answer: an empty list, since drivers skip whatever stands in it."""
    return bytes((DATA_TYPES_MESSAGE, 0, 0))
