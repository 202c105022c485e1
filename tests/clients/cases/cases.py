"""Shared by the Python clients: how a case is declared and its outcome reported, and images to send and to look at.

`tests/e2e/clients.rs` starts a script and reads one line of JSON for each case. The outcome of a prompt (`fail 502` and so on) is defined in
`tests/e2e/clients/codex.rs`; if the upstream is a provider, it is codex-sim, which reads the text in brackets.
"""

import base64
import json
import os
import struct
import sys
import traceback
import zlib

_CASES = []

# Keys that `tests/e2e/clients.rs` hands over; the client's own key may do anything.
NARROW, LIMITED, SPENT = (os.environ[f"IMAGEGATE_{name}_KEY"] for name in ("NARROW", "LIMITED", "SPENT"))
UNKNOWN = "sk-of-no-consumer"
# It leads to the upstream of this run, and these are the cases to run: without any, all.
MODEL = os.environ["IMAGEGATE_MODEL"]
_ASKED = os.environ["IMAGEGATE_CASES"].split()


def case(function):
    """Makes a function the case of its name."""
    _CASES.append(function)
    return function


def run():
    """Runs the requested cases in their order and reports how each ended."""
    for function in _CASES:
        if _ASKED and function.__name__ not in _ASKED:
            continue
        fault = None
        try:
            function()
        except Exception:  # noqa: BLE001: a case may raise any exception
            fault = traceback.format_exc()
        print(json.dumps({"case": function.__name__, "fault": fault}), flush=True)


def check(holds, what):
    if not holds:
        raise AssertionError(what)


def raised(kind, request):
    """The exception of exactly this kind that a request ends in."""
    try:
        answer = request()
    except kind as error:
        check(type(error) is kind, f"{type(error)} is {kind}")
        return error
    raise AssertionError(f"{kind.__name__} was expected, but got this: {answer!r:.200}")


def check_pngs(b64s, count):
    """This many images, all different."""
    images = [base64.b64decode(b64, validate=True) for b64 in b64s]
    check(len(images) == count, f"{len(images)} images are {count}")
    check(all(image.startswith(b"\x89PNG\r\n\x1a\n") for image in images), "the images are PNGs")
    check(len(set(images)) == count, "all images are different")


def png(edge, alpha=None):
    """A square of one colour; with `alpha`, one that is so opaque."""
    pixel = b"\x20\x60\xa0" + (b"" if alpha is None else bytes([alpha]))
    rows = (b"\0" + pixel * edge) * edge

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", edge, edge, 8, 2 if alpha is None else 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


if __name__ == "__main__":
    sys.exit("a client's script imports this")
