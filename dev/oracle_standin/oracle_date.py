"""DATE and TIMESTAMP as Oracle stores them: seven bytes of calendar and clock, four more for the fraction."""

from __future__ import annotations

from datetime import datetime

from dev.oracle_standin.primitives import ProtocolError

DATE_SIZE = 7
TIMESTAMP_SIZE = 11
_NANOSECONDS = 1000


def encode_date(value: datetime) -> bytes:
    """Encode a DATE; what is finer than a second is cut off, as Oracle has no place for it."""
    century, year = divmod(value.year, 100)
    return bytes(
        (century + 100, year + 100, value.month, value.day, value.hour + 1, value.minute + 1, value.second + 1)
    )


def encode_timestamp(value: datetime) -> bytes:
    """Encode a TIMESTAMP to the microsecond; one on the full second has the form of a DATE."""
    if not value.microsecond:
        return encode_date(value)
    return encode_date(value) + (value.microsecond * _NANOSECONDS).to_bytes(4, "big")


def decode_date(stored: bytes) -> datetime:
    """Decode a DATE or a TIMESTAMP without time zone; nanoseconds are cut to microseconds.

    :raises ProtocolError: if the bytes are neither, or the year is outside 1 to 9999.
    """
    if len(stored) not in (DATE_SIZE, TIMESTAMP_SIZE):
        raise ProtocolError(f"a date of {len(stored)} bytes")
    century, year, month, day, hour, minute, second = stored[:DATE_SIZE]
    microsecond = int.from_bytes(stored[DATE_SIZE:], "big") // _NANOSECONDS
    try:
        return datetime(  # noqa: DTZ001 - Oracle's DATE has no time zone
            (century - 100) * 100 + year - 100, month, day, hour - 1, minute - 1, second - 1, microsecond
        )
    except ValueError:
        raise ProtocolError("bytes that are no date") from None
