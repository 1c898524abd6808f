"""What the exporter tells Prometheus, from a ledger in a real PostgreSQL."""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, get_args

import psycopg
from prometheus_client.parser import text_string_to_metric_families
from psycopg import sql

import docker.ledger_exporter
from docker.ledger_exporter import Ledger, serve
from include.bigmeter.errors import Category

AFTER_THE_YEARLY_RUN_OF_2025 = datetime(2025, 10, 17, 3, tzinfo=UTC)
BRANCHES = ("1060", "1061", "1063")
A_LOAD: Mapping[str, Any] = {
    "kind": "monthly", "status": "success", "branch_code": "1063", "fiscal_year": 2025, "year_month": "202509",
    "debt_ym": "256809", "cohort_size": 200, "reported": 180, "zero": 12, "missing": 8, "inserted": 188, "updated": 3,
    "unchanged": 1, "removed": 2, "duplicates": 5, "usage_m3": 12345.5, "oracle_seconds": 1.5, "round_trips": 4,
    "started_at": "2025-10-16 01:00Z", "finished_at": "2025-10-16 01:00:02.5Z", "run_id": "r", "triggered_by": "test",
}  # fmt: skip
A_COHORT = {**A_LOAD, "kind": "yearly", "year_month": None, "reported": None, "zero": None, "missing": None}
COUNTS = [name for name, value in A_LOAD.items() if isinstance(value, int | float) and name != "fiscal_year"]
A_FAILURE = {**A_LOAD, **dict.fromkeys(COUNTS), "status": "error", "error_category": "refused", "error_message": "x"}

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def write(dsn: str, *rows: Mapping[str, Any]) -> None:
    """Write rows into the ledger, in their order."""
    with psycopg.connect(dsn) as store:
        for row in rows:
            names = sql.SQL(", ").join(map(sql.Identifier, row))
            marks = sql.SQL(", ").join(map(sql.Placeholder, row))
            store.execute(sql.SQL("INSERT INTO bm_sync_runs ({}) VALUES ({})").format(names, marks), row)


def capture(dsn: str, fiscal_year: int, branch_codes: Sequence[str]) -> None:
    """Store a cohort of one customer for each of the branches."""
    with psycopg.connect(dsn) as store, store.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO bm_custcode_init (fiscal_year, branch_code, cust_code, debt_ym) VALUES (%s, %s, %s, %s)",
            [(fiscal_year, code, f"{code}0000001", f"{fiscal_year + 542}10") for code in branch_codes],
        )


def a_ledger(dsn: str) -> Ledger:
    """Return the exporter's figures of three branches, the day after the yearly run."""
    return Ledger({"REPORTS_DSN": dsn, "BRANCHES": " ".join(BRANCHES)}, lambda: AFTER_THE_YEARLY_RUN_OF_2025)


