"""Make the billing data, then export it, or serve it until a signal comes."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final

from dev.billing_data.branches import Branch
from dev.billing_data.database import billing_database
from dev.billing_data.export import export
from dev.billing_data.options import OptionError
from dev.billing_data.schema import CATALOGUE
from dev.oracle_standin.control import ControlPort
from dev.oracle_standin.duckdb_backend import DuckDBBackend
from dev.oracle_standin.faults import FaultPlan
from dev.oracle_standin.server import StandinServer
from dev.standin.arguments import Arguments, parse_arguments

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_TELL_EVERY_S: Final = 5.0


class CommandError(Exception):
    """The command cannot go on; the message is one line for a person."""


class _Stopped(BaseException):
    """A signal came before the server could take it."""


def main(words: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    0 when a signal ended it or the export is written; 1 when it cannot do its work, with a line on standard error;
    a mistake on the command line exits with 2.
    """
    arguments = parse_arguments(words)
    try:
        if arguments.export is None:
            _check_addresses(arguments)
        with (
            _ending_on_signals(),
            billing_database(
                arguments.options, arguments.database, progress=_Progress(len(arguments.options.chosen))
            ) as connection,
        ):
            if arguments.export is not None:
                _export(connection, arguments.export)
            else:
                asyncio.run(_serve(connection, arguments))
    except _Stopped:
        return 0
    except (CommandError, OptionError) as failure:
        _tell(str(failure))
        return 1
    return 0


def _check_addresses(arguments: Arguments) -> None:
    """Say at once, and not after the data are made, that an address cannot be had."""
    addresses = [(arguments.host, arguments.port), ("127.0.0.1", arguments.control_port or 0)]
    for host, port in addresses:
        try:
            socket.create_server((host, port)).close()
        except OSError as failure:
            raise _cannot_listen(host, port, failure) from None


def _cannot_listen(host: str, port: int, failure: OSError) -> CommandError:
    if failure.errno == errno.EADDRINUSE:
        return CommandError(f"port {port} on {host} is in use; name another, or 0 for a free one")
    return CommandError(f"cannot listen on {host}:{port}: {failure.strerror}")


async def _serve(connection: duckdb.DuckDBPyConnection, arguments: Arguments) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.set)
    server = StandinServer(
        DuckDBBackend(connection, CATALOGUE),
        host=arguments.host,
        port=arguments.port,
        faults=FaultPlan(arguments.faults),
    )
    control = None
    if arguments.control_port is not None:
        control = ControlPort(server, "127.0.0.1", arguments.control_port)
    try:
        await _listen(server, arguments.host)
        if control is not None:
            await _listen(control, "127.0.0.1")
            _say(f"control 127.0.0.1:{control.port}")
        _say(server.dsn)
        _say("ready")
        await stop.wait()
    finally:
        if control is not None:
            await control.stop()
        await server.stop()


async def _listen(listener: StandinServer | ControlPort, host: str) -> None:
    asked = listener.port
    try:
        await listener.start()
    except OSError as failure:
        raise _cannot_listen(host, asked, failure) from None


def _export(connection: duckdb.DuckDBPyConnection, directory: Path) -> None:
    try:
        export(connection, directory)
    except OSError as failure:
        raise CommandError(f"export: {failure}") from None
    _tell(f"the data for a real Oracle Database is in {directory}")


@contextmanager
def _ending_on_signals() -> Iterator[None]:
    """Raise ``_Stopped`` at a signal, so that data half made is put away; the server sets handlers of its own."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise _Stopped

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Progress:
    """Tells now and then, on standard error, how much of the data is made."""

    def __init__(self, branches: int) -> None:
        self._branches = branches
        self._made = 0
        self._told = time.monotonic()

    def __call__(self, branch: Branch) -> None:
        """Count a branch that has been made."""
        self._made += 1
        if time.monotonic() - self._told > _TELL_EVERY_S:
            self._told = time.monotonic()
            _tell(f"billing data: {self._made} of {self._branches} branches, the last {branch.code}")


def _say(line: str) -> None:
    # Flushed line by line: whoever started the command waits for them, often through a pipe.
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _tell(line: str) -> None:
    sys.stderr.write(f"python -m dev.standin: {line}\n")
    sys.stderr.flush()
