"""The Compose files, read by Docker Compose itself: valid, documented, closed to the network, without known secrets."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.bigmeter.settings import FreshnessSettings, LoadSettings, NotificationSettings, ScheduleSettings
from tests.compose_files import (
    EXAMPLE,
    FILES,
    ORACLE_DSN,
    REQUIRED,
    ROOT,
    example_in_force,
    example_variables,
    new_env,
    resolved,
    run_compose,
    unescaped,
)

PROFILES = ("celery", "oracle", "monitoring", "tools")
ON_ONE_MACHINE = {"postgres", "init", "api-server", "scheduler", "dag-processor"}
BY_PROFILE = {
    "celery": {"redis", "worker"},
    "oracle": {"oracle-data", "oracle"},
    "monitoring": {"statsd-exporter", "ledger-exporter", "prometheus", "grafana"},
    "tools": {"cli"},
}
WORKER_ENV = {
    "WORKER_HOSTNAME": "second-machine",
    "BROKER_URL": "redis://:x@first-machine:16379/0",
    "RESULT_BACKEND": "redis://:x@first-machine:16379/1",
    "EXECUTION_API_URL": "http://first-machine:8080/execution/",
}
# A dollar sign written twice is the container's own shell's, not Compose's.
_REFERENCE = re.compile(r"(?<!\$)\$\{([A-Z][A-Z0-9_]*)")


@pytest.fixture(scope="module")
def env_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an env file as a new operator has it."""
    return new_env(tmp_path_factory.mktemp("compose") / ".env")


@pytest.fixture(scope="module")
def services(env_file: Path) -> dict[str, Any]:
    """Return all services of all profiles."""
    return resolved(env_file, profiles=PROFILES)


@pytest.fixture(scope="module")
def worker(env_file: Path) -> dict[str, Any]:
    """Return the worker of another machine."""
    found: dict[str, Any] = resolved(env_file, file=FILES[1], environment=WORKER_ENV)["worker"]
    return found


def test_without_a_profile_it_is_one_machine(env_file: Path) -> None:
    assert set(resolved(env_file)) == ON_ONE_MACHINE


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_adds_its_services_by_flag_and_by_env_file(profile: str, env_file: Path, tmp_path: Path) -> None:
    expected = ON_ONE_MACHINE | BY_PROFILE[profile]
    assert set(resolved(env_file, profiles=[profile])) == expected
    written = new_env(tmp_path / ".env", COMPOSE_PROFILES=profile)
    assert set(resolved(written)) == expected


@pytest.mark.parametrize("name", REQUIRED)
def test_what_must_be_set_is_asked_for_by_name(name: str, env_file: Path, tmp_path: Path) -> None:
    without = tmp_path / ".env"
    lines = env_file.read_text(encoding="utf-8").splitlines()
    without.write_text("\n".join(line for line in lines if not line.startswith(f"{name}=")), encoding="utf-8")
    done = run_compose(without, "config", "--quiet")
    assert done.returncode != 0
    assert f"required variable {name} is missing a value: set it in .env" in done.stderr


def test_the_example_as_it_stands_starts_nothing() -> None:
    assert run_compose(EXAMPLE, "config", "--quiet").returncode != 0


def test_every_variable_is_in_the_example_and_the_example_has_no_other() -> None:
    used = {name for file in FILES for name in _REFERENCE.findall((ROOT / file).read_text(encoding="utf-8"))}
    assert used | {"COMPOSE_PROFILES"} == set(example_variables())


def test_the_settings_that_the_code_reads_reach_every_component(
    services: dict[str, Any], worker: dict[str, Any]
) -> None:
    of_the_image = {"ORACLE_THICK_MODE"}  # what is built in, the client or not, decides
    names = set(_settings_in_code()) - of_the_image
    assert {"TIMEZONE", "CRON_MONTHLY", "BRANCHES", "ORACLE_POOL", "MODE"} <= names
    only_for_commands = {"MODE", "YM", "DEBT_YM", "ORACLE_DSN", "POSTGRES_DSN", "NOTIFY_URL"}
    for name in ("init", "api-server", "scheduler", "dag-processor", "worker", "ledger-exporter"):
        assert names - only_for_commands <= set(services[name]["environment"]), name
    assert names - only_for_commands <= set(worker["environment"])
    assert names <= set(services["cli"]["environment"])


def test_the_example_shows_the_defaults_of_the_code() -> None:
    documented = {one.name: one.value for one in example_variables().values() if one.is_commented}
    for settings in (ScheduleSettings, FreshnessSettings, NotificationSettings, LoadSettings):
        assert settings.from_environment(documented) == settings.from_environment({})


