"""Stop a start-up whose executor and profile disagree.

    python docker/check_executor.py init      before anything is started: Celery needs its broker, Local must have none
    python docker/check_executor.py worker    a worker has work only with the CeleryExecutor

A profile can be switched on by COMPOSE_PROFILES or by ``--profile``, and only the first can be seen from inside. So
not the switch is looked at but what it does: in the profile ``celery`` a broker stands on our network.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import redis

LOCAL, CELERY = "LocalExecutor", "CeleryExecutor"
# Another name of the service redis: a company's own host named redis must not be taken for it.
BUNDLED_BROKER = ("bigmeter-broker", 6379)
BROKER_WAIT_S = 30.0
_PROBE_TIMEOUT_S = 3.0
_DEFAULT_PORTS = {"redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671}


class Disagreement(Exception):
    """The settings contradict each other; the message says which and what to do."""


def check_init(
    environment: Mapping[str, str],
    *,
    bundled_broker: tuple[str, int] = BUNDLED_BROKER,
    wait_s: float = BROKER_WAIT_S,
) -> str:
    """Return a sentence about the executor that is in order.

    :param environment: with ``AIRFLOW__CORE__EXECUTOR`` and, for Celery, ``AIRFLOW__CELERY__BROKER_URL``.
    :param bundled_broker: host and port under which the profile's broker is reached.
    :param wait_s: how long to wait for the broker, seconds.
    :raises Disagreement: if executor and profile, or executor and broker, do not fit.
    """
    executors = _executors(environment)
    if CELERY in executors:
        _await_broker(environment.get("AIRFLOW__CELERY__BROKER_URL", ""), wait_s)
        return f"{CELERY}: its broker answers"
    if _listens(bundled_broker):
        raise Disagreement(
            f"EXECUTOR is {LOCAL}, but the profile celery is running: its workers would never get a task. Either set"
            f" EXECUTOR={CELERY} in .env, or stop the profile: docker compose --profile celery down"
        )
    return f"{LOCAL}: tasks run beside the scheduler"


def check_worker(environment: Mapping[str, str]) -> str:
    """Return a sentence if a worker has work here.

    :raises Disagreement: if no task would ever be sent to it.
    """
    if CELERY not in _executors(environment):
        raise Disagreement(
            f"EXECUTOR is {LOCAL}: a worker would never get a task. Set EXECUTOR={CELERY} in .env on every machine,"
            " or start without the profile celery"
        )
    return f"{CELERY}: this worker may start"


def _executors(environment: Mapping[str, str]) -> set[str]:
    """Return the executors' short names: Airflow also takes a list, aliases and whole paths."""
    text = environment.get("AIRFLOW__CORE__EXECUTOR", "")
    parts = [part.strip() for part in text.split(",") if part.strip()]
    names = {part.rsplit(".", 1)[-1].rsplit(":", 1)[-1] for part in parts}
    if not names or names - {LOCAL, CELERY}:
        raise Disagreement(f"EXECUTOR is {text!r}: set {LOCAL} or {CELERY} in .env")
    return names


def _listens(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=_PROBE_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def _await_broker(url: str, wait_s: float) -> None:
    no_address = "BROKER_URL is no address of a broker; write redis://:password@host:6379/0, percent-encoded"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:  # its text quotes the password, if that holds a slash
        raise Disagreement(no_address) from None
    is_redis = parts.scheme in {"redis", "rediss"}
    if not host or not port or (is_redis and not parts.path.strip("/").isdecimal()):
        raise Disagreement(no_address)
    end = time.monotonic() + wait_s
    while True:
        try:
            if is_redis:
                redis.Redis.from_url(
                    url, socket_timeout=_PROBE_TIMEOUT_S, socket_connect_timeout=_PROBE_TIMEOUT_S
                ).ping()
            else:
                socket.create_connection((host, port), timeout=_PROBE_TIMEOUT_S).close()
        except redis.AuthenticationError:
            raise Disagreement(f"the broker at {host}:{port} refuses the password; is it REDIS_PASSWORD?") from None
        except (OSError, redis.RedisError):
            if time.monotonic() >= end:
                break
            time.sleep(min(1.0, wait_s / 10))
        else:
            return
    raise Disagreement(
        f"EXECUTOR is {CELERY}, but no broker answers at {host}:{port} within {wait_s:.0f} s. Start with the profile:"
        f" COMPOSE_PROFILES=celery in .env or docker compose --profile celery up; or set EXECUTOR={LOCAL}"
    )


def main(arguments: list[str], environment: Mapping[str, str]) -> int:
    """Check for one service; return 0, or 2 after saying on standard error what disagrees."""
    if arguments not in (["init"], ["worker"]):
        sys.stderr.write("usage: check_executor.py init|worker\n")
        return 2
    try:
        sentence = check_init(environment) if arguments == ["init"] else check_worker(environment)
    except Disagreement as disagreement:
        sys.stderr.write(f"error: {disagreement}\n")
        return 2
    sys.stdout.write(f"{sentence}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
