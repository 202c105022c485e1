"""Jobs for clients that cannot wait for an image: they come back for it later.

    client → this service → Envoy with imagegate

A small example without any library, for Python 3.9 or later. README.md has its requests and its limits. All settings are
variables of the environment:
"""

import hashlib
import hmac
import http.client
import json
import os
import secrets
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

GATE = urlsplit(os.environ.get("GATE_URL", "http://127.0.0.1:10000"))
LISTEN = os.environ.get("LISTEN", "127.0.0.1:8090")


def number(name, default):
    return int(os.environ.get(name, default))


WORKERS = number("WORKERS", 8)  # requests to the gate at once
MAX_WAITING = number("MAX_WAITING", 100)  # jobs that wait for a worker
MAX_PER_KEY = number("MAX_PER_KEY", 20)  # jobs of one key that are not finished
MAX_KEPT_BYTES = number("MAX_KEPT_BYTES", 1 << 30)  # bodies and results; above it no job is accepted
MAX_BODY_BYTES = number("MAX_BODY_BYTES", 32 << 20)
TTL_SECONDS = number("TTL_SECONDS", 3600)  # how long a result is kept
GATE_TIMEOUT_SECONDS = number("GATE_TIMEOUT_SECONDS", 360)  # above the gate's own, 330 s
GRACE_SECONDS = number("GRACE_SECONDS", 400)  # how long SIGTERM leaves for jobs to end and be fetched

ENDPOINTS = {"/jobs": "/v1/images/generations", "/jobs/edits": "/v1/images/edits"}
PASSED_ON = ("content-type", "retry-after", "x-request-id", "x-should-retry")


class Refused(Exception):
    """An answer other than the expected one, in the shape of the gate's own errors."""

    def __init__(self, status, code, message, **headers):
        super().__init__(message)
        error = {"message": message, "type": "jobs_error", "param": None, "code": code}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named.update({"content-type": "application/json", "x-request-id": secrets.token_hex(16)})
        self.answer = status, named, json.dumps({"error": error}).encode()


class Job:
    def __init__(self, owner, request, idempotency_key):
        self.id, self.owner, self.idempotency_key = secrets.token_urlsafe(24), owner, idempotency_key
        # Path, headers and body for the gate. The key goes with them when the job ends.
        self.request = request
        self.status, self.result, self.fetched = "queued", None, False
        self.created_at, self.finished_at = time.time(), None

    def bytes(self):
        return len(self.request[2]) if self.request else len(self.result[2])

    def end(self, status, result):
        self.status, self.result, self.request, self.finished_at = status, result, None, time.time()

    def public(self):
        shown = {"id": self.id, "object": "job", "status": self.status, "created_at": int(self.created_at)}
        if self.finished_at:
            shown.update(http_status=self.result[0], expires_at=int(self.finished_at + TTL_SECONDS))
        return shown


class Jobs:
    """All jobs, in memory. Each is sent to the gate once at most: every try may cost an image."""

    def __init__(self):
        self.lock, self.jobs, self.stopping = threading.Lock(), {}, False
        self.reading = 0  # bytes of bodies that are being read
        self.workers = ThreadPoolExecutor(WORKERS)

    def add(self, job):
        """Accepts the job, or returns the earlier one with its idempotency key."""
        with self.lock:
            self._expire()
            of_owner = [it for it in self.jobs.values() if it.owner == job.owner]
            for it in of_owner:
                if job.idempotency_key and it.idempotency_key == job.idempotency_key:
                    return it
            if self.stopping:
                raise Refused(503, "stopping", "This service is about to stop.", retry_after="30")
            if sum(not it.finished_at for it in of_owner) >= MAX_PER_KEY:
                raise Refused(429, "too_many_jobs", f"This key has {MAX_PER_KEY} unfinished jobs, the most it may have.", retry_after="10")
            waiting = sum(it.status == "queued" for it in self.jobs.values())
            if waiting >= MAX_WAITING:
                raise Refused(503, "queue_full", "There is no room for another job.", retry_after="10")
            self.jobs[job.id] = job
            self.workers.submit(self._run, job)
            return job

    def read(self, file, length):
        """Reads a body for which there is room. It is counted before it comes, and then with its job."""
        with self.lock:
            self._expire()
            kept = sum(it.bytes() for it in self.jobs.values()) + self.reading + length
            if kept > MAX_KEPT_BYTES:
                raise Refused(503, "queue_full", "There is no room for another job.", retry_after="10")
            self.reading += length
        try:
            return file.read(length)
        finally:
            with self.lock:
                self.reading -= length

    def find(self, job_id, owner):
        """The job, for its owner only: anybody else gets the answer for a job that does not exist."""
        with self.lock:
            self._expire()
            job = self.jobs.get(job_id)
            if not job or not hmac.compare_digest(job.owner, owner):
                raise Refused(404, "job_not_found", "This key has no such job. Jobs end with their time to live and with a restart.")
            return job

    def stop(self):
        """Waits until the running jobs have ended and all results are fetched, for GRACE_SECONDS at most."""
        with self.lock:
            self.stopping = True
        until = time.time() + GRACE_SECONDS
        while time.time() < until and not all(it.fetched for it in list(self.jobs.values())):
            time.sleep(0.1)

    def _run(self, job):
        with self.lock:
            if self.stopping:
                unsent = Refused(503, "stopping", "The service stopped before it sent this job to the gate. Nothing was generated.")
                return job.end("failed", unsent.answer)
            job.status = "running"
        try:
            result = ask_gate("POST", *job.request)
        except (OSError, http.client.HTTPException) as error:
            print(f"{job.id}: {error!r}", file=sys.stderr, flush=True)
            message = "The gate could not be reached or did not answer completely. An image may have been paid for."
            result = Refused(502, "gate_failed", message).answer
        with self.lock:
            # With `keepalive` of the gate a 200 may hold an error.
            failed = result[0] != 200 or result[2].lstrip()[:8] == b'{"error"'
            job.end("failed" if failed else "succeeded", result)

    def _expire(self):
        now = time.time()
        self.jobs = {it.id: it for it in self.jobs.values() if not it.finished_at or it.finished_at + TTL_SECONDS > now}


