"""Changes of the data between one execute and the next, as another session would make them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from dev.oracle_standin.backend import Backend, BackendSession

Change = str | Callable[[BackendSession], object]
"""One statement, or a function that is given a session of its own; either way it is committed."""


@dataclass(slots=True)
class _Due:
    after: int
    change: Change
    seen: int = 0


class Interludes:
    """The changes still to be made; added from any thread, made in the thread of the session that comes next."""

    def __init__(self, backend: Backend, user: str) -> None:
        self._backend = backend
        self._user = user
        self._lock = threading.Lock()
        self._waiting: list[_Due] = []

    def add(self, nth: int, change: Change) -> None:
        """Make a change between the nth execute and the next, counted from now over all sessions.

        :param nth: 0 makes it in front of the next execute.
        :raises ValueError: if it is negative.
        """
        if nth < 0:
            raise ValueError(f"nth is {nth}: use 0 for in front of the next execute, 1 for behind it")
        with self._lock:
            self._waiting.append(_Due(nth, change))

    def make_due(self) -> None:
        """Count an execute that is about to run, and make the changes that are due in front of it.

        :raises OracleError: what the backend raises for a change: it then fails that execute, and is not lost.
        """
        if not self._waiting:
            return
        with self._lock:
            due = [waiting for waiting in self._waiting if waiting.seen >= waiting.after]
            self._waiting = [waiting for waiting in self._waiting if waiting.seen < waiting.after]
            for waiting in self._waiting:
                waiting.seen += 1
        for made in due:
            self.make(made.change)

    def make(self, change: Change) -> int:
        """Make a change now, in a session of its own, and commit it.

        :return: the rows that a statement changed; 0 for a function.
        """
        session = self._backend.open_session(self._user)
        try:
            count = 0
            if isinstance(change, str):
                count = session.execute(change, ()).row_count
            else:
                change(session)
            session.commit()
            return count
        finally:
            session.close()
