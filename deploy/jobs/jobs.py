"""Jobs for clients that cannot wait for an image: they come back for it later.

    client → this service → Envoy with imagegate

A small example without any library, for Python 3.9 or later. README.md has its requests and its
limits. All settings are variables of the environment, here and in gate.py and store.py.
"""

import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import gate
from answers import Refused, number
from store import Job, Jobs

LISTEN = os.environ.get("LISTEN", "127.0.0.1:8090")
MAX_BODY_BYTES = number("MAX_BODY_BYTES", 32 << 20)
LINGER_SECONDS = 5  # how long a client that is refused may be silent before the connection closes


class ClientLeft(Exception):
    """The body ended before its length. Nobody waits for an answer."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    unread, fetching = 0, None
    jobs = Jobs()

    def do_POST(self):
        self.answer(self.post)

    def do_GET(self):
        self.answer(self.get)

    def answer(self, act):
        try:
            self.send(*act())
        except Refused as refused:
            self.refuse(refused)
        except ClientLeft:
            self.close_connection = True
        else:
            if self.fetching:
                self.fetching.fetched = True
            if self.unread:
                self.linger()

    def refuse(self, refused):
        self.send(*refused.answer)
        self.linger()

    def linger(self):
        """Takes what still comes: to close over it could cost the client its answer."""
        left = MAX_BODY_BYTES
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(LINGER_SECONDS)
            while left > 0 and (piece := self.rfile.read1(1 << 16)):
                left -= len(piece)

    def send(self, status, headers, body):
        # One request for each connection: nothing that is left of it is taken for another request.
        self.close_connection = True
        if isinstance(body, dict):
            headers = {"content-type": "application/json", **headers}
            body = json.dumps(body).encode()
        self.send_response(status)
        added = {"content-length": len(body), "cache-control": "no-store", "connection": "close"}
        for name, value in {**headers, **added}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code, message=None, explain=None):
        """A request that http.server refuses itself: its own answer is a page of HTML."""
        if code == 501:
            message = "Accepted: GET and POST."
            self.refuse(Refused(405, "method_not_allowed", message, allow="GET, POST"))
        else:
            self.refuse(Refused(code, "bad_request", f"{message or 'This is no request of HTTP'}."))

    def owner(self):
        """Names the caller's key without keeping it."""
        # As the gate reads it: `bearer` in any case, and any number of spaces. Else one key could
        # have the jobs of several.
        scheme, _, key = (self.headers["authorization"] or "").strip().partition(" ")
        if not scheme:
            raise Refused(401, "invalid_api_key", "Send your key as 'Authorization: Bearer …'.")
        return hashlib.sha256(f"{scheme.lower()} {key.strip()}".encode()).hexdigest()

    def idempotency_key(self):
        key = self.headers["idempotency-key"]
        if key is not None and not 1 <= len(key) <= 255:
            message = "The header 'Idempotency-Key' must have 1 to 255 characters."
            raise Refused(400, "invalid_idempotency_key", message)
        return key

    def post(self):
        length = self.headers["content-length"] or ""
        if not length.isdecimal() or len(length) > 12 or "transfer-encoding" in self.headers:
            message = "Send 'content-length', and no 'transfer-encoding'."
            raise Refused(411, "length_required", message)
        self.unread = int(length)
        owner, idempotency_key = self.owner(), self.idempotency_key()
        if self.path not in gate.ENDPOINTS:
            raise Refused(404, "unknown_url", f"Post to one of these: {', '.join(gate.ENDPOINTS)}.")
        # Whatever else is full or down: this job is accepted already.
        job = self.jobs.earlier(owner, idempotency_key) or self.accept(owner, idempotency_key)
        return 202, {"location": f"/jobs/{job.id}", "retry-after": "2"}, self.jobs.show(job)

    def accept(self, owner, idempotency_key):
        if self.unread > MAX_BODY_BYTES:
            raise Refused(413, "request_too_large", f"The body may have {MAX_BODY_BYTES} bytes.")
        headers = {"authorization": self.headers["authorization"]}
        gate.check_key(headers)
        headers["content-type"] = self.headers["content-type"] or "application/json"
        with self.jobs.room(self.unread):
            body = self.rfile.read(self.unread)
            if len(body) < self.unread:
                raise ClientLeft
            self.unread = 0
            gate.refuse_stream(headers["content-type"], body)
            request = (gate.ENDPOINTS[self.path], headers, body)
            return self.jobs.add(Job(owner, request, idempotency_key))

    def get(self):
        if self.path == "/healthz":
            return (503 if self.jobs.stopping else 200), {}, {"stopping": self.jobs.stopping}
        before, _, rest = self.path.partition("/jobs/")
        job_id, _, wanted = rest.partition("/")
        if before or not job_id:
            raise Refused(404, "unknown_url", "Get /jobs/ID or /jobs/ID/result.")
        job = self.jobs.find(job_id, self.owner())
        if wanted == "result" and job.finished_at:
            self.fetching = job
            return job.result
        if wanted not in ("", "result"):
            raise Refused(404, "unknown_url", "Get /jobs/ID or /jobs/ID/result.")
        headers = {} if job.finished_at else {"retry-after": "2"}
        return (202 if wanted else 200), headers, self.jobs.show(job)


class Server(ThreadingHTTPServer):
    daemon_threads = True


def listening():
    """The server at LISTEN."""
    address = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^:]*)):([0-9]{1,5})", LISTEN)
    if not address or int(address[3]) > 65535:
        accepted = "accepted: an address and a port such as 127.0.0.1:8090 or [::1]:8090"
        sys.exit(f"LISTEN: invalid value '{LISTEN}', {accepted}")
    if address[1]:
        Server.address_family = socket.AF_INET6
    try:
        return Server((address[1] or address[2], int(address[3])), Handler)
    except OSError as error:
        sys.exit(f"LISTEN: {LISTEN} cannot be used: {error.strerror}")


def main():
    server = listening()

    def end():
        Handler.jobs.stop()
        server.shutdown()

    def stop(*_):
        # A thread of its own: the results are still served meanwhile.
        threading.Thread(target=end, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"listening on {LISTEN.rpartition(':')[0]}:{server.server_address[1]}", flush=True)
    server.serve_forever()
    # A request to the gate that is still open is given up.
    os._exit(0)


if __name__ == "__main__":
    main()
