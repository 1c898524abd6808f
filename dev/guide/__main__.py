"""Play the failures of the operator's guide on a real stack and take its pictures: ``python -m dev.guide``.

Needs Chromium (``apt-get install chromium fonts-noto-core fonts-thai-tlwg pngquant``) and about a quarter of an hour.
What was provoked, and what the system said to it, is written to ``docs/provoked.md``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from dev.guide.browser import Browser
from dev.guide.pages import AirflowPages
from dev.guide.scenes import Play, SceneError, months_until, play
from dev.guide.stage import Provoked, opened_stage
from dev.stack.airflow import REPOSITORY
from dev.stack.processes import StackError
from include.bigmeter.schedule import latest_tick, month_of_tick, zone
from include.bigmeter.settings import ScheduleSettings

PICTURES = REPOSITORY / "docs" / "screenshots"
RECORD = REPOSITORY / "docs" / "provoked.md"


def main(arguments: Sequence[str]) -> int:
    """Play it and return the exit status: 0, or 1 if something went otherwise than the guide tells it."""
    parser = argparse.ArgumentParser(prog="python -m dev.guide", description=__doc__)
    parser.add_argument("--pictures", type=Path, default=PICTURES, help="where to write them (default: %(default)s)")
    parser.add_argument("--record", type=Path, default=RECORD, help="where to write the record (default: %(default)s)")
    options = parser.parse_args(arguments)
    started = time.monotonic()

    def tell(text: str) -> None:
        print(f"{time.monotonic() - started:5.0f} s  {text}", flush=True)

    schedule = ScheduleSettings.from_environment({})
    last = month_of_tick(latest_tick(schedule.cron_monthly, zone(schedule.timezone), datetime.now(UTC)))
    try:
        with tempfile.TemporaryDirectory(prefix="bigmeter-guide-") as directory:
            Path(directory).chmod(0o711)  # the embedded PostgreSQL may run under another account
            with opened_stage(Path(directory), last, tell) as stage, Browser() as browser:
                pages = AirflowPages(browser, stage.stack.airflow, options.pictures)
                play(Play(stage=stage, pages=pages, months=months_until(last), tell=tell))
                options.record.write_text(_record(stage.provoked), encoding="utf-8")
    except (StackError, SceneError, TimeoutError) as error:
        print(f"the guide is not up to date: {error}", file=sys.stderr)
        return 1
    tell("done")
    return 0


def _record(provoked: Sequence[Provoked]) -> str:
    lines = [
        "# What was provoked",
        "",
        "Written by `python -m dev.guide`, which makes each of these happen on a real stack and takes the pictures of",
        "the [operator's guide](operators-guide.md). A test holds the guide to it.",
        "",
        "| what went wrong | what the system said |",
        "|---|---|",
    ]
    lines += [f"| {one.how} | {one.said.replace('|', chr(92) + '|')} |" for one in provoked]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
