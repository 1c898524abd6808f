"""A branch-month: the cohort's bills of one month, from Oracle to PostgreSQL, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from include.bigmeter.errors import MissingCohortError
from include.bigmeter.periods import Ym, to_debt_ym
from include.bigmeter.records import MonthKind, MonthRead, RunIdentity, WriteCounts, exact_sum
from include.bigmeter.settings import LoadSettings
from include.bigmeter.source.reader import read_month
from include.bigmeter.source.template import MonthlyTemplate
from include.bigmeter.store.cohorts import read_cohort
from include.bigmeter.store.ledger import Attempt, Outcome, record_success
from include.bigmeter.store.readings import count_stored, write_month
from include.bigmeter.store.transactions import month_transaction
from include.bigmeter.sync.attempt import Stopwatch, log, recorded, source_of, store_of
from include.bigmeter.sync.connections import Connections
from include.bigmeter.sync.guards import refuse_thin_month
from include.bigmeter.sync.outcomes import MonthOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthJob:
    """One branch-month to load, for the cohort of a fiscal year; ``kind`` is what the ledger says it was loaded as."""

    branch_code: str
    ym: Ym
    cohort_fiscal_year: int
    accept_incomplete: bool = False
    kind: MonthKind = "monthly"


def load_month(
    connections: Connections, template: MonthlyTemplate, job: MonthJob, settings: LoadSettings, run: RunIdentity
) -> MonthOutcome:
    """Load one branch-month, wholly or not at all; a second load of the same bills changes no row.

    The transaction, and with it the branch-month's lock, is held while Oracle is read.

    :raises BigmeterError: what went wrong, by what to do about it; the branch-month is then as it was.
    """
    debt_ym = to_debt_ym(job.ym, settings.debt_ym_era)
    attempt = Attempt(
        kind=job.kind,
        branch_code=job.branch_code,
        fiscal_year=job.cohort_fiscal_year,
        year_month=job.ym,
        debt_ym=debt_ym,
        identity=run,
    )
    with recorded(connections, attempt) as stopwatch, store_of(connections) as store:
        with month_transaction(
            store,
            branch_code=job.branch_code,
            ym=job.ym,
            fiscal_year=job.cohort_fiscal_year,
            task_timeout_s=settings.task_timeout_s,
        ):
            cohort = read_cohort(store, fiscal_year=job.cohort_fiscal_year, branch_code=job.branch_code)
            if not cohort:
                raise MissingCohortError(
                    f"{attempt.subject}: no cohort of fiscal year {job.cohort_fiscal_year};"
                    " run bigmeter_yearly_init for it first (init-once on the command line)"
                )
            cust_codes = [member.cust_code for member in cohort]
            with source_of(connections, attempt.subject) as source:
                read = read_month(
                    source,
                    template,
                    branch_code=job.branch_code,
                    ym=job.ym,
                    debt_ym=debt_ym,
                    cust_codes=cust_codes,
                    batch_size=settings.batch_size,
                    call_timeout_s=settings.oracle_call_timeout_s,
                )
            warning = refuse_thin_month(
                branch_code=job.branch_code,
                ym=job.ym,
                cohort_size=len(cohort),
                live_rows=len(read.readings),
                stored_rows=count_stored(store, ym=job.ym, branch_code=job.branch_code, cust_codes=cust_codes),
                min_reported_share=settings.min_reported_share,
                accept_incomplete=job.accept_incomplete,
            )
            written = write_month(
                store, ym=job.ym, branch_code=job.branch_code, cust_codes=cust_codes, readings=read.readings
            )
            counts = _count(len(cohort), read, written)
            record_success(store, attempt, counts, read.cost)
        outcome = _outcome(job, counts, read, stopwatch, warning)
    log.info("branch-month loaded", kind=attempt.kind, **outcome.to_json())
    return outcome


def _count(cohort_size: int, read: MonthRead, written: WriteCounts) -> Outcome:
    reported = sum(1 for row in read.readings if row.present_water_usg)
    zero = sum(1 for row in read.readings if row.present_water_usg == 0)
    return Outcome(
        cohort_size=cohort_size,
        reported=reported,
        zero=zero,
        missing=cohort_size - reported - zero,
        inserted=written.inserted,
        updated=written.updated,
        unchanged=written.unchanged,
        removed=written.removed,
        duplicates=read.duplicates,
        usage_m3=exact_sum(row.present_water_usg or Decimal(0) for row in read.readings),
    )


def _outcome(
    job: MonthJob, counts: Outcome, read: MonthRead, stopwatch: Stopwatch, warning: str | None
) -> MonthOutcome:
    return MonthOutcome(
        branch_code=job.branch_code,
        ym=job.ym,
        fiscal_year=job.cohort_fiscal_year,
        counts=counts,
        seconds=stopwatch.seconds,
        cost=read.cost,
        warnings=(warning,) if warning else (),
    )
