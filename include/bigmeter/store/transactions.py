"""The one transaction of a branch: its locks, its time limits, and its errors in our words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from include.bigmeter.periods import Ym, dashed
from include.bigmeter.store.failures import store_errors
from include.bigmeter.store.statements import statement

LOCK_TIMEOUT_S = 60
SHORT_LIMIT_S = 10.0  # for what is done beside a load, or is asked by a monitor
IDLE_MARGIN_S = 60  # above the task's own time-out: the server's limit is for a task that died without a word


@contextmanager
def month_transaction(
    conn: psycopg.Connection[Any],
    *,
    branch_code: str,
    ym: Ym,
    fiscal_year: int,
    task_timeout_s: float,
    lock_timeout_s: float = LOCK_TIMEOUT_S,
) -> Iterator[None]:
    """Run the block in the one transaction of a branch-month, alone among all loads of that branch and month.

    The first statement takes the lock on (monthly, branch, month), and a shared one on the cohort, which therefore
    cannot be recaptured meanwhile. Leaving the block commits; an exception rolls everything back.

    :param fiscal_year: of the cohort whose customers are loaded; usually, not always, the month's own.
    :param task_timeout_s: the time limit of the task around it, in seconds.
    :raises StoreUnavailable: if another load holds the branch-month for longer than ``lock_timeout_s`` seconds.
    """
    key = {"branch_code": branch_code, "ym": ym, "fiscal_year": fiscal_year}
    subject = f"{branch_code} {dashed(ym)}"
    with _alone(conn, "lock_month", key | _limits(task_timeout_s, lock_timeout_s), subject):
        yield


@contextmanager
def cohort_transaction(
    conn: psycopg.Connection[Any],
    *,
    branch_code: str,
    fiscal_year: int,
    task_timeout_s: float,
    lock_timeout_s: float = LOCK_TIMEOUT_S,
) -> Iterator[None]:
    """Run the block in the one transaction of a branch-year, alone among its captures and the loads of its months.

    :param task_timeout_s: the time limit of the task around it, in seconds.
    :raises StoreUnavailable: if the lock is not to be had within ``lock_timeout_s`` seconds.
    """
    key = {"branch_code": branch_code, "fiscal_year": fiscal_year}
    subject = f"{branch_code} fiscal year {fiscal_year}"
    with _alone(conn, "lock_cohort", key | _limits(task_timeout_s, lock_timeout_s), subject):
        yield


@contextmanager
def own_transaction(conn: psycopg.Connection[Any], subject: str = "") -> Iterator[None]:
    """Run the block in the transaction that is open, or else in one of its own; errors become ours."""
    if conn.info.transaction_status == TransactionStatus.INTRANS:
        with store_errors(subject):
            yield
    else:
        keep_no_session_state(conn)
        with store_errors(subject), conn.transaction():
            yield


@contextmanager
def short_transaction(conn: psycopg.Connection[Any], subject: str = "") -> Iterator[None]:
    """Run the block in a transaction of its own that nothing holds up: a table that is locked, a server that is slow.

    :raises StoreUnavailable: if a statement takes longer than ten seconds, waiting for locks included.
    """
    limits = {  # the lock's first: it says more
        "lock_timeout": f"{SHORT_LIMIT_S * 800:.0f}",
        "statement_timeout": f"{SHORT_LIMIT_S * 1000:.0f}",
    }
    with own_transaction(conn, subject):
        conn.execute(statement("limit_transaction"), limits)
        yield


def keep_no_session_state(conn: psycopg.Connection[Any]) -> None:
    """Stop psycopg from preparing statements: behind a pooler the next transaction may have another server process."""
    conn.prepare_threshold = None


def require_transaction(conn: psycopg.Connection[Any], caller: str) -> None:
    """Refuse to write outside a branch's transaction: there the rows would stand without lock and ledger row."""
    if conn.info.transaction_status == TransactionStatus.IDLE:
        raise RuntimeError(f"{caller} is called outside month_transaction or cohort_transaction")


def _limits(task_timeout_s: float, lock_timeout_s: float) -> dict[str, str]:
    return {
        "lock_timeout": f"{lock_timeout_s * 1000:.0f}",
        "statement_timeout": f"{task_timeout_s * 1000:.0f}",
        "idle_timeout": f"{(task_timeout_s + IDLE_MARGIN_S) * 1000:.0f}",
    }


@contextmanager
def _alone(conn: psycopg.Connection[Any], lock: str, values: Mapping[str, object], subject: str) -> Iterator[None]:
    if conn.info.transaction_status != TransactionStatus.IDLE and not conn.closed:
        raise RuntimeError("the connection has a transaction open, so this one could not be committed on its own")
    keep_no_session_state(conn)
    try:
        with store_errors(subject), conn.transaction():
            conn.execute(statement(lock), values)
            yield
    finally:
        # A time-out raised in the middle of a statement leaves it running on the server; only closing ends it.
        if not conn.closed and conn.info.transaction_status != TransactionStatus.IDLE:
            conn.close()
