"""What the service asks the gate, and what it sends there."""

import http.client
import json
import os
import re
import sys
import threading
from urllib.parse import urlsplit

from answers import Answered, Refused, number



def location(text):
    """The parts of the gate's URL. `urlsplit` itself finds a wrong port only when it is asked for it."""
    try:
        url = urlsplit(text)
        is_right = url.scheme in ("http", "https") and url.hostname and url.path in ("", "/")
        if is_right and url.port != 0:
            return url
    except ValueError:
        pass
    sys.exit(f"GATE_URL: invalid value '{text}', accepted: a URL such as http://envoy:10000")


GATE = location(os.environ.get("GATE_URL", "http://127.0.0.1:10000"))
TIMEOUT_SECONDS = number("GATE_TIMEOUT_SECONDS", 360)  # above the gate's own, 330 s
ENDPOINTS = {"/jobs": "/v1/images/generations", "/jobs/edits": "/v1/images/edits"}
PASSED_ON = ("content-type", "retry-after", "x-request-id", "x-should-retry")


def ask(method, path, headers, body=None):
    """The gate's answer: its status, headers and body."""
    kind = http.client.HTTPSConnection if GATE.scheme == "https" else http.client.HTTPConnection
    connection = kind(GATE.hostname, GATE.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        kept = {name: answer.headers[name] for name in PASSED_ON if name in answer.headers}
        return answer.status, kept, answer.read()
    finally:
        connection.close()


def check_key(headers):
    """Nobody without a key of the gate gets a place in the queue. This request costs nothing."""
    try:
        status, kept, body = ask("GET", "/v1/images/limits", headers)
    except (OSError, ValueError, http.client.HTTPException):
        message = "The gate could not be reached."
        raise Refused(503, "gate_failed", message, retry_after="10") from None
    # The gate knows a key that acts for others, and asks for whom.
    if status != 200 and b'"missing_required_parameter"' not in body:
        raise Answered(status, kept, body)


def refuse_stream(content_type, body):
    """A job's answer is kept whole, so it cannot be a stream. The gate refuses all else itself."""
    boundary = re.match(r'multipart/form-data\s*;.*\bboundary="?([^";\s]+)', content_type, re.I)
    if form_streams(body, boundary[1].encode()) if boundary else json_streams(body):
        message = (
            "Invalid value for 'stream': a job's answer is kept whole. "
            "Leave 'stream' out, or set it to false."
        )
        raise Refused(400, "invalid_value", message, param="stream")


def json_streams(body):
    # One body at a time: as values of Python, it can take twenty times its bytes.
    with PARSING:
        try:
            wish = json.loads(body)
        except (ValueError, RecursionError):
            return False
        return isinstance(wish, dict) and wish.get("stream") is True


def form_streams(body, boundary):
    for part in parts(body, b"--" + boundary):
        head, _, value = part.partition(b"\r\n\r\n")
        if value.strip() == b"true" and STREAM_FIELD.search(head):
            return True
    return False


def parts(body, delimiter):
    """The short parts of a form, one after the other: a body can have millions of them."""
    start = 0
    while start < len(body):
        end = body.find(delimiter, start)
        end = len(body) if end < 0 else end
        if end - start <= MAX_FIELD_BYTES:
            yield body[start:end]
        start = end + len(delimiter)


PARSING = threading.Lock()
MAX_FIELD_BYTES = 1 << 14  # with its head; `stream` has less than a hundred
STREAM_FIELD = re.compile(rb'[;\s]name="?stream"?\s*(;|\r|$)', re.I)
