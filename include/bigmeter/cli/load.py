"""``init-once`` and ``month-once``: the branches one after the other, with a progress bar on a terminal."""

from __future__ import annotations

import traceback
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from include.bigmeter.branches import Branch, choose_branches, load_branches, split_codes
from include.bigmeter.cli.drivers import DriverConnections, time_limit
from include.bigmeter.errors import BigmeterError, ConfigError, UnavailableError
from include.bigmeter.periods import Ym, dashed
from include.bigmeter.records import MonthKind, RunIdentity
from include.bigmeter.runs import RunClock, history_months, resolve_cohort, resolve_month
from include.bigmeter.settings import Environment, LoadSettings, ScheduleSettings
from include.bigmeter.source.template import MonthlyTemplate, load_monthly_template, load_yearly_template
from include.bigmeter.sync.check import check
from include.bigmeter.sync.monthly import MonthJob, load_month
from include.bigmeter.sync.report import BranchLine, Kind, RunReport
from include.bigmeter.sync.templates import MONTHLY_TEMPLATE, YEARLY_TEMPLATE
from include.bigmeter.sync.yearly import CohortJob, capture_cohort

log = structlog.get_logger("bigmeter")


class _Outcome(Protocol):
    def to_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Loader:
    """What both commands need: the environment's settings, the connections and where to show progress."""

    environment: Environment
    schedule: ScheduleSettings
    settings: LoadSettings
    connections: DriverConnections
    progress: Console
    identity: RunIdentity

    @classmethod
    def from_environment(cls, environment: Environment, progress: Console, *, batch_size: int | None = None) -> Loader:
        """Read the settings.

        :raises ConfigError: naming the one that is wrong.
        """
        return cls(
            environment,
            ScheduleSettings.from_environment(environment),
            LoadSettings.from_environment(environment, batch_size=batch_size),
            DriverConnections.from_environment(environment),
            progress,
            RunIdentity(run_id=f"command_line__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}__{uuid.uuid4().hex[:8]}"),
        )

    @property
    def clock(self) -> RunClock:
        """The command line's own clock."""
        return RunClock(run_type="manual", run_after=datetime.now(UTC))

    def branches(self, wanted: Sequence[str]) -> tuple[Branch, ...]:
        """Return the branches that the command names, divided by blanks or commas; all if it names none.

        :raises ConfigError: if one is not in the list, or a word is empty: a variable of a script that was not set.
        """
        codes = [code for word in wanted for code in split_codes(word)]
        if wanted and not codes:
            raise ConfigError("--branches: names no branch; leave it out for all of them")
        return choose_branches(load_branches(self.environment), codes)

    def check(self) -> None:
        """Fail once, before any branch, if a connection, a template or the migrations are not in order."""
        with time_limit(self.settings.task_timeout_s, "check"):
            check(
                self.connections,
                self.settings,
                load_branches(self.environment),
                monthly=MONTHLY_TEMPLATE,
                yearly=YEARLY_TEMPLATE,
            )

    def load_each(
        self, kind: Kind, period: str, branches: Sequence[Branch], load: Callable[[Branch], _Outcome]
    ) -> tuple[RunReport, list[BigmeterError]]:
        """Load branch after branch; one that fails never stops another.

        :returns: the report, and the failures in the branches' order.
        """
        lines: list[BranchLine] = []
        failures: list[BigmeterError] = []
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        with Progress(*columns, console=self.progress, disable=not self.progress.is_terminal) as bar:
            step = bar.add_task(f"{kind} {period}", total=len(branches))
            for branch in branches:
                bar.update(step, description=f"{kind} {period}  {branch.label}")
                try:
                    with time_limit(self.settings.task_timeout_s, f"{branch.code} {period}"):
                        lines.append(BranchLine(branch=branch, counts=load(branch).to_json()))
                except BigmeterError as error:
                    lines.append(BranchLine(branch=branch, reason=str(error)))
                    failures.append(error)
                except Exception as error:  # noqa: BLE001 - its text may quote a row; the other branches go on
                    frame = traceback.extract_tb(error.__traceback__)[-1]
                    place = f"{Path(frame.filename).name}, line {frame.lineno}"
                    unforeseen = BigmeterError(f"{branch.code} {period}: failed with {type(error).__name__} ({place})")
                    lines.append(BranchLine(branch=branch, reason=str(unforeseen)))
                    failures.append(unforeseen)
                bar.advance(step)
        return RunReport(kind=kind, period=period, lines=lines), failures


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a command did: a report for each run over the branches, and every failure."""

    reports: list[RunReport]
    failures: list[BigmeterError]

    @property
    def exit_status(self) -> int:
        """0 if all is in, 3 if every failure may pass by itself, else 1."""
        if not self.failures:
            return 0
        return 3 if all(isinstance(failure, UnavailableError) for failure in self.failures) else 1


def month_once(
    loader: Loader,
    *,
    ym: str | None,
    branches: Sequence[str],
    cohort_fiscal_year: int | None,
    accept_incomplete: bool,
) -> Loaded:
    """Load one month for the branches.

    :param ym: the month in either era; None takes the latest one that is due.
    :raises BigmeterError: what fails before any branch.
    """
    request = resolve_month(loader.schedule, loader.clock, ym=ym, cohort_fiscal_year=cohort_fiscal_year)
    if request.warning:
        log.warning(request.warning)
    chosen = loader.branches(branches)
    template = load_monthly_template(MONTHLY_TEMPLATE)
    loader.check()
    report, failures = _load_month_of_each(
        loader,
        template,
        chosen,
        ym=request.ym,
        cohort_fiscal_year=request.cohort_fiscal_year,
        accept_incomplete=accept_incomplete,
        kind="monthly",
    )
    return Loaded([report], failures)


def init_once(
    loader: Loader,
    *,
    debt_ym: str | None,
    branches: Sequence[str],
    recapture: bool,
    accept_incomplete: bool,
    months_of_history: int,
) -> Loaded:
    """Capture the cohorts of the branches, then load so many months of history for them.

    :param debt_ym: the month in either era; None takes the October of the latest yearly tick that is due.
    :param months_of_history: the last of them is the debt month itself; 0 loads none.
    :raises BigmeterError: what fails before any branch.
    """
    request = resolve_cohort(loader.schedule, loader.clock, debt_ym=debt_ym)
    if request.warning:
        log.warning(request.warning)
    chosen = loader.branches(branches)
    yearly, monthly = load_yearly_template(YEARLY_TEMPLATE), load_monthly_template(MONTHLY_TEMPLATE)
    loader.check()

    def capture(branch: Branch) -> _Outcome:
        job = CohortJob(
            branch_code=branch.code,
            fiscal_year=request.fiscal_year,
            ym=request.ym,
            recapture=recapture,
            accept_incomplete=accept_incomplete,
        )
        return capture_cohort(loader.connections, yearly, job, loader.settings, loader.identity)

    report, failures = loader.load_each("yearly", f"cohort {request.fiscal_year}", chosen, capture)
    reports = [report]
    captured = [line.branch for line in report.lines if line.is_loaded]
    for month in history_months(request, months_of_history):
        history, more = _load_month_of_each(
            loader,
            monthly,
            captured,
            ym=month,
            cohort_fiscal_year=request.fiscal_year,
            accept_incomplete=accept_incomplete,
            kind="history",
        )
        reports.append(history)
        failures += more
    return Loaded(reports, failures)


def _load_month_of_each(
    loader: Loader,
    template: MonthlyTemplate,
    branches: Sequence[Branch],
    *,
    ym: Ym,
    cohort_fiscal_year: int,
    accept_incomplete: bool,
    kind: MonthKind,
) -> tuple[RunReport, list[BigmeterError]]:
    def load(branch: Branch) -> _Outcome:
        job = MonthJob(
            branch_code=branch.code,
            ym=ym,
            cohort_fiscal_year=cohort_fiscal_year,
            accept_incomplete=accept_incomplete,
            kind=kind,
        )
        return load_month(loader.connections, template, job, loader.settings, loader.identity)

    return loader.load_each("monthly", dashed(ym), branches, load)
