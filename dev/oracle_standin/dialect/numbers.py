"""Oracle's NUMBER: exact decimal arithmetic, its order-preserving bytes, its text forms."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, localcontext

from dev.oracle_standin.dialect.errors import ora, unimplemented

_EXACT = Context(prec=420, rounding=ROUND_HALF_UP, Emax=999999, Emin=-999999)
_DIVISION = Context(prec=60, rounding=ROUND_HALF_UP, Emax=999999, Emin=-999999)
_MANTISSA_BYTES = 20
_LARGEST_EXPONENT, _SMALLEST_EXPONENT = 63, -64
_NUMBER_TEXT = re.compile(r" *[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)? *\Z", re.ASCII)
_LONGEST_TEXT = 40
_SURELY_KEPT = 38

ZERO_BYTES = b"\x80"


def encode(value: Decimal) -> bytes:
    """Return the bytes of a NUMBER: Oracle's own form, whose binary order is the numeric order.

    The mantissa is 20 digits in base 100, so 39 or 40 decimal digits; more are rounded half up.

    :raises OracleError: ORA-01426 above 10^126; what is too small becomes 0.
    """
    sign, digit_tuple, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ora(1426)
    digits = "".join(map(str, digit_tuple)).lstrip("0")
    if not digits:
        return ZERO_BYTES
    if exponent % 2:
        digits += "0"
        exponent -= 1
    if len(digits) % 2:
        digits = "0" + digits
    pairs = [int(digits[i : i + 2]) for i in range(0, len(digits), 2)]
    high = exponent // 2 + len(pairs)
    if len(pairs) > _MANTISSA_BYTES:
        is_rounded_up = pairs[_MANTISSA_BYTES] >= 50
        pairs = pairs[:_MANTISSA_BYTES]
        if is_rounded_up:
            high += _carry(pairs)
    while pairs and pairs[-1] == 0:
        pairs.pop()
    if high > _LARGEST_EXPONENT:
        raise ora(1426)
    if high < _SMALLEST_EXPONENT:
        return ZERO_BYTES
    if not sign:
        return bytes([0xC0 + high, *(pair + 1 for pair in pairs)])
    tail = [0x66] if len(pairs) < _MANTISSA_BYTES else []
    return bytes([0x3F - high, *(101 - pair for pair in pairs), *tail])


def _carry(pairs: list[int]) -> int:
    for index in range(len(pairs) - 1, -1, -1):
        if pairs[index] < 99:
            pairs[index] += 1
            return 0
        pairs[index] = 0
    pairs.insert(0, 1)
    pairs.pop()
    return 1


def decode(number: bytes) -> Decimal:
    """Return the value of NUMBER bytes, without trailing zeros after the point."""
    first = number[0]
    if first == 0x80 and len(number) == 1:
        return Decimal(0)
    if first >= 0x80:
        sign, high = 0, first - 0xC0
        pairs = [byte - 1 for byte in number[1:]]
    else:
        sign, high = 1, 0x3F - first
        body = number[1:-1] if number[-1] == 0x66 else number[1:]
        pairs = [101 - byte for byte in body]
    exponent = 2 * (high - len(pairs))
    text = "".join(f"{pair:02d}" for pair in pairs)
    return plain(Decimal((sign, tuple(map(int, text)), exponent)))


def rounded(value: Decimal) -> Decimal:
    """Return a number as NUMBER keeps it; most are short enough to be kept as they are.

    :raises OracleError: ORA-01426.
    """
    _, digits, exponent = value.as_tuple()
    if isinstance(exponent, int) and len(digits) <= _SURELY_KEPT and -_SURELY_KEPT <= exponent <= _SURELY_KEPT:
        return value
    return decode(encode(value))


def plain(value: Decimal) -> Decimal:
    """Return the same number with no trailing zeros after the point and no positive exponent."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ora(1426)
    if exponent > 0:
        return Decimal((sign, digits + (0,) * exponent, 0)) if any(digits) else Decimal(0)
    count = len(digits)
    while exponent < 0 and count > 0 and digits[count - 1] == 0:
        count -= 1
        exponent += 1
    if count == 0:
        return Decimal(0)
    first = 0
    while first < count - 1 and digits[first] == 0:
        first += 1
    return Decimal((sign, digits[first:count], exponent))


def from_text(text: str) -> Decimal:
    """Return the number that a text shows, as Oracle converts it without a format.

    :raises OracleError: ORA-01722.
    """
    if not _NUMBER_TEXT.match(text):
        raise ora(1722)
    return decode(encode(Decimal(text.strip(" "))))