def test_a_shell_reads_the_example_as_it_is_meant(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(example_in_force(), encoding="utf-8")
    done = subprocess.run(
        ["sh", "-c", "set -a; . ./.env; env -0"],
        env={"PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    read = dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
    example = {one.name: one.value for one in example_variables().values()}
    assert example["CRON_MONTHLY"] == "0 0 8 16 * *"
    assert {name: read.get(name) for name in example} == example


def test_compose_reads_the_example_as_it_is_meant(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    required = "".join(f"{name}=x\n" for name in REQUIRED)
    file.write_text(example_in_force() + required, encoding="utf-8")
    found = resolved(file)["scheduler"]["environment"]
    example = example_variables()
    names = {"CRON_YEARLY", "CRON_MONTHLY", "CRON_FRESHNESS", "TIMEZONE", "MIN_REPORTED_SHARE"}
    assert {name: found[name] for name in names} == {name: example[name].value for name in names}


def test_the_example_shows_the_defaults_of_the_files() -> None:
    text = "".join((ROOT / file).read_text(encoding="utf-8") for file in FILES)
    defaults: dict[str, set[str]] = {}
    for name, default in re.findall(r"(?<!\$)\$\{([A-Z][A-Z0-9_]*):-([^${}]+)\}", text):
        defaults.setdefault(name, set()).add(default)
    assert len(defaults) > 15
    example = example_variables()
    for name, found in defaults.items():
        assert example[name].value in found, name


def test_no_secret_has_a_default() -> None:
    example = example_variables()
    secrets = {name for name in example if re.search(r"PASSWORD|SECRET|_KEY$", name)} | {"ORACLE_DSN"}
    assert len(secrets) == 13
    assert {name: example[name].value for name in secrets} == dict.fromkeys(secrets, "")
    text = "".join((ROOT / file).read_text(encoding="utf-8") for file in FILES)
    for name in secrets:
        defaults = re.findall(rf"(?<!\$)\$\{{{name}:-([^}}]*)\}}", text)
        assert set(defaults) <= {""}, name


def test_a_new_env_file_has_a_secret_of_its_own_for_each_and_is_nobody_elses_to_read(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    values = []
    for file in (first, second):
        new_env(file)
        assert file.stat().st_mode & 0o077 == 0
        lines = dict(
            line.split("=", 1) for line in file.read_text(encoding="utf-8").splitlines() if re.match(r"[A-Z]", line)
        )
        values += [value for name, value in lines.items() if name != "ORACLE_DSN"]
    assert len(values) == 24
    assert len(set(values)) == len(values)
    assert all(len(value) >= 43 for value in values)
    assert sum(len(value) >= 64 for value in values) == 4  # the keys of signatures


def test_a_new_env_file_never_replaces_one(tmp_path: Path) -> None:
    target = tmp_path / ".env"
    target.write_text("mine\n", encoding="utf-8")
    done = subprocess.run(["sh", ROOT / "docker" / "new_env.sh", target], capture_output=True, check=False)
    assert done.returncode == 1
    assert target.read_text(encoding="utf-8") == "mine\n"


@pytest.mark.parametrize(
    ("service", "variable"),
    [
        ("redis", "REDIS_PASSWORD"),
        ("grafana", "GRAFANA_PASSWORD"),
        ("oracle", "ORACLE_ADMIN_PASSWORD"),
        ("oracle", "ORACLE_READER_PASSWORD"),
    ],
)
def test_a_profile_without_its_secret_stops_and_names_it(service: str, variable: str, env_file: Path) -> None:
    found = unescaped(resolved(env_file, profiles=PROFILES, environment={variable: ""})[service])
    command = [*(found.get("entrypoint") or []), *(found.get("command") or [])]
    done = subprocess.run(
        command,
        env={"PATH": "/usr/bin:/bin", **found["environment"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode != 0
    assert f"set {variable} in .env" in done.stderr


def test_every_service_has_a_health_check_or_ends_by_itself_and_is_waited_for(services: dict[str, Any]) -> None:
    awaited = {
        name
        for service in services.values()
        for name, dependency in (service.get("depends_on") or {}).items()
        if dependency["condition"] == "service_completed_successfully"
    }
    ending = {name for name, service in services.items() if service["restart"] == "no"}
    assert ending == {"init", "oracle-data", "cli"}
    assert ending - {"cli"} == awaited  # cli is run by hand and answers with its exit status
    for name, service in services.items():
        if name not in ending:
            assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}, name
            assert service["restart"] == "unless-stopped", name


def test_ports_are_bound_to_loopback_unless_asked(services: dict[str, Any], worker: dict[str, Any]) -> None:
    published = [port for service in [*services.values(), worker] for port in service.get("ports", [])]
    assert len(published) == 8
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("variable", "opened"),
    [
        ("BIND_ADDRESS", {"api-server"}),
        ("CLUSTER_BIND_ADDRESS", {"postgres", "redis", "statsd-exporter"}),
        ("MONITORING_BIND_ADDRESS", {"prometheus", "grafana"}),
    ],
)
def test_an_address_opens_its_own_services_only(variable: str, opened: set[str], env_file: Path) -> None:
    found = resolved(env_file, profiles=PROFILES, environment={variable: "192.0.2.1"})
    assert opened == {
        name
        for name, service in found.items()
        if any(port["host_ip"] == "192.0.2.1" for port in service.get("ports", []))
    }


def test_every_image_is_pinned_and_ours_is_built(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert re.search(r":v?\d+\.\d+", service["image"]), name
        assert ("build" in service) == service["image"].startswith("bigmeter-sync:"), name


def test_our_containers_have_no_privileges(services: dict[str, Any], worker: dict[str, Any]) -> None:
    ours = [service for service in services.values() if "build" in service]
    assert len(ours) == 8
    for service in [*ours, worker]:
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "user" not in service  # the image's own, which is not root


def test_only_what_needs_the_data_source_names_gets_them(services: dict[str, Any], worker: dict[str, Any]) -> None:
    holders = {name for name, service in services.items() if ORACLE_DSN in (service.get("environment") or {}).values()}
    assert holders == {"init", "cli"}
    # Nor does a worker elsewhere know a database's password, or the keys that sign and encrypt.
    assert not {name for name in worker["environment"] if re.search(r"DSN|SQL_ALCHEMY|FERNET|JWT", name)}


def test_a_worker_here_and_a_worker_elsewhere_run_alike(services: dict[str, Any], worker: dict[str, Any]) -> None:
    here = services["worker"]
    for key in ("image", "build", "command", "healthcheck", "init", "volumes"):
        assert here[key] == worker[key], key
    assert set(worker["environment"]) <= set(here["environment"])


def test_start_up_waits_for_a_profile_but_does_not_ask_for_it(services: dict[str, Any]) -> None:
    dependencies = services["init"]["depends_on"]
    assert {name for name, one in dependencies.items() if one["required"]} == {"postgres"}
    assert {name for name, one in dependencies.items() if not one["required"]} == {"redis", "oracle", "statsd-exporter"}
    assert {one["condition"] for one in dependencies.values()} == {"service_healthy"}
    for name in ("api-server", "scheduler", "dag-processor", "worker", "ledger-exporter", "cli"):
        assert services[name]["depends_on"]["init"]["condition"] == "service_completed_successfully"


def test_every_mounted_file_and_every_script_is_there(services: dict[str, Any]) -> None:
    mounted = [
        volume for service in services.values() for volume in service.get("volumes", []) if volume["type"] == "bind"
    ]
    assert len(mounted) == 5
    assert all(Path(volume["source"]).exists() and volume["read_only"] for volume in mounted)
    text = "".join((ROOT / file).read_text(encoding="utf-8") for file in FILES)
    scripts = set(re.findall(r"docker/[\w/]+\.(?:py|sh)", text))
    assert len(scripts) == 7
    assert all((ROOT / script).exists() for script in scripts)


def test_every_airflow_setting_is_one_that_airflow_knows(services: dict[str, Any], worker: dict[str, Any]) -> None:
    environments = [*(service.get("environment") or {} for service in services.values()), worker["environment"]]
    names = {name for environment in environments for name in environment if name.startswith("AIRFLOW__")}
    assert len(names) > 15
    known = _airflow_options()
    assert {name for name in names if tuple(name.removeprefix("AIRFLOW__").split("__", 1)) not in known} == set()


def _settings_in_code() -> Iterator[str]:
    """Yield each environment variable that the product reads: the name in a call that takes the environment."""
    for file in (ROOT / "include" / "bigmeter").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Assign(targets=[ast.Name(id=constant)], value=ast.Constant(value=str(name))) if (
                    constant.endswith("_SETTING")
                ):
                    yield name
                case (
                    ast.Call(
                        func=ast.Attribute(value=ast.Name(id="environment"), attr="get"),
                        args=[ast.Constant(value=str(name)), *_],
                    )
                    | ast.Call(args=[ast.Name(id="environment"), ast.Constant(value=str(name)), *_])
                ):
                    yield name


def _airflow_options() -> set[tuple[str, str]]:
    """Return (SECTION, OPTION) of Airflow and the providers that we set something of, without importing any."""
    airflow = importlib.util.find_spec("airflow")
    assert airflow is not None
    assert airflow.submodule_search_locations
    package = Path(airflow.submodule_search_locations[0])
    sections = yaml.safe_load((package / "config_templates" / "config.yml").read_text(encoding="utf-8"))
    found = {(section, option) for section, described in sections.items() for option in described["options"]}
    for provider in ("celery", "fab"):
        path = package / "providers" / provider / "get_provider_info.py"
        spec = importlib.util.spec_from_file_location(f"info_of_{provider}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        described = module.get_provider_info()["config"]
        found |= {(section, option) for section, one in described.items() for option in one["options"]}
    return {(section.upper(), option.upper()) for section, option in found}
