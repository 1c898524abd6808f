"""The open cursors of one session, by the numbers that the driver knows them by."""

from __future__ import annotations

from dataclasses import dataclass, field

from dev.oracle_standin.backend import OracleError, Rows
from dev.oracle_standin.bind_values import BindDescriptor, Values
from dev.oracle_standin.row_encoding import RowEncoder
from dev.oracle_standin.statements import Statement
from dev.oracle_standin.values import Column

_MAX_NUMBER = 65535


@dataclass(slots=True)
class Cursor:
    """A parsed statement and, for a query, where its reading stands.

    ``described`` is what the client was last told about the columns; ``rows`` is None when nothing can be fetched.
    """

    statement: Statement
    number: int = 0
    descriptors: tuple[BindDescriptor, ...] = ()
    described: tuple[Column, ...] | None = None
    encoder: RowEncoder = field(default_factory=lambda: RowEncoder(()))
    values: Values = ()
    rows: Rows | None = None
    rows_sent: int = 0

    def start_reading(self, rows: Rows) -> None:
        """Take over the rows of a new execution."""
        self.stop_reading()
        self.rows, self.rows_sent = rows, 0

    def stop_reading(self) -> None:
        """Let go of the rows: the next fetch is out of sequence."""
        if self.rows is not None:
            self.rows.close()
            self.rows = None


class CursorTable:
    """Give cursors their numbers, and find them again."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._cursors: dict[int, Cursor] = {}
        self._last_number = 0

    def __len__(self) -> int:
        return len(self._cursors)

    def find(self, number: int) -> Cursor | None:
        """Return the cursor of a number, if it is open."""
        return self._cursors.get(number)

    def get(self, number: int) -> Cursor:
        """Return an open cursor.

        :raises OracleError: ORA-01001 if there is none of that number.
        """
        cursor = self._cursors.get(number)
        if cursor is None:
            raise OracleError(1001, "invalid cursor")
        return cursor

    def check_room(self) -> None:
        """Make sure that one more cursor may be opened.

        :raises OracleError: ORA-01000 at the limit.
        """
        if len(self._cursors) >= self._limit:
            raise OracleError(1000, "maximum open cursors exceeded")

    def open(self, cursor: Cursor) -> None:
        """Give a new cursor a number that is not in use."""
        number = self._last_number
        while True:
            number = number % _MAX_NUMBER + 1
            if number not in self._cursors:
                break
        self._last_number = cursor.number = number
        self._cursors[number] = cursor

    def close(self, number: int) -> None:
        """Close a cursor; a number that is not open is ignored, as the driver may close one twice."""
        cursor = self._cursors.pop(number, None)
        if cursor is not None:
            cursor.stop_reading()

    def close_all(self) -> None:
        """Close every cursor."""
        for number in list(self._cursors):
            self.close(number)
