"""What the server has done so far, for tests to read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """The counters at one moment, since the start or the last reset.

    ``connections`` counts CONNECT packets, so attempts that were refused too. ``executes`` counts requests, an array of
    binds as one. ``round_trips`` counts the requests of logged-in sessions. ``open_connections`` and
    ``open_sessions`` are those open now, whatever was reset; ``most_sessions`` is the most at once.
    """

    connections: int = 0
    executes: int = 0
    fetches: int = 0
    round_trips: int = 0
    rows: int = 0
    commits: int = 0
    distinct_statements: int = 0
    most_sessions: int = 0
    open_sessions: int = 0
    open_connections: int = 0


class Counters:
    """Count, and be read, from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._counts: dict[str, int] = dict.fromkeys(Counts.__dataclass_fields__, 0)
        self._statements: set[str] = set()

    def read(self) -> Counts:
        """Return all counters as of now."""
        with self._changed:
            return self._read()

    def statements(self) -> frozenset[str]:
        """Return the distinct statement texts that were executed."""
        with self._changed:
            return frozenset(self._statements)

    def reset(self) -> None:
        """Start again from 0; what is open stays counted, and is the new most at once."""
        with self._changed:
            counts = self._counts
            is_open = {name: counts[name] for name in ("open_sessions", "open_connections")}
            self._counts = dict.fromkeys(counts, 0) | is_open | {"most_sessions": is_open["open_sessions"]}
            self._statements.clear()

    def wait_until(self, is_reached: Callable[[Counts], bool], timeout_s: float = 10.0) -> Counts:
        """Wait until the counters are as wanted, and return them.

        :raises TimeoutError: if they are not within ``timeout_s``.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: is_reached(self._read()), timeout_s):
                raise TimeoutError(f"not within {timeout_s} s; now {self._read()}")
            return self._read()

    def add(self, *, statement: str | None = None, **increments: int) -> None:
        """Add to some counters at once, and note the text of a statement that was executed."""
        with self._changed:
            counts = self._counts
            for name, increment in increments.items():
                counts[name] += increment
            counts["most_sessions"] = max(counts["most_sessions"], counts["open_sessions"])
            if statement is not None:
                self._statements.add(statement)
            self._changed.notify_all()

    def _read(self) -> Counts:
        return Counts(**(self._counts | {"distinct_statements": len(self._statements)}))
