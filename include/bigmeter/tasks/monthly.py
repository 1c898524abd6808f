"""The tasks of the monthly DAG. Each docstring is shown to the operator beside its task."""

from __future__ import annotations

from typing import Any

import structlog
from airflow.sdk import Asset, get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from include.bigmeter.periods import Ym, dashed, fiscal_year_of
from include.bigmeter.runs import resolve_month
from include.bigmeter.tasks import runs
from include.bigmeter.tasks.failures import told
from include.bigmeter.tasks.moments import clock_of, identity_of
from include.bigmeter.tasks.recovery import conclude

SYNC_TASK = "sync_branch"

METER_DETAILS = Asset("bigmeter_meter_details")
"""A month whose every branch is in: partition ``YYYYMM`` (Gregorian), the counts as its extra."""

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
        schedule, settings = runs.read_settings(form["batch_size"])
        request = resolve_month(
            schedule, clock_of(context), ym=form["ym"], cohort_fiscal_year=form["cohort_fiscal_year"]
        )
        branches, all_branches = runs.read_branches(form["branches"])
        from include.bigmeter.tasks import loads  # noqa: PLC0415 - the drivers are too heavy for a DAG file

        loads.check(settings, all_branches)
        if request.warning:
            log.warning(request.warning)
        asked = {"ym": request.ym, "cohort_fiscal_year": request.cohort_fiscal_year}
        log.info("planned", **asked, branches=len(branches))
        ti.xcom_push(key=runs.PLAN_KEY, value=runs.plan_of(all_branches, asked, schedule))
        return runs.jobs_of(branches, settings, {**asked, "accept_incomplete": form["accept_incomplete"]})


def sync_branch(job: runs.Job) -> dict[str, Any]:
    """Load one branch-month, wholly or not at all.

    If it is red, its log says why in one line. Oracle or PostgreSQL unavailable: it was tried four times; clear it
    when they are back. Anything else: put right what the line names, then clear it, with *Downstream* ticked, so
    that the summary is written again. The other branches are not touched.
    """
    context = get_current_context()
    with told(context["ti"], job["branch_code"], "monthly", ym=job["ym"], fiscal_year=job["cohort_fiscal_year"]):
        from include.bigmeter.tasks import loads  # noqa: PLC0415 - the drivers are too heavy for a DAG file

        return {**loads.load_month(job, identity_of(context)), "tries": context["ti"].try_number}


def publish() -> None:
    """Tell other DAGs that the month is in, as an event of the asset ``bigmeter_meter_details``.

    Sent only when every branch of the list is in, by the ledger, and was loaded after the month had ended: a run for
    one branch can complete a month. Skipped (pink) when branches are still missing, or when the run followed the cohort
    of another fiscal year.
    """
    context = get_current_context()
    with told(context["ti"], "publish"):
        from include.bigmeter.tasks import loads  # noqa: PLC0415 - the drivers are too heavy for a DAG file

        plan: Any = context["ti"].xcom_pull(task_ids=runs.CHECK_TASK, key=runs.PLAN_KEY)
        ym, fiscal_year = Ym(plan["ym"]), plan["cohort_fiscal_year"]
        if fiscal_year != fiscal_year_of(ym):
            raise AirflowSkipException(f"{dashed(ym)} was loaded for the cohort of {fiscal_year}, not for its own")
        month = loads.month_completeness(ym, plan["all_branches"], plan["timezone"])
        if month.missing_branches:
            missing = ", ".join(month.missing_branches)
            raise AirflowSkipException(f"{dashed(ym)} is not complete: {missing} not loaded since the month ended")
        event = context["outlet_events"][METER_DETAILS]
        event.add_partitions(ym)
        event.extra.update(month.to_json())


def summary() -> dict[str, Any]:
    """Write a line per branch and the totals to the log, whatever became of the branches.

    It has the colour of the run: green means that every branch is in. Red, the last lines of its log say which is not,
    and why; clear that one, not this. Its XCom holds the same figures for machines, whatever the colour.
    """
    context = get_current_context()
    with told(context["ti"], runs.SUMMARY_TASK):
        from include.bigmeter.tasks import summaries  # noqa: PLC0415 - the table's library is too heavy for a DAG file

        return conclude(context, summaries.summarize_month(context["ti"], SYNC_TASK))
