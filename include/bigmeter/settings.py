"""The settings of the environment, each read once and checked where it is read.

``ScheduleSettings`` are the few that a DAG file reads when Airflow imports it. ``LoadSettings`` are read in the first
task of a run and passed on, so that two machines cannot disagree within a run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Literal, Self, cast

from include.bigmeter import schedule
from include.bigmeter.errors import ConfigError, quoted
from include.bigmeter.periods import Era

Environment = Mapping[str, str]

ORACLE_CONNECTION_ID = "bigmeter_oracle"
POSTGRES_CONNECTION_ID = "bigmeter_postgres"
NOTIFY_CONNECTION_ID = "bigmeter_notify"

DEFAULT_TIMEZONE = "Asia/Bangkok"
DEFAULT_CRON_YEARLY = "0 30 1 16 10 *"
DEFAULT_CRON_MONTHLY = "0 0 8 16 * *"
DEFAULT_CRON_FRESHNESS = "0 30 12 * * *"
DEFAULT_NOTIFY_ON = "problem"
DEFAULT_BATCH_SIZE = 100
MAX_BATCH_SIZE = 1000  # Oracle takes at most 1,000 members in one IN list (ORA-01795)
DEFAULT_TASK_TIMEOUT_S = 1800
_MOST_DIGITS = 9
_SHARE = re.compile(r"0(?:\.[0-9]{1,9})?|0?\.[0-9]{1,9}|1(?:\.0{1,9})?")


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """When the DAGs run and how many branches at once; crons have five fields, times are in ``timezone``."""

    timezone: str
    cron_yearly: str
    cron_monthly: str
    sync_concurrency: int
    task_timeout_s: int
    oracle_pool: str | None

    @classmethod
    def from_environment(cls, environment: Environment) -> Self:
        """Read them.

        :raises ConfigError: naming the variable that is wrong.
        """
        timezone = _text(environment, "TIMEZONE", DEFAULT_TIMEZONE)
        schedule.zone(timezone)
        monthly = schedule.to_five_fields(_text(environment, "CRON_MONTHLY", DEFAULT_CRON_MONTHLY), "CRON_MONTHLY")
        schedule.require_once_a_month(monthly, "CRON_MONTHLY")
        yearly = schedule.to_five_fields(_text(environment, "CRON_YEARLY", DEFAULT_CRON_YEARLY), "CRON_YEARLY")
        schedule.require_once_a_year(yearly, "CRON_YEARLY")
        return cls(
            timezone=timezone,
            cron_yearly=yearly,
            cron_monthly=monthly,
            sync_concurrency=_whole(environment, "SYNC_CONCURRENCY", 4, 1, 1000),
            task_timeout_s=_task_timeout_s(environment),
            oracle_pool=_text(environment, "ORACLE_POOL", "") or None,
        )


@dataclass(frozen=True, slots=True)
class FreshnessSettings:
    """When the watcher looks, and how many hours after its tick a month or a cohort is overdue."""

    cron: str
    grace_h: int

    @classmethod
    def from_environment(cls, environment: Environment) -> Self:
        """Read them.

        :raises ConfigError: naming the variable that is wrong.
        """
        return cls(
            cron=schedule.to_five_fields(
                _text(environment, "CRON_FRESHNESS", DEFAULT_CRON_FRESHNESS), "CRON_FRESHNESS"
            ),
            grace_h=_whole(environment, "FRESHNESS_GRACE_H", 4, 0, 24 * 31),
        )


@dataclass(frozen=True, slots=True)
class NotificationSettings:
    """Which runs are told about: those with a problem and their recovery, or all."""

    is_success_told: bool

    @classmethod
    def from_environment(cls, environment: Environment) -> Self:
        """Read them.

        :raises ConfigError: naming the variable that is wrong.
        """
        value = _text(environment, "NOTIFY_ON", DEFAULT_NOTIFY_ON).lower()
        if value not in {"problem", "always"}:
            raise ConfigError(f"NOTIFY_ON: {quoted(value)} is unknown; write problem or always")
        return cls(is_success_told=value == "always")


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """How a branch is read and judged; plain values, so that a task can hand them to the mapped ones.

    ``batch_size`` is customers a query, ``cohort_size`` customers a branch, ``min_reported_share`` a share of 0 to 1;
    the time-outs are seconds: one round trip to Oracle, and one branch.
    """

    batch_size: int
    cohort_size: int
    debt_ym_era: Era
    min_reported_share: Decimal
    oracle_call_timeout_s: int
    task_timeout_s: int

    @classmethod
    def from_environment(cls, environment: Environment, *, batch_size: int | None = None) -> Self:
        """Read them.

        :param batch_size: a form's or the command line's own; it wins over ``BATCH_SIZE``.
        :raises ConfigError: naming the variable that is wrong.
        """
        batch_setting = "BATCH_SIZE"
        if batch_size is not None:
            batch_setting = "batch_size"
            environment = {**environment, batch_setting: str(batch_size)}
        era = _text(environment, "DEBT_YM_ERA", "buddhist").lower()
        if era not in {"buddhist", "gregorian"}:
            raise ConfigError(f"DEBT_YM_ERA: {quoted(era)} is no era; write buddhist or gregorian")
        return cls(
            batch_size=_whole(environment, batch_setting, DEFAULT_BATCH_SIZE, 1, MAX_BATCH_SIZE),
            cohort_size=_whole(environment, "COHORT_SIZE", 200, 1, 100_000),
            debt_ym_era=cast(Era, era),
            min_reported_share=_share(environment, "MIN_REPORTED_SHARE", "0.8"),
            oracle_call_timeout_s=_whole(environment, "ORACLE_CALL_TIMEOUT_S", 300, 1, 86_400),
            task_timeout_s=_task_timeout_s(environment),
        )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild them from ``to_json``."""
        return cls(**{**values, "min_reported_share": Decimal(values["min_reported_share"])})

    def to_json(self) -> dict[str, Any]:
        """Return them as plain values."""
        return {**asdict(self), "min_reported_share": str(self.min_reported_share)}


Mode = Literal["", "init-once", "month-once"]


def mode(environment: Environment) -> Mode:
    """Return what the command line does without a command.

    :raises ConfigError: if ``MODE`` names nothing that it can do.
    """
    value = _text(environment, "MODE", "").lower()
    if value not in {"", "init-once", "month-once"}:
        raise ConfigError(f"MODE: {quoted(value)} is unknown; write init-once or month-once, or leave it empty")
    return cast(Mode, value)


def _task_timeout_s(environment: Environment) -> int:
    return _whole(environment, "TASK_TIMEOUT_S", DEFAULT_TASK_TIMEOUT_S, 1, 86_400)


def _text(environment: Environment, name: str, default: str) -> str:
    return environment.get(name, "").strip() or default


def _whole(environment: Environment, name: str, default: int, least: int, most: int) -> int:
    text = _text(environment, name, str(default))
    is_short = len(text) <= _MOST_DIGITS  # Python itself refuses to read a number of thousands of digits
    if not (text.isascii() and text.isdigit() and is_short) or not least <= int(text) <= most:
        raise ConfigError(f"{name}: {quoted(text)} is not a whole number from {least} to {most}")
    return int(text)


def _share(environment: Environment, name: str, default: str) -> Decimal:
    text = _text(environment, name, default)
    if not _SHARE.fullmatch(text):
        raise ConfigError(f"{name}: {quoted(text)} is not a share from 0 to 1, such as 0.8")
    return Decimal(text)
