"""Executor and profile agree, or the start-up ends with a sentence that says what to do."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from docker.check_executor import BUNDLED_BROKER, Disagreement, check_init, check_worker, main

LOCAL = {"AIRFLOW__CORE__EXECUTOR": "LocalExecutor"}
CELERY = {"AIRFLOW__CORE__EXECUTOR": "CeleryExecutor"}


class _Redis(socketserver.StreamRequestHandler):
    """Answers as much of Redis's protocol as a client needs to log in and to ping."""

    password = b"right"

    def handle(self) -> None:
        is_known = False
        while words := self._command():
            match [words[0].upper(), *words[1:]]:
                case [b"AUTH", *_, password]:
                    is_known = password == self.password
                    self.wfile.write(b"+OK\r\n" if is_known else b"-WRONGPASS invalid username-password pair\r\n")
                case [b"HELLO", *rest] if b"AUTH" in rest:
                    is_known = rest[-1] == self.password
                    answer = b"%1\r\n+proto\r\n:3\r\n" if is_known else b"-WRONGPASS invalid username-password pair\r\n"
                    self.wfile.write(answer)
                case _ if not is_known:
                    self.wfile.write(b"-NOAUTH Authentication required.\r\n")
                case [b"PING"]:
                    self.wfile.write(b"+PONG\r\n")
                case _:
                    self.wfile.write(b"+OK\r\n")

    def _command(self) -> list[bytes]:
        head = self.rfile.readline()
        if not head.startswith(b"*"):
            return []
        words = []
        for _ in range(int(head[1:])):
            length = int(self.rfile.readline()[1:])
            words.append(self.rfile.read(length + 2)[:-2])
        return words


@contextmanager
def _serving() -> Iterator[tuple[str, int]]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Redis) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield "127.0.0.1", server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def broker() -> Iterator[tuple[str, int]]:
    """Yield the address of a broker that answers."""
    with _serving() as address:
        yield address


@pytest.fixture
def silence() -> Iterator[tuple[str, int]]:
    """Yield an address at which nothing listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield "127.0.0.1", held.getsockname()[1]


def _celery(address: tuple[str, int], password: str) -> dict[str, str]:
    return {**CELERY, "AIRFLOW__CELERY__BROKER_URL": f"redis://:{password}@{address[0]}:{address[1]}/0"}


def test_local_without_the_profile_may_start(silence: tuple[str, int]) -> None:
    assert check_init(LOCAL, bundled_broker=silence).startswith("LocalExecutor")


def test_local_with_the_profile_is_refused(broker: tuple[str, int]) -> None:
    with pytest.raises(Disagreement, match="set EXECUTOR=CeleryExecutor in .env, or stop the profile"):
        check_init(LOCAL, bundled_broker=broker)


def test_local_where_the_profiles_host_is_not_even_known_may_start() -> None:
    assert BUNDLED_BROKER[0] == "bigmeter-broker"
    assert check_init(LOCAL, bundled_broker=("bigmeter-broker.invalid", 6379)).startswith("LocalExecutor")


def test_celery_with_its_broker_may_start(broker: tuple[str, int], silence: tuple[str, int]) -> None:
    assert check_init(_celery(broker, "right"), bundled_broker=silence) == "CeleryExecutor: its broker answers"


def test_celery_without_the_profile_is_refused_after_a_bounded_wait(silence: tuple[str, int]) -> None:
    with pytest.raises(Disagreement, match=r"no broker answers at 127\.0\.0\.1:\d+ .* COMPOSE_PROFILES=celery"):
        check_init(_celery(silence, "right"), bundled_broker=silence, wait_s=0.2)


def test_a_wrong_password_of_the_broker_is_named_and_not_shown(broker: tuple[str, int]) -> None:
    with pytest.raises(Disagreement, match="REDIS_PASSWORD") as refused:
        check_init(_celery(broker, "wrong-one"), bundled_broker=broker, wait_s=0.2)
    assert "wrong-one" not in str(refused.value)


def test_another_kind_of_broker_only_has_to_listen(broker: tuple[str, int], silence: tuple[str, int]) -> None:
    url = f"amqp://user:password@{broker[0]}:{broker[1]}//"
    assert check_init({**CELERY, "AIRFLOW__CELERY__BROKER_URL": url}, bundled_broker=silence)


def test_celery_without_a_broker_url_is_refused() -> None:
    with pytest.raises(Disagreement, match="BROKER_URL"):
        check_init({**CELERY, "AIRFLOW__CELERY__BROKER_URL": ""}, wait_s=0)


@pytest.mark.parametrize("executor", ["", "SequentialExecutor", "localexecutor", "KubernetesExecutor"])
def test_an_executor_that_compose_does_not_run_is_refused(executor: str) -> None:
    with pytest.raises(Disagreement, match="set LocalExecutor or CeleryExecutor"):
        check_init({"AIRFLOW__CORE__EXECUTOR": executor})


def test_both_executors_together_need_the_broker(silence: tuple[str, int]) -> None:
    both = {**_celery(silence, "right"), "AIRFLOW__CORE__EXECUTOR": "LocalExecutor,CeleryExecutor"}
    with pytest.raises(Disagreement, match="no broker answers"):
        check_init(both, bundled_broker=silence, wait_s=0.1)


def test_a_worker_starts_only_for_celery() -> None:
    assert check_worker(CELERY).startswith("CeleryExecutor")
    with pytest.raises(Disagreement, match="a worker would never get a task"):
        check_worker(LOCAL)


def test_a_disagreement_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker"], LOCAL) == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.startswith("error: EXECUTOR is LocalExecutor")
    assert written.err.count("\n") == 1
    assert main(["worker"], CELERY) == 0
    assert main([], CELERY) == 2
