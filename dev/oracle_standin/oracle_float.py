"""BINARY_DOUBLE and BINARY_FLOAT as Oracle stores them: IEEE bits turned so that bytes sort as the numbers do."""

from __future__ import annotations

import struct

from dev.oracle_standin.primitives import ProtocolError

_FORMATS = {4: ">f", 8: ">d"}


def encode_double(value: float) -> bytes:
    """Encode a BINARY_DOUBLE."""
    bits = struct.pack(">d", value)
    if bits[0] & 0x80:
        return bytes(byte ^ 0xFF for byte in bits)
    return bytes((bits[0] | 0x80,)) + bits[1:]


def decode_float(stored: bytes) -> float:
    """Decode a BINARY_DOUBLE (8 bytes) or a BINARY_FLOAT (4 bytes).

    :raises ProtocolError: if it is of another size.
    """
    layout = _FORMATS.get(len(stored))
    if layout is None:
        raise ProtocolError(f"a binary float of {len(stored)} bytes")
    bits = bytes((stored[0] & 0x7F,)) + stored[1:] if stored[0] & 0x80 else bytes(byte ^ 0xFF for byte in stored)
    number: float = struct.unpack(layout, bits)[0]
    return number
