"""A DuckDB database with billing data in it: in memory, or kept in a file and found there again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb

from dev.billing_data.branches import Branch
from dev.billing_data.generate import FORMAT, TRUTH, generate
from dev.billing_data.options import GeneratorOptions, OptionError

MEMORY_LIMIT: Final = "2500MB"
"""What DuckDB may use; with the generator beside it, a set of 234 branches stays within 4 GB."""
THREADS: Final = 2


@contextmanager
def billing_database(
    options: GeneratorOptions, file: Path | None = None, *, progress: Callable[[Branch], None] | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database with the data that the options describe, and close it at the end.

    :param file: where the data is kept. A file that has the same data already is used as it is, with the changes that
        clients have made to it since; without a file the data is made in memory.
    :param progress: called with each branch that has been made; not at all if the file has the data.
    :raises OptionError: if the file has other data, is no database, or is in use.
    """
    with tempfile.TemporaryDirectory(prefix="billing-data-") as spill:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": MEMORY_LIMIT,
            "threads": THREADS,
            "temp_directory": spill,
        }
        try:
            connection = duckdb.connect(str(file) if file is not None else ":memory:", config=settings)
        except duckdb.Error:
            raise OptionError(
                f"database {file}: it is no database of billing data, or another process uses it"
            ) from None
        try:
            made_from = _made_from(connection)
            if made_from is None:
                generate(connection, options, progress=progress)
            elif made_from != (FORMAT, *options.described):
                raise OptionError(f"database {file}: it has other data ({', '.join(made_from[1:])}); name another file")
            yield connection
        finally:
            connection.close()


def _made_from(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...] | None:
    """Return what a database's data was made from; None for an empty database."""
    tables = connection.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
    if not tables:
        return None
    if (TRUTH, "made_from") not in tables:
        return ("", "tables of somebody else's")
    rows = connection.execute(f"SELECT choice FROM {TRUTH}.made_from ORDER BY place").fetchall()
    return tuple(choice for (choice,) in rows)
