"""Write the data dictionary from the comments of a migrated database: ``python -m dev.dictionary``.

The comments are part of the migrations, so a column cannot come without its meaning and unit, nor the page say
something else than the database.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from dev.stack.airflow import REPOSITORY
from dev.stack.postgres import EmbeddedPostgres
from include.bigmeter.store.migrations import migrate

PAGE = REPOSITORY / "docs" / "data-dictionary.md"

_INTRODUCTION = """\
# Data dictionary (พจนานุกรมข้อมูล)

Written by `python -m dev.dictionary` from the comments of a migrated database; a test compares them. To change a text,
add a migration with `COMMENT ON`. How to query: [consumers.md](consumers.md).

Months are text, Gregorian `YYYYMM` (`202509`); `debt_ym` is the month as Oracle has it, Buddhist (`256809`). Fiscal
years run from October to September and are labelled, Gregorian, by the year they end in. Codes are text: leading
zeros count. Water is in cubic metres, times carry their zone. *Key* marks the columns of the primary key, *required*
those that are never NULL. Customers' names and addresses are personal data; they are here and nowhere else.
"""
_RELATIONS = """
SELECT c.oid, c.relname, c.relkind = 'v' AS is_view, obj_description(c.oid, 'pg_class')
FROM pg_class AS c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v') AND c.relname LIKE 'bm\\_%'
ORDER BY is_view DESC, c.relname
"""
_COLUMNS = """
SELECT
    a.attname,
    format_type(a.atttypid, a.atttypmod),
    coalesce(k.indrelid IS NOT NULL, false) AS is_key,
    a.attnotnull,
    col_description(a.attrelid, a.attnum)
FROM pg_attribute AS a
LEFT JOIN pg_index AS k ON k.indrelid = a.attrelid AND k.indisprimary AND a.attnum = ANY (k.indkey)
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
_FUNCTIONS = """
SELECT p.proname, pg_get_function_identity_arguments(p.oid), format_type(p.prorettype, NULL),
       obj_description(p.oid, 'pg_proc')
FROM pg_proc AS p
WHERE p.pronamespace = current_schema()::regnamespace AND p.proname LIKE 'bm\\_%'
ORDER BY p.proname
"""
_SHORT_TYPES = {"timestamp with time zone": "timestamptz", "double precision": "float8"}


def dictionary(connection: psycopg.Connection[Any]) -> str:
    """Return the page for the database behind the connection.

    :raises ValueError: naming what has no comment.
    """
    relations = connection.execute(_RELATIONS).fetchall()
    lines = [_INTRODUCTION]
    for title, wanted in (("Views, to read from", True), ("Tables", False)):
        chosen = [relation for relation in relations if relation[2] is wanted]
        lines += [f"## {title}", "", "| name | what it holds |", "|---|---|"]
        lines += [f"| [`{name}`](#{name}) | {_said(comment, name)} |" for _, name, _, comment in chosen]
        lines.append("")
        for oid, name, is_view, comment in chosen:
            lines += [f"### {name}", "", _said(comment, name), ""]
            lines += _table(name, connection.execute(_COLUMNS, [oid]).fetchall(), is_view=is_view)
    lines += ["## Functions", "", "| name | returns | meaning |", "|---|---|---|"]
    for name, arguments, returned, comment in connection.execute(_FUNCTIONS).fetchall():
        lines.append(f"| `{name}({arguments})` | {returned} | {_said(comment, name)} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with ``--check`` say by the exit status whether it is up to date."""
    with tempfile.TemporaryDirectory(prefix="bigmeter-dictionary-") as directory:
        Path(directory).chmod(0o711)  # the embedded PostgreSQL may run under another account
        with EmbeddedPostgres(Path(directory)) as server:
            with psycopg.connect(server.dsn()) as connection:
                migrate(connection)
                page = dictionary(connection)
            server.remove()
    if "--check" in arguments:
        return 0 if PAGE.read_text(encoding="utf-8") == page else 1
    PAGE.write_text(page, encoding="utf-8")
    print(f"{PAGE.relative_to(REPOSITORY)}: {page.count(chr(10))} lines")
    return 0


def _table(relation: str, columns: Sequence[tuple[Any, ...]], *, is_view: bool) -> list[str]:
    heading = ["| column | type | meaning |", "|---|---|---|"]
    if not is_view:
        heading = ["| column | type | | meaning |", "|---|---|---|---|"]
    lines = []
    for name, kind, is_key, is_required, comment in columns:
        mark = "" if is_view else f" {'key' if is_key else 'required' if is_required else ''} |"
        said = _said(comment, f"{relation}.{name}")
        lines.append(f"| `{name}` | {_SHORT_TYPES.get(kind, kind)} |{mark} {said} |")
    return [*heading, *lines, ""]


def _said(comment: str | None, name: str) -> str:
    if not comment:
        raise ValueError(f"{name} has no comment: add COMMENT ON to a migration")
    return " ".join(comment.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
