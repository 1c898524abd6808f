"""One client's session in the event loop: a request at a time, and the breaks in between."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from dev.oracle_standin.backend import OracleError
from dev.oracle_standin.bind_values import UnreadableRequest
from dev.oracle_standin.faults import Fault
from dev.oracle_standin.handshake import Handshake, Login
from dev.oracle_standin.line import Line, LineEnded
from dev.oracle_standin.login import session_message
from dev.oracle_standin.ora_messages import named_error
from dev.oracle_standin.packets import DATA_FLAG_CLOSING, Marker, Packet, PacketType
from dev.oracle_standin.primitives import OutOfBytes, ProtocolError, Reader
from dev.oracle_standin.replies import CANCELLED, call_end, status
from dev.oracle_standin.requests import Execute, Fetch, FunctionNumber, Request, Simple, read_request
from dev.oracle_standin.session import Reply, Session
from dev.oracle_standin.surroundings import Surroundings

_logger = logging.getLogger(__name__)

_BACKEND_GOODBYE_S: Final = 10.0

_T = TypeVar("_T")


@dataclass(slots=True)
class _Call:
    """A request that is being answered: a step that waits in the event loop, or a job in the session's thread."""

    request: Request
    step: asyncio.Task[None] | None = None
    job: Future[Reply] | None = None


