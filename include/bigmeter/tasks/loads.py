"""The work of the tasks, for a job of the plan. Imported when a task runs: the drivers are too heavy for a DAG file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from include.bigmeter import schedule
from include.bigmeter.branches import Branch
from include.bigmeter.errors import BigmeterError, SourceRefused
from include.bigmeter.periods import Ym
from include.bigmeter.records import MonthKind, RunIdentity
from include.bigmeter.settings import LoadSettings
from include.bigmeter.source.template import load_monthly_template, load_yearly_template
from include.bigmeter.sync import check as checks
from include.bigmeter.sync import completeness, monthly, yearly
from include.bigmeter.sync.templates import MONTHLY_TEMPLATE, YEARLY_TEMPLATE
from include.bigmeter.tasks import metrics
from include.bigmeter.tasks.connections import HookConnections
from include.bigmeter.tasks.progress import Progress
from include.bigmeter.tasks.runs import Job


def check(settings: LoadSettings, branches: Sequence[Branch]) -> None:
    """Check connections, migrations and templates, and store the branches' names.

    :param branches: the whole list.
    :raises BigmeterError: the first thing that is wrong.
    """
    checks.check(HookConnections(), settings, branches, monthly=MONTHLY_TEMPLATE, yearly=YEARLY_TEMPLATE)


def load_month(job: Job, identity: RunIdentity) -> dict[str, Any]:
    """Load the job's month for its branch and return the counts.

    :raises BigmeterError: the branch-month is then as it was.
    """
    return _load(job, Ym(job["ym"]), job["cohort_fiscal_year"], identity, kind="monthly")


def capture_cohort(job: Job, identity: RunIdentity) -> dict[str, Any]:
    """Capture the job's cohort for its branch and return the counts.

    :raises BigmeterError: the cohort is then as it was.
    """
    cohort = yearly.CohortJob(
        branch_code=job["branch_code"],
        fiscal_year=job["fiscal_year"],
        ym=Ym(job["ym"]),
        recapture=job["recapture"],
        accept_incomplete=job["accept_incomplete"],
    )
    template = load_yearly_template(YEARLY_TEMPLATE)
    settings = LoadSettings.from_json(job["settings"])
    outcome = yearly.capture_cohort(HookConnections(), template, cohort, settings, identity).to_json()
    metrics.count_load("yearly", cohort.branch_code, outcome)
    return outcome


def load_history(job: Job, identity: RunIdentity, progress: Progress) -> dict[str, Any]:
    """Load the months before for the cohort of the job's branch, and return the counts of each.

    A month that is incomplete or breaks the contract does not hold back the next. If Oracle refuses, none is tried any
    more, since each would log in again and could lock the account; if Oracle or PostgreSQL is unavailable, the rest
    waits for the next try.

    :param progress: the months that an earlier try loaded, which are not loaded again; each that is in is kept there.
    :raises BigmeterError: what was wrong with the months that are not in.
    """
    outcomes: list[dict[str, Any]] = []
    wrong: list[BigmeterError] = []
    for ym in job["history"]:
        try:
            outcome = progress.outcome_of(ym)
            if outcome is None:
                outcome = _load(job, Ym(ym), job["fiscal_year"], identity, kind="history")
                progress.keep(ym, outcome)
            outcomes.append(outcome)
        except BigmeterError as error:
            if error.is_retryable:
                raise
            wrong.append(error)
            if isinstance(error, SourceRefused):
                break
    if wrong:
        raise type(wrong[0])("; ".join(str(error) for error in wrong))
    return {"branch_code": job["branch_code"], "months": outcomes}


def month_completeness(ym: Ym, branch_codes: list[str], timezone: str) -> completeness.MonthCompleteness:
    """Look up which of the branches have the month, by the ledger."""
    return completeness.read_completeness(
        HookConnections(), ym=ym, branch_codes=branch_codes, timezone=schedule.zone(timezone)
    )


def _load(job: Job, ym: Ym, fiscal_year: int, identity: RunIdentity, *, kind: MonthKind) -> dict[str, Any]:
    month = monthly.MonthJob(
        branch_code=job["branch_code"],
        ym=ym,
        cohort_fiscal_year=fiscal_year,
        accept_incomplete=job["accept_incomplete"],
        kind=kind,
    )
    template = load_monthly_template(MONTHLY_TEMPLATE)
    settings = LoadSettings.from_json(job["settings"])
    outcome = monthly.load_month(HookConnections(), template, month, settings, identity).to_json()
    metrics.count_load(kind, month.branch_code, outcome)
    return outcome
