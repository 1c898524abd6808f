"""What the server asks of a database behind it: SQL text and decoded binds in, typed rows or an ORA error out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from dev.oracle_standin.values import Bind, Column, Value


class OracleError(Exception):
    """An error that the client sees as ``ORA-nnnnn: message``.

    :param code: the ORA number.
    :param message: the text after the number, without a trailing newline.
    :param position: 0-based offset in the SQL text of a parse error, else 0.
    """

    def __init__(self, code: int, message: str, position: int = 0) -> None:
        super().__init__(f"ORA-{code:05d}: {message}")
        self.code = code
        self.message = message
        self.position = position


class Rows(Protocol):
    """The rows of one executed query, read in order; they belong to the moment of the execute."""

    def fetch(self, count: int) -> Sequence[tuple[Value, ...]]:
        """Return the next rows, at most ``count``; fewer only at the end."""
        ...

    def close(self) -> None:
        """Forget the rest."""
        ...


@dataclass(frozen=True, slots=True)
class Result:
    """What an execute gave: columns and rows for a query; a row count for anything else."""

    columns: tuple[Column, ...] = ()
    rows: Rows | None = None
    row_count: int = 0


class BackendSession(Protocol):
    """One client's session: one transaction at a time, used by one thread at a time (but for ``cancel``)."""

    @property
    def is_in_transaction(self) -> bool:
        """True from the first change until commit or rollback."""
        ...

    def set_schema(self, name: str) -> None:
        """Set the schema in which unqualified names are looked up (``connection.current_schema``)."""
        ...

    def describe(self, sql: str) -> tuple[Column, ...]:
        """Return the columns of a query without running it; its binds have no values yet.

        :raises OracleError: what Oracle raises at parse.
        """
        ...

    def execute(self, sql: str, binds: Sequence[Bind]) -> Result:
        """Run one statement: query, DML, DDL, transaction control, or the few PL/SQL blocks that make sense.

        :param binds: one for each occurrence in the text for SQL, one for each distinct name for PL/SQL.
        :raises OracleError: what Oracle raises.
        """
        ...

    def commit(self) -> None:
        """Make the transaction's changes permanent and end a read-only transaction."""
        ...

    def rollback(self) -> None:
        """Undo the transaction's changes and end a read-only transaction."""
        ...

    def cancel(self) -> None:
        """Stop the running statement soon, from another thread; that ``execute`` then raises ORA-01013."""
        ...

    def close(self) -> None:
        """Roll back and let go of everything."""
        ...


class Backend(Protocol):
    """A database that sessions can be opened on, from several threads."""

    def open_session(self, user: str) -> BackendSession:
        """Open a session for a user who has logged in; unqualified names are looked up in the user's own schema."""
        ...
