"""How long billing data takes to make, how much memory, and how quickly one branch-month of it is found.

``python -m dev.benchmarks.billing_data`` measures the default set; with ``--authority`` 234 branches of 2,000
customers and 25 months, about 12 million bills, in a file. The aims are 10 seconds, and 5 minutes and 4 GB.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import duckdb

from dev.billing_data.database import billing_database
from dev.billing_data.options import GeneratorOptions

_BATCH = 100
_TRIES = 20
_BRANCH_MONTH = f"""
    SELECT trn.*, tmp.*
    FROM "PWACIS"."TB_TR_DEBT_TRN" trn
    JOIN "PWACIS"."TB_TR_DEBT_TEMP" tmp
        ON tmp.CUST_ID = trn.CUST_ID AND tmp.DEBT_YM = trn.DEBT_YM AND tmp.IS_DELETE = 'F'
    WHERE trn.ORG_OWNER_ID = CAST(? AS DECIMAL(38,10)) AND trn.DEBT_YM = ? AND trn.CANCELFLAG IS NULL
        AND trn.IS_DELETED = 'F' AND trn.CUST_CODE IN ({", ".join("?" * _BATCH)})
"""


def main() -> int:
    """Measure, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--authority", action="store_true", help="234 branches x 2,000 customers x 25 months")
    size = GeneratorOptions(branches=234, customers=2_000) if parser.parse_args().authority else GeneratorOptions()
    with tempfile.TemporaryDirectory(prefix="billing-benchmark-") as directory:
        file = Path(directory) / "billing.duckdb" if size.customers > 400 else None
        started = time.monotonic()
        with billing_database(size, file) as connection:
            seconds = time.monotonic() - started
            ((bills,),) = connection.execute('SELECT count(*) FROM "PWACIS"."TB_TR_DEBT_TRN"').fetchall()
            peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            _say(f"{len(size.chosen)} branches, {size.customers} customers, {size.months} months: {bills:,} bills")
            _say(f"made in {seconds:.1f} s, {bills / seconds:,.0f} bills/s; peak memory {peak_mb:,.0f} MB")
            if file is not None:
                _say(f"file {file.stat().st_size / 2**20:,.0f} MB")
            _say(f"a batch of {_BATCH} customers of a branch-month: {_median_ms(connection, size):.1f} ms (median)")
    return 0


def _median_ms(connection: duckdb.DuckDBPyConnection, size: GeneratorOptions) -> float:
    times = []
    for number in range(_TRIES):
        branch = size.chosen[number * len(size.chosen) // _TRIES]
        cohort = connection.execute(
            "SELECT cust_code, debt_ym FROM truth.expected_cohort WHERE branch_code = ? AND fiscal_year = ? "
            "ORDER BY usage_rank LIMIT ?",
            [branch.code, size.calendar[-1].year, _BATCH],
        ).fetchall()
        codes = [code for code, _ in cohort]
        started = time.monotonic()
        rows = connection.execute(_BRANCH_MONTH, [branch.code, cohort[0][1], *codes]).fetchall()
        times.append(1000 * (time.monotonic() - started))
        if len(rows) < _BATCH:
            raise AssertionError(f"{branch.code}: {len(rows)} rows for {_BATCH} members of its cohort")
    return median(times)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
