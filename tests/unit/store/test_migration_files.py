from __future__ import annotations

from pathlib import Path

import pytest

from include.bigmeter.errors import ConfigError
from include.bigmeter.store.migrations import read_migrations


def write(directory: Path, *names: str, text: bytes = b"SELECT 1;\n") -> None:
    for name in names:
        (directory / name).write_bytes(text)


def test_the_migrations_of_the_software_are_in_order() -> None:
    migrations = read_migrations()
    assert migrations[0].name == "0001_init.sql"
    assert [migration.version for migration in migrations] == list(range(1, len(migrations) + 1))


def test_the_checksum_takes_no_notice_of_how_lines_end(tmp_path: Path) -> None:
    write(tmp_path, "0001_a.sql", text=b"SELECT 1;\n-- x\n")
    before = read_migrations(tmp_path)[0].checksum
    write(tmp_path, "0001_a.sql", text=b"SELECT 1;\r\n-- x\r\n")
    assert read_migrations(tmp_path)[0].checksum == before
    write(tmp_path, "0001_a.sql", text=b"SELECT 2;\n-- x\n")
    assert read_migrations(tmp_path)[0].checksum != before


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["0001_a.sql", "0003_c.sql"], "0002 is expected"),
        (["0002_a.sql"], "0001 is expected"),
        (["0001_a.sql", "0001_b.sql"], "0002 is expected"),
        (["1_a.sql"], "NNNN_verb_object"),
        (["0001_Add.sql"], "NNNN_verb_object"),
        ([], "holds no file"),
    ],
)
def test_a_gap_a_double_number_and_a_strange_name_are_refused(tmp_path: Path, names: list[str], words: str) -> None:
    write(tmp_path, *names)
    with pytest.raises(ConfigError, match=words):
        read_migrations(tmp_path)
