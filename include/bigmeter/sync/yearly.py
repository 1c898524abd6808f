"""A branch's cohort of a fiscal year: chosen once from Oracle, then frozen."""

from __future__ import annotations

from dataclasses import dataclass

from include.bigmeter.periods import Ym, to_debt_ym
from include.bigmeter.records import RunIdentity
from include.bigmeter.runs import CohortRequest, refuse_frozen
from include.bigmeter.settings import LoadSettings
from include.bigmeter.source.reader import read_cohort as read_source_cohort
from include.bigmeter.source.template import YearlyTemplate
from include.bigmeter.store import cohorts, ledger
from include.bigmeter.store.transaction import branch_transaction
from include.bigmeter.sync.attempt import log, recorded, source_of, store_of
from include.bigmeter.sync.connections import Connections
from include.bigmeter.sync.guards import refuse_thin_cohort
from include.bigmeter.sync.outcomes import CohortOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortJob:
    """One branch's cohort to capture, chosen by the usage of the debt month ``ym`` (Gregorian)."""

    branch_code: str
    fiscal_year: int
    ym: Ym
    recapture: bool = False
    accept_incomplete: bool = False


def capture_cohort(
    connections: Connections, template: YearlyTemplate, job: CohortJob, settings: LoadSettings, run: RunIdentity
) -> CohortOutcome:
    """Capture one branch's cohort, or refresh the descriptive columns of the one that is frozen.

    Who would enter and leave were it chosen now is counted, and changes nothing unless ``job.recapture``.

    :raises BigmeterError: what went wrong, by what to do about it; the cohort is then as it was.
    """
    where = f"{job.branch_code} cohort {job.fiscal_year}"
    with (
        recorded(
            connections, run, kind="yearly", branch_code=job.branch_code, period=job.ym, fiscal_year=job.fiscal_year
        ) as stopwatch,
        store_of(connections, where) as store,
        branch_transaction(
            store,
            kind="yearly",
            branch_code=job.branch_code,
            period=str(job.fiscal_year),
            task_timeout_s=settings.task_timeout_s,
        ),
    ):
        stored = cohorts.read_cohort(store, fiscal_year=job.fiscal_year, branch_code=job.branch_code)
        year_before = cohorts.read_cohort(store, fiscal_year=job.fiscal_year - 1, branch_code=job.branch_code)
        refuse_frozen(
            CohortRequest(ym=job.ym, fiscal_year=job.fiscal_year),
            has_cohort=bool(stored),
            is_recapture=job.recapture,
        )
        with source_of(connections, where) as source:
            read = read_source_cohort(
                source,
                template,
                branch_code=job.branch_code,
                fiscal_year=job.fiscal_year,
                debt_ym=to_debt_ym(job.ym, settings.debt_ym_era),
                cohort_size=settings.cohort_size,
                call_timeout_s=settings.oracle_call_timeout_s,
            )
        warning = refuse_thin_cohort(
            branch_code=job.branch_code,
            ym=job.ym,
            fiscal_year=job.fiscal_year,
            found=len(read.members),
            year_before=len(year_before),
            stored=len(stored),
            min_reported_share=settings.min_reported_share,
            accept_incomplete=job.accept_incomplete,
        )
        is_new = job.recapture or not stored
        write = cohorts.replace_cohort if is_new else cohorts.refresh_cohort
        written = write(store, fiscal_year=job.fiscal_year, branch_code=job.branch_code, members=read.members)
        before = {member.cust_code for member in stored}
        now = {member.cust_code for member in read.members}
        outcome = CohortOutcome(
            branch_code=job.branch_code,
            ym=job.ym,
            fiscal_year=job.fiscal_year,
            is_new=is_new,
            cohort_size=len(now) if is_new else len(before),
            inserted=written.inserted,
            updated=written.updated,
            unchanged=written.unchanged,
            removed=written.removed,
            entering=len(now - before),
            leaving=len(before - now),
            duplicates=read.duplicates,
            seconds=stopwatch.seconds,
            oracle_seconds=read.cost.seconds,
            round_trips=read.cost.round_trips,
            warnings=(warning,) if warning else (),
        )
        ledger.record_success(store, run, kind="yearly", started_at=stopwatch.started_at, outcome=outcome)
    log.info("cohort captured" if is_new else "cohort refreshed", **outcome.to_json())
    return outcome
