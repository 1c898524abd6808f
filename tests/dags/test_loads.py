"""The history of a new cohort, month by month: what one month's failure does to the others."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from include.bigmeter import errors
from include.bigmeter.records import RunIdentity
from include.bigmeter.settings import LoadSettings

IDENTITY = RunIdentity(run_id="r")
JOB = {
    "branch_code": "1063",
    "fiscal_year": 2026,
    "ym": "202510",
    "accept_incomplete": False,
    "history": ["202508", "202509", "202510"],
    "settings": LoadSettings.from_environment({}).to_json(),
}


class Months:
    """The load of a month, replaced: it loads, or fails as it is told to; what was asked is kept."""

    def __init__(self) -> None:
        self.failures: dict[str, Exception] = {}
        self.asked: list[tuple[str, str, int]] = []

    def load(self, _connections: object, _template: object, job: Any, *_rest: object) -> Any:
        self.asked.append((job.branch_code, job.ym, job.cohort_fiscal_year))
        if failure := self.failures.get(job.ym):
            raise failure
        from decimal import Decimal

        from include.bigmeter.periods import Ym
        from include.bigmeter.records import SourceCost
        from include.bigmeter.store.ledger import Outcome
        from include.bigmeter.sync.outcomes import MonthOutcome

        counts = dict.fromkeys(
            ("cohort_size", "reported", "zero", "missing", "inserted", "updated", "unchanged", "removed", "duplicates"),
            1,
        )
        return MonthOutcome(
            branch_code=job.branch_code,
            ym=Ym(job.ym),
            fiscal_year=job.cohort_fiscal_year,
            counts=Outcome(**counts, usage_m3=Decimal(1)),
            seconds=0.1,
            cost=SourceCost(seconds=0.1, round_trips=1),
        )


@pytest.fixture
def months(monkeypatch: pytest.MonkeyPatch) -> Months:
    from include.bigmeter.sync import monthly

    replaced = Months()
    monkeypatch.setattr(monthly, "load_month", replaced.load)
    return replaced


class AStore:
    """Airflow's state store of one task, which outlives its tries and its clearing."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.is_down = False

    def get(self, key: str) -> Any:
        self._fail()
        return json.loads(self.kept[key]) if key in self.kept else None

    def set(self, key: str, value: object) -> None:
        self._fail()
        self.kept[key] = json.dumps(value)

    def _fail(self) -> None:
        if self.is_down:
            raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail=None))


def _load_history(store: AStore | None = None, max_tries: int = 3) -> dict[str, Any]:
    from include.bigmeter.tasks import loads
    from include.bigmeter.tasks.progress import Progress

    context: Any = {"ti": SimpleNamespace(max_tries=max_tries), "task_state_store": store or AStore()}
    return loads.load_history(JOB, IDENTITY, Progress(context))


def test_every_month_is_loaded_for_the_new_cohort(months: Months) -> None:
    result = _load_history()
    assert months.asked == [("1063", ym, 2026) for ym in ("202508", "202509", "202510")]
    assert [month["ym"] for month in result["months"]] == ["202508", "202509", "202510"]


def test_a_month_that_is_refused_does_not_hold_back_the_next_and_fails_the_branch(months: Months) -> None:
    months.failures = {
        "202508": errors.IncompleteMonthError("1063 2025-08: 3 of 200"),
        "202509": errors.IncompleteMonthError("1063 2025-09: 4 of 200"),
    }
    with pytest.raises(errors.IncompleteMonthError, match=r"^1063 2025-08: 3 of 200; 1063 2025-09: 4 of 200$"):
        _load_history()
    assert len(months.asked) == 3


def test_after_oracle_has_refused_no_month_logs_in_again(months: Months) -> None:
    """Each further login with a wrong password brings the account nearer to its lock."""
    months.failures = {"202508": errors.SourceRefused("1063 2025-08: Oracle refuses with ORA-01017")}
    with pytest.raises(errors.SourceRefused, match=r"^1063 2025-08: Oracle refuses with ORA-01017$"):
        _load_history()
    assert len(months.asked) == 1


def test_an_unavailable_source_ends_the_try_and_the_next_one_goes_on_where_it_stopped(months: Months) -> None:
    store = AStore()
    months.failures = {"202509": errors.SourceUnavailable("1063 2025-09: ORA-12537")}
    with pytest.raises(errors.SourceUnavailable):
        _load_history(store)
    assert [ym for _, ym, _ in months.asked] == ["202508", "202509"]
    months.failures = {}
    months.asked.clear()
    result = _load_history(store)
    assert [ym for _, ym, _ in months.asked] == ["202509", "202510"]
    assert [month["ym"] for month in result["months"]] == ["202508", "202509", "202510"]


def test_a_task_that_somebody_clears_is_done_anew(months: Months) -> None:
    store = AStore()
    _load_history(store)
    _load_history(store, max_tries=7)
    assert len(months.asked) == 6


def test_a_store_that_does_not_answer_costs_time_only(months: Months) -> None:
    store = AStore()
    store.is_down = True
    assert len(_load_history(store)["months"]) == 3
    assert len(_load_history(store)["months"]) == 3
    assert len(months.asked) == 6
