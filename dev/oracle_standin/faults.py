"""Faults on demand: what goes wrong, at which point of the conversation, and for whom."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from dev.oracle_standin.values import Value

FaultKind = Literal["refuse", "hang", "freeze", "drop", "reset", "delay", "ora"]
FaultPoint = Literal["connect", "login", "execute", "fetch", "rows", "commit"]

_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
_POINTS: tuple[FaultPoint, ...] = get_args(FaultPoint)
_STATEMENT_POINTS = ("execute", "fetch", "rows")
_BLOCKED = 12528
"""ORA-12528, "all instances are blocking new connections": what ``refuse`` says unless it is told another number."""

_GRAMMAR = "KIND[=VALUE]@POINT[:N][,times=N|always][,bind=VALUE][,sql=TEXT], for example ora=1555@execute:3"
_FAULT = re.compile(r"(?P<kind>[a-z]+)(=(?P<amount>[\d.]+))?@(?P<point>[a-z]+)(:(?P<nth>\d+))?(?P<options>,.*)?")


class FaultError(ValueError):
    """A fault that cannot be; the message says what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault.

    :param kind: ``refuse`` the connection with a listener's error; ``hang`` without an answer, but heed a break;
        ``freeze`` and heed nothing; ``drop`` the line in order (FIN); ``reset`` it (RST); ``delay`` the answer by
        ``delay_s``; answer with an ``ora`` error.
    :param at: the point: ``connect``, ``login``, before an ``execute``, a ``fetch`` or a ``commit`` (also one that
        comes with an execute), or once n ``rows`` of one execution have been sent.
    :param nth: the first time it strikes, counted from when it was added, among the events that it is for;
        at ``rows``, the number of rows.
    :param times: how many times it strikes; None for always.
    :param ora: the number of the error for ``ora``, and of the listener's error for ``refuse``.
    :param message: the text behind the number; by default Oracle's.
    :param bind: strike only statements with a bind of this value, compared as text: the code of one branch.
    :param sql: strike only statements whose text contains this, whatever its case.
    """

    kind: FaultKind
    at: FaultPoint
    nth: int = 1
    times: int | None = 1
    ora: int = 0
    message: str = ""
    delay_s: float = 0.0
    bind: str | None = None
    sql: str | None = None

    def __post_init__(self) -> None:
        """Check that the parts fit together.

        :raises FaultError: if they do not.
        """
        if self.kind not in _KINDS:
            raise FaultError(f"unknown kind of fault {self.kind!r}: use one of {', '.join(_KINDS)}")
        if self.at not in _POINTS:
            raise FaultError(f"unknown point {self.at!r}: use one of {', '.join(_POINTS)}")
        if self.nth < 1:
            raise FaultError(f"nth is {self.nth}: the first time is 1")
        if self.times is not None and self.times < 1:
            raise FaultError(f"times is {self.times}: use 1 or more, or always")
        if self.kind == "refuse" and self.at != "connect":
            raise FaultError(f"only a connection can be refused: use refuse@connect, or ora=CODE@{self.at}")
        if self.kind == "ora" and self.at == "connect":
            raise FaultError("the listener refuses with its own error: use refuse=CODE@connect")
        if self.kind == "ora" and not 0 < self.ora < 100_000:
            raise FaultError("an ora fault needs the number of the error: for example ora=1555@execute")
        if self.kind == "delay" and not self.delay_s > 0:
            raise FaultError("a delay needs its seconds: for example delay=0.5@fetch")
        if self.at not in _STATEMENT_POINTS and (self.bind is not None or self.sql is not None):
            raise FaultError(f"bind and sql are for {', '.join(_STATEMENT_POINTS)}: there is no statement at {self.at}")

    @property
    def refusal(self) -> int:
        """The listener's error number for ``refuse``."""
        return self.ora or _BLOCKED

    def is_for(self, sql: str, values: Sequence[Sequence[Value]]) -> bool:
        """Tell whether a statement with these bind values is one that the fault is for."""
        if self.sql is not None and self.sql.upper() not in sql.upper():
            return False
        return self.bind is None or any(str(value) == self.bind for row in values for value in row)


