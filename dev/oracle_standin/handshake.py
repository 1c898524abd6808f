"""From a client's first packet to its login, or to the reason why there is none."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, NoReturn

from dev.oracle_standin.backend import OracleError
from dev.oracle_standin.faults import Fault
from dev.oracle_standin.line import Line, LineEnded
from dev.oracle_standin.login import CHALLENGE_FUNCTION, PASSWORD_FUNCTION, Challenge, LoginRequest, read_login
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
from dev.oracle_standin.packets import PacketType
from dev.oracle_standin.primitives import ProtocolError, Reader
from dev.oracle_standin.replies import call_end, status
from dev.oracle_standin.requests import FUNCTION_MESSAGE
from dev.oracle_standin.surroundings import Surroundings

_UNKNOWN_SERVICE: Final = 12514
_UNKNOWN_SID: Final = 12505
_NO_SERVICE: Final = 12504


@dataclass(frozen=True, slots=True)
class Login:
    """A user who has given the right password: the service asked for, and the key that both sides now share."""

    user: str
    service: str
    key: bytes


class Handshake:
    """Take one client through connect, negotiation and login.

    :param deadline: when the client must be done; a fault that keeps it waiting lifts it.
    """

    def __init__(self, line: Line, around: Surroundings, deadline: asyncio.Timeout) -> None:
        self._line = line
        self._around = around
        self._deadline = deadline

    async def run(self) -> Login:
        """Return the login.

        :raises LineEnded: if the client was turned away, or has gone.
        :raises ProtocolError: if it is no driver.
        """
        service = await self._connect()
        await self._line.message(read_protocol)
        self._line.send(protocol_reply())
        await self._line.message(read_data_types)
        self._line.send(data_types_reply())
        return await self._log_in(service)

    async def _connect(self) -> str:
        packet = await self._line.packet()
        if packet.type != PacketType.CONNECT:
            raise ProtocolError("the first packet is no CONNECT")
        self._around.counters.add(connections=1)
        request = read_connect(packet.body)
        connect_string = request.connect_string
        if request.missing_bytes:
            packet = await self._line.packet()
            if packet.type != PacketType.DATA:
                raise ProtocolError("the connect string is missing")
            connect_string = packet.message_bytes.decode("utf-8", "replace")
        for fault in self._around.faults.strike("connect"):
            if fault.kind == "refuse":
                await self._refuse(fault.refusal)
            await self._suffer(fault)
        service, is_sid = requested_service(connect_string)
        if not service:
            await self._refuse(_NO_SERVICE)
        if service.upper() not in self._around.services:
            await self._refuse(_UNKNOWN_SID if is_sid else _UNKNOWN_SERVICE)
        self._line.send_packet(accept_packet(request.sdu))
        self._line.widen(request.sdu)
        return service

    async def _log_in(self, service: str) -> Login:
        function, request = await self._line.message(_read_login_function)
        if function != CHALLENGE_FUNCTION:  # a token or an external login: there are none here
            await self._deny(named_error(1017))
        user = request.user
        challenge = self._around.users.challenge(user)
        self._line.send(challenge.message() + status(in_transaction=False))
        function, request = await self._line.message(_read_login_function)
        for fault in self._around.faults.strike("login"):
            if fault.kind == "ora":
                await self._deny(named_error(fault.ora, fault.message))
            await self._suffer(fault)
        key = _shared_key(challenge, function, request)
        if key is None:
            await self._deny(named_error(1017))
        return Login(user, service, key)

    async def _suffer(self, fault: Fault) -> None:
        self._deadline.reschedule(None)
        if fault.kind == "delay":
            await asyncio.sleep(fault.delay_s)
        elif fault.kind in ("hang", "freeze"):
            await self._line.until_closed()
        else:
            self._line.end_by(fault)

    async def _refuse(self, code: int) -> NoReturn:
        """Turn the client away as the listener does.

        :raises LineEnded: always.
        """
        self._line.send_packet(refuse_packet(code))
        await self._line.say_goodbye()
        raise LineEnded

    async def _deny(self, error: OracleError) -> NoReturn:
        """Turn the client away as the database does.

        :raises LineEnded: always.
        """
        self._line.send(call_end(in_transaction=False, error=error))
        await self._line.say_goodbye()
        raise LineEnded


def _read_login_function(reader: Reader) -> tuple[int, LoginRequest]:
    if reader.u8() != FUNCTION_MESSAGE:
        raise ProtocolError("not a login")
    function = reader.u8()
    reader.u8()
    if function not in (CHALLENGE_FUNCTION, PASSWORD_FUNCTION):
        raise ProtocolError(f"function {function} in front of the login")
    return function, read_login(reader)


def _shared_key(challenge: Challenge, function: int, request: LoginRequest) -> bytes | None:
    """Return the session's key, or None for a wrong password or a login of a kind that is not offered."""
    if function != PASSWORD_FUNCTION or request.is_privileged:
        return None
    if "AUTH_NEWPASSWORD" in request.pairs or "PROXY_CLIENT_NAME" in request.pairs:
        return None
    return challenge.answer(request)
