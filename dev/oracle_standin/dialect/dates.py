"""Oracle's date format models: TO_CHAR, TO_DATE, TRUNC and ROUND of dates, and counting in months."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from dev.oracle_standin.dialect import numbers
from dev.oracle_standin.dialect.errors import ora, unimplemented

DEFAULT_FORMAT = "DD-MON-RR"
"""NLS_DATE_FORMAT of a database whose territory is AMERICA."""

SECONDS_PER_DAY = 86400
_GREGORIAN = datetime(1582, 10, 15)  # noqa: DTZ001 - Oracle's DATE has no zone
"""Oracle counts by the Julian calendar before this day, and knows no 5 to 14 October 1582; Python does neither."""
_LAST_JULIAN = datetime(1582, 10, 5)  # noqa: DTZ001
_BY_COUNTING = frozenset({"D", "DY", "DAY", "DDD", "J", "IW", "IYYY", "WW"})
_MONTHS = [
    "JANUARY",
    "FEBRUARY",
    "MARCH",
    "APRIL",
    "MAY",
    "JUNE",
    "JULY",
    "AUGUST",
    "SEPTEMBER",
    "OCTOBER",
    "NOVEMBER",
    "DECEMBER",
]
_DAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
_NAME_WIDTH = 9
_ELEMENTS = re.compile(
    r'FM|FX|"[^"]*"|YYYY|YYY|YY|Y,YYY|IYYY|RRRR|RR|Y|MONTH|MON|MM|MI|DDD|DD|DAY|DY|D|HH24|HH12|HH|SSSSS|SS|FF[1-9]?'
    r"|A\.M\.|P\.M\.|AM|PM|IW|WW|W|Q|J|[-/,.;: ]",
    re.IGNORECASE,
)
_PUNCTUATION = frozenset("-/,.;: ")


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a format model: its upper-case name, and the text as it was written."""

    name: str
    written: str


@lru_cache(maxsize=512)
def parse_model(model: str) -> tuple[Element, ...]:
    """Return the elements of a date format model.

    :raises OracleError: ORA-01821.
    """
    elements: list[Element] = []
    at = 0
    while at < len(model):
        match = _ELEMENTS.match(model, at)
        if match is None:
            raise ora(1821)
        text = match[0]
        elements.append(Element("TEXT" if text[0] == '"' else text.upper(), text))
        at = match.end()
    return tuple(elements)


def _require_gregorian(*moments: datetime) -> None:
    """Refuse to count days where Oracle counts others.

    :raises OracleError: ORA-03001.
    """
    if any(moment < _GREGORIAN for moment in moments):
        raise unimplemented("counting days before 15 October 1582")


def format_date(value: datetime, model: str) -> str:
    """Return TO_CHAR(value, model), with English names.

    :raises OracleError: ORA-01821, or ORA-03001 for an element that is not built.
    """
    out: list[str] = []
    is_filled = False
    for element in parse_model(model):
        if element.name == "FM":
            is_filled = not is_filled
        elif element.name == "FX":
            continue
        elif element.name == "TEXT":
            out.append(element.written[1:-1])
        elif element.name in _PUNCTUATION:
            out.append(element.name)
        else:
            text = _formatted(value, element)
            if is_filled:
                text = text.rstrip(" ")
                if text.isdigit() and not element.name.startswith("FF"):
                    text = text.lstrip("0") or "0"
            out.append(text)
    return "".join(out)