def figures_of(dsn: str) -> Figures:
    """Return what Prometheus would see, by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in a_ledger(dsn).collect()
        for sample in family.samples
    }


def named(figures: Figures, name: str, **labels: str) -> dict[str, float]:
    """Return the figures of a name and some labels, by what the other labels say."""
    return {
        " ".join(value for _, value in sorted(found - labels.items())): figure
        for (one, found), figure in figures.items()
        if one == name and found >= labels.items()
    }


@contextmanager
def served(ledger: Ledger) -> Iterator[int]:
    """Serve the figures on loopback and yield the port."""
    with serve(ledger, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def get(port: int, path: str) -> tuple[int, str]:
    """Return status and text of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_the_manual_names_every_figure_with_its_labels_and_no_other(database: str) -> None:
    capture(database, 2025, BRANCHES)
    write(database, A_LOAD, A_COHORT, A_FAILURE)
    with psycopg.connect(database) as store:
        store.execute("INSERT INTO bm_branches (code, name) VALUES ('1063', 'น้ำพอง')")
    with served(a_ledger(database)) as port:
        status, text = get(port, "/metrics")
    assert status == http.client.OK
    exported = {
        (sample.name, frozenset(sample.labels))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    manual = re.findall(r"^``(bigmeter_\w+)(?:\{(.+?)\})?``", docker.ledger_exporter.__doc__ or "", re.MULTILINE)
    assert exported == {(name, frozenset(label for label in labels.split(",") if label)) for name, labels in manual}


def test_without_postgresql_there_is_no_figure_and_an_error_until_it_is_back(database: str) -> None:
    with served(a_ledger(database)) as port, psycopg.connect(database, autocommit=True) as owner:
        assert get(port, "/metrics")[0] == http.client.OK
        owner.execute("ALTER VIEW bm_freshness RENAME TO bm_away")
        assert get(port, "/metrics") == (http.client.SERVICE_UNAVAILABLE, "the ledger cannot be read\n")
        assert get(port, "/healthy")[0] == http.client.OK
        owner.execute("ALTER VIEW bm_away RENAME TO bm_freshness")
        assert get(port, "/metrics")[0] == http.client.OK


def test_branches_without_the_cohort_that_is_due_are_counted_with_the_october_to_ask_for(database: str) -> None:
    capture(database, 2025, BRANCHES)
    capture(database, 2026, ["1061"])
    (overdue,) = [
        (dict(labels), value)
        for (name, labels), value in figures_of(database).items()
        if name == "bigmeter_overdue_cohort_branches"
    ]
    assert overdue == ({"fiscal_year": "2026", "debt_ym": "202510"}, 2)


def test_a_cohort_that_every_branch_has_is_no_figure(database: str) -> None:
    capture(database, 2026, BRANCHES)
    assert named(figures_of(database), "bigmeter_overdue_cohort_branches") == {}


def test_a_branch_is_behind_by_each_month_that_is_due_whatever_was_loaded_later(database: str) -> None:
    capture(database, 2025, BRANCHES)
    for branch, months in {"1060": ["202508", "202509"], "1061": ["202509"], "1063": ["202508"]}.items():
        write(database, *({**A_LOAD, "branch_code": branch, "year_month": month} for month in months))
    write(database, {**A_LOAD, "branch_code": "1063", "year_month": "202510", "fiscal_year": 2026})
    figures = figures_of(database)
    assert named(figures, "bigmeter_branch_overdue_months") == {"1060": 0, "1061": 1, "1063": 1}
    assert named(figures, "bigmeter_overdue_branches") == {"202508": 1, "202509": 1}


def test_the_last_load_of_each_branch_and_kind_is_told_from_the_first_one_on(database: str) -> None:
    assert not [name for name, _ in figures_of(database) if name.startswith("bigmeter_last_load")]
    write(
        database,
        {**A_LOAD, "inserted": 999, "finished_at": "2025-10-16 01:10Z"},
        A_LOAD,
        {**A_COHORT, "inserted": 200, "round_trips": 1},
        {**A_LOAD, "branch_code": "1060", "kind": "adopted", "started_at": "2024-10-16 01:00Z"},
        {**A_LOAD, "branch_code": "9999"},
        A_FAILURE,
    )
    figures = figures_of(database)
    assert named(figures, "bigmeter_last_load_rows") == {
        **{"1063 monthly inserted": 188, "1063 monthly updated": 3},
        **{"1063 monthly unchanged": 1, "1063 monthly removed": 2},
        **{"1063 yearly inserted": 200, "1063 yearly updated": 3},
        **{"1063 yearly unchanged": 1, "1063 yearly removed": 2},
    }
    assert named(figures, "bigmeter_last_load_seconds", kind="monthly") == {"1063": 2.5}
    assert named(figures, "bigmeter_last_load_oracle_seconds", kind="monthly") == {"1063": 1.5}
    assert named(figures, "bigmeter_last_load_oracle_round_trips") == {"1063 monthly": 4, "1063 yearly": 1}
    assert named(figures, "bigmeter_last_load_duplicates", kind="yearly") == {"1063": 5}
    moment = datetime(2025, 10, 16, 1, 0, 2, 500_000, tzinfo=UTC).timestamp()
    assert named(figures, "bigmeter_last_load_timestamp_seconds", kind="monthly") == {"1063": moment}


def test_failed_attempts_are_counted_from_nought_for_each_branch_kind_and_class(database: str) -> None:
    before = named(figures_of(database), "bigmeter_failed_attempts_total")
    assert len(before) == len(BRANCHES) * 3 * len(get_args(Category))
    assert set(before.values()) == {0}
    write(
        database,
        A_FAILURE,
        {**A_FAILURE, "try_number": 2},
        A_LOAD,
        {**A_FAILURE, "kind": "yearly", "year_month": None, "error_category": "unavailable"},
        {**A_FAILURE, "branch_code": "9999"},
    )
    after = named(figures_of(database), "bigmeter_failed_attempts_total")
    assert after.keys() == before.keys()
    # The labels in the order of their names: branch, category, kind.
    assert {which: count for which, count in after.items() if count} == {
        "1063 refused monthly": 2,
        "1063 unavailable yearly": 1,
    }
