"""Row locks, as Oracle has them and DuckDB has not: who changes a row holds it until commit or rollback.

DuckDB sees no conflict between an update of one column and of another, or between an update and a deletion.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

EVERY_ROW = -1
"""Stands for all rows of a table, where a statement changes very many."""

_TOO_MANY = 100_000
_Table = tuple[str, str]


class RowLocks:
    """Which session holds which rows. The caller guards it with a lock of its own."""

    def __init__(self) -> None:
        self._held: dict[_Table, dict[int, Hashable]] = {}
        self._by_holder: dict[Hashable, list[tuple[_Table, int]]] = {}
        self._waits: dict[Hashable, set[Hashable]] = {}

    def take(self, holder: Hashable, table: _Table, rows: Iterable[int]) -> set[Hashable]:
        """Lock rows for a holder; if others hold some of them, lock none and return those others."""
        wanted = set(rows)
        if len(wanted) > _TOO_MANY:
            wanted = {EVERY_ROW}
        held = self._held.setdefault(table, {})
        if EVERY_ROW in wanted:
            others = set(held.values())
        else:
            others = {held[row] for row in wanted | {EVERY_ROW} if row in held}
        others.discard(holder)
        if not others:
            held.update(dict.fromkeys(wanted, holder))
            self._by_holder.setdefault(holder, []).extend((table, row) for row in wanted)
        return others

    def release(self, holder: Hashable) -> None:
        """Give up all that a holder has."""
        for table, row in self._by_holder.pop(holder, ()):
            self._held[table].pop(row, None)

    def is_holding(self, holder: Hashable) -> bool:
        """Tell whether a holder has any row."""
        return holder in self._by_holder

    def start_waiting(self, waiter: Hashable, holders: set[Hashable]) -> bool:
        """Note who waits for whom; False, and nothing is noted, if that would close a circle."""
        reached: set[Hashable] = set()
        ahead = list(holders)
        while ahead:
            holder = ahead.pop()
            if holder is waiter:
                return False
            if holder not in reached:
                reached.add(holder)
                ahead += self._waits.get(holder, ())
        self._waits[waiter] = set(holders)
        return True

    def stop_waiting(self, waiter: Hashable) -> None:
        """Forget that one waits."""
        self._waits.pop(waiter, None)
