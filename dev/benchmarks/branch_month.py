"""What one branch-month of 200 customers takes beside Oracle: seconds and memory, cold and again.

``python -m dev.benchmarks.branch_month`` runs the command line's own code against the stand-in, in a process of its
own, and an embedded PostgreSQL. The limits are one second beyond what Oracle takes, and 80 MB above the bare import;
the exit status is 1 if one of them is exceeded.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

MOST_BEYOND_ORACLE_S = 1.0
MOST_ABOVE_IMPORT_MB = 80.0

_ROOT = Path(__file__).parents[2]
_LOAD = """
import json, os, re, resource, sys
from pathlib import Path
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

def peak_mb():
    # What getrusage says begins with the peak of the process that started this one.
    if (status := Path("/proc/self/status")).exists():
        return int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)

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


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured: the outcome of each load with its seconds, and the process's resident memory."""

    loads: list[dict[str, Any]]
    bare_mb: float
    peak_mb: float

    @property
    def beyond_oracle_s(self) -> list[float]:
        """Seconds that each load took beside Oracle."""
        return [load["seconds"] - load["oracle_seconds"] for load in self.loads]

    @property
    def above_import_mb(self) -> float:
        """Memory at the peak above that of the bare import."""
        return self.peak_mb - self.bare_mb

    def exceeded(self) -> list[str]:
        """Say, a line each, which limits are exceeded."""
        slowest = max(self.beyond_oracle_s)
        lines = []
        if slowest > MOST_BEYOND_ORACLE_S:
            lines.append(f"a load took {slowest:.3f} s beyond Oracle, more than {MOST_BEYOND_ORACLE_S:.0f} s")
        if self.above_import_mb > MOST_ABOVE_IMPORT_MB:
            lines.append(
                f"memory rose {self.above_import_mb:.0f} MB above the bare import, more than {MOST_ABOVE_IMPORT_MB:.0f}"
            )
        return lines


def measure(oracle_dsn: str, postgres_dsn: str) -> Figures:
    """Capture a cohort and load a month of it several times, in a process of its own.

    :param oracle_dsn: the stand-in with branch 1063 and its October and November 2025.
    :param postgres_dsn: a migrated database.
    """
    environment = {**os.environ, "ORACLE_DSN": oracle_dsn, "POSTGRES_DSN": postgres_dsn}
    ran = subprocess.run(
        [sys.executable, "-c", _LOAD], env=environment, cwd=_ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return Figures(**json.loads(ran.stdout))


def report(figures: Figures) -> int:
    """Print what was measured and which limits are exceeded, and return 1 if any is."""
    first, beyond = figures.loads[0], figures.beyond_oracle_s
    print(f"{first['cohort_size']} customers, {first['inserted']} rows, {first['round_trips']} round trips")
    print(f"first load: {first['seconds']:.3f} s, {beyond[0]:.3f} s beyond Oracle's {first['oracle_seconds']:.3f} s")
    if beyond[1:]:
        print(f"again, unchanged: {median(beyond[1:]):.3f} s beyond Oracle (median of {len(beyond) - 1})")
    print(f"memory: {figures.above_import_mb:.0f} MB above the bare import's {figures.bare_mb:.0f} MB")
    exceeded = figures.exceeded()
    for line in exceeded:
        print(f"LIMIT EXCEEDED: {line}")
    return 1 if exceeded else 0


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
    """Measure, print what was measured, and return 1 if a limit is exceeded."""
    from dev.stack.postgres import EmbeddedPostgres, Role  # noqa: PLC0415 - heavy, and only here

    role = Role(name="benchmark", password="benchmark", database="benchmark")  # noqa: S106 - a throw-away server
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as directory,
        _standin() as oracle_dsn,
        EmbeddedPostgres(Path(directory)) as postgres,
    ):
        postgres.ensure(role)
        environment = {**os.environ, "POSTGRES_DSN": postgres.dsn_of(role)}
        subprocess.run([sys.executable, "-m", "include.bigmeter", "migrate"], env=environment, check=True)
        figures = measure(oracle_dsn, postgres.dsn_of(role))
    return report(figures)


if __name__ == "__main__":
    sys.exit(main())
