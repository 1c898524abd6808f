"""A web service on loopback that keeps the messages that it is sent, or never answers."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from dev.stack.processes import wait_until

Json = dict[str, Any]


class MessageSink:
    """What the URL of a notifier leads to; each message has ``title``, ``message`` and ``type``."""

    def __init__(self, *, is_hanging: bool = False) -> None:
        self.messages: list[Json] = []
        self.asked = threading.Event()
        self.requests = 0
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(is_hanging))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, **options: object) -> str:
        """Return the notifier's URL of a web hook that takes JSON."""
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"json://127.0.0.1:{self._server.server_port}/{'?' + query if query else ''}"

    def wait_for(self, count: int, timeout_s: float = 60) -> list[Json]:
        """Return the messages when there are so many.

        :raises TimeoutError: if there never are.
        """
        wait_until(lambda: len(self.messages) >= count, timeout_s, f"{count} messages")
        return self.messages

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
                sink.messages.append(json.loads(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
                pass

        return Handler


def connection_to(url: str) -> Json:
    """Return the fields of an Airflow connection to a notifier."""
    return {"conn_type": "apprise", "extra": json.dumps({"config": {"path": url}})}
