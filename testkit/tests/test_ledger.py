"""The usage records, as they are shown to a test."""

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from imagegate_testkit import Gate
from openai import OpenAI


def generate(client: OpenAI, prompt: str = "a red fox", **more: object) -> str:
    """Generates one image, and returns the id of its request."""
    fields = {"model": "gpt-image-2", "prompt": prompt, **more}
    answer = client.images.with_raw_response.generate(**fields)  # type: ignore[call-overload]
    answer.parse()
    return str(answer.headers["x-request-id"])


def test_a_record_is_there_once_its_answer_is(client: OpenAI, imagegate: Gate) -> None:
    for number in range(1, 31):
        request_id = generate(client)
        records = imagegate.ledger()
        assert len(records) == number
        assert records[-1]["request_id"] == request_id
        assert records[-1]["settled_nanodollars"] == 40_000_000


def test_records_of_requests_at_once(client: OpenAI, imagegate: Gate) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda number: generate(client, f"fox {number}"), range(24)))
    assert sorted(it["request_id"] for it in imagegate.ledger()) == sorted(ids)


def test_records_are_found_by_their_fields(client: OpenAI, imagegate: Gate) -> None:
    user = imagegate.new_user()
    generate(client)
    request_id = generate(client, user=user)
    (record,) = imagegate.ledger(user=user)
    assert record["request_id"] == request_id
    assert imagegate.ledger(request_id=request_id) == [record]
    assert imagegate.ledger(user=user, status="429") == []


def test_a_failure_has_a_record_without_costs(client: OpenAI, imagegate: Gate) -> None:
    with pytest.raises(openai.RateLimitError):
        generate(client, extra_headers={"x-codex-sim-fault": "rate_limit"})
    (record,) = imagegate.ledger()
    assert (record["status"], record["code"]) == (429, "rate_limit_exceeded")
    assert (record["images_delivered"], record["settled_nanodollars"]) == (0, 0)


def test_a_reset_clears_records_and_counters(client: OpenAI, imagegate: Gate) -> None:
    generate(client)
    assert imagegate.ledger() and imagegate.upstream()["requests"] == 1
    imagegate.reset()
    assert imagegate.ledger() == [] and imagegate.upstream()["requests"] == 0


def test_each_test_begins_with_an_empty_ledger(imagegate: Gate) -> None:
    assert imagegate.ledger() == []


def test_the_ledger_is_plain_http(client: OpenAI, imagegate: Gate) -> None:
    generate(client)
    url = f"{imagegate.url}/testkit/ledger"
    with urllib.request.urlopen(url, timeout=5) as answer:
        assert answer.headers["content-type"] == "application/json"
        assert len(json.load(answer)["records"]) == 1
    with urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=5) as answer:
        assert answer.status == 204
    assert imagegate.ledger() == []


def test_a_prompt_is_in_no_record(client: OpenAI, imagegate: Gate) -> None:
    generate(client, "a very secret fox")
    assert "secret" not in json.dumps(imagegate.ledger())
