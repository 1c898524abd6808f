"""The example DAG of the page for data engineers: it is imported, and scheduled as the page says."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest

from tests.dags.airflow_home import ROOT

EXAMPLES = ROOT / "docs" / "examples"
PAGE = (ROOT / "docs" / "consumers.md").read_text(encoding="utf-8")
CONSUMER = "example_bigmeter_consumer"


@pytest.fixture
def consumer() -> Any:
    from airflow.dag_processing.dagbag import BundleDagBag

    bag: Any = BundleDagBag(str(EXAMPLES), bundle_path=EXAMPLES, bundle_name="examples")
    assert bag.import_errors == {}
    assert set(bag.dags) == {CONSUMER}
    return bag.dags[CONSUMER]


def test_the_example_runs_for_each_month_that_the_monthly_dag_announces(consumer: Any) -> None:
    from airflow.sdk import PartitionedAssetTimetable

    from include.bigmeter.tasks.monthly import METER_DETAILS

    assert isinstance(consumer.timetable, PartitionedAssetTimetable)
    assert consumer.timetable.asset_condition == METER_DETAILS
    assert f"**`{METER_DETAILS.name}`**" in PAGE


def test_the_example_survives_the_way_through_airflows_database(consumer: Any) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    stored = DagSerialization.from_dict(DagSerialization.to_dict(consumer))
    assert stored.task_ids == ["total_month"]


def test_the_page_shows_the_example_as_it_is() -> None:
    source = (EXAMPLES / f"{CONSUMER}.py").read_text(encoding="utf-8")
    shown = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(shown) == 2
    assert all(piece in source for piece in shown)


def test_the_page_names_what_the_event_carries() -> None:
    from decimal import Decimal

    from include.bigmeter.periods import Ym
    from include.bigmeter.sync.completeness import MonthCompleteness

    extra = MonthCompleteness(
        ym=Ym("202509"),
        missing_branches=(),
        branches=22,
        cohort_size=1,
        reported=1,
        zero=0,
        missing=0,
        usage_m3=Decimal(1),
    ).to_json()
    (row,) = re.findall(r"^\| extra \| (.*) \|$", PAGE, re.MULTILINE)
    assert re.findall(r"`(\w+)`", row) == list(extra)


def test_the_query_of_the_example_adds_a_month_up(consumer: Any, conn: psycopg.Connection[Any]) -> None:
    import sys

    module: Any = sys.modules[consumer.get_task("total_month").python_callable.__module__]
    cursor = conn.execute(module.TOTALS.encode(), {"ym": "202509"})
    columns = [column.name for column in cursor.description or ()]
    assert columns == ["branch_code", "reported", "zero", "missing", "usage_m3"]
    assert cursor.fetchall() == []
