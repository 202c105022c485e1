"""The jobs, in the memory of this process."""

import contextlib
import hmac
import secrets
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import gate
from answers import Refused, number

WORKERS = number("WORKERS", 8)  # requests to the gate at once
MAX_WAITING = number("MAX_WAITING", 100)  # jobs that wait for a worker
MAX_PER_KEY = number("MAX_PER_KEY", 20)  # jobs of one key that are not finished
MAX_KEPT_BYTES = number("MAX_KEPT_BYTES", 1 << 30)  # of all jobs; above it no job is accepted
TTL_SECONDS = number("TTL_SECONDS", 3600)  # how long a result is kept
GRACE_SECONDS = number("GRACE_SECONDS", 400)  # that SIGTERM leaves for jobs to end and be fetched
# What a job takes beside its body or result, about: its entry, its headers and its ids.
ENTRY_BYTES = 2048


class Job:
    def __init__(self, owner, request, idempotency_key):
        self.id = secrets.token_urlsafe(24)
        self.owner, self.idempotency_key = owner, idempotency_key
        # Path, headers and body for the gate. The key goes with them when the job ends.
        self.request = request
        self.status, self.result, self.fetched = "queued", None, False
        self.created_at, self.finished_at = time.time(), None
        # By a clock that nobody can set: a new time of day must not remove a paid image.
        self.forgotten_at = None

    def bytes(self):
        return ENTRY_BYTES + len((self.request or self.result)[2])

    def end(self, status, result):
        self.status, self.result, self.request = status, result, None
        self.finished_at, self.forgotten_at = time.time(), time.monotonic() + TTL_SECONDS

    def public(self):
        shown = {"id": self.id, "object": "job", "status": self.status}
        shown["created_at"] = int(self.created_at)
        if self.finished_at:
            shown["http_status"] = self.result[0]
            shown["expires_at"] = int(self.finished_at + TTL_SECONDS)
        return shown


class Jobs:
    """All jobs, in memory. Each is sent to the gate once at most: every try may cost an image."""

    def __init__(self):
        self.lock, self.jobs, self.stopping = threading.Lock(), {}, False
        self.reading = 0  # bytes of jobs whose bodies are being read
        self.workers = ThreadPoolExecutor(WORKERS)

    def add(self, job):
        """Accepts the job, or returns the earlier one with its idempotency key."""
        with self.lock:
            earlier = self._earlier(job.owner, job.idempotency_key)
            if earlier:
                return earlier
            if self.stopping:
                raise Refused(503, "stopping", "This service is about to stop.", retry_after="30")
            unfinished = [it for it in self.jobs.values() if not it.finished_at]
            if sum(it.owner == job.owner for it in unfinished) >= MAX_PER_KEY:
                message = f"This key has {MAX_PER_KEY} unfinished jobs, the most it may have."
                raise Refused(429, "too_many_jobs", message, retry_after="10")
            if sum(it.status == "queued" for it in unfinished) >= MAX_WAITING:
                raise no_room()
            self.workers.submit(self._run, job)
            self.jobs[job.id] = job
            return job

    def earlier(self, owner, idempotency_key):
        """The job of this owner with this idempotency key, if there is one."""
        with self.lock:
            return self._earlier(owner, idempotency_key)

    def _earlier(self, owner, idempotency_key):
        self._expire()
        wanted = (owner, idempotency_key)
        of_key = (it for it in self.jobs.values() if (it.owner, it.idempotency_key) == wanted)
        return next(of_key, None) if idempotency_key else None

    @contextlib.contextmanager
    def room(self, length):
        """Room for a job with a body of this length, which is counted before it comes.

        Until this ends, the job that is made of the body is counted twice."""
        length += ENTRY_BYTES
        with self.lock:
            self._expire()
            kept = sum(it.bytes() for it in self.jobs.values()) + self.reading
            if kept + length > MAX_KEPT_BYTES:
                raise no_room()
            self.reading += length
        try:
            yield
        finally:
            with self.lock:
                self.reading -= length

    def find(self, job_id, owner):
        """The job, for its owner only: for anybody else it does not exist."""
        with self.lock:
            self._expire()
            job = self.jobs.get(job_id)
            if not job or not hmac.compare_digest(job.owner, owner):
                message = "This key has no such job. Jobs end after a while and with a restart."
                raise Refused(404, "job_not_found", message)
            return job

    def show(self, job):
        with self.lock:
            return job.public()

    def stop(self):
        """Waits until all jobs have ended and are fetched, for GRACE_SECONDS at most."""
        with self.lock:
            self.stopping = True
        until = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < until and self._is_needed():
            time.sleep(0.1)

    def _is_needed(self):
        with self.lock:
            self._expire()
            return not all(it.fetched for it in self.jobs.values())

    def _run(self, job):
        with self.lock:
            if self.stopping:
                message = "The service stopped before it sent this job. Nothing was generated."
                return job.end("failed", Refused(503, "stopping", message).answer)
            job.status = "running"
        try:
            result = gate.ask("POST", *job.request)
        except Exception as error:  # Any other would leave the job running for ever.
            print(f"{job.id}: {error!r}", file=sys.stderr, flush=True)
            message = (
                "The gate could not be reached or did not answer completely. "
                "An image may have been paid for."
            )
            result = Refused(502, "gate_failed", message).answer
        with self.lock:
            # With `keepalive` of the gate a 200 may hold an error.
            failed = result[0] != 200 or result[2].lstrip()[:8] == b'{"error"'
            job.end("failed" if failed else "succeeded", result)

    def _expire(self):
        now = time.monotonic()
        kept = (it for it in self.jobs.values() if not it.finished_at or it.forgotten_at > now)
        self.jobs = {it.id: it for it in kept}


def no_room():
    return Refused(503, "queue_full", "There is no room for another job.", retry_after="10")
