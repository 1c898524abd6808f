"""The examples of the stand-in's SQL.md, and how an answer is written there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

_DOCUMENT = Path(__file__).parents[3] / "dev" / "oracle_standin" / "SQL.md"
_BLOCK = re.compile(r"^## (?P<section>[^\n]+)\n|```sql\n(?P<sql>.*?)```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """A statement and its answer: lines of values, or one ORA number."""

    section: str
    sql: str
    answer: tuple[str, ...]

    @property
    def error(self) -> str | None:
        """The ORA number, if the statement is refused."""
        return self.answer[0] if self.answer and self.answer[0].startswith("ORA-") else None


def examples() -> Iterator[Example]:
    """Read the document."""
    section = ""
    for block in _BLOCK.finditer(_DOCUMENT.read_text(encoding="utf-8")):
        section = block["section"] or section
        sql: str | None = None
        answer: list[str] = []
        for line in (block["sql"] or "").splitlines():
            if line.startswith("-- "):
                answer.append(line[3:])
                continue
            if sql is not None:
                yield Example(section, sql, _rows(answer))
            sql, answer = line.removesuffix(";"), []
        if sql is not None:
            yield Example(section, sql, _rows(answer))


def _rows(lines: list[str]) -> tuple[str, ...]:
    return () if lines == ["no rows"] else tuple(lines)


def shown(rows: Iterable[Sequence[object]]) -> tuple[str, ...]:
    """Write rows as the document does."""
    return tuple(", ".join(_value(value) for value in row) for row in rows)


def _value(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal | int):
        return f"{Decimal(value):f}"
    raise TypeError(f"the document has no {type(value).__name__}")
