"""# Yearly choice of the big meters (เลือกผู้ใช้น้ำรายใหญ่ประจำปี)

**What it does.** For each branch it reads the bills of October from Oracle and keeps the 200 largest customers
(`COHORT_SIZE`) as the branch's cohort of the fiscal year that begins then, in `bm_custcode_init`. Then it loads the
months before for the new cohort (`history_months`), so that comparisons work from the first day.

**When.** By default on 16 October at 01:30 Asia/Bangkok (18:30 UTC on the 15th) (`CRON_YEARLY`, `TIMEZONE`), some
hours before the monthly DAG, which still loads September for the ending year's cohort.

**A cohort is frozen.** A second run refreshes names, meters and addresses of its members, and reports who would enter
and leave. `recapture` replaces the cohort; rows already loaded for former members stay.

**By hand.** *Trigger*: leave everything empty for the latest October that is due; `debt_ym` (`202510` or `256810`)
asks for another, `branches` for some branches. *Backfill*, from 1 October 2023 to 31 October 2025, makes the cohorts
of three years; leave `debt_ym` empty.

**When a branch is red.** The others have their cohorts; the red one is as it was before the run. `summary` is red as
well and lists every branch with its reason; the log of the branch has it too.

1. *unavailable*: it was tried four times in about twenty minutes. When Oracle or PostgreSQL is back, clear the branch.
2. *refused*, *configuration*: put right what the line names (account, grant, template), then clear it.
3. *incomplete*: too few customers qualify, compared with the year before; are October's bills in? Later, clear it. If
   it is right as it is, trigger the year for that branch with `accept_incomplete`.

To clear: click the red square of the branch in `capture_cohort` or `load_history`, *Clear task*, leave *Downstream*
ticked. Before a branch has started, and again while it waits for its next try, Airflow's list shows a number in place
of its name; the log of the try names it.

**When `check` is red**, nothing was started: it names the one thing to put right.
"""

from __future__ import annotations

import os

from airflow.sdk import CronTriggerTimetable, dag, task, task_group

from include.bigmeter.settings import ScheduleSettings
from include.bigmeter.tasks import notifications, yearly
from include.bigmeter.tasks.defaults import branch_limits, dag_defaults
from include.bigmeter.tasks.forms import cohort_form
from include.bigmeter.tasks.runs import Job

settings = ScheduleSettings.from_environment(os.environ)


@dag(
    schedule=CronTriggerTimetable(settings.cron_yearly, timezone=settings.timezone),
    description="Each branch's largest customers of October: the cohort of the new fiscal year, and its history",
    doc_md=__doc__,
    params=cohort_form(os.environ),
    max_active_runs=1,
    **dag_defaults(settings),
    **notifications.of_loads(),
)
def bigmeter_yearly_init() -> None:
    @task_group(prefix_group_id=False)
    def branch(job: Job) -> None:
        captured = task(**branch_limits(settings))(yearly.capture_cohort)(job=job)
        captured >> task(**branch_limits(settings))(yearly.load_history)(job=job)

    jobs = task(yearly.check)()
    branches = branch.expand(job=jobs)
    told = task(multiple_outputs=False)(yearly.summary)().as_teardown(on_failure_fail_dagrun=True)
    branches >> told
    jobs >> told


bigmeter_yearly_init()
