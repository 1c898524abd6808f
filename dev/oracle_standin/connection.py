"""One client's conversation: connect, negotiate, log in, then a request at a time, with breaks in between."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

from dev.oracle_standin.backend import Backend, OracleError
from dev.oracle_standin.bind_values import UnreadableRequest
from dev.oracle_standin.counters import Counters
from dev.oracle_standin.faults import Fault, FaultPlan
from dev.oracle_standin.interludes import Interludes
from dev.oracle_standin.login import (
    CHALLENGE_FUNCTION,
    PASSWORD_FUNCTION,
    Challenge,
    LoginRequest,
    Users,
    read_login,
    session_message,
)
from dev.oracle_standin.negotiation import (
    accept_packet,
    data_types_reply,
    protocol_reply,
    read_connect,
    read_data_types,
    read_protocol,
    refuse_packet,
    requested_service,
)
from dev.oracle_standin.ora_messages import named_error
from dev.oracle_standin.packets import (
    DATA_FLAG_CLOSING,
    Marker,
    Packet,
    PacketBuffer,
    PacketType,
    data_packets,
    marker_packet,
)
from dev.oracle_standin.primitives import OutOfBytes, ProtocolError, Reader
from dev.oracle_standin.replies import CANCELLED, call_end, status
from dev.oracle_standin.requests import (
    FUNCTION_MESSAGE,
    Execute,
    Fetch,
    FunctionNumber,
    Request,
    Simple,
    read_request,
)
from dev.oracle_standin.session import Reply, Session

_logger = logging.getLogger(__name__)

_READ_SIZE = 262_144
_SILENCE_S = 0.01
"""A request whose last packet happens to be nearly full is taken as whole after this much silence."""

_GOODBYE_S = 5.0
_HANG_UP_S = 1.0
_BACKEND_GOODBYE_S = 10.0
_UNKNOWN_SERVICE = 12514
_UNKNOWN_SID = 12505
_NO_SERVICE = 12504
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all connections of a server share."""

    backend: Backend
    users: Users
    services: frozenset[str]
    faults: FaultPlan
    interludes: Interludes
    counters: Counters
    session_ids: count[int]
    handshake_timeout_s: float
    max_request_bytes: int


class _LineEnded(Exception):
    """The line is gone, whoever closed it."""


