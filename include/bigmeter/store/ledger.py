"""The ledger ``bm_sync_runs``: what each attempt of a branch came to, and what is loaded by it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import psycopg
from psycopg.rows import class_row, scalar_row

from include.bigmeter.errors import Category
from include.bigmeter.periods import DebtYm, Ym, dashed
from include.bigmeter.records import RunIdentity, SourceCost
from include.bigmeter.store.statements import statement
from include.bigmeter.store.transactions import own_transaction, require_transaction, short_transaction

Kind = Literal["monthly", "history", "yearly", "adopted"]
MAX_MESSAGE_LENGTH = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What was attempted: one branch and one period, and the run it belongs to.

    ``fiscal_year`` is the cohort's; ``year_month`` is None for a yearly attempt.
    """

    kind: Literal["monthly", "history", "yearly"]
    branch_code: str
    fiscal_year: int
    year_month: Ym | None
    debt_ym: DebtYm | None
    identity: RunIdentity

    @property
    def subject(self) -> str:
        """Name branch and period as messages do."""
        period = dashed(self.year_month) if self.year_month else f"fiscal year {self.fiscal_year}"
        return f"{self.branch_code} {period}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a successful attempt came to: counts of customers and rows, usage in cubic metres.

    ``reported``, ``zero`` and ``missing`` add up to ``cohort_size``; a yearly attempt has none of the three, and
    ``entered`` and ``departed`` instead.
    """

    cohort_size: int
    reported: int | None
    zero: int | None
    missing: int | None
    inserted: int
    updated: int
    unchanged: int
    removed: int
    duplicates: int
    usage_m3: Decimal | None
    entered: int | None = None
    departed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One row of the ledger; counts are None in the row of an error."""

    id: int
    kind: Kind
    status: Literal["success", "error"]
    branch_code: str
    fiscal_year: int
    year_month: Ym | None
    debt_ym: str | None
    error_category: Category | None
    error_message: str | None
    cohort_size: int | None
    reported: int | None
    zero: int | None
    missing: int | None
    inserted: int | None
    updated: int | None
    unchanged: int | None
    removed: int | None
    duplicates: int | None
    entered: int | None
    departed: int | None
    usage_m3: Decimal | None
    oracle_seconds: float | None
    round_trips: int | None
    started_at: datetime
    finished_at: datetime
    dag_id: str | None
    run_id: str
    try_number: int
    triggered_by: str

    @property
    def period(self) -> tuple[str, int, str | None]:
        """What the attempt was for within its branch: kind, fiscal year, month."""
        return self.kind, self.fiscal_year, self.year_month


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedMonth:
    """The latest successful load of a branch-month for a cohort, as the ledger has it.

    ``own_load_at`` is when it was last loaded for its own sake and not as history, ``is_adopted`` says that it was
    found in the first implementation's database.
    """

    fiscal_year: int
    year_month: Ym
    branch_code: str
    ledger_id: int
    kind: Kind
    cohort_size: int
    reported: int
    zero: int
    missing: int
    duplicates: int | None
    usage_m3: Decimal | None
    loaded_at: datetime
    dag_id: str | None
    run_id: str
    own_load_at: datetime | None
    is_adopted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchFreshness:
    """How fresh a branch is: its last month of its own fiscal year, and its last attempt of any kind.

    ``complete_share`` is the share of the cohort that is not missing, 0 to 1. A branch that was never loaded has
    ``months_loaded`` 0 and None for the month's columns.
    """

    branch_code: str
    branch_name: str | None
    last_year_month: Ym | None
    fiscal_year: int | None
    loaded_at: datetime | None
    cohort_size: int | None
    reported: int | None
    zero: int | None
    missing: int | None
    complete_share: Decimal | None
    usage_m3: Decimal | None
    kind: Kind | None
    dag_id: str | None
    run_id: str | None
    first_year_month: Ym | None
    months_loaded: int
    last_attempt_at: datetime | None
    last_attempt_status: Literal["success", "error"] | None
    last_error_category: Category | None
    last_error_message: str | None


def record_success(conn: psycopg.Connection[Any], attempt: Attempt, outcome: Outcome, cost: SourceCost) -> int:
    """Write the success row in the branch's own transaction and return its id: rows and row stand or fall together."""
    require_transaction(conn, "record_success")
    values = _keys(attempt) | asdict(outcome) | {"oracle_seconds": cost.seconds, "round_trips": cost.round_trips}
    return _insert(conn, "insert_ledger_success", attempt.subject, values)


