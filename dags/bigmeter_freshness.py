"""# Is everything in? (ข้อมูลเข้าครบหรือยัง)

**What it does.** Once a day it reads the ledger and compares it with the schedule: every month since the first loaded
one, and the latest cohort, must be in for every branch. It reads PostgreSQL only and changes nothing.

**When.** By default daily at 12:30 Asia/Bangkok (`CRON_FRESHNESS`, `TIMEZONE`). A month or a cohort is overdue
`FRESHNESS_GRACE_H` (4) hours after its DAG should have started.

**When it is red.** Its log and its message list what is overdue, the first thing to do first:

1. *cohort 2026: not captured*: trigger `bigmeter_yearly_init` with that `debt_ym` (and `branches`).
2. *2025-08: not loaded for any branch*: the DAG was paused, or the scheduler was down. Trigger `bigmeter_monthly_sync`
   with that `ym`; for several months *Backfill*, from the first day of the first to the last day of the last.
3. *2025-09: not loaded for 2 of 22 branches*: open that month's run and clear the red branches.
4. *unavailable*: nobody knows; PostgreSQL did not answer. Look there first.

The message comes every day until all is in, and then once more. Clearing this DAG repairs nothing; it only looks again.

**By hand.** *Trigger* looks at once and always sends its message, so it also tries the connection `bigmeter_notify`.

A scheduler that is down cannot say so. Let something outside Airflow look as well: `python -m include.bigmeter check
--freshness` from cron or a monitor (exit status 0: all is in; 1: something is overdue), or the Prometheus rules.
"""

from __future__ import annotations

import os

from airflow.sdk import CronTriggerTimetable, dag, task

from include.bigmeter.settings import FreshnessSettings, ScheduleSettings
from include.bigmeter.tasks import freshness, notifications
from include.bigmeter.tasks.defaults import dag_defaults

settings = ScheduleSettings.from_environment(os.environ)


@dag(
    schedule=CronTriggerTimetable(FreshnessSettings.from_environment(os.environ).cron, timezone=settings.timezone),
    description="Notices each day which months and cohorts are due and not in",
    doc_md=__doc__,
    max_active_runs=1,
    **dag_defaults(settings),
    **notifications.of_freshness(),
)
def bigmeter_freshness() -> None:
    task(freshness.find_overdue)()


bigmeter_freshness()