def to_text(value: Decimal) -> str:
    """Return a number as Oracle turns it into text: no leading zero, no trailing zeros, at most 40 characters.

    :raises OracleError: ORA-03001 where Oracle would write an exponent.
    """
    value = plain(value)
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    text = _without_leading_zero(f"{value.copy_abs():f}")
    if len(text) > _LONGEST_TEXT:
        whole = text.split(".")[0]
        if len(whole) > _LONGEST_TEXT - 2 or value.copy_abs() < Decimal("1e-5"):
            raise unimplemented("text of a number with an exponent")
        with localcontext(_EXACT):
            rounded = value.copy_abs().quantize(Decimal(1).scaleb(len(whole) + 1 - _LONGEST_TEXT))
        text = _without_leading_zero(f"{plain(rounded):f}")
    return sign + text


def _without_leading_zero(text: str) -> str:
    return text[1:] if text.startswith("0.") else text


def add(left: Decimal, right: Decimal) -> Decimal:
    """Return the exact sum."""
    return _EXACT.add(left, right)


def subtract(left: Decimal, right: Decimal) -> Decimal:
    """Return the exact difference."""
    return _EXACT.subtract(left, right)


def multiply(left: Decimal, right: Decimal) -> Decimal:
    """Return the exact product."""
    return _EXACT.multiply(left, right)


def divide(left: Decimal, right: Decimal) -> Decimal:
    """Return the quotient to more digits than a NUMBER keeps.

    :raises OracleError: ORA-01476.
    """
    if not right:
        raise ora(1476)
    return _DIVISION.divide(left, right)


def modulo(left: Decimal, right: Decimal) -> Decimal:
    """Return MOD(left, right): the sign of ``left``; ``left`` itself when ``right`` is 0."""
    if not right:
        return left
    return _EXACT.remainder(left, right)


def shorten(value: Decimal, digits: Decimal, rounding: str) -> Decimal:
    """Return a number cut or rounded to a count of decimals; negative counts whole places."""
    places = int(digits)
    if not -130 <= places <= 130:
        raise unimplemented(f"rounding to {places} places")
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and -exponent <= places:
        return value
    return value.quantize(Decimal(1).scaleb(-places), rounding=rounding, context=_EXACT)


def round_half_up(value: Decimal, digits: Decimal) -> Decimal:
    """Return ROUND(value, digits): halves away from zero."""
    return shorten(value, digits, ROUND_HALF_UP)


def truncate(value: Decimal, digits: Decimal) -> Decimal:
    """Return TRUNC(value, digits): towards zero."""
    return shorten(value, digits, ROUND_DOWN)


def floor(value: Decimal) -> Decimal:
    """Return the largest whole number not above."""
    return shorten(value, Decimal(0), ROUND_FLOOR)


def ceil(value: Decimal) -> Decimal:
    """Return the smallest whole number not below."""
    return shorten(value, Decimal(0), ROUND_CEILING)


def power(base: Decimal, exponent: Decimal) -> Decimal:
    """Return POWER for a whole exponent.

    :raises OracleError: ORA-03001 for a fraction, ORA-01428's sense is left to Oracle.
    """
    if exponent != exponent.to_integral_value() or abs(exponent) > 400:
        raise unimplemented("POWER with an exponent that is no whole number")
    if exponent == 0:
        return Decimal(1)  # of 0 too, which Python's decimals do not know
    with localcontext(_EXACT):
        if exponent >= 0:
            return base ** int(exponent)
        return divide(Decimal(1), base ** int(-exponent))


def fit(value: Decimal, precision: int, scale: int) -> Decimal:
    """Return the value as NUMBER(precision, scale) stores it: rounded half up to the scale.

    :raises OracleError: ORA-01438.
    """
    rounded = shorten(value, Decimal(scale), ROUND_HALF_UP)
    if rounded.copy_abs() >= Decimal(1).scaleb(precision - scale):
        raise ora(1438)
    return rounded


def is_exact(value: Decimal, precision: int, scale: int) -> bool:
    """Tell whether DECIMAL(precision, scale) holds this very number."""
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or (value and value.adjusted() >= precision - scale):
        return False
    return -exponent <= scale or -int(plain(value).as_tuple().exponent) <= scale


_FORMAT = re.compile(
    r"(?P<fm>FM)?(?P<lead>S|MI)?(?P<dollar>\$)?(?P<whole>[09,G]*)(?:(?P<point>[.D])(?P<part>[09]*))?(?P<trail>S|MI|PR)?\Z",
    re.IGNORECASE,
)


