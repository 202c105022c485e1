"""The usage records of a gate, and the small HTTP server that shows them."""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

#: How long a request waits until Envoy has written the records before it.
PATIENCE_SECONDS = 5.0
#: How many marks are remembered. Each belongs to a request that waits, or has waited.
MAX_MARKS = 1000

Record = dict[str, Any]


def as_text(value: Any) -> str:
    """A value of a field as a query has it: a text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


class Ledger:
    """The records in their order. Threads share it."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._marks: deque[str] = deque(maxlen=MAX_MARKS)
        self._changed = threading.Condition()

    def follow(self, lines: Iterable[bytes]) -> None:
        """Reads Envoy's access log until it ends."""
        for line in lines:
            entry = json.loads(line)
            with self._changed:
                if "usage" in entry:
                    self._records.append(entry["usage"])
                else:
                    self._marks.append(entry["mark"])
                self._changed.notify_all()

    def wait_for(self, mark: str) -> bool:
        """Waits until everything is read that Envoy wrote before this request."""
        with self._changed:
            return self._changed.wait_for(lambda: mark in self._marks, PATIENCE_SECONDS)

    def records(self, wanted: dict[str, str]) -> list[Record]:
        """The records whose fields have these values, as text."""
        with self._changed:
            return [
                it for it in self._records if all(as_text(it.get(k)) == v for k, v in wanted.items())
            ]

    def clear(self) -> None:
        """Forgets all records."""
        with self._changed:
            self._records.clear()


PATHS = "GET /testkit/ready, GET and DELETE /testkit/ledger, GET and DELETE /testkit/upstream"


class LedgerServer(ThreadingHTTPServer):
    """Serves the ledger on a free port of the loopback. Envoy leads to it."""

    daemon_threads = True

    def __init__(self, ledger: Ledger, about: dict[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ledger = ledger
        self.about = about
        #: Clears what the simulator has counted; set when it runs.
        self.reset_simulator: Callable[[], None] = lambda: None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LedgerServer

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/testkit/ready":
            self._send(HTTPStatus.OK, self.server.about)
        elif url.path == "/testkit/ledger":
            if self._settled():
                wanted = dict(parse_qsl(url.query, keep_blank_values=True))
                self._send(HTTPStatus.OK, {"records": self.server.ledger.records(wanted)})
        else:
            self._not_found()

    def do_DELETE(self) -> None:
        if urlsplit(self.path).path != "/testkit/ledger":
            self._not_found()
        elif self._settled():
            self.server.ledger.clear()
            self.server.reset_simulator()
            self._send(HTTPStatus.NO_CONTENT, None)

    def _settled(self) -> bool:
        """Whether the ledger has the records of all answers that ended before this request."""
        if self.server.ledger.wait_for(self.headers.get("x-request-id", "")):
            return True
        self._send(HTTPStatus.GATEWAY_TIMEOUT, {"error": "Envoy's access log does not come"})
        return False

    def _not_found(self) -> None:
        self._send(HTTPStatus.NOT_FOUND, {"error": f"there is nothing at this path, only {PATHS}"})

    def send_error(
        self, code: int, message: str | None = None, explain: str | None = None
    ) -> None:
        """Answers what http.server rejects, such as another method. A body may be unread."""
        self.close_connection = True
        if code == HTTPStatus.NOT_IMPLEMENTED:
            error = {"error": f"this method is not accepted, only {PATHS}"}
            self._send(HTTPStatus.METHOD_NOT_ALLOWED, error)
        else:
            self._send(HTTPStatus(code), {"error": message or HTTPStatus(code).phrase})

    def _send(self, status: HTTPStatus, body: Any) -> None:
        content = b"" if body is None else json.dumps(body).encode() + b"\n"
        self.send_response(status)
        if body is not None:
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Logs nothing: standard error is for faults."""
