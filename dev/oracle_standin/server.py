"""The server: a listening socket, and what tests turn and read while it runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from types import MappingProxyType
from typing import TypedDict, Unpack

from dev.oracle_standin.backend import Backend
from dev.oracle_standin.connection import Connection, log_failure
from dev.oracle_standin.control import ControlPort
from dev.oracle_standin.counters import Counters
from dev.oracle_standin.faults import FaultPlan
from dev.oracle_standin.interludes import Change, Interludes
from dev.oracle_standin.line import Line
from dev.oracle_standin.login import Users
from dev.oracle_standin.surroundings import Surroundings

DEFAULT_USERS: Mapping[str, str] = MappingProxyType({"bigmeter_ro": "bigmeter"})
DEFAULT_SERVICES = ("BILLING",)

_START_TIMEOUT_S = 30.0


class ServerOptions(TypedDict, total=False):
    """The keyword arguments of ``StandinServer``."""

    users: Mapping[str, str]
    services: Iterable[str]
    host: str
    port: int
    faults: FaultPlan | None
    counters: Counters | None
    handshake_timeout_s: float
    max_request_bytes: int
    control_port: int | None


class StandinServer:
    """A server that speaks Oracle's wire protocol in front of a backend.

    ``faults``, ``counters`` and ``between_executes`` may be used from any thread while it runs.

    :param users: passwords by user name; a user owns the schema of the same name.
    :param services: the names under which the database is found, as service or as SID.
    :param port: 0 takes a free one, to be read from ``port`` once started.
    :param handshake_timeout_s: how long a client may take from its connection to its login.
    :param max_request_bytes: a larger request ends its connection.
    :param control_port: where another process may reach ``StandinControl``; 0 takes a free port, None has none.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        users: Mapping[str, str] = DEFAULT_USERS,
        services: Iterable[str] = DEFAULT_SERVICES,
        host: str = "127.0.0.1",
        port: int = 0,
        faults: FaultPlan | None = None,
        counters: Counters | None = None,
        handshake_timeout_s: float = 60.0,
        max_request_bytes: int = 256 * 1024 * 1024,
        control_port: int | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.faults = faults or FaultPlan()
        self.counters = counters or Counters()
        self._user, self._password = next(iter(users.items()))
        services = tuple(services)
        self._service = services[0]
        self.interludes = Interludes(backend, self._user.upper())
        self._surroundings = Surroundings(
            backend=backend,
            users=Users(users),
            services=frozenset(service.upper() for service in services),
            faults=self.faults,
            interludes=self.interludes,
            counters=self.counters,
            session_ids=count(1),
            handshake_timeout_s=handshake_timeout_s,
            max_request_bytes=max_request_bytes,
        )
        self._control = None if control_port is None else ControlPort(self, "127.0.0.1", control_port)
        self._listener: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """``host:port/service``: the ``dsn`` argument of ``oracledb.connect`` beside user and password."""
        return f"{self.host}:{self.port}/{self._service}"

    @property
    def control_port(self) -> int | None:
        """The port of ``StandinControl``, or None if there is none."""
        return None if self._control is None else self._control.port

    @property
    def dsn(self) -> str:
        """``user/password@host:port/service`` of the first user and service: the form of ``ORACLE_DSN``."""
        return f"{self._user}/{self._password}@{self.address}"

    def between_executes(self, nth: int, change: Change) -> None:
        """Change the data between the nth execute from now, over all sessions, and the next one.

        :param nth: 0 makes the change in front of the next execute.
        :param change: one statement, or a function that is given a backend session of its own; it is committed.
        """
        self.interludes.add(nth, change)

    async def start(self) -> None:
        """Start to listen.

        :raises OSError: if the port is taken.
        """
        self._listener = await asyncio.start_server(self._welcome, self.host, self.port, backlog=128)
        self.port = self._listener.sockets[0].getsockname()[1]
        if self._control is not None:
            await self._control.start()

    async def stop(self) -> None:
        """Stop to listen and end every connection, running calls included."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._control is not None:
            await self._control.stop()
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(Connection(Line(reader, writer), self._surroundings).serve())
        self._connections.add(task)
        task.add_done_callback(self._part)

    def _part(self, task: asyncio.Task[None]) -> None:
        self._connections.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            log_failure(failure)


@contextmanager
def running_server(backend: Backend, **options: Unpack[ServerOptions]) -> Iterator[StandinServer]:
    """Run a server in a thread of its own for the length of a ``with`` block.

    :param options: as for ``StandinServer``.
    :raises OSError: if the port is taken.
    """
    server = StandinServer(backend, **options)
    is_started = threading.Event()
    failures: list[BaseException] = []
    stops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        stop = asyncio.Event()
        await server.start()
        stops.append((asyncio.get_running_loop(), stop))
        is_started.set()
        await stop.wait()
        await server.stop()

    def run_in_thread() -> None:
        try:
            asyncio.run(run())
        except OSError as failure:
            failures.append(failure)
            is_started.set()

    thread = threading.Thread(target=run_in_thread, name="oracle-standin", daemon=True)
    thread.start()
    if not is_started.wait(_START_TIMEOUT_S):
        raise TimeoutError("the stand-in does not start")
    if failures:
        thread.join()
        raise failures[0]
    try:
        yield server
    finally:
        loop, stop = stops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join()