def format_number(value: Decimal, model: str) -> str:
    """Return TO_CHAR(value, model) for models of ``9 0 , . G D $ S MI PR FM``.

    :raises OracleError: ORA-01481 for a model that is none, ORA-03001 for elements not built.
    """
    match = _FORMAT.match(model)
    if match is None or (match["lead"] and match["trail"]) or not re.search(r"[09]", model):
        raise (
            unimplemented("this number format")
            if re.match(r"[0-9BCEGLMNRSTUVXDFIP.,$]*\Z", model, re.IGNORECASE)
            else ora(1481)
        )
    whole, part = match["whole"].upper().replace("G", ","), match["part"] or ""
    if (match["lead"] or "").upper() == "MI" or whole.startswith(","):
        raise unimplemented("this number format")
    is_negative = value < 0
    rounded = shorten(value, Decimal(len(part)), ROUND_HALF_UP).copy_abs()
    whole_digits, _, part_digits = f"{rounded:f}".partition(".")
    whole_digits = whole_digits.lstrip("0")
    part_digits = part_digits.ljust(len(part), "0")
    places = whole.replace(",", "")
    fill = bool(match["fm"])
    width = len(whole) + (1 + len(part) if match["point"] else 0) + bool(match["dollar"]) + 1
    if (match["trail"] or "").upper() == "PR":
        width += 1
    if len(whole_digits) > len(places):
        return "#" * width
    first_zero = places.find("0")
    least = len(places) - first_zero if first_zero >= 0 else 0
    if not part and not match["point"]:
        least = max(least, 1)
    body = _grouped(whole_digits.rjust(least, "0") if len(whole_digits) < least else whole_digits, whole)
    if match["point"]:
        if fill:
            kept = part.rfind("0") + 1
            part_digits = part_digits[:kept] + part_digits[kept:].rstrip("0")
            if not body and not part_digits:
                raise unimplemented("zero in this FM format")
        body += "." + part_digits
    body = ("$" if match["dollar"] else "") + body
    return _signed(body, is_negative, match["lead"], match["trail"], width, is_filled=fill)


def _grouped(digits: str, places: str) -> str:
    out: list[str] = []
    remaining = list(digits)
    for place in reversed(places):
        if not remaining:
            break
        out.append("," if place == "," else remaining.pop())
    return "".join(reversed(out))


def _signed(body: str, is_negative: bool, lead: str | None, trail: str | None, width: int, *, is_filled: bool) -> str:
    style = (trail or "").upper()
    if (lead or "").upper() == "S":
        text = ("-" if is_negative else "+") + body
    elif style == "S":
        text = body + ("-" if is_negative else "+")
    elif style == "MI":
        text = body + ("-" if is_negative else ("" if is_filled else " "))
    elif style == "PR":
        text = f"<{body}>" if is_negative else (body if is_filled else f" {body} ")
    else:
        text = ("-" if is_negative else ("" if is_filled else " ")) + body
    return text if is_filled else text.rjust(width)


def parse_formatted(text: str, model: str) -> Decimal:
    """Return TO_NUMBER(text, model) for models of ``9 0 , . G D $ S MI FM``.

    :raises OracleError: ORA-01722 where text and model differ, ORA-03001 for elements not built.
    """
    match = _FORMAT.match(model)
    if match is None or (match["trail"] or "").upper() == "PR" or (match["lead"] or "").upper() == "MI":
        raise unimplemented("this number format")
    body = text.strip(" ")
    sign = ""
    if body[:1] in "+-" and not match["trail"]:
        sign, body = body[:1], body[1:]
    elif match["trail"] and body[-1:] in "+-":
        sign, body = body[-1:], body[:-1]
    if match["dollar"]:
        body = body.removeprefix("$")
    whole, point, part = body.partition(".")
    if (point and not match["point"]) or len(part) > len(match["part"] or ""):
        raise ora(1722)
    pattern = match["whole"].upper().replace("G", ",")
    if "," in whole and not _fits_groups(whole, pattern):
        raise ora(1722)
    digits = whole.replace(",", "")
    if (
        len(digits) > len(pattern.replace(",", ""))
        or not re.match(r"\d*\Z", digits + part, re.ASCII)
        or not digits + part
    ):
        raise ora(1722)
    return from_text(f"{sign}{digits or '0'}.{part or '0'}")


def _fits_groups(whole: str, pattern: str) -> bool:
    return all(
        (given == ",") == (place == ",") for given, place in zip(reversed(whole), reversed(pattern), strict=False)
    )
