"""The Dockerfile, read line by line: what it copies is there, what must stay out stays out, nobody is root."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.compose_files import ROOT, dockerfile_stages, image_environment, is_in_build_context, unescaped

STAGES = dockerfile_stages()
_COPIES_OF_BUILD_STAGES = "--from="


def _sources(stage: str) -> list[str]:
    copies = [shlex.split(arguments) for arguments in STAGES[stage].all("COPY")]
    return [source for words in copies if not words[0].startswith(_COPIES_OF_BUILD_STAGES) for source in words[:-1]]


def test_every_stage_starts_from_the_pinned_python_or_from_another_stage() -> None:
    assert set(STAGES) == {"packages", "thin", "thick", "billing-data"}
    assert {stage.base for stage in STAGES.values()} == {"${PYTHON_IMAGE}", "thin"}
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^ARG PYTHON_IMAGE=python:3\.11\.\d+-slim-bookworm$", text, re.MULTILINE)


def test_whatever_is_copied_is_there_and_gets_into_the_build() -> None:
    sources = [source for stage in STAGES for source in _sources(stage)]
    assert len(sources) == 12
    for source in sources:
        assert (ROOT / source).exists(), source
        assert is_in_build_context(source.rstrip("/")), source


def test_the_image_has_the_whole_tree_of_a_deployment_and_nothing_of_development() -> None:
    assert set(_sources("thin")) == {".airflowignore", "dags", "docker", "include", "migrations", "plugins", "sqls"}
    assert set(_sources("billing-data")) == {"constraints.txt", "dev"}


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        ".env.example",
        ".git/config",
        ".venv/bin/python",
        ".demo/postgres.password",
        "tests/conftest.py",
        "include/.env",
        "dags/__pycache__/x.cpython-311.pyc",
        "docker/monitoring/statsd_mapping.yml",
        "docker-compose.yaml",
    ],
)
def test_the_build_never_sees(path: str) -> None:
    assert not is_in_build_context(path)


@pytest.mark.parametrize(
    "path", ["include/r6_branches.csv", "docker/init.sh", "dags/bigmeter_monthly_sync.py", "docker/oracle-client/x.zip"]
)
def test_the_build_sees(path: str) -> None:
    assert is_in_build_context(path)


@pytest.mark.parametrize("stage", ["thin", "thick", "billing-data"])
def test_what_runs_is_not_root(stage: str) -> None:
    assert STAGES[stage].all("USER")[-1] == "airflow"


def test_packages_are_those_of_the_lock_and_need_no_compiler() -> None:
    installs = [run for stage in STAGES.values() for run in stage.all("RUN") if "pip install" in run]
    assert len(installs) == 2
    for run in installs:
        assert "--constraint /tmp/constraints.txt" in run
        assert "--only-binary :all:" in run


def test_the_packages_of_the_billing_data_are_in_the_lock() -> None:
    (run,) = STAGES["billing-data"].all("RUN")
    names = shlex.split(run.split("/tmp/constraints.txt")[1])
    locked = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    assert set(names) == {"cryptography", "duckdb", "numpy", "pyarrow", "sqlglot"}
    assert set(names) <= locked


def test_the_thick_image_differs_by_the_client_and_the_mode() -> None:
    added = {name: value for name, value in image_environment("thick").items() if name not in image_environment()}
    assert added == {"ORACLE_THICK_MODE": "True"}


def test_a_thick_image_without_the_client_is_not_built_and_says_where_it_belongs(tmp_path: Path) -> None:
    (step,) = [run for run in STAGES["thick"].all("RUN") if "instantclient-basic" in run]
    check = step.replace("/tmp/oracle-client", str(tmp_path)).split("&& for archive")[0]
    missing = subprocess.run(["sh", "-c", check], capture_output=True, text=True, check=False)
    assert missing.returncode == 1
    assert "docker/oracle-client/" in missing.stderr
    (tmp_path / "instantclient-basic-linux.x64-23.9.0.25.07.zip").touch()
    assert subprocess.run(["sh", "-c", check], check=False).returncode == 0


def test_the_client_cannot_be_committed() -> None:
    assert (ROOT / "docker" / "oracle-client" / ".gitignore").read_text(encoding="utf-8") == "*.zip\n"


@pytest.mark.parametrize("script", sorted((ROOT / "docker").rglob("*.sh")), ids=lambda script: script.name)
def test_every_shell_script_can_be_parsed(script: Path) -> None:
    shell = script.read_text(encoding="utf-8").splitlines()[0].removeprefix("#!")
    assert subprocess.run([shell, "-n", script], check=False).returncode == 0


def test_the_billing_data_are_written_whole_and_only_once(tmp_path: Path) -> None:
    """Run the export's script with a generator that is interrupted the first time."""
    target, tools = tmp_path / "export", tmp_path / "bin"
    target.mkdir()
    tools.mkdir()
    generator = tools / "python"
    generator.write_text(
        '#!/bin/sh\n[ "$1 $2 $3" = "-m dev.standin --export" ] || exit 9\n[ ! -e "$4" ] || exit 8\n'
        'mkdir -p "$4/pwacis" && echo load > "$4/01_load_pwacis.sh"\n'
        '[ -e "$(dirname "$0")/interrupted" ] || { touch "$(dirname "$0")/interrupted"; exit 1; }\n'
        'echo rows > "$4/pwacis/rows.csv"\n'
    )
    generator.chmod(0o755)

    def export() -> int:
        script = ROOT / "docker" / "oracle" / "export.sh"
        environment = {"PATH": f"{tools}:/usr/bin:/bin"}
        return subprocess.run(["sh", script, target], env=environment, capture_output=True, check=False).returncode

    assert export() == 1
    assert not (target / "01_load_pwacis.sh").exists()
    assert export() == 0
    assert sorted(path.name for path in target.iterdir()) == ["01_load_pwacis.sh", "pwacis"]
    written = (target / "pwacis" / "rows.csv").stat().st_mtime_ns
    assert export() == 0
    assert (target / "pwacis" / "rows.csv").stat().st_mtime_ns == written


def test_unescaping_halves_dollar_signs() -> None:
    assert unescaped({"a": ["$$HOME", 1]}) == {"a": ["$HOME", 1]}