class Connection:
    """Serve one client until the line ends."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, surroundings: Surroundings) -> None:
        self._reader = reader
        self._writer = writer
        self._around = surroundings
        self._packets = PacketBuffer()
        self._sdu = 0
        self._request = bytearray()
        self._tried = 0
        self._unreadable: OracleError | None = None
        self._is_breaking = False
        self._is_frozen = False
        self._executor: ThreadPoolExecutor | None = None
        self._session: Session | None = None
        self._call: asyncio.Task[None] | None = None
        self._call_request: Request | None = None
        self._job: Future[Reply] | None = None

    async def serve(self) -> None:
        """Hold the conversation to its end; no client can make this raise."""
        self._around.counters.add(open_connections=1)
        try:
            async with asyncio.timeout(self._around.handshake_timeout_s) as deadline:
                session = await self._start(deadline)
                deadline.reschedule(None)
                if session is not None:
                    await self._converse(session)
        except (_LineEnded, ConnectionError):
            pass
        except TimeoutError:
            _logger.info("a client did not finish its login in time: closed")
        except ProtocolError as error:
            _logger.info("closed a connection that does not speak the protocol: %s", error)
        finally:
            await self._end()

    # -- connect, negotiate, log in

    async def _start(self, deadline: asyncio.Timeout) -> Session | None:
        """Take a client from its first packet to a session; None if it has been turned away."""
        service = await self._connect(deadline)
        if service is None:
            return None
        await self._message(read_protocol)
        self._send(protocol_reply())
        await self._message(read_data_types)
        self._send(data_types_reply())
        return await self._log_in(service, deadline)

    async def _connect(self, deadline: asyncio.Timeout) -> str | None:
        packet = await self._packet()
        if packet.type != PacketType.CONNECT:
            raise ProtocolError("the first packet is no CONNECT")
        self._around.counters.add(connections=1)
        request = read_connect(packet.body)
        connect_string = request.connect_string
        if request.missing_bytes:
            packet = await self._packet()
            if packet.type != PacketType.DATA:
                raise ProtocolError("the connect string is missing")
            connect_string = packet.message_bytes.decode("utf-8", "replace")
        for fault in self._around.faults.strike("connect"):
            deadline.reschedule(None)
            if fault.kind == "refuse":
                await self._refuse(fault.refusal)
                return None
            await self._suffer(fault)
        service, is_sid = requested_service(connect_string)
        if service.upper() not in self._around.services:
            await self._refuse(_NO_SERVICE if not service else _UNKNOWN_SID if is_sid else _UNKNOWN_SERVICE)
            return None
        self._writer.write(accept_packet(request.sdu))
        self._sdu = request.sdu
        self._packets.widen(request.sdu)
        return service

    async def _refuse(self, code: int) -> None:
        self._writer.write(refuse_packet(code))
        await self._say_goodbye()

    async def _log_in(self, service: str, deadline: asyncio.Timeout) -> Session | None:
        function, request = await self._message(_read_login_function)
        if function != CHALLENGE_FUNCTION:  # a token or an external login: there are none here
            await self._deny(named_error(1017))
            return None
        user = request.user
        challenge = self._around.users.challenge(user)
        self._send(challenge.message() + status(in_transaction=False))
        function, request = await self._message(_read_login_function)
        for fault in self._around.faults.strike("login"):
            deadline.reschedule(None)
            if fault.kind == "ora":
                await self._deny(named_error(fault.ora, fault.message))
                return None
            await self._suffer(fault)
        key = _checked_key(challenge, function, request)
        if key is None:
            await self._deny(named_error(1017))
            return None
        session_id = next(self._around.session_ids)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"oracle-standin-{session_id}")
        backend = await asyncio.wrap_future(self._executor.submit(self._around.backend.open_session, user.upper()))
        around = self._around
        self._session = Session(backend, around.faults, around.interludes, around.counters)
        around.counters.add(open_sessions=1)
        self._send(session_message(key, session_id, service) + status(in_transaction=False))
        return self._session

    async def _deny(self, error: OracleError) -> None:
        self._send(call_end(in_transaction=False, error=error))
        await self._say_goodbye()

    async def _say_goodbye(self) -> None:
        """Let the client read the last words: closing with its bytes unread would reset the line."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                while True:
                    await self._packet()

    # -- requests

    async def _converse(self, session: Session) -> None:
        while True:
            packet = await self._packet_or_silence() if self._is_undecided() else await self._packet()
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
        if not packet.is_nearly_full(self._sdu) or (self._tried and len(self._request) > 2 * self._tried):
            self._settle(session)

    def _is_undecided(self) -> bool:
        """Tell whether what came may be the end of a request though its last packet was nearly full."""
        return self._unreadable is not None or len(self._request) > self._tried

    def _settle(self, session: Session) -> None:
        """Start the call if all of its request is there."""
        if self._unreadable is not None:
            self._send(call_end(in_transaction=session.in_transaction, error=self._unreadable))
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
        self._count(request)
        session.register(request)
        if request.closed_cursors or request.schema is not None:
            self._in_thread(session.prepare, request)
        self._call_request = request
        self._call = asyncio.create_task(self._run(session, request))
        self._call.add_done_callback(self._check_call)

    def _forget_request(self) -> None:
        self._request.clear()
        self._tried = 0
        self._unreadable = None

    def _check_call(self, call: asyncio.Task[None]) -> None:
        """Close the line if a call could not even be answered with an error."""
        if not call.cancelled() and (failure := call.exception()) is not None:
            log_failure(failure)
            self._writer.close()

    async def _run(self, session: Session, request: Request) -> None:
        """Run one call and send its reply; cancelled by a break."""
        try:
            for fault in self._strike(request):
                if fault.kind == "ora":
                    self._in_thread(session.abandon, request)
                    error = named_error(fault.ora, fault.message)
                    self._send(call_end(in_transaction=session.in_transaction, error=error))
                    return
                await self._suffer(fault)
            job = self._job = self._in_thread(session.answer, request)
            done = asyncio.wrap_future(job)
            try:
                await asyncio.wait({done})
            except asyncio.CancelledError:
                done.cancel()
                raise
            failure = done.exception()
            if failure is not None:
                log_failure(failure)
                error = named_error(604)
                self._send(call_end(in_transaction=session.in_transaction, error=error))
                return
            reply = done.result()
            if reply.fault is None:
                self._send(reply.message)
                return
            self._send(reply.message)
            await self._suffer(reply.fault)
            self._send(reply.rest)
        except _LineEnded:
            pass
        finally:
            if self._call is asyncio.current_task():
                self._call = self._call_request = self._job = None

    def _strike(self, request: Request) -> list[Fault]:
        faults, function = self._around.faults, request.function
        struck: list[Fault] = []
        if isinstance(function, Execute):
            struck += faults.strike("execute", function.statement.sql, function.rows)
        elif isinstance(function, Fetch) and self._session and function.cursor_number in self._session.cursors:
            cursor = self._session.cursors.get(function.cursor_number)
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
        still unread of that reply would else stand in front of the next one.
        """
        self._forget_request()
        self._abandon_call(session)
        if marker is Marker.RESET:
            self._is_breaking = False
            self._writer.write(marker_packet(Marker.RESET))
            self._send(call_end(in_transaction=session.in_transaction, error=CANCELLED))
        elif not self._is_breaking:
            self._is_breaking = True
            self._writer.write(marker_packet(Marker.BREAK))

    def _abandon_call(self, session: Session) -> None:
        """Let go of the running call: the session's next one waits for its thread, the client does not."""
        call, request, job = self._call, self._call_request, self._job
        if call is None or request is None:
            return
        self._call = self._call_request = self._job = None
        call.cancel()
        if job is not None and job.running():
            session.cancel()
        self._in_thread(session.abandon, request)

    # -- the line

    async def _packet(self) -> Packet:
        while (packet := self._packets.next()) is None:
            received = await self._reader.read(_READ_SIZE)
            if not received:
                raise _LineEnded
            self._packets.feed(received)
        return packet

    async def _packet_or_silence(self) -> Packet | None:
        try:
            async with asyncio.timeout(_SILENCE_S):
                return await self._packet()
        except TimeoutError:
            return None

    async def _message(self, read: Callable[[Reader], _T]) -> _T:
        """Read one message of the negotiation or the login, over as many packets as it takes."""
        while True:
            packet = await self._packet()
            if packet.type != PacketType.DATA:
                raise ProtocolError(f"a packet of type {packet.type} in front of the login")
            if packet.data_flags & DATA_FLAG_CLOSING:
                raise _LineEnded
            self._request += packet.message_bytes
            if len(self._request) > self._around.max_request_bytes:
                raise ProtocolError("a login that never ends")
            try:
                read_value = read(Reader(bytes(self._request)))
            except OutOfBytes:
                continue
            self._request.clear()
            return read_value

    def _send(self, message: bytes) -> None:
        self._writer.write(data_packets(message, self._sdu))

    async def _suffer(self, fault: Fault) -> None:
        """Do to the line what a fault does.

        :raises _LineEnded: if the fault ends the line.
        """
        if fault.kind == "delay":
            await asyncio.sleep(fault.delay_s)
        elif fault.kind in ("hang", "freeze"):
            self._is_frozen = fault.kind == "freeze"
            if self._session is None:  # nobody else reads the line yet
                while True:
                    await self._packet()
            await asyncio.Event().wait()
        else:
            if fault.kind == "reset":
                line = self._writer.get_extra_info("socket")
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                self._writer.transport.abort()
            else:
                self._writer.close()
            raise _LineEnded

    def _in_thread(self, function: Callable[[Request], _T], request: Request) -> Future[_T]:
        assert self._executor is not None  # noqa: S101 - made together with the session
        return self._executor.submit(function, request)

    async def _end(self) -> None:
        """Close the line and let go of everything, also of a call that is still running."""
        session, executor = self._session, self._executor
        if session is not None:
            self._abandon_call(session)
        await self._hang_up()
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

    async def _hang_up(self) -> None:
        """Close the line, also if the client does not read what is left for it."""
        self._writer.close()
        try:
            async with asyncio.timeout(_HANG_UP_S):
                await self._writer.wait_closed()
        except TimeoutError:
            self._writer.transport.abort()
        except ConnectionError:
            pass


def _read_login_function(reader: Reader) -> tuple[int, LoginRequest]:
    if reader.u8() != FUNCTION_MESSAGE:
        raise ProtocolError("not a login")
    function = reader.u8()
    reader.u8()
    if function not in (CHALLENGE_FUNCTION, PASSWORD_FUNCTION):
        raise ProtocolError(f"function {function} in front of the login")
    return function, read_login(reader)


def _checked_key(challenge: Challenge, function: int, request: LoginRequest) -> bytes | None:
    """Return the session's key, or None for a wrong password or a login of a kind that is not offered."""
    if function != PASSWORD_FUNCTION or request.is_privileged:
        return None
    if "AUTH_NEWPASSWORD" in request.pairs or "PROXY_CLIENT_NAME" in request.pairs:
        return None
    return challenge.answer(request)


def _is_commit(function: Execute | Fetch | Simple) -> bool:
    if isinstance(function, Execute):
        return function.commits
    return isinstance(function, Simple) and function.number is FunctionNumber.COMMIT


def log_failure(failure: BaseException) -> None:
    """Log where something failed, without its message: a database's may quote rows."""
    frames = "".join(traceback.format_tb(failure.__traceback__))
    _logger.error("failed with %s\n%s", type(failure).__name__, frames)
