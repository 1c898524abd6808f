"""A DuckDB database with billing data in it: in memory, or kept in a file and found there again."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import duckdb

from dev.billing_data.branches import Branch
from dev.billing_data.generate import FORMAT, TRUTH, generate
from dev.billing_data.options import GeneratorOptions, OptionError

MEMORY_LIMIT: Final = "2000MB"
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
    :raises OptionError: if the file has other data, cannot be opened, is no database, or is in use.
    """
    if file is not None and not file.exists():
        _make_file(file, options, progress)
    with closing(_open(file)) as connection:
        if file is None:
            generate(connection, options, progress=progress)
        else:
            _check(connection, file, options)
        yield connection


def _make_file(file: Path, options: GeneratorOptions, progress: Callable[[Branch], None] | None) -> None:
    """Make a file under another name first, so that one which bears its name is complete."""
    unfinished = file.with_name(f"{file.name}.part-{os.getpid()}")
    try:
        with closing(_open(unfinished)) as connection:
            generate(connection, options, progress=progress)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
        unfinished.with_name(f"{unfinished.name}.wal").unlink(missing_ok=True)


def _open(file: Path | None) -> duckdb.DuckDBPyConnection:
    # DuckDB makes this directory when memory runs short and removes it in the end; by default it would lie in the
    # directory that the command was started in.
    spill = Path(tempfile.gettempdir()) / f"billing-data-{secrets.token_hex(8)}"
    try:
        return duckdb.connect(
            str(file) if file is not None else ":memory:",
            config={"memory_limit": MEMORY_LIMIT, "threads": THREADS, "temp_directory": str(spill)},
        )
    except duckdb.Error:
        raise OptionError(f"database {file}: it cannot be opened, is no DuckDB database, or is in use") from None


def _check(connection: duckdb.DuckDBPyConnection, file: Path, options: GeneratorOptions) -> None:
    made_from = _made_from(connection)
    if made_from != (FORMAT, *options.described):
        its_data = ", ".join(made_from[1:]) or "none of this generator's"
        raise OptionError(f"database {file}: it has other data ({its_data}); name another file")


def _made_from(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Return the format and the choices that a database's data was made from; nothing if they are somebody else's."""
    tables = connection.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
    if (TRUTH, "made_from") not in tables:
        return ()
    rows = connection.execute(f"SELECT choice FROM {TRUTH}.made_from ORDER BY place").fetchall()
    return tuple(choice for (choice,) in rows)
