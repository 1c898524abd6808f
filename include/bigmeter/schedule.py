"""When the runs are due: users' cron expressions as Airflow must see them, and the ticks they make."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import CroniterBadCronError, CroniterBadDateError, croniter

from include.bigmeter.errors import ConfigError, quoted
from include.bigmeter.periods import FISCAL_YEAR_FIRST_MONTH, Ym, add_months, october_of, ym_of_date

_WATCHED_YEARS = 28  # after so many years the weekdays of the dates repeat


def to_five_fields(expression: str, setting: str) -> str:
    """Return a cron expression without its seconds field.

    The users' files have six fields with the seconds first; Airflow would take a sixth field for *trailing* seconds.

    :param setting: the variable it came from, for the message.
    :raises ConfigError: if it is no cron expression, or its seconds are not 0.
    """
    parts = expression.split()
    if len(parts) == 6:
        if parts[0] not in {"0", "00"}:
            raise ConfigError(
                f"{setting}: the seconds field of {quoted(expression)} is {quoted(parts[0])}; it must be 0"
            )
        parts = parts[1:]
    if len(parts) != 5:
        raise ConfigError(
            f"{setting}: {quoted(expression)} has {len(parts)} fields; write five, or six with 0 seconds first"
        )
    five = " ".join(parts)
    try:
        next_tick(five, ZoneInfo("UTC"), datetime(2020, 1, 1, tzinfo=UTC))
    except CroniterBadDateError:
        raise ConfigError(f"{setting}: {quoted(expression)} never fires; correct its day or month") from None
    except (CroniterBadCronError, ValueError, KeyError):
        raise ConfigError(f"{setting}: {quoted(expression)} is not a cron expression, such as 0 8 16 * *") from None
    return five


def require_once_a_month(cron: str, setting: str) -> None:
    """Check that a five-field expression fires exactly once in each calendar month.

    A month is loaded by the tick of the month after it, so a second tick would load it twice, and a month without a
    tick (day 31) would lose one.

    :raises ConfigError: if it fires more or less often.
    """
    start = datetime(2020, 1, 1, tzinfo=UTC)
    expected = ym_of_date(start)
    tick = start - timedelta(seconds=1)
    for _ in range(_WATCHED_YEARS * 12):
        tick = next_tick(cron, ZoneInfo("UTC"), tick)
        if ym_of_date(tick) != expected:
            raise ConfigError(
                f"{setting}: {quoted(cron)} does not fire once in each month; name one day from 1 to 28 and one time"
            )
        expected = add_months(expected, 1)


def require_once_a_year(cron: str, setting: str) -> None:
    """Check that a five-field expression fires exactly once in each calendar year.

    :raises ConfigError: if it fires more or less often.
    """
    tick = datetime(2020, 1, 1, tzinfo=UTC) - timedelta(seconds=1)
    for year in range(2020, 2020 + _WATCHED_YEARS):
        tick = next_tick(cron, ZoneInfo("UTC"), tick)
        if tick.year != year:
            raise ConfigError(
                f"{setting}: {quoted(cron)} does not fire once in each year; name one day, month and time"
            )


def zone(name: str, setting: str = "TIMEZONE") -> ZoneInfo:
    """Return the time zone of a setting.

    :raises ConfigError: if there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ConfigError(f"{setting}: {quoted(name)} is not a time zone, such as Asia/Bangkok") from None


def next_tick(cron: str, timezone: ZoneInfo, moment: datetime) -> datetime:
    """Return the first tick after a moment."""
    return _ticks(cron, timezone, moment).get_next(datetime)


def latest_tick(cron: str, timezone: ZoneInfo, moment: datetime) -> datetime:
    """Return the last tick that is due at a moment: a tick at the moment itself is."""
    return _ticks(cron, timezone, moment + timedelta(microseconds=1)).get_prev(datetime)


def is_tick(cron: str, timezone: ZoneInfo, moment: datetime) -> bool:
    """Say whether the expression fires at exactly this moment."""
    return latest_tick(cron, timezone, moment) == moment


def month_of_tick(tick: datetime) -> Ym:
    """Return the month that a monthly tick loads: the calendar month before the tick's own."""
    return add_months(ym_of_date(tick), -1)


def october_of_tick(tick: datetime) -> Ym:
    """Return the October whose bills a yearly tick reads: the last one that began by then."""
    return october_of(tick.year + (tick.month >= FISCAL_YEAR_FIRST_MONTH))


def _ticks(cron: str, timezone: ZoneInfo, moment: datetime) -> croniter:
    return croniter(cron, moment.astimezone(timezone))