def record_error(
    conn: psycopg.Connection[Any],
    attempt: Attempt,
    *,
    category: Category,
    message: str,
    seconds: float,
    cost: SourceCost | None = None,
) -> int:
    """Write the row of a failed attempt, in a transaction of its own, and return its id.

    :param conn: a fresh connection: the attempt's own may be broken.
    :param message: one safe line; a longer one than 1,000 characters is cut.
    :param seconds: how long the attempt took.
    :param cost: what it cost Oracle, if it came so far.
    :raises StoreUnavailable: if the ledger is locked, or the server slow, for more than ten seconds.
    """
    values = _keys(attempt) | {
        "error_category": category,
        "error_message": " ".join(message.split())[:MAX_MESSAGE_LENGTH],
        "seconds": max(seconds, 0.0),
        "oracle_seconds": cost.seconds if cost else None,
        "round_trips": cost.round_trips if cost else None,
    }
    with short_transaction(conn, attempt.subject):
        return _insert(conn, "insert_ledger_error", attempt.subject, values)


def read_run(conn: psycopg.Connection[Any], *, run_id: str, dag_id: str | None) -> list[LedgerRow]:
    """Return every attempt of a run, in the order in which they ended; a retried branch has several."""
    with own_transaction(conn), conn.cursor(row_factory=class_row(LedgerRow)) as cursor:
        return cursor.execute(statement("read_run"), {"run_id": run_id, "dag_id": dag_id}).fetchall()


def latest_attempts(rows: list[LedgerRow]) -> list[LedgerRow]:
    """Return the last attempt of each branch and period, by branch and then in the order in which they ended."""
    latest = {(row.branch_code, *row.period): row for row in sorted(rows, key=lambda row: row.id)}
    return sorted(latest.values(), key=lambda row: (row.branch_code, row.id))


def read_loaded_months(
    conn: psycopg.Connection[Any], *, ym: Ym | None = None, fiscal_year: int | None = None
) -> list[LoadedMonth]:
    """Return what is loaded, by month and branch.

    :param ym: one month; None for all.
    :param fiscal_year: of the cohort; None for each month's own, which leaves history for a new cohort out.
    """
    key = {"year_month": ym, "fiscal_year": fiscal_year}
    with own_transaction(conn), conn.cursor(row_factory=class_row(LoadedMonth)) as cursor:
        return cursor.execute(statement("read_loaded_months"), key).fetchall()


def read_freshness(conn: psycopg.Connection[Any]) -> list[BranchFreshness]:
    """Return how fresh each branch is that is known or was ever attempted, by branch code."""
    with own_transaction(conn), conn.cursor(row_factory=class_row(BranchFreshness)) as cursor:
        return cursor.execute(statement("read_freshness")).fetchall()


def read_last_loads(conn: psycopg.Connection[Any]) -> list[LedgerRow]:
    """Return the last load that is in, of each branch and kind; what was adopted was not loaded."""
    with own_transaction(conn), conn.cursor(row_factory=class_row(LedgerRow)) as cursor:
        return cursor.execute(statement("read_last_loads")).fetchall()


def count_failed_attempts(conn: psycopg.Connection[Any]) -> dict[tuple[str, Kind, Category], int]:
    """Return how many attempts failed since the ledger began, by branch code, kind and class of the error."""
    with own_transaction(conn), conn.cursor() as cursor:
        rows = cursor.execute(statement("count_failed_attempts")).fetchall()
    return {(branch_code, kind, category): count for branch_code, kind, category, count in rows}


def _keys(attempt: Attempt) -> dict[str, Any]:
    return {
        "kind": attempt.kind,
        "branch_code": attempt.branch_code,
        "fiscal_year": attempt.fiscal_year,
        "year_month": attempt.year_month,
        "debt_ym": attempt.debt_ym,
        **asdict(attempt.identity),
    }


def _insert(conn: psycopg.Connection[Any], name: str, subject: str, values: dict[str, Any]) -> int:
    with own_transaction(conn, subject), conn.cursor(row_factory=scalar_row) as cursor:
        return int(cursor.execute(statement(name), values).fetchone() or 0)