def ask_gate(method, path, headers, body=None):
    """The gate's answer: its status, headers and body."""
    kind = http.client.HTTPSConnection if GATE.scheme == "https" else http.client.HTTPConnection
    connection = kind(GATE.hostname, GATE.port, timeout=GATE_TIMEOUT_SECONDS)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        kept = {name: answer.headers[name] for name in PASSED_ON if name in answer.headers}
        return answer.status, kept, answer.read()
    finally:
        connection.close()


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
            status, headers, body = act()
        except Refused as refused:
            status, headers, body = refused.answer
        # One request for each connection: nothing that is left of it is taken for another request. A small body is
        # read, since closing the connection over it could cost the client this answer.
        self.close_connection = True
        self.rfile.read(min(self.unread, 1 << 20))
        if isinstance(body, dict):
            headers, body = {"content-type": "application/json", **headers}, json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "content-length": len(body), "cache-control": "no-store", "connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        if self.fetching:
            self.fetching.fetched = True

    def owner(self):
        """Names the caller's key without keeping it."""
        if not self.headers["authorization"]:
            raise Refused(401, "invalid_api_key", "Send your key as 'Authorization: Bearer …'.")
        return hashlib.sha256(self.headers["authorization"].encode()).hexdigest()

    def post(self):
        length = self.headers["content-length"] or ""
        if not length.isdecimal() or len(length) > 12:
            raise Refused(411, "length_required", "Send 'content-length'.")
        self.unread = int(length)
        owner = self.owner()
        if self.path not in ENDPOINTS:
            raise Refused(404, "unknown_url", f"Post to one of these: {', '.join(ENDPOINTS)}.")
        if self.unread > MAX_BODY_BYTES:
            raise Refused(413, "request_too_large", f"The body may have {MAX_BODY_BYTES} bytes.")
        headers = {"authorization": self.headers["authorization"]}
        # Nobody without a key of the gate gets a place in the queue. This request costs nothing.
        try:
            status, kept, body = ask_gate("GET", "/v1/images/limits", headers)
        except (OSError, http.client.HTTPException):
            raise Refused(503, "gate_failed", "The gate could not be reached.", retry_after="10") from None
        if status in (401, 403) or status >= 500:
            return status, kept, body
        headers["content-type"] = self.headers["content-type"] or "application/json"
        request = (ENDPOINTS[self.path], headers, self.jobs.read(self.rfile, self.unread))
        self.unread = 0
        job = self.jobs.add(Job(owner, request, self.headers["idempotency-key"]))
        return 202, {"location": f"/jobs/{job.id}", "retry-after": "2"}, job.public()

    def get(self):
        if self.path == "/healthz":
            return (503 if self.jobs.stopping else 200), {}, {"stopping": self.jobs.stopping}
        _, _, rest = self.path.partition("/jobs/")
        job_id, _, wanted = rest.partition("/")
        job = self.jobs.find(job_id, self.owner())
        if wanted == "result" and job.finished_at:
            self.fetching = job
            return job.result
        if wanted not in ("", "result"):
            raise Refused(404, "unknown_url", "Get /jobs/ID or /jobs/ID/result.")
        return (202 if wanted else 200), ({} if job.finished_at else {"retry-after": "2"}), job.public()


def main():
    host, _, port = LISTEN.rpartition(":")
    server = ThreadingHTTPServer((host, int(port)), Handler)
    server.daemon_threads = True

    def stop(*_):
        # A thread of its own: the results are still served meanwhile.
        threading.Thread(target=lambda: (Handler.jobs.stop(), server.shutdown()), daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"listening on {host}:{server.server_address[1]}", flush=True)
    server.serve_forever()
    # A request to the gate that is still open is given up.
    os._exit(0)


if __name__ == "__main__":
    main()
