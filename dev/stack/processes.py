"""Processes on a leash, the free ports they listen on, and waiting for them with a deadline."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

LEASH = Path(__file__).with_name("leash.py")
_POLL_S = 0.1


class StackError(Exception):
    """A part of the stack did not start or did not answer; the message names its log."""


class LeashedProcess:
    """A command with its output in a log file; it and all its descendants end with this process, however that ends.

    :param name: how messages name it.
    :param grace_s: seconds between asking it to end and killing it.
    :param end_signal: what asks it to end.
    :param user: the account that runs it, where we are root.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str],
        directory: Path,
        grace_s: float = 10.0,
        end_signal: str = "SIGTERM",
        user: str | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._grace_s = grace_s
        as_user = ["--user", user] if user else []
        with log.open("ab") as output:
            self._log_start = output.tell()
            self._leash = subprocess.Popen(
                [sys.executable, str(LEASH), *as_user, "--signal", end_signal, "--grace", str(grace_s), "--", *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=directory,
                start_new_session=True,  # Ctrl-C is for us alone; we end the stack in its order
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        """True until the command has ended."""
        return self._leash.poll() is None

    def output(self) -> str:
        """Return what it has written since it was started."""
        with self.log.open("rb") as written:
            written.seek(self._log_start)
            return written.read().decode(errors="replace")

    def ask_to_stop(self) -> None:
        """Ask it to end, without waiting."""
        if self._leash.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._leash.stdin.close()

    def stop(self) -> None:
        """Ask it to end, and return when it and its descendants are gone."""
        self.ask_to_stop()
        try:
            self._leash.wait(2 * self._grace_s + 5)
        except subprocess.TimeoutExpired:
            self._leash.kill()
            self._leash.wait()

    def wait_until(self, is_ready: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Return when a condition holds.

        :raises StackError: if the process ends before, or at the deadline; with the end of its log.
        """

        def is_ready_or_dead() -> bool:
            if not self.is_running:
                raise StackError(f"{self.name} ended while waiting for {what}; see {self.log}\n{self._last_lines()}")
            return is_ready()

        try:
            wait_until(is_ready_or_dead, timeout_s, f"{self.name}: {what}")
        except TimeoutError as late:
            raise StackError(f"{late}; see {self.log}\n{self._last_lines()}") from None

    def wait(self, timeout_s: float) -> None:
        """Return when a command that ends by itself has succeeded.

        :raises StackError: if it fails or is not done by then.
        """
        try:
            status = self._leash.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.stop()
            raise StackError(f"{self.name}: not done in {timeout_s:g} s; see {self.log}") from None
        self.ask_to_stop()
        if status:
            raise StackError(f"{self.name}: exit status {status}; see {self.log}\n{self._last_lines()}")

    def _last_lines(self) -> str:
        return "\n".join(self.output().splitlines()[-15:])


def wait_until(is_ready: Callable[[], bool], timeout_s: float, what: str, poll_s: float = _POLL_S) -> None:
    """Return when a condition holds.

    :raises TimeoutError: naming ``what`` at the deadline.
    """
    deadline = time.monotonic() + timeout_s
    while not is_ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout_s:g} s")
        time.sleep(poll_s)


def free_ports(count: int) -> list[int]:
    """Return so many different TCP ports that nobody listens on at this moment."""
    with contextlib.ExitStack() as held:
        ports = []
        for _ in range(count):
            listener = held.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            ports.append(int(listener.getsockname()[1]))
        return ports
