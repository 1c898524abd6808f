"""Users' cron expressions as Airflow must see them, and the ticks they make."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from include.bigmeter import schedule
from include.bigmeter.errors import ConfigError

BANGKOK = ZoneInfo("Asia/Bangkok")


def bangkok(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=BANGKOK)


@pytest.mark.parametrize(
    ("given", "five"),
    [("0 0 8 16 * *", "0 8 16 * *"), ("00 30 1 16 10 *", "30 1 16 10 *"), ("0 8 16 * *", "0 8 16 * *")],
)
def test_a_seconds_field_of_zero_is_dropped(given: str, five: str) -> None:
    assert schedule.to_five_fields(given, "CRON_MONTHLY") == five


@pytest.mark.parametrize(
    "given",
    [
        "30 0 8 16 * *",
        "* 0 8 16 * *",
        "0 8 16 *",
        "0 0 0 8 16 * *",
        "",
        "0 0 25 16 * *",
        "often",
        "0 0 8 31 2 *",
        "@monthly",
    ],
)
def test_a_cron_that_airflow_would_take_otherwise_is_refused_by_name(given: str) -> None:
    with pytest.raises(ConfigError, match=r"^CRON_MONTHLY: "):
        schedule.to_five_fields(given, "CRON_MONTHLY")


@pytest.mark.parametrize("cron", ["0 8 16 * *", "0 0 1 * *", "59 23 28 * *"])
def test_one_day_and_time_fires_once_a_month(cron: str) -> None:
    schedule.require_once_a_month(cron, "CRON_MONTHLY")


@pytest.mark.parametrize(
    "cron", ["0 8 1,16 * *", "0 8,9 16 * *", "0 8 31 * *", "0 8 16 10 *", "0 8 * * 1", "0 8 29 * *"]
)
def test_a_cron_that_does_not_fire_once_in_each_month_is_refused(cron: str) -> None:
    with pytest.raises(ConfigError, match=r"^CRON_MONTHLY: .* once in each month"):
        schedule.require_once_a_month(cron, "CRON_MONTHLY")


def test_the_latest_tick_is_the_last_one_that_is_due() -> None:
    cron = "0 8 16 * *"
    assert schedule.latest_tick(cron, BANGKOK, bangkok(2025, 10, 16, 7, 59)) == bangkok(2025, 9, 16, 8)
    assert schedule.latest_tick(cron, BANGKOK, bangkok(2025, 10, 16, 8)) == bangkok(2025, 10, 16, 8)
    assert schedule.latest_tick(cron, BANGKOK, bangkok(2025, 10, 20)) == bangkok(2025, 10, 16, 8)


def test_ticks_are_in_the_zone_whatever_the_zone_of_the_moment() -> None:
    at_one_utc = datetime(2025, 10, 16, 1, 0, tzinfo=ZoneInfo("UTC"))
    assert schedule.is_tick("0 8 16 * *", BANGKOK, at_one_utc)
    assert not schedule.is_tick("0 8 16 * *", ZoneInfo("UTC"), at_one_utc)


def test_a_tick_loads_the_month_before_its_own() -> None:
    assert schedule.month_of_tick(bangkok(2025, 10, 16, 8)) == "202509"
    assert schedule.month_of_tick(bangkok(2025, 1, 16, 8)) == "202412"


def test_a_yearly_tick_reads_the_last_october_that_began() -> None:
    assert schedule.october_of_tick(bangkok(2025, 10, 16, 1, 30)) == "202510"
    assert schedule.october_of_tick(bangkok(2025, 12, 1)) == "202510"
    assert schedule.october_of_tick(bangkok(2025, 9, 30)) == "202410"


@pytest.mark.parametrize("name", ["Asia/Bangkokk", "../etc/passwd", "UTC+7", ""])
def test_an_unknown_zone_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigError, match="^TIMEZONE: "):
        schedule.zone(name)
