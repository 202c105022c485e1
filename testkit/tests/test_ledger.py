"""The usage records, as they are shown to a test."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from imagegate_testkit import Gate, ledger
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


def test_a_field_that_is_no_text_is_found_as_json(client: OpenAI, imagegate: Gate) -> None:
    generate(client)
    (record,) = imagegate.ledger(code=None, status=200, price_mismatch=False)
    assert record["code"] is None
    url = f"{imagegate.url}/testkit/ledger"
    for query, found in [
        ("code=null&price_mismatch=false", [record]),
        ("price_mismatch=true", []),
        ("user=", []),
    ]:
        with urllib.request.urlopen(f"{url}?{query}", timeout=5) as answer:
            assert json.load(answer)["records"] == found, query


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


@pytest.fixture
def server() -> Iterator[ledger.LedgerServer]:
    """The server alone, whose access log is written by the test."""
    with ledger.LedgerServer(ledger.Ledger(), {}) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def read(server: ledger.LedgerServer, request_id: str) -> Any:
    url = f"http://127.0.0.1:{server.server_port}/testkit/ledger"
    request = urllib.request.Request(url, headers={"x-request-id": request_id})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["records"]


def test_an_answer_waits_for_the_access_log(server: ledger.LedgerServer) -> None:
    def log() -> Iterator[bytes]:
        yield b'{"mark":"another"}'
        time.sleep(0.3)
        yield b'{"usage":{"status":200}}'
        yield b'{"mark":"this"}'
        yield b'{"usage":{"status":429}}'

    threading.Thread(target=server.ledger.follow, args=(log(),)).start()
    assert read(server, "this")[:1] == [{"status": 200}]


def test_an_access_log_that_does_not_come_is_an_error(
    server: ledger.LedgerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "PATIENCE_SECONDS", 0.1)
    with pytest.raises(urllib.error.HTTPError) as caught:
        read(server, "this")
    assert caught.value.code == 504
