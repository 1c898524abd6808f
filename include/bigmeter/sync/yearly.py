"""A branch's cohort of a fiscal year: chosen once from Oracle, then frozen."""

from __future__ import annotations

from dataclasses import dataclass

from include.bigmeter.periods import Ym, dashed, is_october, to_debt_ym
from include.bigmeter.records import RunIdentity
from include.bigmeter.runs import CohortRequest, refuse_frozen
from include.bigmeter.settings import LoadSettings
from include.bigmeter.source import reader
from include.bigmeter.source.template import YearlyTemplate
from include.bigmeter.store.cohorts import read_cohort, replace_cohort, write_cohort
from include.bigmeter.store.ledger import Attempt, Outcome, record_success
from include.bigmeter.store.transactions import cohort_transaction
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

    Who would be in and out were it chosen now is counted, and changes nothing unless ``job.recapture``.

    :raises BigmeterError: what went wrong, by what to do about it; the cohort is then as it was.
    """
    debt_ym = to_debt_ym(job.ym, settings.debt_ym_era)
    attempt = Attempt(
        kind="yearly",
        branch_code=job.branch_code,
        fiscal_year=job.fiscal_year,
        year_month=None,
        debt_ym=debt_ym,
        identity=run,
    )
    with recorded(connections, attempt) as stopwatch, store_of(connections) as store:
        with cohort_transaction(
            store,
            branch_code=job.branch_code,
            fiscal_year=job.fiscal_year,
            task_timeout_s=settings.task_timeout_s,
        ):
            stored = read_cohort(store, fiscal_year=job.fiscal_year, branch_code=job.branch_code)
            year_before = read_cohort(store, fiscal_year=job.fiscal_year - 1, branch_code=job.branch_code)
            refuse_frozen(
                CohortRequest(ym=job.ym, fiscal_year=job.fiscal_year),
                has_cohort=bool(stored),
                is_recapture=job.recapture,
            )
            with source_of(connections, attempt.subject) as source:
                read = reader.read_cohort(
                    source,
                    template,
                    branch_code=job.branch_code,
                    fiscal_year=job.fiscal_year,
                    debt_ym=debt_ym,
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
            warnings = [warning] if warning else []
            if is_new and not is_october(job.ym):
                warnings.append(f"{attempt.subject}: chosen by {dashed(job.ym)}, which is no October")
            write = replace_cohort if job.recapture else write_cohort
            written = write(store, fiscal_year=job.fiscal_year, branch_code=job.branch_code, members=read.members)
            counts = Outcome(
                cohort_size=len(read.members) if is_new else len(stored),
                reported=None,
                zero=None,
                missing=None,
                inserted=written.inserted,
                updated=written.updated,
                unchanged=written.unchanged,
                removed=written.removed,
                duplicates=read.duplicates,
                usage_m3=None,
                entered=len(written.entered),
                departed=len(written.departed),
            )
            record_success(store, attempt, counts, read.cost)
        outcome = CohortOutcome(
            branch_code=job.branch_code,
            ym=job.ym,
            fiscal_year=job.fiscal_year,
            is_new=is_new,
            counts=counts,
            seconds=stopwatch.seconds,
            cost=read.cost,
            warnings=tuple(warnings),
        )
    log.info("cohort captured" if is_new else "cohort refreshed", kind=attempt.kind, **outcome.to_json())
    return outcome
