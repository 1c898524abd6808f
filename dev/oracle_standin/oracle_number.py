"""NUMBER as Oracle stores it: base-100 digits behind a byte of sign and exponent, exact to 38 decimal digits."""

from __future__ import annotations

from decimal import Context, Decimal

from dev.oracle_standin.backend import OracleError
from dev.oracle_standin.primitives import ProtocolError

MAX_PAIRS = 20
ZERO = b"\x80"
_POSITIVE_EXPONENT = 0xC0
_NEGATIVE_EXPONENT = 0x3F
_NEGATIVE_END = b"\x66"
_MIN_EXPONENT, _MAX_EXPONENT = -64, 63
_MAX_PLAIN = 39
_ROUND = Context(prec=38, Emin=-999, Emax=999)


def _table(stored: dict[int, int]) -> bytes:
    return bytes(stored.get(byte, 0) for byte in range(256))


# A pair of decimal digits is first read as one hexadecimal byte (C speed), so 12 is 0x12; these translate that byte.
_PAIR_TO_POSITIVE = _table({int(str(pair), 16): pair + 1 for pair in range(100)})
_PAIR_TO_NEGATIVE = _table({int(str(pair), 16): 101 - pair for pair in range(100)})
_POSITIVE_TO_PAIR = _table({pair + 1: int(str(pair), 16) for pair in range(100)})
_NEGATIVE_TO_PAIR = _table({101 - pair: int(str(pair), 16) for pair in range(100)})


_HEADS = [
    [bytes((1 + count, _POSITIVE_EXPONENT + exponent)) for count in range(MAX_PAIRS + 1)]
    for exponent in range(MAX_PAIRS + 1)
]
"""The length byte and the first byte of a positive number by its exponent and its count of digits."""


def encode_with_length(value: Decimal | str) -> bytes:
    """Encode a number, or its plain digits, behind its length byte, as a row holds it.

    Positive numbers of ordinary size, nearly all there are, take a short way: 0.5 us instead of 2.4 us, measured.

    :raises OracleError: as ``encode_number``.
    """
    text = str(value)
    if len(text) < _MAX_PLAIN:
        if text.isdigit():
            pairs = bytes.fromhex("0" + text if len(text) & 1 else text)
            if digits := pairs.rstrip(b"\x00").translate(_PAIR_TO_POSITIVE):
                return _HEADS[len(pairs)][len(digits)] + digits
        else:
            whole, _, fraction = text.partition(".")
            if fraction.isdigit() and whole.isdigit() and whole != "0":
                pairs = bytes.fromhex(
                    ("0" + whole if len(whole) & 1 else whole) + (fraction + "0" if len(fraction) & 1 else fraction)
                )
                digits = pairs.rstrip(b"\x00").translate(_PAIR_TO_POSITIVE)
                return _HEADS[(len(whole) + 1) >> 1][len(digits)] + digits
    stored = encode_number(Decimal(value))
    return bytes((len(stored),)) + stored


def encode_number(value: Decimal) -> bytes:
    """Encode a number, rounded to 38 digits if it has more.

    :raises OracleError: ORA-01426 if it is too large, infinite or not a number; one too small is 0, as in Oracle.
    """
    text = str(value)
    if "E" in text:
        text = format(value, "f")
    is_negative = text.startswith("-")
    whole, _, fraction = text[is_negative:].partition(".")
    if not whole.isdigit():
        raise OracleError(1426, "numeric overflow")
    whole = "0" + whole if len(whole) & 1 else whole
    fraction = fraction + "0" if len(fraction) & 1 else fraction
    pairs = bytes.fromhex(whole + fraction)
    significant = pairs.lstrip(b"\x00")
    exponent = (len(whole) >> 1) - (len(pairs) - len(significant))
    significant = significant.rstrip(b"\x00")
    if not significant or exponent < _MIN_EXPONENT:
        return ZERO
    if len(significant) > MAX_PAIRS:
        return encode_number(_ROUND.plus(value))
    if exponent > _MAX_EXPONENT:
        raise OracleError(1426, "numeric overflow")
    if not is_negative:
        return bytes((_POSITIVE_EXPONENT + exponent,)) + significant.translate(_PAIR_TO_POSITIVE)
    digits = bytes((_NEGATIVE_EXPONENT - exponent,)) + significant.translate(_PAIR_TO_NEGATIVE)
    return digits + _NEGATIVE_END if len(significant) < MAX_PAIRS else digits


def decode_number(stored: bytes) -> Decimal:
    """Decode a number; the result has no trailing zeros behind its point and no exponent.

    :raises ProtocolError: if the bytes are no NUMBER.
    """
    if stored == ZERO:
        return Decimal(0)
    first, digits = stored[0], stored[1:]
    if is_negative := first < 0x80:
        exponent = _NEGATIVE_EXPONENT - first
        digits = digits.removesuffix(_NEGATIVE_END)
    else:
        exponent = first - _POSITIVE_EXPONENT
    low, high = (2, 101) if is_negative else (1, 100)
    if not digits or len(digits) > MAX_PAIRS or not all(low <= digit <= high for digit in digits):
        raise ProtocolError("bytes that are no NUMBER")
    text = digits.translate(_NEGATIVE_TO_PAIR if is_negative else _POSITIVE_TO_PAIR).hex()
    point = 2 * exponent
    if point >= len(text):
        plain = text + "0" * (point - len(text))
    else:
        fraction = "0" * -point + text[max(point, 0) :]
        plain = f"{text[: max(point, 0)] or '0'}.{fraction}".rstrip("0").rstrip(".")
    return Decimal(f"-{plain}" if is_negative else plain)
