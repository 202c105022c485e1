"""Answers of the service itself, and its settings."""

import json
import os
import re
import secrets
import sys


def number(name, default):
    text = os.environ.get(name, str(default))
    if not re.fullmatch("[1-9][0-9]{0,14}", text):
        unit = next((it for it in ("bytes", "seconds") if name.endswith(f"_{it.upper()}")), None)
        accepted = f"a whole number from 1, in {unit}" if unit else "a whole number from 1"
        sys.exit(f"{name}: invalid value '{text}', accepted: {accepted}")
    return int(text)


class Refused(Exception):
    """An answer other than the expected one, in the shape of the gate's own errors."""

    def __init__(self, status, code, message, param=None, **headers):
        super().__init__(message)
        kind = "jobs_error" if param is None else "invalid_request_error"
        error = {"message": message, "type": kind, "param": param, "code": code}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named.update({"content-type": "application/json", "x-request-id": secrets.token_hex(16)})
        self.answer = status, named, json.dumps({"error": error}).encode()


class Answered(Refused):
    """The gate's own answer, which is passed on."""

    def __init__(self, *answer):
        Exception.__init__(self)
        self.answer = answer
