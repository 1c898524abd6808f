"""# Monthly sync of the big meters (ดึงข้อมูลมาตรรายใหญ่รายเดือน)

**What it does.** For each branch it reads last month's bills of the branch's cohort (its largest customers of the
month's fiscal year) from Oracle and writes them to `bm_meter_details`. A second run of the same month changes only
what Oracle has changed since.

**When.** By default on the 16th at 08:00 Asia/Bangkok (01:00 UTC), for the calendar month *before* (`CRON_MONTHLY`,
`TIMEZONE`). The cohort must exist: `bigmeter_yearly_init` makes it each October.

**By hand.**

| you want | do this |
|---|---|
| one month again, or some branches of it | *Trigger*, then `ym` (`202509` or `256809`) and `branches` |
| January to September | *Trigger > Backfill*, from 1 January to 30 September; leave `ym` empty |
| a month for the next year's cohort | *Trigger* with `ym` and `cohort_fiscal_year` |

**When a branch is red.** The others are loaded; the red one is as it was before the run. `summary` is red as well and
lists every branch with its reason; the log of the branch has it too.

1. *unavailable*: it was tried four times in about twenty minutes. When Oracle or PostgreSQL is back, clear the branch.
2. *refused*, *configuration*: put right what the line names (account, grant, template, cohort), then clear it.
3. *incomplete*: Oracle returned too few customers; is billing closed? Later, clear it. If it is right as it is,
   trigger the month for that branch with `accept_incomplete`.

To clear: click the red square of the branch in `sync_branch`, *Clear task*, leave *Downstream* ticked. The month and
the summary are then repaired. Before a branch has started, and again while it waits for its next try, Airflow's list
shows a number in place of its name; the log of the try names it.

**When `check` is red**, nothing was started: it names the one thing to put right.

A month whose every branch is in is announced as an event of the asset `bigmeter_meter_details`.
"""

from __future__ import annotations

import os

from airflow.sdk import CronDataIntervalTimetable, dag, task

from include.bigmeter.settings import ScheduleSettings
from include.bigmeter.tasks import monthly, notifications
from include.bigmeter.tasks.defaults import branch_limits, dag_defaults
from include.bigmeter.tasks.forms import month_form

settings = ScheduleSettings.from_environment(os.environ)


@dag(
    schedule=CronDataIntervalTimetable(settings.cron_monthly, timezone=settings.timezone),
    description="Each branch's big meters: last month's readings from Oracle to PostgreSQL",
    doc_md=__doc__,
    params=month_form(os.environ),
    **dag_defaults(settings),
    **notifications.of_loads(),
)
def bigmeter_monthly_sync() -> None:
    jobs = task(monthly.check)()
    synced = task(**branch_limits(settings))(monthly.sync_branch).expand(job=jobs)
    published = task(outlets=[monthly.METER_DETAILS])(monthly.publish)()
    told = task(multiple_outputs=False)(monthly.summary)().as_teardown(on_failure_fail_dagrun=True)
    jobs >> synced >> published >> told
    [jobs, synced] >> told


bigmeter_monthly_sync()