class Connection:
    """Serve one client until its line ends.

    Packets are read all the time, also while a call runs in the session's thread: a break may come at any moment.
    """

    def __init__(self, line: Line, surroundings: Surroundings) -> None:
        self._line = line
        self._around = surroundings
        self._request = bytearray()
        self._tried = 0
        self._unreadable: OracleError | None = None
        self._is_breaking = False
        self._is_frozen = False
        self._executor: ThreadPoolExecutor | None = None
        self._session: Session | None = None
        self._call: _Call | None = None
        self._answered: Request | None = None

    async def serve(self) -> None:
        """Hold the conversation to its end; no client can make this raise."""
        self._around.counters.add(open_connections=1)
        try:
            async with asyncio.timeout(self._around.handshake_timeout_s) as deadline:
                login = await Handshake(self._line, self._around, deadline).run()
                session = await self._open(login)
                deadline.reschedule(None)
                await self._converse(session)
        except (LineEnded, ConnectionError):
            pass
        except TimeoutError:
            _logger.info("a client did not finish its login in time: closed")
        except ProtocolError as error:
            _logger.info("closed a connection that does not speak the protocol: %s", error)
        finally:
            await self._end()

    async def _open(self, login: Login) -> Session:
        around = self._around
        session_id = next(around.session_ids)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"oracle-standin-{session_id}")
        opening = self._executor.submit(around.backend.open_session, login.user.upper())
        backend = await asyncio.wrap_future(opening)
        self._session = Session(backend, around.faults, around.interludes, around.counters)
        around.counters.add(open_sessions=1)
        self._line.send(session_message(login.key, session_id, login.service) + status(in_transaction=False))
        return self._session

    # -- requests

    async def _converse(self, session: Session) -> None:
        while True:
            packet = await (self._line.packet_or_silence() if self._is_undecided() else self._line.packet())
            if packet is None:
                self._settle(session)
            elif self._is_frozen:
                continue
            elif packet.type == PacketType.MARKER:
                self._take_marker(session, packet.marker)
            elif packet.type != PacketType.DATA:
                raise ProtocolError(f"a packet of type {packet.type} in a session")
            elif packet.data_flags & DATA_FLAG_CLOSING:
                return
            elif not self._is_breaking:
                self._take_data(session, packet)

    def _take_data(self, session: Session, packet: Packet) -> None:
        """Add to the request, and read it if it may be whole.

        Nothing marks the last packet of a request, and reading a long one again with each packet would take time by
        its square: a nearly full packet is taken as a sign of more to come.
        """
        if self._call is not None:
            raise ProtocolError("a request before the reply to the last one")
        if self._unreadable is None:
            self._request += packet.message_bytes
        if len(self._request) > self._around.max_request_bytes:
            raise ProtocolError(f"a request of more than {self._around.max_request_bytes} bytes")
        if not packet.is_nearly_full(self._line.sdu) or (self._tried and len(self._request) > 2 * self._tried):
            self._settle(session)

    def _is_undecided(self) -> bool:
        """Tell whether what came may be the end of a request though its last packet was nearly full."""
        return self._unreadable is not None or len(self._request) > self._tried

    def _settle(self, session: Session) -> None:
        """Start the call if all of its request is there."""
        if self._unreadable is not None:
            self._line.send(self._error(self._unreadable))
            self._unreadable = None
            return
        received = bytes(self._request)
        reader = Reader(received)
        try:
            request = read_request(reader, session.cursors)
        except OutOfBytes:
            self._tried = len(received)
            return
        except UnreadableRequest as unreadable:
            self._forget_request()
            self._around.counters.add(round_trips=1)
            self._unreadable = unreadable.error  # sent once the rest of the request has come and gone
            return
        if not reader.is_at_end:
            raise ProtocolError("bytes behind the end of a request")
        self._forget_request()
        self._answered = None
        self._count(request)
        session.register(request)
        if request.closed_cursors or request.schema is not None:
            self._in_thread(session.prepare, request)
        call = self._call = _Call(request)
        if faults := self._strike(session, request):
            self._in_step(call, self._suffer_first(session, call, faults))
        else:
            self._run(session, call)

    def _forget_request(self) -> None:
        self._request.clear()
        self._tried = 0
        self._unreadable = None

    async def _suffer_first(self, session: Session, call: _Call, faults: list[Fault]) -> None:
        with suppress(LineEnded):
            for fault in faults:
                if fault.kind == "ora":
                    self._in_thread(session.abandon, call.request)
                    self._end_call(self._error(named_error(fault.ora, fault.message)))
                    return
                await self._suffer(fault)
            self._run(session, call)

    def _run(self, session: Session, call: _Call) -> None:
        """Have a call answered in the session's thread, and its reply sent from the event loop."""
        loop = asyncio.get_running_loop()
        call.job = self._in_thread(session.answer, call.request)
        call.job.add_done_callback(lambda job: loop.call_soon_threadsafe(self._reply, session, call, job))

    def _reply(self, session: Session, call: _Call, job: Future[Reply]) -> None:
        """Send the reply of a call, unless a break has come before it."""
        if self._call is not call:
            return
        failure = job.exception()
        if failure is not None:
            log_failure(failure)
            self._in_thread(session.abandon, call.request)
            self._end_call(self._error(named_error(604)))
            return
        reply = job.result()
        if reply.fault is None:
            self._end_call(reply.message)
        else:
            self._line.send(reply.message)
            self._in_step(call, self._suffer_last(reply.fault, reply.rest))

    async def _suffer_last(self, fault: Fault, rest: bytes) -> None:
        with suppress(LineEnded):
            await self._suffer(fault)
            self._end_call(rest)

    def _end_call(self, last_words: bytes) -> None:
        if self._call is not None:
            self._answered = self._call.request
            self._call = None
        self._line.send(last_words)

    def _in_step(self, call: _Call, step: Coroutine[None, None, None]) -> None:
        """Let a step of a call take its time, as faults do; a break cancels it."""
        call.step = asyncio.create_task(step)

    def _error(self, error: OracleError) -> bytes:
        in_transaction = self._session is not None and self._session.in_transaction
        return call_end(in_transaction=in_transaction, error=error)

    def _strike(self, session: Session, request: Request) -> list[Fault]:
        faults, function = self._around.faults, request.function
        struck: list[Fault] = []
        if isinstance(function, Execute):
            struck += faults.strike("execute", function.statement.sql, function.rows)
        elif isinstance(function, Fetch) and (cursor := session.cursors.find(function.cursor_number)):
            struck += faults.strike("fetch", cursor.statement.sql, (cursor.values,))
        if _is_commit(function):
            struck += faults.strike("commit")
        return struck

    def _count(self, request: Request) -> None:
        function = request.function
        if isinstance(function, Execute):
            self._around.counters.add(round_trips=1, executes=1, statement=function.statement.sql)
        else:
            self._around.counters.add(round_trips=1, fetches=int(isinstance(function, Fetch)))

    # -- breaks

    def _take_marker(self, session: Session, marker: Marker) -> None:
        """Stop the running call at a break, and end it at the reset.

        A break that arrives when nothing is running has crossed the reply, and is taken in the same way: what is
        still unread of that reply would else stand in front of the next one, and the rows in it are lost to the client.
        """
        self._forget_request()
        self._abandon_call(session)
        if self._answered is not None:
            self._in_thread(session.lose_place, self._answered)
            self._answered = None
        if marker is Marker.RESET:
            self._is_breaking = False
            self._line.send_marker(Marker.RESET)
            self._line.send(self._error(CANCELLED))
        elif not self._is_breaking:
            self._is_breaking = True
            self._line.send_marker(Marker.BREAK)

    def _abandon_call(self, session: Session) -> None:
        """Let go of the running call: the session's next one waits for its thread, the client does not."""
        call, self._call = self._call, None
        if call is None:
            return
        if call.step is not None:
            call.step.cancel()
        if call.job is not None and not call.job.cancel() and call.job.running():
            session.cancel()
        self._in_thread(session.abandon, call.request)

    async def _suffer(self, fault: Fault) -> None:
        """Let a fault strike the running call.

        :raises LineEnded: if it ends the line.
        """
        if fault.kind == "delay":
            await asyncio.sleep(fault.delay_s)
        elif fault.kind in ("hang", "freeze"):
            self._is_frozen = fault.kind == "freeze"
            await asyncio.Event().wait()
        else:
            self._line.end_by(fault)

    def _in_thread(self, function: Callable[[Request], _T], request: Request) -> Future[_T]:
        assert self._executor is not None  # noqa: S101 - made together with the session
        return self._executor.submit(function, request)

    async def _end(self) -> None:
        """Close the line and let go of everything, also of a call that is still running."""
        session, executor = self._session, self._executor
        if session is not None:
            self._abandon_call(session)
        await self._line.hang_up()
        if executor is not None:
            if session is not None:
                closing = asyncio.wrap_future(executor.submit(session.close))
                done, _ = await asyncio.wait({closing}, timeout=_BACKEND_GOODBYE_S)
                if not done:
                    _logger.warning("a session of the backend does not end: its thread is left behind")
                elif failure := closing.exception():
                    log_failure(failure)
                executor.shutdown(wait=bool(done))  # an idle thread ends at once
                self._around.counters.add(open_sessions=-1)
            else:
                executor.shutdown(wait=False)
        self._around.counters.add(open_connections=-1)


def _is_commit(function: Execute | Fetch | Simple) -> bool:
    if isinstance(function, Execute):
        return function.commits
    return isinstance(function, Simple) and function.number is FunctionNumber.COMMIT


def log_failure(failure: BaseException) -> None:
    """Log where something failed, without its message: a database's may quote rows."""
    frames = "".join(traceback.format_tb(failure.__traceback__))
    _logger.error("failed with %s\n%s", type(failure).__name__, frames)
