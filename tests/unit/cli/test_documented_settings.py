"""The README's table of settings: every setting that the code reads, with the default that the code has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from include.bigmeter.branches import BRANCHES_FILE, load_branches, read_branches
from include.bigmeter.cli.drivers import DriverConnections, is_thick_mode
from include.bigmeter.cli.upkeep import airflow_connections
from include.bigmeter.errors import ConfigError
from include.bigmeter.settings import FreshnessSettings, LoadSettings, NotificationSettings, ScheduleSettings, mode
from tests.command_line import Command
from tests.compose_files import ROOT, example_variables

README = (ROOT / "README.md").read_text(encoding="utf-8")
_ROW = re.compile(r"\| (?P<names>`[A-Z_]+`(?:, `[A-Z_]+`)*) \| (?:`(?P<default>[^`]*)`)? ?\| (?P<meaning>.+) \|")

# A value other than the default for each setting that has one, so that it is seen to be read at all.
ANOTHER = {
    "TIMEZONE": "UTC",
    "CRON_YEARLY": "0 30 2 17 10 *",
    "CRON_MONTHLY": "0 0 9 17 * *",
    "COHORT_SIZE": "201",
    "BATCH_SIZE": "99",
    "MIN_REPORTED_SHARE": "0.5",
    "DEBT_YM_ERA": "gregorian",
    "SYNC_CONCURRENCY": "5",
    "ORACLE_CALL_TIMEOUT_S": "299",
    "TASK_TIMEOUT_S": "1799",
    "CRON_FRESHNESS": "0 31 12 * * *",
    "FRESHNESS_GRACE_H": "5",
    "NOTIFY_ON": "always",
}
EMPTY_BY_DEFAULT = {
    *("ORACLE_DSN", "POSTGRES_DSN", "BRANCHES", "ORACLE_POOL", "ORACLE_THICK_MODE", "NOTIFY_URL"),
    *("MODE", "YM", "DEBT_YM"),
}
NOT_IN_ENV_EXAMPLE = {"ORACLE_THICK_MODE"}  # the image sets it, by ORACLE_CLIENT
BOTH = {"ORACLE_DSN": "reader/s3cret@127.0.0.1:1/BILLING", "POSTGRES_DSN": "postgres://u:s3cret@127.0.0.1:1/db"}


def documented() -> dict[str, str]:
    """Return the default of each setting as the README has it, empty for none."""
    section = README.split("\n## Settings\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    matches = [_ROW.fullmatch(row) for row in rows]
    assert None not in matches, [row for row, match in zip(rows, matches, strict=True) if match is None]
    return {
        name: match["default"] or "" for match in matches if match for name in re.findall("[A-Z_]+", match["names"])
    }


class Recorder(Mapping[str, str]):
    """An environment that notes which variables are asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values_by_name = dict(values)
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)


def everything_read(environment: Mapping[str, str]) -> tuple[Any, ...]:
    """Read whatever the DAGs and the command line read of an environment."""
    return (
        ScheduleSettings.from_environment(environment),
        FreshnessSettings.from_environment(environment),
        NotificationSettings.from_environment(environment),
        LoadSettings.from_environment(environment),
        load_branches(environment),
        airflow_connections(environment),
        is_thick_mode(environment),
        mode(environment),
    )


def test_the_table_has_every_setting_that_the_code_reads_and_no_other(command: Command) -> None:
    recorder = Recorder(BOTH)
    everything_read(recorder)
    DriverConnections.from_environment(recorder)
    for words in (["month-once"], ["init-once"], ["check"], ["check", "--freshness"], ["migrate"], []):
        assert command(recorder, *words).status in {2, 3}  # nothing answers there
    assert set(documented()) == recorder.asked


@pytest.mark.parametrize("name", ANOTHER)
def test_a_documented_default_is_the_codes(name: str) -> None:
    without = everything_read(BOTH)
    assert everything_read({**BOTH, name: documented()[name]}) == without
    assert everything_read({**BOTH, name: ANOTHER[name]}) != without


def test_every_other_setting_has_no_default() -> None:
    defaults = documented()
    assert {name for name, default in defaults.items() if not default} == EMPTY_BY_DEFAULT
    assert set(defaults) == EMPTY_BY_DEFAULT | set(ANOTHER)
    assert load_branches({}) == read_branches(BRANCHES_FILE)
    for name in BOTH:
        with pytest.raises(ConfigError, match=f"^{name}: not set"):
            airflow_connections({**BOTH, name: ""})


def test_the_example_of_an_env_file_shows_the_same_defaults() -> None:
    example, defaults = example_variables(), documented()
    assert set(defaults) - set(example) == NOT_IN_ENV_EXAMPLE
    shown = {name: example[name].value for name in defaults if name in example}
    assert shown == {name: default for name, default in defaults.items() if name in example}