def _formatted(value: datetime, element: Element) -> str:
    name = element.name
    if name in _BY_COUNTING and value.year <= _GREGORIAN.year:
        raise unimplemented(f"the element {name} of a date before 1583")
    if name in ("MONTH", "MON", "DAY", "DY"):
        names, index = (_MONTHS, value.month - 1) if name.startswith("MO") else (_DAYS, value.weekday())
        full = names[index]
        text = full[:3] if name in ("MON", "DY") else full.ljust(_NAME_WIDTH)
        return _cased(text, element.written)
    if name in ("AM", "PM", "A.M.", "P.M."):
        letters = "PM" if value.hour >= 12 else "AM"
        text = letters if "." not in name else f"{letters[0]}.M."
        return text if element.written[0].isupper() else text.lower()
    year = f"{value.year:04d}"
    day_of_year = value.timetuple().tm_yday
    if name.startswith("FF"):
        digits = int(name[2:] or 6)
        return f"{value.microsecond:06d}000"[:digits]
    simple = {
        "YYYY": year,
        "RRRR": year,
        "YYY": year[1:],
        "YY": year[2:],
        "RR": year[2:],
        "Y": year[3:],
        "Y,YYY": f"{year[0]},{year[1:]}",
        "IYYY": f"{value.isocalendar().year:04d}",
        "MM": f"{value.month:02d}",
        "DD": f"{value.day:02d}",
        "DDD": f"{day_of_year:03d}",
        "D": str(value.isoweekday() % 7 + 1),
        "HH24": f"{value.hour:02d}",
        "HH12": f"{value.hour % 12 or 12:02d}",
        "HH": f"{value.hour % 12 or 12:02d}",
        "MI": f"{value.minute:02d}",
        "SS": f"{value.second:02d}",
        "SSSSS": f"{value.hour * 3600 + value.minute * 60 + value.second:05d}",
        "Q": str((value.month + 2) // 3),
        "WW": f"{(day_of_year + 6) // 7:02d}",
        "W": str((value.day + 6) // 7),
        "IW": f"{value.isocalendar().week:02d}",
        "J": f"{value.toordinal() + 1721425:07d}",
    }
    return simple[name]


def _cased(text: str, written: str) -> str:
    if written.isupper():
        return text
    return text.capitalize() if written[0].isupper() else text.lower()


_NUMERIC = {
    "YYYY": 4,
    "RRRR": 4,
    "YYY": 3,
    "YY": 2,
    "RR": 2,
    "Y": 1,
    "MM": 2,
    "DD": 2,
    "DDD": 3,
    "HH24": 2,
    "HH12": 2,
    "HH": 2,
    "MI": 2,
    "SS": 2,
    "SSSSS": 5,
    "FF": 9,
}
_GROUPS = {"YYYY": "Y", "YYY": "Y", "YY": "Y", "Y": "Y", "RRRR": "Y", "RR": "Y", "HH24": "H", "HH12": "H", "HH": "H"}


def parse_date(text: str, model: str, today: datetime, *, is_timestamp: bool = False) -> datetime:
    """Return TO_DATE(text, model).

    :param today: gives the century, year and month that the model does not hold.
    :raises OracleError: ORA-018xx as Oracle, ORA-03001 for an element that is not built.
    """
    fields = _read_fields(text, model, today, is_timestamp=is_timestamp)
    year, month, day = fields.get("Y", today.year), fields.get("MM", today.month), fields.get("DD", 1)
    if not 1 <= year <= 9999:
        raise ora(1841)
    if "DDD" in fields:
        if year <= _GREGORIAN.year:
            raise unimplemented("a day of the year before 1583")
        if not 1 <= fields["DDD"] <= 365 + calendar.isleap(year):
            raise ora(1848)
        first = datetime(year, 1, 1) + timedelta(days=fields["DDD"] - 1)  # noqa: DTZ001 - Oracle's DATE has no zone
        month, day = first.month, first.day
    if not 1 <= month <= 12:
        raise ora(1843)
    if not 1 <= day <= 31:
        raise ora(1847)
    if day > calendar.monthrange(year, month)[1]:
        raise ora(1839)
    hour, minute, second = _read_time(fields)
    moment = datetime(year, month, day, hour, minute, second, fields.get("FF", 0))  # noqa: DTZ001
    if _LAST_JULIAN <= moment < _GREGORIAN:
        raise unimplemented("a day from 5 to 14 October 1582")
    return moment


def _read_time(fields: dict[str, int]) -> tuple[int, int, int]:
    hour, minute, second = fields.get("H", 0), fields.get("MI", 0), fields.get("SS", 0)
    if "HALF" in fields or "TWELVE" in fields:
        if "H" in fields and not 1 <= hour <= 12:
            raise ora(1849)
        hour = hour % 12 + (12 if fields.get("HALF") else 0)
    if hour > 23:
        raise ora(1850)
    if minute > 59:
        raise ora(1851)
    if second > 59:
        raise ora(1852)
    if "SSSSS" in fields:
        hour, rest = divmod(fields["SSSSS"], 3600)
        minute, second = divmod(rest, 60)
    return hour, minute, second


def _read_fields(text: str, model: str, today: datetime, *, is_timestamp: bool) -> dict[str, int]:
    elements = parse_model(model)
    text = text.strip(" ")
    fields: dict[str, int] = {}
    at = 0
    for index, element in enumerate(elements):
        name = "FF" if element.name.startswith("FF") else element.name
        if name == "FM":
            continue
        if name == "FX":
            raise unimplemented("the format modifier FX")
        if name == "TEXT":
            literal = element.written[1:-1]
            if text[at : at + len(literal)].upper() != literal.upper():
                raise ora(1861)
            at += len(literal)
            continue
        if name in _PUNCTUATION:
            following = elements[index + 1].name if index + 1 < len(elements) else ""
            at = _skip_punctuation(text, at, name, is_number_next=following not in ("MON", "MONTH"))
            continue
        if at >= len(text):
            if all(_is_time(rest.name) for rest in elements[index:]) and fields:
                break
            raise ora(1840)
        if name == "FF" and not is_timestamp:
            raise ora(1821)
        if _GROUPS.get(name, name) in fields:
            raise ora(1810)
        at = _read_element(text, at, name, fields, today)
    if at < len(text):
        raise ora(1830)
    return fields


def _is_time(name: str) -> bool:
    return name in _PUNCTUATION or name.startswith(("HH", "MI", "SS", "FF", "AM", "PM", "A.", "P.")) or name == "FM"


def _skip_punctuation(text: str, at: int, name: str, *, is_number_next: bool) -> int:
    if at >= len(text):
        return at
    if name == " ":
        while at < len(text) and text[at] == " ":
            at += 1
        return at
    if text[at].isalnum():
        if text[at].isdigit() and is_number_next:
            return at
        raise ora(1861)
    return at + 1


def _read_element(text: str, at: int, name: str, fields: dict[str, int], today: datetime) -> int:
    if name in ("MON", "MONTH"):
        return _read_month_name(text, at, fields)
    if name in ("AM", "PM", "A.M.", "P.M."):
        match = re.compile(r"([AP])\.?M\.?", re.IGNORECASE).match(text, at)
        if match is None:
            raise ora(1855)
        fields["HALF"] = int(match[1].upper() == "P")
        return match.end()
    if name not in _NUMERIC:
        raise unimplemented(f"the element {name} in TO_DATE")
    while at < len(text) and text[at] == " ":
        at += 1
    end = at
    while end < len(text) and end - at < _NUMERIC[name] and "0" <= text[end] <= "9":
        end += 1
    if end == at:
        if name == "MM" and at < len(text) and text[at].isalpha():
            return _read_month_name(text, at, fields)
        raise ora(1858)
    digits = text[at:end]
    if name == "FF":
        fields["FF"] = int(digits.ljust(9, "0")[:6])
    elif _GROUPS.get(name) == "Y":
        fields["Y"] = _full_year(int(digits), len(digits), name, today)
    else:
        fields[_GROUPS.get(name, name)] = int(digits)
        if name in ("HH12", "HH"):
            fields["TWELVE"] = 1
    return end


def _full_year(year: int, digits: int, name: str, today: datetime) -> int:
    if name in ("RR", "RRRR") and digits <= 2:
        century = today.year // 100
        is_low_now, is_low = today.year % 100 < 50, year < 50
        if is_low_now and not is_low:
            century -= 1
        elif not is_low_now and is_low:
            century += 1
        return century * 100 + year
    if name in ("YYY", "YY", "Y"):
        size = {"YYY": 1000, "YY": 100, "Y": 10}[name]
        return today.year // size * size + year
    return year


def _read_month_name(text: str, at: int, fields: dict[str, int]) -> int:
    for month, full in enumerate(_MONTHS, start=1):
        for written in (full, full[:3]):
            if text[at : at + len(written)].upper() == written:
                fields["MM"] = month
                return at + len(written)
    raise ora(1843)


def from_text(text: str, model: str, today: datetime) -> datetime:
    """Return a text as a DATE by the session's date format (an implicit conversion).

    As Oracle, RR and YY take a year of four digits too.
    """
    wide = model.upper().replace("RRRR", "RR").replace("RR", "RRRR")
    return parse_date(text, wide, today)


def truncate(value: datetime, model: str) -> datetime:  # noqa: PLR0911 - one unit, one return
    """Return TRUNC(value, model).

    :raises OracleError: ORA-01821, ORA-03001.
    """
    day = value.replace(hour=0, minute=0, second=0, microsecond=0)
    match model.upper():
        case "DDD" | "DD" | "J":
            return day
        case "MONTH" | "MON" | "MM" | "RM":
            return day.replace(day=1)
        case "Q":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "SYYYY" | "YYYY" | "YEAR" | "YYY" | "YY" | "Y":
            return day.replace(month=1, day=1)
        case "IW":
            _require_gregorian(start := day - timedelta(days=day.weekday()))
            return start
        case "DAY" | "DY" | "D":
            _require_gregorian(start := day - timedelta(days=day.isoweekday() % 7))
            return start
        case "HH" | "HH12" | "HH24":
            return day.replace(hour=value.hour)
        case "MI":
            return day.replace(hour=value.hour, minute=value.minute)
    raise unimplemented("this format in TRUNC of a date")


def round_date(value: datetime, model: str) -> datetime:
    """Return ROUND(value, model) for days, months and years.

    :raises OracleError: ORA-03001 for others.
    """
    start = truncate(value, model)
    match model.upper():
        case "DDD" | "DD" | "J":
            return add_days(start, Decimal(value.hour >= 12))
        case "MONTH" | "MON" | "MM" | "RM":
            return add_months(start, Decimal(1)) if value.day >= 16 else start
        case "SYYYY" | "YYYY" | "YEAR" | "YYY" | "YY" | "Y":
            return start.replace(year=start.year + 1) if value.month >= 7 else start
    raise unimplemented("this format in ROUND of a date")


def add_months(value: datetime, months: Decimal) -> datetime:
    """Return ADD_MONTHS: the last day of a month stays the last day."""
    whole = int(months)
    index = value.year * 12 + value.month - 1 + whole
    year, month = divmod(index, 12)
    month += 1
    if not 1 <= year <= 9999:
        raise ora(1841)
    last = calendar.monthrange(year, month)[1]
    is_last = value.day == calendar.monthrange(value.year, value.month)[1]
    moved = value.replace(year=year, month=month, day=last if is_last else min(value.day, last))
    _require_gregorian(value, moved)
    return moved


def months_between(later: datetime, earlier: datetime) -> Decimal:
    """Return MONTHS_BETWEEN: whole for equal days or two last days, else in 31sts of a month."""
    _require_gregorian(later, earlier)
    months = Decimal((later.year - earlier.year) * 12 + later.month - earlier.month)
    both_last = all(d.day == calendar.monthrange(d.year, d.month)[1] for d in (later, earlier))
    if later.day == earlier.day or both_last:
        return months
    seconds = (later.day - earlier.day) * SECONDS_PER_DAY + _second_of_day(later) - _second_of_day(earlier)
    return numbers.add(months, numbers.divide(Decimal(seconds), Decimal(31 * SECONDS_PER_DAY)))


def _second_of_day(value: datetime) -> int:
    return value.hour * 3600 + value.minute * 60 + value.second


def last_day(value: datetime) -> datetime:
    """Return the last day of the month, at the same time of day."""
    _require_gregorian(value)
    return value.replace(day=calendar.monthrange(value.year, value.month)[1])


def add_days(value: datetime, days: Decimal) -> datetime:
    """Return date + days, to the nearest second."""
    seconds = numbers.round_half_up(numbers.multiply(days, Decimal(SECONDS_PER_DAY)), Decimal(0))
    try:
        moved = value.replace(microsecond=0) + timedelta(seconds=int(seconds))
    except OverflowError:
        raise ora(1841) from None
    _require_gregorian(value, moved)
    return moved


def days_between(later: datetime, earlier: datetime) -> Decimal:
    """Return later - earlier in days, as a NUMBER."""
    _require_gregorian(later, earlier)
    delta = later - earlier
    seconds = Decimal(delta.days * SECONDS_PER_DAY + delta.seconds)
    return numbers.divide(seconds, Decimal(SECONDS_PER_DAY))
