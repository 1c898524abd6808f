"""What our messages and figures are sent to, on loopback: services that keep what they are sent, or never answer."""

from __future__ import annotations

import gzip
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from dev.stack.processes import wait_until

Json = dict[str, Any]
Key = tuple[str, frozenset[tuple[str, str]]]
Figures = dict[Key, float]
"""What was sent, by name and tags: the sum of a counter, the last value of a gauge, the sum of the times in ms."""

_STATSD_LINE = re.compile(r"(?P<name>[^,:]+)(?P<tags>(?:,[^=,:]+=[^,:]+)*):(?P<value>[^|]+)\|(?P<kind>c|g|ms)")


class _Service:
    """What runs in a thread of its own as long as a test needs it."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=work)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()
        self._thread.join()

    def _stop(self) -> None:
        raise NotImplementedError


class HttpSink(_Service):
    """A web service that takes what is posted, or never answers."""

    def __init__(self, *, is_hanging: bool = False) -> None:
        self.asked = threading.Event()
        self.requests = 0
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(is_hanging))
        self._server.daemon_threads = True
        super().__init__(partial(self._server.serve_forever, poll_interval=0.05))

    def _stop(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        """The port on loopback."""
        return self._server.server_port

    def keep(self, body: bytes) -> None:
        """Keep what was posted."""
        raise NotImplementedError

    def _handler(self, is_hanging: bool) -> type[BaseHTTPRequestHandler]:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.requests += 1
                sink.asked.set()
                if is_hanging:
                    sink._closing.wait()
                    return
                sink.keep(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
                pass

        return Handler


class MessageSink(HttpSink):
    """What the URL of a notifier leads to; each message has ``title``, ``message`` and ``type``."""

    def __init__(self, *, is_hanging: bool = False) -> None:
        super().__init__(is_hanging=is_hanging)
        self.messages: list[Json] = []

    def keep(self, body: bytes) -> None:
        """Keep a message."""
        self.messages.append(json.loads(body))

    def url(self, **options: object) -> str:
        """Return the notifier's URL of a web hook that takes JSON."""
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"json://127.0.0.1:{self.port}/{'?' + query if query else ''}"

    def wait_for(self, count: int, timeout_s: float = 60) -> list[Json]:
        """Return the messages when there are so many.

        :raises TimeoutError: if there never are.
        """
        wait_until(lambda: len(self.messages) >= count, timeout_s, f"{count} messages")
        return self.messages


class OtlpSink(HttpSink):
    """An OpenTelemetry collector: takes OTLP over HTTP, as Airflow's exporter sends it."""

    def __init__(self) -> None:
        super().__init__()
        self._values: dict[Key, dict[int, float]] = {}
        self._lock = threading.Lock()

    def keep(self, body: bytes) -> None:
        """Keep the figures of a process; a sum is said again and again, from the process's start on."""
        request = ExportMetricsServiceRequest.FromString(body)
        with self._lock:
            for key, start, value in _points(request):
                self._values.setdefault(key, {})[start] = value

    def figures(self, prefix: str) -> Figures:
        """Return what has come, of names that begin so."""
        with self._lock:
            return {key: sum(values.values()) for key, values in self._values.items() if key[0].startswith(prefix)}

    @property
    def endpoint(self) -> str:
        """What ``OTEL_EXPORTER_OTLP_ENDPOINT`` must say."""
        return f"http://127.0.0.1:{self.port}"


def _points(request: ExportMetricsServiceRequest) -> Iterator[tuple[Key, int, float]]:
    """Yield name and tags, the moment that a sum counts from (0 for a gauge), and the value of each point."""
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                for point in getattr(metric, str(kind)).data_points:
                    tags = frozenset((tag.key, tag.value.string_value) for tag in point.attributes)
                    if kind == "exponential_histogram":
                        yield (metric.name, tags), point.start_time_unix_nano, point.sum
                    else:
                        start = point.start_time_unix_nano if kind == "sum" else 0
                        yield (metric.name, tags), start, float(getattr(point, point.WhichOneof("value")))


class StatsdSink(_Service):
    """A StatsD server: takes Airflow's lines with their tags, by UDP."""

    def __init__(self) -> None:
        self._figures: Figures = {}
        self._lock = threading.Lock()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._is_closing = False
        super().__init__(self._take)

    def _stop(self) -> None:
        self._is_closing = True
        self._socket.sendto(b"", self._socket.getsockname())

    @property
    def port(self) -> int:
        """The port on loopback."""
        return int(self._socket.getsockname()[1])

    def figures(self, prefix: str) -> Figures:
        """Return what has come, of names that begin so."""
        with self._lock:
            return {key: value for key, value in self._figures.items() if key[0].startswith(prefix)}

    def _take(self) -> None:
        with self._socket:
            while not self._is_closing:
                for line in self._socket.recv(65535).decode().splitlines():
                    if match := _STATSD_LINE.fullmatch(line):
                        self._keep(match)

    def _keep(self, line: re.Match[str]) -> None:
        tags = [tag.partition("=") for tag in line["tags"].split(",") if tag]
        key = line["name"], frozenset((name, value) for name, _, value in tags)
        with self._lock:
            before = 0.0 if line["kind"] == "g" else self._figures.get(key, 0.0)
            self._figures[key] = before + float(line["value"])


def connection_to(url: str) -> Json:
    """Return the fields of an Airflow connection to a notifier."""
    return {"conn_type": "apprise", "extra": json.dumps({"config": {"path": url}})}
