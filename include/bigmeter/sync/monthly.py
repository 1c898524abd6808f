"""A branch-month: the cohort's bills of one month, from Oracle to PostgreSQL, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from include.bigmeter.errors import MissingCohortError
from include.bigmeter.periods import Ym, dashed, to_debt_ym
from include.bigmeter.records import MeterReading, RunIdentity
from include.bigmeter.settings import LoadSettings
from include.bigmeter.source.reader import read_month
from include.bigmeter.source.template import MonthlyTemplate
from include.bigmeter.store import ledger
from include.bigmeter.store.cohorts import read_cohort
from include.bigmeter.store.readings import count_stored, write_month
from include.bigmeter.store.transaction import branch_transaction
from include.bigmeter.sync.attempt import log, recorded, source_of, store_of
from include.bigmeter.sync.connections import Connections
from include.bigmeter.sync.guards import refuse_thin_month
from include.bigmeter.sync.outcomes import MonthOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthJob:
    """One branch-month to load, for the cohort of a fiscal year."""

    branch_code: str
    ym: Ym
    cohort_fiscal_year: int
    accept_incomplete: bool = False


def load_month(
    connections: Connections, template: MonthlyTemplate, job: MonthJob, settings: LoadSettings, run: RunIdentity
) -> MonthOutcome:
    """Load one branch-month, wholly or not at all; a second load of the same bills changes no row.

    :raises BigmeterError: what went wrong, by what to do about it; the branch-month is then as it was.
    """
    where = f"{job.branch_code} {dashed(job.ym)}"
    with (
        recorded(
            connections,
            run,
            kind="monthly",
            branch_code=job.branch_code,
            period=job.ym,
            fiscal_year=job.cohort_fiscal_year,
        ) as stopwatch,
        store_of(connections, where) as store,
        branch_transaction(
            store,
            kind="monthly",
            branch_code=job.branch_code,
            period=job.ym,
            task_timeout_s=settings.task_timeout_s,
        ),
    ):
        cohort = read_cohort(store, fiscal_year=job.cohort_fiscal_year, branch_code=job.branch_code)
        if not cohort:
            raise MissingCohortError(
                f"{where}: no cohort of fiscal year {job.cohort_fiscal_year}; run bigmeter_yearly_init for it first"
            )
        codes = [member.cust_code for member in cohort]
        with source_of(connections, where) as source:
            read = read_month(
                source,
                template,
                branch_code=job.branch_code,
                ym=job.ym,
                debt_ym=to_debt_ym(job.ym, settings.debt_ym_era),
                cust_codes=codes,
                batch_size=settings.batch_size,
                call_timeout_s=settings.oracle_call_timeout_s,
            )
        warning = refuse_thin_month(
            branch_code=job.branch_code,
            ym=job.ym,
            cohort_size=len(cohort),
            live_rows=len(read.readings),
            stored_rows=count_stored(store, ym=job.ym, branch_code=job.branch_code, cust_codes=codes),
            min_reported_share=settings.min_reported_share,
            accept_incomplete=job.accept_incomplete,
        )
        written = write_month(store, ym=job.ym, branch_code=job.branch_code, cust_codes=codes, readings=read.readings)
        reported, zero = _count_reported(read.readings), _count_zero(read.readings)
        outcome = MonthOutcome(
            branch_code=job.branch_code,
            ym=job.ym,
            fiscal_year=job.cohort_fiscal_year,
            cohort_size=len(cohort),
            reported=reported,
            zero=zero,
            missing=len(cohort) - reported - zero,
            inserted=written.inserted,
            updated=written.updated,
            unchanged=written.unchanged,
            removed=written.removed,
            duplicates=read.duplicates,
            usage_m3=sum((row.present_water_usg for row in read.readings if row.present_water_usg), Decimal(0)),
            seconds=stopwatch.seconds,
            oracle_seconds=read.cost.seconds,
            round_trips=read.cost.round_trips,
            warnings=(warning,) if warning else (),
        )
        ledger.record_success(store, run, kind="monthly", started_at=stopwatch.started_at, outcome=outcome)
    log.info("branch-month loaded", **outcome.to_json())
    return outcome


def _count_reported(readings: tuple[MeterReading, ...]) -> int:
    return sum(1 for row in readings if row.present_water_usg)


def _count_zero(readings: tuple[MeterReading, ...]) -> int:
    return sum(1 for row in readings if row.present_water_usg == 0)
