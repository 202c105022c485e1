"""The requests of Open WebUI 0.12.4 for images, by the HTTP client that it uses, aiohttp; `tests/e2e/sdks.rs` runs it.

Open WebUI itself is not run here: its package has 106 MB, and it needs a hundred others, PyTorch among them. Its
`open_webui/routers/images.py` says what it sends, and what it reads of the answer. The field `response_format` is only for
models whose name does not begin with `gpt-image`. The last line says how many checks held.
"""

import asyncio
import base64
import json
import os
import struct
import zlib

import aiohttp

ADDRESS = os.environ["OPENAI_BASE_URL"]
KEY = {"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
checks = 0


def check(holds, what):
    global checks
    if not holds:
        raise SystemExit(f"this does not hold: {what}")
    checks += 1


def png():
    """One blue pixel."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"\0\0\0\xff")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


async def images(session, path, **sent):
    """The images of an answer, as Open WebUI reads them; an error is an exception."""
    async with session.post(f"{ADDRESS}/images/{path}", **sent) as answer:
        answer.raise_for_status()
        found = (await answer.json(content_type=None))["data"]
    check(not any(image.get("url") for image in found), "the images are no URLs")
    return [base64.b64decode(image["b64_json"], validate=True) for image in found]


async def generations(session):
    for size in ("1024x1024", "auto"):
        wanted = {"model": "gpt-image-2", "prompt": "A lighthouse", "n": 1, "size": size}
        [image] = await images(session, "generations", json=wanted, headers={**KEY, "Content-Type": "application/json"})
        check(image.startswith(b"\x89PNG"), f"a PNG came for the size {size}")
    # A version, as for Azure.
    [image] = await images(session, "generations?api-version=2026-01-01", json=wanted, headers=KEY)
    check(image.startswith(b"\x89PNG"), "a PNG came")


async def the_default_size(session):
    """Open WebUI asks for 512x512 if its operator has set no size."""
    wanted = {"model": "gpt-image-2", "prompt": "A lighthouse", "n": 1, "size": "512x512"}
    async with session.post(f"{ADDRESS}/images/generations", json=wanted, headers=KEY) as answer:
        error = (await answer.json())["error"]
        check((answer.status, error["param"]) == (400, "size"), f"{answer.status} {error} is about the size")


async def edits(session):
    """Each prompt says what the upstream should have got, as in openai_python.py."""
    for count, name in ((1, "image"), (2, "image[]")):
        form = aiohttp.FormData()
        fields = {"model": "gpt-image-2", "prompt": f"edit images={count} mask=0", "n": 1, "size": "1024x1024", "background": "opaque"}
        for field, value in fields.items():
            form.add_field(field, str(value))
        for _ in range(count):
            form.add_field(name, png(), filename="6f9619ff.png", content_type="image/png")
        [image] = await images(session, "edits", data=form, headers=KEY)
        check(image.startswith(b"\x89PNG"), f"a PNG came of {count} files")


async def main():
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        await generations(session)
        await the_default_size(session)
        await edits(session)
    print(json.dumps({"client": f"aiohttp {aiohttp.__version__}", "checks": checks}))


asyncio.run(main())
