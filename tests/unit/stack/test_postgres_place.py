"""The embedded PostgreSQL runs as another account where we are root, so that account must get to its programs."""

from __future__ import annotations

import stat
import tempfile
from pathlib import Path

import pytest

from dev.stack import postgres

PROGRAM = Path("server", "pginstall18", "bin", "postgres")
LIBRARY = Path("server.libs", "libpq.so")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory of installed packages with a PostgreSQL, and let copies be made beside it."""
    packages = tmp_path / "packages"
    for part in (PROGRAM, LIBRARY):
        (packages / part).parent.mkdir(parents=True)
        (packages / part).write_text(part.name)
    (tmp_path / "copies").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "copies"))
    monkeypatch.setattr(postgres, "_shipped_package", lambda: packages / "server")
    return packages


def test_where_others_cannot_enter_programs_and_libraries_are_copied_in_their_shape(packages: Path) -> None:
    packages.chmod(0o700)
    copied = postgres._reachable_package()
    assert not copied.is_relative_to(packages)
    for part in (PROGRAM, LIBRARY):
        assert (copied.parent / part).read_text() == part.name
    assert copied.parent.stat().st_mode & stat.S_IXOTH


def test_a_copy_is_made_once(packages: Path) -> None:
    packages.chmod(0o700)
    first = postgres._reachable_package()
    (packages / PROGRAM).write_text("newer")
    assert postgres._reachable_package() == first
    assert (first.parent / PROGRAM).read_text() == "postgres"
