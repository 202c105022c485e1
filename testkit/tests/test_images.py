"""What the gate answers if nothing is to fail."""

import base64
import json
import struct
import urllib.error
import urllib.request

import openai
import pytest
from imagegate_testkit import KEYS, Gate
from openai import OpenAI


def size_of(png: bytes) -> tuple[int, int]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def generate(client: OpenAI, prompt: str, **more: object) -> bytes:
    fields = {"model": "gpt-image-2", "prompt": prompt, **more}
    answer = client.images.generate(**fields)  # type: ignore[call-overload]
    return base64.b64decode(answer.data[0].b64_json)


def test_an_image_has_the_requested_size_and_follows_from_its_prompt(client: OpenAI) -> None:
    first = generate(client, "a red fox", size="1536x1024")
    assert size_of(first) == (1536, 1024)
    assert generate(client, "a red fox", size="1536x1024") == first
    assert generate(client, "a blue fox", size="1536x1024") != first


def test_a_seed_gives_other_images(client: OpenAI) -> None:
    with Gate(seed=1) as other:
        there = OpenAI(base_url=other.base_url, api_key=other.key)
        assert generate(client, "a red fox") != generate(there, "a red fox")


def test_several_images_differ(client: OpenAI) -> None:
    answer = client.images.generate(model="gpt-image-2", prompt="two foxes [[sim:vary]]", n=2)
    first, second = [it.b64_json for it in answer.data or []]
    assert first != second


def test_an_edit_reaches_the_upstream_with_its_image(client: OpenAI, imagegate: Gate) -> None:
    picture = generate(client, "a red fox")
    answer = client.images.edit(
        model="gpt-image-2", image=("fox.png", picture, "image/png"), prompt="add a hat"
    )
    assert answer.data and answer.data[0].b64_json
    assert imagegate.ledger()[-1]["endpoint"] == "edits"
    (tool,) = imagegate.upstream()["last"]["body"]["tools"]
    assert tool["action"] == "edit"


def test_a_stream_has_previews_and_the_image(client: OpenAI) -> None:
    events = client.images.generate(
        model="gpt-image-2", prompt="a red fox", stream=True, partial_images=2
    )
    kinds = [event.type for event in events]
    assert kinds == [*["image_generation.partial_image"] * 2, "image_generation.completed"]


def test_models_are_listed(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["gpt-image-2"]


@pytest.mark.parametrize("key", ["sk-wrong", KEYS["expired"], KEYS["disabled"]])
def test_such_a_key_is_rejected(client: OpenAI, imagegate: Gate, key: str) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        client.with_options(api_key=key).images.generate(model="gpt-image-2", prompt="a red fox")
    assert caught.value.code == "invalid_api_key"
    assert imagegate.upstream()["requests"] == 0


def test_a_narrow_key_may_ask_for_one_model_and_size(client: OpenAI) -> None:
    narrow = client.with_options(api_key=KEYS["narrow"])
    assert size_of(generate(narrow, "a red fox", size="1024x1024")) == (1024, 1024)
    for more, code in [
        ({"size": "1536x1024"}, "size_not_allowed"),
        ({"model": "gpt-image-1"}, "model_not_allowed"),
    ]:
        with pytest.raises(openai.PermissionDeniedError) as caught:
            generate(narrow, "a red fox", **more)
        assert caught.value.code == code


def test_the_health_url_names_keys_prices_and_limits(imagegate: Gate) -> None:
    with urllib.request.urlopen(f"{imagegate.url}/testkit/ready", timeout=5) as answer:
        about = json.load(answer)
    assert about["status"] == "ready" and about["keys"] == KEYS
    assert about["prices"] and about["limits"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "OPTIONS"])
def test_another_method_is_an_error_in_json(imagegate: Gate, method: str) -> None:
    request = urllib.request.Request(f"{imagegate.url}/testkit/ledger", b"{}", method=method)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=5)
    assert caught.value.code == 405
    assert "only GET /testkit/ready" in json.load(caught.value)["error"]


def test_another_path_is_an_error(imagegate: Gate) -> None:
    for path in ("/testkit/other", "/other"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(imagegate.url + path, timeout=5)
        assert caught.value.code == 404
