"""A second port, of JSON lines: another process sets faults, reads counters and changes data through it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from types import TracebackType
from typing import Any, Protocol, Self

from dev.oracle_standin.backend import OracleError
from dev.oracle_standin.counters import Counters, Counts
from dev.oracle_standin.faults import FaultError, FaultPlan
from dev.oracle_standin.interludes import Interludes

_Request = Mapping[str, Any]
_Answer = Mapping[str, Any]


class Controlled(Protocol):
    """What of a server can be controlled."""

    @property
    def faults(self) -> FaultPlan:
        """The faults in force."""
        ...

    @property
    def counters(self) -> Counters:
        """What the server has done."""
        ...

    @property
    def interludes(self) -> Interludes:
        """The changes between executes."""
        ...


class ControlError(Exception):
    """The running server could not do what was asked; the message is its own."""


class ControlPort:
    """The server's end: each line is one object with ``do`` and its arguments, each answer one object.

    An answer has ``error`` if it could not be done. Only a loopback address makes sense: whoever reaches the port
    may change the data.
    """

    def __init__(self, controlled: Controlled, host: str, port: int) -> None:
        self.port = port
        self._host = host
        self._controlled = controlled
        self._listener: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()
        self._actions: Mapping[str, Callable[[_Request], Awaitable[_Answer]]] = {
            "add_fault": self._add_fault,
            "clear_faults": self._clear_faults,
            "read_counters": self._read_counters,
            "reset_counters": self._reset_counters,
            "between_executes": self._between_executes,
            "run": self._run,
        }

    async def start(self) -> None:
        """Start to listen.

        :raises OSError: if the port is taken.
        """
        self._listener = await asyncio.start_server(self._welcome, self._host, self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop to listen and end every talk."""
        if self._listener is not None:
            self._listener.close()
        talks = list(self._talks)
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.create_task(self._talk(reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):  # ValueError: a line longer than the reader takes
            pass
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> _Answer:
        try:
            request = json.loads(line)
            action = self._actions[request["do"]]
        except (ValueError, KeyError, TypeError):
            return {"error": f"write one object a line, with do one of {', '.join(self._actions)}"}
        try:
            return await action(request)
        except KeyError as missing:
            return {"error": f"{request['do']} needs {missing}"}
        except (FaultError, OracleError, ValueError) as error:
            return {"error": str(error)}

    async def _add_fault(self, request: _Request) -> _Answer:
        self._controlled.faults.add(str(request["fault"]))
        return {}

    async def _clear_faults(self, _: _Request) -> _Answer:
        self._controlled.faults.clear()
        return {}

    async def _read_counters(self, _: _Request) -> _Answer:
        return {"counters": asdict(self._controlled.counters.read())}

    async def _reset_counters(self, _: _Request) -> _Answer:
        self._controlled.counters.reset()
        return {}

    async def _between_executes(self, request: _Request) -> _Answer:
        self._controlled.interludes.add(int(request["nth"]), str(request["sql"]))
        return {}

    async def _run(self, request: _Request) -> _Answer:
        return {"rows": await asyncio.to_thread(self._controlled.interludes.make, str(request["sql"]))}


class StandinControl:
    """The other process's end; use it in a ``with`` block.

    Every method raises ``ControlError`` with the server's reason if it cannot be done.
    """

    def __init__(self, port: int, host: str = "127.0.0.1", timeout_s: float = 30.0) -> None:
        self._line = socket.create_connection((host, port), timeout_s)
        self._file = self._line.makefile("rwb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the line."""
        self._file.close()
        self._line.close()

    def add_fault(self, fault: str) -> None:
        """Add a fault in its text form, for example ``ora=1555@execute:3,bind=1063``."""
        self._ask(do="add_fault", fault=fault)

    def clear_faults(self) -> None:
        """Remove every fault."""
        self._ask(do="clear_faults")

    def counters(self) -> Counts:
        """Return the counters as of now."""
        return Counts(**self._ask(do="read_counters")["counters"])

    def reset_counters(self) -> None:
        """Start again from 0."""
        self._ask(do="reset_counters")

    def between_executes(self, nth: int, sql: str) -> None:
        """Run a statement, and commit it, between the nth execute from now and the next."""
        self._ask(do="between_executes", nth=nth, sql=sql)

    def run(self, sql: str) -> int:
        """Run a statement now, commit it, and return the rows that it changed."""
        return int(self._ask(do="run", sql=sql)["rows"])

    def _ask(self, **request: object) -> dict[str, Any]:
        self._file.write(json.dumps(request).encode() + b"\n")
        self._file.flush()
        line = self._file.readline()
        if not line:
            raise ControlError("the stand-in has ended")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ControlError(answer["error"])
        return answer
