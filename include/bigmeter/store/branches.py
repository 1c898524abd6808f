"""The branches that are known to PostgreSQL, ``bm_branches``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from include.bigmeter.records import WriteCounts
from include.bigmeter.store.statements import statement
from include.bigmeter.store.transactions import own_transaction


def write_branches(conn: psycopg.Connection[Any], branches: Mapping[str, str | None]) -> WriteCounts:
    """Store the branches by code; one whose name is None or empty keeps the name it has. None is removed."""
    values = {"codes": list(branches), "names": list(branches.values())}
    with own_transaction(conn, "branches"), conn.cursor(row_factory=tuple_row) as cursor:
        inserted, updated = cursor.execute(statement("upsert_branches"), values).fetchone() or (0, 0)
    return WriteCounts(inserted=inserted, updated=updated, unchanged=len(branches) - inserted - updated)
