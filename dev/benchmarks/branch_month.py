"""What one branch-month of 200 customers takes beside Oracle: seconds and memory, cold and again.

``python -m dev.benchmarks.branch_month`` runs the command line's own code against the stand-in, in a process of its
own, and an embedded PostgreSQL. The aims are one second beyond what Oracle takes, and 80 MB above the bare import.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

_LOAD = """
import json, os, resource, sys
import structlog
from include.bigmeter.cli.drivers import DriverConnections
from include.bigmeter.periods import Ym
from include.bigmeter.records import RunIdentity
from include.bigmeter.settings import LoadSettings
from include.bigmeter.source.template import load_monthly_template, load_yearly_template
from include.bigmeter.sync.monthly import MonthJob, load_month
from include.bigmeter.sync.templates import MONTHLY_TEMPLATE, YEARLY_TEMPLATE
from include.bigmeter.sync.yearly import CohortJob, capture_cohort
import oracledb.thin_impl, psycopg_binary  # what the first connection would load

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))

def peak_mb(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
bare_mb = peak_mb()
connections = DriverConnections.from_environment(os.environ)
settings, run = LoadSettings.from_environment({}), RunIdentity(run_id="benchmark")
job = CohortJob(branch_code="1063", fiscal_year=2026, ym=Ym("202510"), accept_incomplete=True)
capture_cohort(connections, load_yearly_template(YEARLY_TEMPLATE), job, settings, run)
month = MonthJob(branch_code="1063", ym=Ym("202511"), cohort_fiscal_year=2026)
loads = []
for _ in range(6):
    outcome = load_month(connections, load_monthly_template(MONTHLY_TEMPLATE), month, settings, run)
    loads.append({"seconds": outcome.seconds, "oracle_seconds": outcome.cost.seconds, **outcome.to_json()})
json.dump({"loads": loads, "bare_mb": bare_mb, "peak_mb": peak_mb()}, sys.stdout)
"""


@contextmanager
def _standin() -> Iterator[str]:
    options = ["--branches", "1063", "--last-month", "202511", "--months", "3"]
    command = [sys.executable, "-m", "dev.standin", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        lines: list[str] = []
        for line in process.stdout:
            if line.strip() == "ready":
                break
            lines.append(line.strip())
        try:
            yield lines[-1]
        finally:
            process.terminate()


def main() -> int:
    """Measure, and print what was measured."""
    from dev.stack.postgres import EmbeddedPostgres, Role  # noqa: PLC0415 - heavy, and only here

    role = Role(name="benchmark", password="benchmark", database="benchmark")  # noqa: S106 - a throw-away server
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as directory,
        _standin() as oracle_dsn,
        EmbeddedPostgres(Path(directory)) as postgres,
    ):
        postgres.ensure(role)
        environment = {**os.environ, "ORACLE_DSN": oracle_dsn, "POSTGRES_DSN": postgres.dsn_of(role)}
        subprocess.run([sys.executable, "-m", "include.bigmeter", "migrate"], env=environment, check=True)
        ran = subprocess.run(
            [sys.executable, "-c", _LOAD], env=environment, check=True, stdout=subprocess.PIPE, text=True
        )
    figures = json.loads(ran.stdout)
    beyond = [load["seconds"] - load["oracle_seconds"] for load in figures["loads"]]
    first = figures["loads"][0]
    print(f"{first['cohort_size']} customers, {first['inserted']} rows, {first['round_trips']} round trips")
    print(f"first load: {first['seconds']:.3f} s, {beyond[0]:.3f} s beyond Oracle's {first['oracle_seconds']:.3f} s")
    print(f"again, unchanged: {median(beyond[1:]):.3f} s beyond Oracle (median of {len(beyond) - 1})")
    above = figures["peak_mb"] - figures["bare_mb"]
    print(f"memory: {above:.0f} MB above the bare import's {figures['bare_mb']:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
