"""What the containers run, run here: the commands and environments of docker-compose.yaml, with the image's own ENV.

Docker is not needed. Compose resolves its file, and each command starts as a process of this machine; only host names,
ports and paths are replaced by those that hold here. The server is a PostgreSQL that asks everyone for a password.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from psycopg import sql
from psycopg.conninfo import make_conninfo

from dev.stack.airflow import own_environment
from dev.stack.postgres import EmbeddedPostgres
from dev.stack.processes import LeashedProcess, free_ports
from dev.stack.rest import AirflowApi
from include.bigmeter.branches import read_branches
from tests.compose_files import ORACLE_DSN, ROOT, image_environment, new_env, resolved, unescaped

DAGS = {"bigmeter_yearly_init", "bigmeter_monthly_sync"}
_IMAGE_HOME, _IMAGE_CODE = "/opt/airflow", "/opt/airflow/bigmeter"


@dataclass(frozen=True, slots=True)
class Site:
    """One deployment on this machine: the services as Compose resolves them, and where they are reached here."""

    directory: Path
    postgres: EmbeddedPostgres
    services: dict[str, Any]
    settings: dict[str, str] = field(repr=False)
    api_port: int
    scheduler_port: int
    exporter_port: int

    @property
    def api_url(self) -> str:
        """The address of the API server."""
        return f"http://127.0.0.1:{self.api_port}"

    def environment(self, service: str) -> dict[str, str]:
        """Return what a container of the service has in its environment, as it must be here."""
        described = {**image_environment(), **(self.services[service].get("environment") or {})}
        return {
            **own_environment(),
            **{name: self._here(value) for name, value in described.items()},
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HEALTH_API_URL": self.api_url,
            "HEALTH_SCHEDULER_URL": f"http://127.0.0.1:{self.scheduler_port}",
            "HEALTH_EXPORTER_URL": f"http://127.0.0.1:{self.exporter_port}",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(self.scheduler_port),
        }

    def command(self, service: str) -> list[str]:
        """Return what a container of the service runs."""
        found = self.services[service]
        words = [*(found.get("entrypoint") or []), *(found.get("command") or [])]
        here = {"0.0.0.0": "127.0.0.1", "8080": str(self.api_port), "9399": str(self.exporter_port)}  # noqa: S104
        return [here.get(word, word) for word in words]

    def run(self, service: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a service that ends by itself, with some of its environment changed."""
        return subprocess.run(
            self.command(service),
            env={**self.environment(service), **settings},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    @contextmanager
    def running(self, service: str) -> Iterator[LeashedProcess]:
        """Run a service that stays."""
        with LeashedProcess(
            service,
            self.command(service),
            log=self.directory / f"{service}.log",
            environment=self.environment(service),
            directory=ROOT,
        ) as process:
            yield process

    def is_healthy(self, service: str) -> bool:
        """Run the service's own health check."""
        kind, *words = self.services[service]["healthcheck"]["test"]
        assert kind == "CMD"
        return (
            subprocess.run(
                words, env=self.environment(service), cwd=ROOT, capture_output=True, check=False, timeout=60
            ).returncode
            == 0
        )

    def _here(self, value: str) -> str:
        server = f"127.0.0.1:{self.postgres.port}"
        for there, here in (
            (_IMAGE_CODE, str(ROOT)),
            (_IMAGE_HOME, str(self.directory / "home")),
            ("@postgres:5432", f"@{server}"),
            ("host=postgres port=5432", f"host=127.0.0.1 port={self.postgres.port}"),
            ("http://api-server:8080", self.api_url),
            ("http://localhost:8080", self.api_url),
        ):
            value = value.replace(there, here)
        return value

    def dsn(self, user: str, database: str) -> str:
        """Return the connection string of a role, with the password that .env has for it."""
        names = {"airflow": "AIRFLOW", "bigmeter": "BIGMETER", "bigmeter_reader": "REPORTS"}
        password = self.settings[f"{names[user]}_DB_PASSWORD"]
        return make_conninfo(self.postgres.dsn(), user=user, password=password, dbname=database)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Yield a deployment after its first start: a server with nothing but its superuser, then the service init."""
    directory = Path(tempfile.mkdtemp(prefix="bigmeter-image-"))
    directory.chmod(0o711)  # the embedded PostgreSQL may run under another account
    (directory / "home").mkdir()
    env_file = new_env(directory / ".env", STATSD_METRICS="True")
    settings = dict(line.split("=", 1) for line in env_file.read_text(encoding="utf-8").splitlines() if "=" in line)
    postgres = EmbeddedPostgres(directory / "postgres")
    try:
        with postgres:
            with psycopg.connect(postgres.dsn(), autocommit=True) as server:
                password = sql.Literal(settings["POSTGRES_PASSWORD"])
                server.execute(sql.SQL("ALTER ROLE postgres PASSWORD {}").format(password))
            postgres._password = settings["POSTGRES_PASSWORD"]
            services = unescaped(resolved(env_file, profiles=["monitoring", "tools"]))
            made = Site(directory, postgres, services, settings, *free_ports(3))
            started = made.run("init")
            assert started.returncode == 0, started.stderr[-3000:]
            yield made
    finally:
        postgres.remove()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def airflow(site: Site) -> Iterator[Site]:
    """Yield the deployment with its three components healthy by their own health checks."""
    with ExitStack() as stack:
        processes = {
            name: stack.enter_context(site.running(name)) for name in ("api-server", "scheduler", "dag-processor")
        }
        for name, process in processes.items():
            process.wait_until(lambda name=name: site.is_healthy(name), 240, "be healthy")  # type: ignore[misc]
        yield site
        for process in processes.values():
            process.ask_to_stop()


def test_the_roles_are_apart_and_each_has_what_it_needs(site: Site) -> None:
    with psycopg.connect(site.dsn("bigmeter", "bigmeter")) as loader:
        loader.execute("CREATE TEMPORARY TABLE incoming (cust_code text) ON COMMIT DROP")
        loader.execute("INSERT INTO bm_branches (code, name) VALUES ('9998', 'ทดสอบ')")
        loader.rollback()
    with psycopg.connect(site.dsn("bigmeter_reader", "bigmeter"), autocommit=True) as reader:
        count = reader.execute("SELECT count(*) FROM bm_branches").fetchone()
        assert count == (len(read_branches(ROOT / "include" / "r6_branches.csv")),)
        assert reader.execute("SELECT count(*) FROM bm_freshness").fetchone() == count
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reader.execute("DELETE FROM bm_branches")
        reader.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("DELETE FROM bm_branches")
    for user, database in (("bigmeter", "airflow"), ("bigmeter_reader", "airflow"), ("airflow", "bigmeter")):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(site.dsn(user, database))
    with psycopg.connect(site.dsn("airflow", "airflow")) as owner:
        assert owner.execute("SELECT count(*) FROM dag").fetchone() == (0,)


def test_the_reader_reads_tables_that_a_later_migration_makes(site: Site) -> None:
    with psycopg.connect(site.dsn("bigmeter", "bigmeter"), autocommit=True) as loader:
        loader.execute("CREATE TABLE made_later (n integer)")
        with psycopg.connect(site.dsn("bigmeter_reader", "bigmeter")) as reader:
            assert reader.execute("SELECT count(*) FROM made_later").fetchone() == (0,)
        loader.execute("DROP TABLE made_later")


def test_a_second_start_changes_nothing_but_a_password_that_was_changed(site: Site) -> None:
    before = _everything(site)
    script = (ROOT / "docker" / "init.sh").read_text(encoding="utf-8")
    # All steps but Airflow's own migration, whose second run is Airflow's to test and takes its time.
    steps = [line for line in script.splitlines() if line.startswith("python ")]
    assert len(steps) == 4
    again = subprocess.run(
        ["sh", "-euc", "\n".join(steps)],
        env={**site.environment("init"), "REPORTS_DB_PASSWORD": "another-password-of-24"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert again.returncode == 0, again.stderr[-3000:]
    assert _everything(site) == before
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(site.dsn("bigmeter_reader", "bigmeter"))
    site.settings["REPORTS_DB_PASSWORD"] = "another-password-of-24"
    psycopg.connect(site.dsn("bigmeter_reader", "bigmeter")).close()
    site.services["ledger-exporter"]["environment"]["REPORTS_DSN"] = site.dsn("bigmeter_reader", "bigmeter")


@pytest.mark.parametrize(
    ("settings", "status", "sentence"),
    [
        ({"AIRFLOW__CORE__EXECUTOR": "KubernetesExecutor"}, 2, "set LocalExecutor or CeleryExecutor in .env"),
        ({"BIGMETER_DB_PASSWORD": "short"}, 2, "error: BIGMETER_DB_PASSWORD: write at least 12 letters"),
        ({"REPORTS_DB_PASSWORD": "with/slash/and@sign"}, 2, "error: REPORTS_DB_PASSWORD: write at least 12 letters"),
        ({"POSTGRES_PASSWORD": "not-the-right-one"}, 3, 'password authentication failed for user "postgres"'),
    ],
)
def test_init_stops_at_the_first_step_that_fails(
    site: Site, settings: dict[str, str], status: int, sentence: str
) -> None:
    done = site.run("init", **settings)
    assert done.returncode == status
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not [value for value in settings.values() if "PASSWORD" in settings and value in done.stderr]


def test_the_components_are_healthy_and_the_first_user_finds_both_dags(airflow: Site) -> None:
    api = AirflowApi(airflow.api_url, "admin", airflow.settings["ADMIN_PASSWORD"])
    try:
        assert api.import_errors() == {}
        assert api.dag_ids() >= DAGS
    finally:
        api.close()


def test_nobody_gets_in_with_another_password(airflow: Site) -> None:
    answer = httpx.post(
        f"{airflow.api_url}/auth/token", json={"username": "admin", "password": "admin"}, timeout=60, trust_env=False
    )
    assert answer.status_code == httpx.codes.UNAUTHORIZED
    assert httpx.get(f"{airflow.api_url}/api/v2/dags", timeout=60, trust_env=False).status_code == 401


def test_the_connections_are_stored_encrypted(airflow: Site) -> None:
    with psycopg.connect(airflow.dsn("airflow", "airflow")) as metadata:
        rows = metadata.execute(
            "SELECT conn_id, conn_type, host, login, password, is_encrypted FROM connection ORDER BY conn_id"
        ).fetchall()
    assert [row[:2] for row in rows] == [("bigmeter_oracle", "oracle"), ("bigmeter_postgres", "postgres")]
    assert [row[2:4] for row in rows] == [("oracle.example", "bigmeter_ro"), ("127.0.0.1", "bigmeter")]
    assert all(row[5] for row in rows)
    assert not {row[4] for row in rows} & {"right", airflow.settings["BIGMETER_DB_PASSWORD"]}
    assert ORACLE_DSN.startswith("bigmeter_ro/right@")


@pytest.mark.parametrize("role", ["Viewer", "User"])
def test_every_role_may_see_the_plugins_pages(airflow: Site, role: str) -> None:
    with psycopg.connect(airflow.dsn("airflow", "airflow")) as metadata:
        granted = metadata.execute(
            """
            SELECT count(*)
            FROM ab_permission_view_role AS g
            JOIN ab_role AS r ON r.id = g.role_id
            JOIN ab_permission_view AS pv ON pv.id = g.permission_view_id
            JOIN ab_permission AS p ON p.id = pv.permission_id
            JOIN ab_view_menu AS v ON v.id = pv.view_menu_id
            WHERE r.name = %s AND p.name = 'can_read' AND v.name = 'Plugins'
            """,
            [role],
        ).fetchone()
    assert granted == (1,)


def test_a_component_that_is_down_is_not_healthy(site: Site) -> None:
    nowhere = f"http://127.0.0.1:{free_ports(1)[0]}"
    for service in ("api-server", "scheduler", "dag-processor", "ledger-exporter"):
        kind, *words = site.services[service]["healthcheck"]["test"]
        assert kind == "CMD"
        urls = dict.fromkeys(("HEALTH_API_URL", "HEALTH_SCHEDULER_URL", "HEALTH_EXPORTER_URL"), nowhere)
        done = subprocess.run(
            words, env={**site.environment(service), **urls}, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1, service
        assert "Traceback" not in done.stderr


def test_the_command_line_has_the_connections_of_the_file(site: Site) -> None:
    environment = site.environment("cli")
    words = [*site.services["cli"]["entrypoint"], "connections", "--json"]
    done = subprocess.run(words, env=environment, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    assert json.loads(done.stdout)["bigmeter_oracle"]["extra"] == {"service_name": "BILLING"}


def test_the_exporter_reads_the_ledger_and_says_so_when_it_cannot(site: Site) -> None:
    with psycopg.connect(site.dsn("bigmeter", "bigmeter")) as loader:
        loader.execute(
            """
            INSERT INTO bm_sync_runs (
                kind, status, branch_code, fiscal_year, year_month, debt_ym, cohort_size, reported, zero, missing,
                inserted, updated, unchanged, removed, duplicates, usage_m3, oracle_seconds, round_trips, started_at,
                finished_at, run_id, triggered_by)
            VALUES ('monthly', 'success', '1063', 2025, '202508', '256808', 200, 180, 12, 8, 192, 0, 0, 0, 3, 12345.5,
                1.5, 2, '2025-09-16 01:00Z', '2025-09-16 01:01Z', 'r1', 'test')
            """
        )
        loader.execute(
            """
            INSERT INTO bm_sync_runs (kind, status, branch_code, fiscal_year, year_month, error_category, error_message,
                started_at, finished_at, run_id, triggered_by)
            VALUES ('monthly', 'error', '1063', 2025, '202509', 'unavailable', 'x', '2025-10-16 01:00Z',
                '2025-10-16 01:01Z', 'r2', 'test')
            """
        )
    branches = len(read_branches(ROOT / "include" / "r6_branches.csv"))
    with site.running("ledger-exporter") as exporter:
        exporter.wait_until(lambda: site.is_healthy("ledger-exporter"), 60, "be healthy")
        figures = _scrape(site.exporter_port)
        assert figures["bigmeter_expected_branches", ()] == branches
        assert figures["bigmeter_branch_last_month", (("branch", "1063"),)] == 202508
        assert figures["bigmeter_branch_customers", (("branch", "1063"), ("state", "missing"))] == 8
        assert figures["bigmeter_branch_complete_ratio", (("branch", "1063"),)] == pytest.approx(0.96)
        assert figures["bigmeter_branch_usage_m3", (("branch", "1063"),)] == pytest.approx(12345.5)
        assert figures["bigmeter_branch_failing", (("branch", "1063"), ("category", "unavailable"))] == 1
        assert figures["bigmeter_branch_info", (("branch", "1063"), ("name", "กปภ.สาขาน้ำพอง"))] == 1
        due = int(figures["bigmeter_due_month", ()])
        assert figures["bigmeter_overdue_branches", (("month", str(due)),)] == branches
        assert [value for (name, _), value in figures.items() if name == "bigmeter_overdue_cohort_branches"] == [
            branches
        ]
        assert {name for name, _ in figures} == _manual_of_the_exporter()
        with psycopg.connect(site.postgres.dsn(), autocommit=True) as server:
            server.execute("ALTER ROLE bigmeter_reader NOLOGIN")
            try:
                assert _get(site.exporter_port, "/metrics")[0] == http.client.SERVICE_UNAVAILABLE
                assert _get(site.exporter_port, "/healthy")[0] == http.client.OK
            finally:
                server.execute("ALTER ROLE bigmeter_reader LOGIN")
        assert _get(site.exporter_port, "/metrics")[0] == http.client.OK
        assert site.settings["REPORTS_DB_PASSWORD"] not in exporter.output()


def test_the_metrics_of_a_load_leave_with_names_that_the_mapping_knows(site: Site) -> None:
    outcome = {
        **dict.fromkeys(("inserted", "updated", "unchanged", "removed", "duplicates", "round_trips"), 2),
        **dict.fromkeys(("reported", "zero", "missing"), 5),
        **{"seconds": 1.5, "oracle_seconds": 0.5},
    }
    program = f"""
from airflow.configuration import conf
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils
from include.bigmeter.tasks import metrics
legacy = conf.getboolean("metrics", "legacy_names_on")
stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=legacy)
metrics.count_load("monthly", "1063", {outcome!r})
metrics.count_failure("monthly", "1063", "unavailable")
"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd:
        statsd.bind(("127.0.0.1", 0))
        sent = {
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(statsd.getsockname()[1]),
        }
        subprocess.run(
            [sys.executable, "-c", program], env={**site.environment("scheduler"), **sent}, cwd=ROOT, check=True
        )
        # Loopback delivers at once, so all of it is here when the process has ended.
        statsd.setblocking(False)
        lines: list[str] = []
        with contextlib.suppress(BlockingIOError):
            while True:
                lines += statsd.recv(65535).decode().splitlines()
    lines = [line for line in lines if line.startswith("airflow.bigmeter.")]
    mapping = yaml.safe_load((ROOT / "docker" / "monitoring" / "statsd_mapping.yml").read_text(encoding="utf-8"))
    kinds = {one["match"]: one.get("match_metric_type", "observer") for one in mapping["mappings"]}
    types = {"c": "counter", "g": "gauge", "ms": "observer"}
    seen = set()
    for line in lines:
        name, tags = line.split(":", 1)[0].split(",", 1)
        value, statsd_type = line.split(":", 1)[1].split("|")[:2]
        assert kinds[name] == types[statsd_type], line
        assert dict(tag.split("=") for tag in tags.split(",")).items() >= {"kind": "monthly", "branch": "1063"}.items()
        assert float(value) > 0
        seen.add(name)
    assert seen == {name for name in kinds if name.startswith("airflow.bigmeter.")}


def _everything(site: Site) -> list[Any]:
    """Return what a start makes, but for what the database encrypts anew each time."""
    with psycopg.connect(site.dsn("airflow", "airflow")) as metadata, psycopg.connect(site.postgres.dsn()) as server:
        return [
            server.execute("SELECT datname, datacl::text FROM pg_database ORDER BY 1").fetchall(),
            server.execute("SELECT rolname, rolsuper, rolcreatedb FROM pg_roles ORDER BY 1").fetchall(),
            metadata.execute(
                "SELECT conn_id, conn_type, host, login, schema, port FROM connection ORDER BY 1"
            ).fetchall(),
            metadata.execute("SELECT username, active FROM ab_user").fetchall(),
            metadata.execute("SELECT count(*) FROM ab_permission_view_role").fetchall(),
        ]


def _get(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def _scrape(port: int) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    status, text = _get(port, "/metrics")
    assert status == http.client.OK
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _manual_of_the_exporter() -> set[str]:
    manual = (ROOT / "docker" / "ledger_exporter.py").read_text(encoding="utf-8").split('"""')[1]
    return {line.split("``")[1].split("{")[0] for line in manual.splitlines() if line.startswith("``bigmeter_")}
