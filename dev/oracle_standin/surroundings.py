"""What all connections of a server share."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from dev.oracle_standin.backend import Backend
from dev.oracle_standin.counters import Counters
from dev.oracle_standin.faults import FaultPlan
from dev.oracle_standin.interludes import Interludes
from dev.oracle_standin.login import Users


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The database, the accounts, and what tests turn and read; ``services`` are upper-cased names."""

    backend: Backend
    users: Users
    services: frozenset[str]
    faults: FaultPlan
    interludes: Interludes
    counters: Counters
    session_ids: count[int]
    handshake_timeout_s: float
    max_request_bytes: int