def parse_fault(text: str) -> Fault:
    """Read a fault from the form of the command line.

    ``KIND[=VALUE]@POINT[:N][,OPTION...]``: KIND and POINT as in ``Fault``; VALUE is the number of the error for
    ``ora`` and ``refuse``, the seconds for ``delay``; N is ``nth`` (for ``rows`` the number of rows); an OPTION is
    ``times=3``, ``times=always``, ``bind=1063`` or ``sql=TRN.BILL`` (the text up to the next comma).

    :raises FaultError: says what to change.
    """
    match = _FAULT.fullmatch(text.strip())
    if match is None:
        raise FaultError(f"cannot read the fault {text!r}: write {_GRAMMAR}")
    kind, amount = match["kind"], match["amount"]
    options: dict[str, str] = {}
    for option in (match["options"] or "").split(",")[1:]:
        name, _, setting = option.strip().partition("=")
        if name not in ("times", "bind", "sql") or not setting:
            raise FaultError(f"unknown option {option.strip()!r} in the fault {text!r}: write {_GRAMMAR}")
        if name in options:
            raise FaultError(f"{name} stands twice in the fault {text!r}: write a fault for each")
        options[name] = setting
    times = options.get("times", "1")
    if times != "always" and not times.isdigit():
        raise FaultError(f"times={times} in the fault {text!r}: use a number, or always")
    if amount is not None and kind not in ("ora", "refuse", "delay"):
        raise FaultError(f"{kind} takes no value: write {kind}@{match['point']}")
    if kind in ("ora", "refuse") and amount is not None and not amount.isdigit():
        raise FaultError(f"{kind}={amount}: the number of an ORA error has digits only")
    if kind == "delay" and (amount is None or amount.count(".") > 1 or amount == "."):
        raise FaultError(f"a delay needs its seconds: for example delay=0.5@{match['point']}")
    return Fault(
        kind=kind,  # type: ignore[arg-type]  # checked by Fault itself
        at=match["point"],  # type: ignore[arg-type]
        nth=int(match["nth"] or 1),
        times=None if times == "always" else int(times),
        ora=int(amount) if amount and kind != "delay" else 0,
        delay_s=float(amount) if amount and kind == "delay" else 0.0,
        bind=options.get("bind"),
        sql=options.get("sql"),
    )


@dataclass(slots=True)
class _Armed:
    fault: Fault
    seen: int = 0
    struck: int = 0

    @property
    def is_spent(self) -> bool:
        return self.fault.times is not None and self.struck >= self.fault.times


class FaultPlan:
    """The faults in force; added, read and removed from any thread."""

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._armed = [_Armed(fault) for fault in faults]
        self._struck = 0

    def add(self, fault: Fault | str) -> None:
        """Add a fault, given as such or in its text form.

        :raises FaultError: if the text is none.
        """
        armed = _Armed(parse_fault(fault) if isinstance(fault, str) else fault)
        with self._lock:
            self._armed.append(armed)

    def clear(self) -> None:
        """Remove every fault."""
        with self._lock:
            self._armed.clear()

    @property
    def struck(self) -> int:
        """How many times any fault has struck, those removed since included."""
        with self._lock:
            return self._struck

    def strike(self, at: FaultPoint, sql: str = "", values: Sequence[Sequence[Value]] = ()) -> list[Fault]:
        """Count one event, and return the faults that strike it, in the order in which they were added."""
        if not self._armed:
            return []
        with self._lock:
            struck = []
            for armed in self._armed:
                if armed.fault.at != at or not armed.fault.is_for(sql, values):
                    continue
                armed.seen += 1
                if armed.seen >= armed.fault.nth and not armed.is_spent:
                    struck.append(self._use(armed))
            return struck

    def strike_rows(
        self, sent: int, sending: int, sql: str, values: Sequence[Sequence[Value]]
    ) -> tuple[Fault, int] | None:
        """Return the first fault that strikes while rows are sent, and how many of them are sent before it.

        :param sent: rows of this execution sent in earlier replies.
        :param sending: rows in this reply.
        """
        if not self._armed:
            return None
        with self._lock:
            due = [
                armed
                for armed in self._armed
                if armed.fault.at == "rows"
                and sent < armed.fault.nth <= sent + sending
                and not armed.is_spent
                and armed.fault.is_for(sql, values)
            ]
            if not due:
                return None
            first = min(due, key=lambda armed: armed.fault.nth)
            return self._use(first), first.fault.nth - sent

    def _use(self, armed: _Armed) -> Fault:
        armed.struck += 1
        self._struck += 1
        return armed.fault
