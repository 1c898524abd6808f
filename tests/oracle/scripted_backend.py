"""A database that knows its answers by heart: what the wire protocol is tested against, without a real one behind it.

Beside fixed texts it understands ``SELECT ... FROM dual`` of binds, casts of binds and simple literals, and
``SELECT LEVEL AS n FROM dual CONNECT BY LEVEL <= k``, so that the same tests run against a real Oracle Database.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import repeat

from dev.oracle_standin.backend import OracleError, Result
from dev.oracle_standin.values import Bind, Column, OracleType, Value

Answer = Callable[[Sequence[Bind]], Result]

_DUAL = re.compile(r"\s*select\s+(?P<items>.*?)\s+from\s+dual\s*", re.IGNORECASE | re.DOTALL)
_LEVEL = re.compile(
    r"\s*select\s+level\s+as\s+n\s+from\s+dual\s+connect\s+by\s+level\s*<=\s*(?P<count>\d+|:\w+)\s*",
    re.IGNORECASE,
)
_CAST = re.compile(r"cast\((?P<operand>.*)\s+as\s+(?P<type>\w+)(\((?P<sizes>[\d, ]+)\))?\)", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_TYPES = {
    "VARCHAR2": OracleType.VARCHAR2,
    "CHAR": OracleType.CHAR,
    "NUMBER": OracleType.NUMBER,
    "DATE": OracleType.DATE,
    "TIMESTAMP": OracleType.TIMESTAMP,
    "BINARY_DOUBLE": OracleType.BINARY_DOUBLE,
    "RAW": OracleType.RAW,
}


@dataclass
class ScriptedRows:
    """Rows that are all there already."""

    rows: Sequence[tuple[Value, ...]]
    is_closed: bool = False
    position: int = 0

    def fetch(self, count: int) -> Sequence[tuple[Value, ...]]:
        """Return the next rows."""
        found = self.rows[self.position : self.position + count]
        self.position += len(found)
        return found

    def close(self) -> None:
        """Note that nothing more is read."""
        self.is_closed = True


def query_result(columns: Sequence[Column], rows: Sequence[tuple[Value, ...]]) -> Result:
    """Make the result of a query."""
    return Result(tuple(columns), ScriptedRows(rows))


def number_column(name: str = "N") -> Column:
    """Make a plain NUMBER column."""
    return Column(name, OracleType.NUMBER, scale=-127)


def text_column(name: str, size: int = 100) -> Column:
    """Make a VARCHAR2 column."""
    return Column(name, OracleType.VARCHAR2, size)


@dataclass
class ScriptedBackend:
    """The answers by statement text, and what the sessions did."""

    answers: dict[str, Answer] = field(default_factory=dict)
    executed: list[tuple[str, tuple[Bind, ...]]] = field(default_factory=list)
    transactions: list[str] = field(default_factory=list)
    schemas: list[str] = field(default_factory=list)
    sessions: list[ScriptedSession] = field(default_factory=list)
    changes: int = 0

    def open_session(self, user: str) -> ScriptedSession:
        """Open a session."""
        session = ScriptedSession(self, user)
        self.sessions.append(session)
        return session

    @property
    def open_count(self) -> int:
        """How many sessions are open."""
        return sum(not session.is_closed for session in self.sessions)


@dataclass
class ScriptedSession:
    """One session; ``cancelled`` is set while a cancel is due."""

    backend: ScriptedBackend
    user: str
    is_in_transaction: bool = False
    is_closed: bool = False
    cancelled: threading.Event = field(default_factory=threading.Event)
    is_waiting: threading.Event = field(default_factory=threading.Event)

    def set_schema(self, name: str) -> None:
        """Note the schema."""
        self.backend.schemas.append(name)

    def describe(self, sql: str) -> tuple[Column, ...]:
        """Return the columns of a query, whatever its binds."""
        if match := _DUAL.fullmatch(sql):
            unbound = repeat(Bind("X", OracleType.VARCHAR2, None))
            return tuple(_evaluate(item, unbound)[0] for item in _items(match["items"]))
        return self.execute(sql, ()).columns

    def execute(self, sql: str, binds: Sequence[Bind]) -> Result:
        """Answer from the script."""
        self.backend.executed.append((sql, tuple(binds)))
        if answer := self.backend.answers.get(sql):
            return answer(binds)
        if sql == "select n from slow":
            return self._wait()
        if match := _LEVEL.fullmatch(sql):
            count = binds[0].value if binds else Decimal(match["count"])
            assert isinstance(count, Decimal)
            return query_result([number_column()], [(Decimal(row),) for row in range(1, int(count) + 1)])
        if match := _DUAL.fullmatch(sql):
            values = iter(binds)
            evaluated = [_evaluate(item, values) for item in _items(match["items"])]
            return query_result([column for column, _ in evaluated], [tuple(value for _, value in evaluated)])
        if re.match(r"\s*(insert|update|delete|merge)\b", sql, re.IGNORECASE):
            self.is_in_transaction = True
            self.backend.changes += 1
            return Result(row_count=1)
        if re.match(r"\s*(begin|create|drop|set|alter)\b", sql, re.IGNORECASE):
            return Result()
        raise OracleError(942, "table or view does not exist", max(sql.lower().find("from ") + 5, 0))

    def commit(self) -> None:
        """Note the commit."""
        self.backend.transactions.append("commit")
        self.is_in_transaction = False

    def rollback(self) -> None:
        """Note the rollback."""
        self.backend.transactions.append("rollback")
        self.is_in_transaction = False

    def cancel(self) -> None:
        """Stop a statement that waits."""
        self.cancelled.set()

    def close(self) -> None:
        """Note the end."""
        self.is_closed = True

    def _wait(self) -> Result:
        self.cancelled.clear()
        self.is_waiting.set()
        try:
            if self.cancelled.wait(30):
                raise OracleError(1013, "user requested cancel of current operation")
            raise AssertionError("nobody cancelled the slow statement")
        finally:
            self.is_waiting.clear()


def _items(text: str) -> list[str]:
    return [item.strip() for item in re.findall(r"(?:\([^)]*\)|'[^']*'|[^,'(])+", text)]


def _evaluate(item: str, binds: Iterator[Bind]) -> tuple[Column, Value]:
    """Return the column and the value of one item of a select list; binds are taken in their order."""
    parts = re.fullmatch(r"(?P<expression>.*?)(\s+as\s+(?P<alias>\w+|\"[^\"]+\"))?", item, re.IGNORECASE | re.DOTALL)
    assert parts is not None
    expression, alias = parts["expression"], parts["alias"]
    if item.endswith(")"):  # the "as" of a cast without an alias is its own
        expression, alias = item, None
    name = alias.strip('"') if alias and alias.startswith('"') else (alias or expression).upper()
    if match := _CAST.fullmatch(expression):
        sizes = [int(size) for size in (match["sizes"] or "0").split(",")]
        _, value = _evaluate(match["operand"], binds)
        return _cast(name, _TYPES[match["type"].upper()], sizes, value)
    if expression.startswith(":"):
        return _bound(name, next(binds))
    if expression.startswith("'"):
        literal = expression.strip("'")
        return Column(name, OracleType.CHAR, len(literal)), literal or None
    if _NUMBER.fullmatch(expression):
        return number_column(name), Decimal(expression)
    if expression.lower() != "null":
        raise OracleError(904, f'"{expression.upper()}": invalid identifier')
    return Column(name, OracleType.VARCHAR2, 0), None


def _cast(name: str, kind: OracleType, sizes: list[int], value: Value) -> tuple[Column, Value]:
    if kind is OracleType.NUMBER:
        scale = sizes[1] if len(sizes) > 1 else 0 if sizes[0] else -127
        return Column(name, kind, precision=sizes[0], scale=scale), value
    if kind is OracleType.TIMESTAMP:
        return Column(name, kind, scale=sizes[0] or 6), value
    if kind is OracleType.CHAR and isinstance(value, str):
        value = value.ljust(sizes[0])
    return Column(name, kind, sizes[0]), value


def _bound(name: str, bind: Bind) -> tuple[Column, Value]:
    kind = OracleType.VARCHAR2 if bind.type is OracleType.LONG else bind.type
    if kind in (OracleType.VARCHAR2, OracleType.CHAR, OracleType.RAW):
        size = len(bind.value) if isinstance(bind.value, str | bytes) else 1
        return Column(name, kind, max(1, size)), bind.value
    return Column(name, kind, scale={OracleType.NUMBER: -127, OracleType.TIMESTAMP: 9}.get(kind, 0)), bind.value
