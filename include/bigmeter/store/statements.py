"""The SQL of the store, read from ``sqls/postgres``: one statement a file, with a header that says what it needs."""

from __future__ import annotations

from functools import cache
from pathlib import Path

STATEMENTS_DIR = Path(__file__).parents[3] / "sqls" / "postgres"


@cache
def statement(name: str) -> bytes:
    """Return the statement of ``sqls/postgres/<name>.sql`` without its header, as the driver takes it.

    The header stays behind because the driver would look for placeholders in it, and the server has no use for it.
    """
    lines = (STATEMENTS_DIR / f"{name}.sql").read_text(encoding="utf-8").splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    return "".join(lines[first:]).strip().encode()
