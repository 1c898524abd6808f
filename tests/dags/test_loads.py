"""The history of a new cohort, month by month: what one month's failure does to the others."""

from __future__ import annotations

from typing import Any

import pytest

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


def _load_history() -> dict[str, Any]:
    from include.bigmeter.tasks import loads

    return loads.load_history(JOB, IDENTITY)


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


def test_an_unavailable_source_ends_the_try_so_that_the_next_one_begins_anew(months: Months) -> None:
    months.failures = {"202509": errors.SourceUnavailable("1063 2025-09: ORA-12537")}
    with pytest.raises(errors.SourceUnavailable):
        _load_history()
    assert len(months.asked) == 2
