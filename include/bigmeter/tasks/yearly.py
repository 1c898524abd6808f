"""The tasks of the yearly DAG. Each docstring is shown to the operator beside its task."""

from __future__ import annotations

from typing import Any

import structlog
from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from include.bigmeter.runs import history_months, resolve_cohort
from include.bigmeter.tasks import runs
from include.bigmeter.tasks.failures import told
from include.bigmeter.tasks.moments import clock_of, identity_of
from include.bigmeter.tasks.progress import Progress
from include.bigmeter.tasks.recovery import conclude

CAPTURE_TASK = "capture_cohort"
HISTORY_TASK = "load_history"

log = structlog.get_logger("bigmeter")


def check() -> list[runs.Job]:
    """Check what concerns the whole run, before any branch, and plan it.

    Settings, form, branches, both connections, migrations and both query templates: if one of them is wrong, the run
    ends here with one sentence that names what to change, and nothing is written.
    """
    context = get_current_context()
    ti = context["ti"]
    with told(ti, runs.CHECK_TASK):
        form = runs.read_form(context)
        schedule, settings = runs.read_settings()
        request = resolve_cohort(schedule, clock_of(context), debt_ym=form["debt_ym"])
        branches, all_branches = runs.read_branches(form["branches"])
        from include.bigmeter.tasks import loads  # noqa: PLC0415 - the drivers are too heavy for a DAG file

        loads.check(settings, all_branches)
        if request.warning:
            log.warning(request.warning)
        asked = {
            "ym": request.ym,
            "fiscal_year": request.fiscal_year,
            "recapture": form["recapture"],
            "accept_incomplete": form["accept_incomplete"],
            "history": list(history_months(request, form["history_months"])),
        }
        log.info("planned", **asked, branches=len(branches))
        ti.xcom_push(key=runs.PLAN_KEY, value=runs.plan_of(all_branches, asked, schedule))
        return runs.jobs_of(branches, settings, asked)


def capture_cohort(job: runs.Job) -> dict[str, Any]:
    """Choose one branch's cohort, or refresh the one that stands, wholly or not at all.

    If it is red, its log says why in one line. Oracle or PostgreSQL unavailable: it was tried four times; clear it
    when they are back. Anything else: put right what the line names, then clear it, with *Downstream* ticked, so
    that its history and the summary follow. The other branches are not touched.
    """
    context = get_current_context()
    with told(context["ti"], job["branch_code"], "yearly", ym=job["ym"], fiscal_year=job["fiscal_year"]):
        from include.bigmeter.tasks import loads  # noqa: PLC0415 - the drivers are too heavy for a DAG file

        return {**loads.capture_cohort(job, identity_of(context)), "tries": context["ti"].try_number}


def load_history(job: runs.Job) -> dict[str, Any]:
    """Load the months before for one branch's new cohort, so that comparisons work from the first day.

    Each month is loaded wholly or not at all, and a month that is incomplete does not hold back the next. A next try
    goes on with the months that are not in yet. Skipped (pink) when *History* is 0.
    """
    if not job["history"]:
        raise AirflowSkipException("history_months is 0")
    context = get_current_context()
    with told(context["ti"], job["branch_code"], "history", ym=job["ym"], fiscal_year=job["fiscal_year"]):
        from include.bigmeter.tasks import loads  # noqa: PLC0415 - the drivers are too heavy for a DAG file

        loaded = loads.load_history(job, identity_of(context), Progress(context))
        return {**loaded, "tries": context["ti"].try_number}


def summary() -> dict[str, Any]:
    """Write a line per branch and the totals to the log, whatever became of the branches.

    The first table is the cohorts, the second their history, each branch's months added up. It has the colour of the
    run: green means that every branch is in. Red, the last lines of its log say which is not, and why; clear that one,
    not this. Its XCom holds the same figures for machines, whatever the colour.
    """
    context = get_current_context()
    with told(context["ti"], runs.SUMMARY_TASK):
        from include.bigmeter.tasks import summaries  # noqa: PLC0415 - the table's library is too heavy for a DAG file

        return conclude(context, summaries.summarize_year(context["ti"], CAPTURE_TASK, HISTORY_TASK))
