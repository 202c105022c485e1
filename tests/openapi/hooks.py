"""What schemathesis cannot make up by itself: files that are pictures."""

import schemathesis
from hypothesis import strategies as st

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c63606060f80f0001040100bd5b1b9f0000000049454e44ae426082"
)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(32)

schemathesis.openapi.format("binary", st.sampled_from([PNG, JPEG, b"GIF89a" + bytes(16), b"no picture", b""]))
