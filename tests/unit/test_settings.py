"""The environment's settings: their defaults, and a message that names the one that is wrong."""

from decimal import Decimal

import pytest

from include.bigmeter.errors import ConfigError
from include.bigmeter.settings import FreshnessSettings, LoadSettings, NotificationSettings, ScheduleSettings, mode


def test_an_empty_environment_has_the_documented_defaults() -> None:
    assert ScheduleSettings.from_environment({}) == ScheduleSettings(
        timezone="Asia/Bangkok",
        cron_yearly="30 1 16 10 *",
        cron_monthly="0 8 16 * *",
        sync_concurrency=4,
        task_timeout_s=1800,
        oracle_pool=None,
    )
    assert LoadSettings.from_environment({}) == LoadSettings(
        batch_size=100,
        cohort_size=200,
        debt_ym_era="buddhist",
        min_reported_share=Decimal("0.8"),
        oracle_call_timeout_s=300,
        task_timeout_s=1800,
    )


def test_a_blank_variable_means_the_default() -> None:
    assert LoadSettings.from_environment({"BATCH_SIZE": "  ", "DEBT_YM_ERA": ""}) == LoadSettings.from_environment({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BATCH_SIZE", "0"),
        ("BATCH_SIZE", "1001"),
        ("BATCH_SIZE", "-1"),
        ("BATCH_SIZE", "ten"),
        ("BATCH_SIZE", "1e2"),
        ("BATCH_SIZE", "๑๐"),
        ("BATCH_SIZE", "9" * 5000),
        ("COHORT_SIZE", "0"),
        ("DEBT_YM_ERA", "julian"),
        ("MIN_REPORTED_SHARE", "80"),
        ("MIN_REPORTED_SHARE", "nan"),
        ("MIN_REPORTED_SHARE", "1.01"),
        ("MIN_REPORTED_SHARE", "9" * 5000),
        ("MIN_REPORTED_SHARE", "-0.1"),
        ("ORACLE_CALL_TIMEOUT_S", "0"),
        ("TASK_TIMEOUT_S", "soon"),
    ],
)
def test_a_bad_load_setting_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name}: ") as refused:
        LoadSettings.from_environment({name: value})
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CRON_MONTHLY", "0 0 8 1,16 * *"),
        ("CRON_MONTHLY", "5 0 8 16 * *"),
        ("CRON_YEARLY", "5 30 1 16 10 *"),
        ("CRON_YEARLY", "0 30 1 16 * *"),
        ("CRON_YEARLY", "0 30 1 29 2 *"),
        ("TIMEZONE", "Asia/Bankok"),
        ("SYNC_CONCURRENCY", "0"),
    ],
)
def test_a_bad_schedule_setting_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name}: "):
        ScheduleSettings.from_environment({name: value})


def test_a_forms_batch_size_wins_over_the_environment_and_is_checked() -> None:
    assert LoadSettings.from_environment({"BATCH_SIZE": "10"}, batch_size=1000).batch_size == 1000
    with pytest.raises(ConfigError, match="^batch_size: '0'"):
        LoadSettings.from_environment({}, batch_size=0)


def test_settings_survive_the_way_to_a_mapped_task() -> None:
    settings = LoadSettings.from_environment({"MIN_REPORTED_SHARE": "0.5"})
    assert LoadSettings.from_json(settings.to_json()) == settings


def test_mode_is_one_of_the_commands_or_empty() -> None:
    assert mode({}) == ""
    assert mode({"MODE": "Month-Once"}) == "month-once"
    with pytest.raises(ConfigError, match="^MODE: "):
        mode({"MODE": "daily"})


def test_the_watcher_looks_daily_and_waits_four_hours() -> None:
    assert FreshnessSettings.from_environment({}) == FreshnessSettings(cron="30 12 * * *", grace_h=4)
    for name, value in (("CRON_FRESHNESS", "noon"), ("FRESHNESS_GRACE_H", "-1")):
        with pytest.raises(ConfigError, match=f"^{name}: "):
            FreshnessSettings.from_environment({name: value})


def test_good_runs_are_told_only_if_it_is_asked_for() -> None:
    assert not NotificationSettings.from_environment({}).is_success_told
    assert not NotificationSettings.from_environment({"NOTIFY_ON": "problem"}).is_success_told
    assert NotificationSettings.from_environment({"NOTIFY_ON": " Always "}).is_success_told
    with pytest.raises(ConfigError, match="^NOTIFY_ON: "):
        NotificationSettings.from_environment({"NOTIFY_ON": "failure"})
