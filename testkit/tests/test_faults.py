"""What the documentation says of each fault is what OpenAI's client gets."""

import base64
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from imagegate_testkit import FAULT_HEADER, Gate
from openai import OpenAI

PAGE = Path(__file__).parents[2] / "docs/guides/tests.md"
BROKEN = re.compile(r"a broken transfer, `(?P<code>\w+)` in the ledger")
ERROR = re.compile(r"(?P<status>\d{3}) `(?P<code>\w+)`(, `(?P<header>[\w-]+): (?P<value>\w+)`)?")


def rows() -> list[tuple[str, str]]:
    """Each header of the table, and what the client gets."""
    _, rest = PAGE.read_text().split("<!-- faults: begin -->\n")
    table, _ = rest.split("<!-- faults: end -->\n")
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]
    ]
    return [(header.strip("`"), outcome) for header, _, outcome in cells]


@pytest.fixture(scope="module")
def impatient() -> Iterator[Gate]:
    """A gate that soon gives up what is silent."""
    with Gate(upstream_timeout="1s") as gate:
        yield gate


@pytest.fixture
def client(impatient: Gate) -> OpenAI:
    impatient.reset()
    return OpenAI(base_url=impatient.base_url, api_key=impatient.key, max_retries=0, timeout=30)


def generate(client: OpenAI, fault: str, **more: object) -> Any:
    headers = {FAULT_HEADER: fault}
    fields = {"model": "gpt-image-2", "prompt": "a red fox", **more}
    return client.images.generate(**fields, extra_headers=headers)  # type: ignore[call-overload]


@pytest.mark.parametrize(("fault", "outcome"), rows())
def test_the_client_gets_what_is_documented(
    client: OpenAI, impatient: Gate, fault: str, outcome: str
) -> None:
    if broken := BROKEN.fullmatch(outcome):
        with pytest.raises(openai.APIConnectionError):
            generate(client, fault)
        (record,) = impatient.ledger()
        assert (record["status"], record["code"]) == (200, broken["code"])
    elif error := ERROR.fullmatch(outcome):
        with pytest.raises(openai.APIStatusError) as caught:
            generate(client, fault)
        assert (str(caught.value.status_code), caught.value.code) == (
            error["status"],
            error["code"],
        )
        if error["header"]:
            assert caught.value.response.headers[error["header"]] == error["value"]
        (record,) = impatient.ledger()
        assert (record["code"], record["settled_nanodollars"]) == (error["code"], 0)
    else:
        assert outcome == "200"
        generate(client, fault)


def test_the_table_has_every_kind_of_outcome() -> None:
    outcomes = [outcome for _, outcome in rows()]
    assert len(outcomes) > 20 and "200" in outcomes
    assert any(map(BROKEN.fullmatch, outcomes)) and any(map(ERROR.fullmatch, outcomes))


def test_a_client_that_tries_again_succeeds(client: OpenAI, impatient: Gate) -> None:
    generate(client.with_options(max_retries=2), "rate_limit@1,2")
    assert [it["status"] for it in impatient.ledger()] == [429, 429, 200]
    impatient.reset()
    with pytest.raises(openai.RateLimitError):
        generate(client, "rate_limit@1")


def test_a_delay_takes_its_time(client: OpenAI) -> None:
    started = time.monotonic()
    generate(client, "delay=700ms")
    assert time.monotonic() - started >= 0.7


def test_a_large_image_has_the_requested_length(client: OpenAI) -> None:
    (image,) = generate(client, "bytes=6MB").data or []
    assert abs(len(image.b64_json or "") - 6_000_000) < 1000


def test_several_faults_in_one_header(client: OpenAI) -> None:
    answer = generate(client, "size=512x512 delay=300ms")
    assert answer.size == "512x512"


def test_a_stream_fails_before_its_first_event_or_in_the_middle(
    client: OpenAI, impatient: Gate
) -> None:
    with pytest.raises(openai.RateLimitError):
        generate(client, "rate_limit", stream=True)
    events = iter(generate(client, "cut_mid_image", stream=True, partial_images=1))
    with pytest.raises(openai.APIError):
        list(events)
    assert impatient.ledger()[-1]["code"] == "upstream_disconnected"


def test_with_two_images_the_header_is_for_the_first_of_them(
    client: OpenAI, impatient: Gate
) -> None:
    assert len(generate(client, "server_error", n=2).data or []) == 1
    assert impatient.ledger()[-1]["images_failed"] == 1
    assert len(impatient.upstream()["recent"]) == 2


def test_an_edit_fails_too(client: OpenAI) -> None:
    (image,) = generate(client, "delay=1ms").data or []
    picture = ("fox.png", base64.b64decode(image.b64_json or ""), "image/png")
    with pytest.raises(openai.RateLimitError):
        client.images.edit(
            model="gpt-image-2",
            image=picture,
            prompt="a hat",
            extra_headers={FAULT_HEADER: "rate_limit"},
        )
