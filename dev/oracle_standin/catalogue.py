"""The tables as Oracle declares them: what DuckDB's own types cannot say (CHAR, plain NUMBER, sizes)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dev.oracle_standin.values import Column


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its owner, its name and its columns, all in Oracle's upper case."""

    owner: str
    name: str
    columns: tuple[Column, ...]


Catalogue = Mapping[tuple[str, str], Table]
"""Tables by (owner, name)."""
