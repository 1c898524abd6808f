"""The encodings that every message is made of: counted integers, counted byte strings, and a reader for them."""

from __future__ import annotations

MAX_SHORT = 252
"""The longest byte string whose length fits its one length byte; 253 to 255 have other meanings."""

CHUNK = 32767
_NULL_MARK = 255
_CHUNKED_MARK = 254


class OutOfBytes(Exception):
    """The message goes on beyond the bytes received so far."""


class ProtocolError(Exception):
    """The client sent something that no driver sends; the connection has to be closed."""


def ub(value: int) -> bytes:
    """Encode an unsigned integer: a count of bytes, then the bytes, big-endian; zero is the single byte 00."""
    if value == 0:
        return b"\x00"
    size = (value.bit_length() + 7) >> 3
    return bytes((size,)) + value.to_bytes(size, "big")


def sb(value: int) -> bytes:
    """Encode a signed integer: as ``ub`` of the magnitude, with bit 0x80 of the count set if it is negative."""
    encoded = ub(abs(value))
    return bytes((encoded[0] | 0x80,)) + encoded[1:] if value < 0 else encoded


def byte_string(value: bytes) -> bytes:
    """Encode a byte string behind its length, in chunks if it is long; an empty one is NULL."""
    size = len(value)
    if size <= MAX_SHORT:
        return bytes((size,)) + value
    parts = [bytes((_CHUNKED_MARK,))]
    for start in range(0, size, CHUNK):
        chunk = value[start : start + CHUNK]
        parts += (ub(len(chunk)), chunk)
    parts.append(b"\x00")
    return b"".join(parts)


def sized_byte_string(value: bytes) -> bytes:
    """Encode a byte string as its total length and then, unless it is empty, ``byte_string``."""
    return ub(len(value)) + byte_string(value) if value else b"\x00"


def sized_text(value: str) -> bytes:
    """Encode a text as ``sized_byte_string`` in UTF-8."""
    return sized_byte_string(value.encode())


class Reader:
    """Read the encodings one after another.

    Every method raises ``OutOfBytes`` if the bytes end early, and ``ProtocolError`` if they cannot mean anything.
    """

    __slots__ = ("_bytes", "_position")

    def __init__(self, received: bytes) -> None:
        self._bytes = received
        self._position = 0

    @property
    def position(self) -> int:
        """How many bytes have been read."""
        return self._position

    @property
    def is_at_end(self) -> bool:
        """True if every byte has been read."""
        return self._position >= len(self._bytes)

    def raw(self, size: int) -> bytes:
        """Read ``size`` bytes as they are."""
        start = self._position
        end = start + size
        if end > len(self._bytes):
            raise OutOfBytes
        self._position = end
        return self._bytes[start:end]

    def u8(self) -> int:
        """Read one byte."""
        position = self._position
        if position >= len(self._bytes):
            raise OutOfBytes
        self._position = position + 1
        return self._bytes[position]

    def u16(self) -> int:
        """Read two bytes, big-endian."""
        return int.from_bytes(self.raw(2), "big")

    def u16le(self) -> int:
        """Read two bytes, little-endian, as the negotiation has them."""
        return int.from_bytes(self.raw(2), "little")

    def ub(self, max_size: int = 4) -> int:
        """Read a counted unsigned integer of at most ``max_size`` bytes."""
        size = self.u8()
        if size == 0:
            return 0
        if size > max_size:
            raise ProtocolError(f"an integer of {size} bytes where at most {max_size} fit")
        return int.from_bytes(self.raw(size), "big")

    def skip_ub(self, count: int) -> None:
        """Read ``count`` counted integers, of up to 8 bytes each, and forget them."""
        for _ in range(count):
            self.ub(8)

    def byte_string(self) -> bytes:
        """Read a counted byte string; NULL is the empty one."""
        size = self.u8()
        if 0 < size <= MAX_SHORT:
            return self.raw(size)
        if size in (0, _NULL_MARK):
            return b""
        if size != _CHUNKED_MARK:
            raise ProtocolError(f"a byte string that starts with {size}")
        chunks = []
        while chunk_size := self.ub():
            chunks.append(self.raw(chunk_size))
        return b"".join(chunks)

    def sized_byte_string(self) -> bytes:
        """Read a total length and, unless it is 0, a counted byte string."""
        return self.byte_string() if self.ub() else b""

    def text(self) -> str:
        """Read a counted byte string as UTF-8."""
        return decode_utf8(self.byte_string())

    def sized_text(self) -> str:
        """Read a sized byte string as UTF-8."""
        return decode_utf8(self.sized_byte_string())


def decode_utf8(received: bytes) -> str:
    """Decode text from the client.

    :raises ProtocolError: if it is not UTF-8.
    """
    try:
        return received.decode()
    except UnicodeDecodeError:
        raise ProtocolError("text that is not UTF-8") from None
