"""# Example: what to do when a month is in (ตัวอย่าง DAG ที่ใช้ข้อมูลต่อ)

Runs once for each month that `bigmeter_monthly_sync` announces, which it does when every branch of the list is in.
The month is the run's partition, Gregorian `YYYYMM`. A month that is loaded again is announced again: what is done
with it here has to give the same result twice.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Asset, PartitionedAssetTimetable, get_current_context, task

TOTALS = """
SELECT
    branch_code,
    count(*) FILTER (WHERE status = 'reported') AS reported,
    count(*) FILTER (WHERE status = 'zero') AS zero,
    count(*) FILTER (WHERE status = 'missing') AS missing,
    coalesce(sum(present_water_usg), 0) AS usage_m3
FROM bm_meter_status
WHERE year_month = %(ym)s AND is_own_year
GROUP BY branch_code
ORDER BY branch_code
"""


def month_totals(ym: str) -> list[dict[str, Any]]:
    """Return a line per branch of a month: counts of customers, and cubic metres as text, which stays exact."""
    from airflow.providers.postgres.hooks.postgres import PostgresHook  # noqa: PLC0415 - too heavy for a DAG import

    rows = PostgresHook(postgres_conn_id="bigmeter_postgres").get_records(TOTALS, parameters={"ym": ym})
    return [
        {"branch_code": code, "reported": reported, "zero": zero, "missing": missing, "usage_m3": str(usage_m3)}
        for code, reported, zero, missing, usage_m3 in rows
    ]


with DAG(
    dag_id="example_bigmeter_consumer",
    schedule=PartitionedAssetTimetable(assets=Asset("bigmeter_meter_details")),
    catchup=False,
    default_args={"retries": 3},  # an event comes once: a run that is lost is not announced again
    doc_md=__doc__,
    tags=["example"],
):

    @task
    def total_month() -> list[dict[str, Any]]:
        """Add the month up, a line per branch, for whoever comes next."""
        ym = str(get_current_context()["partition_key"])
        return month_totals(ym)

    total_month()
