"""The keys with limits. Each test has a user of its own, and so counters that begin at zero."""

import threading
import time

import openai
import pytest
from imagegate_testkit import KEYS, Gate
from openai import OpenAI

LOW_QUALITY_NANODOLLARS = 10_000_000


def generate(client: OpenAI, user: str, **more: object) -> None:
    fields = {"model": "gpt-image-2", "prompt": "a red fox", "user": user, **more}
    client.images.generate(**fields)  # type: ignore[call-overload]


def test_a_budget_is_used_up_by_two_images(client: OpenAI, imagegate: Gate) -> None:
    spender, user = client.with_options(api_key=KEYS["budget"]), imagegate.new_user()
    for _ in range(2):
        generate(spender, user)
    with pytest.raises(openai.RateLimitError) as caught:
        generate(spender, user)
    assert caught.value.code == "insufficient_quota"
    assert [it["settled_nanodollars"] for it in imagegate.ledger(user=user)] == [
        40_000_000,
        40_000_000,
        0,
    ]
    assert imagegate.ledger(user=user)[-1]["rule"] == "test-budget"
    generate(spender, user, quality="low")
    assert imagegate.ledger(user=user)[-1]["settled_nanodollars"] == LOW_QUALITY_NANODOLLARS
    generate(spender, imagegate.new_user())


def test_a_rate_admits_two_requests_and_then_says_how_long_to_wait(
    client: OpenAI, imagegate: Gate
) -> None:
    hasty, user = client.with_options(api_key=KEYS["rate"]), imagegate.new_user()
    for _ in range(2):
        generate(hasty, user)
    with pytest.raises(openai.RateLimitError) as caught:
        generate(hasty, user)
    assert caught.value.code == "rate_limit_exceeded"
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 6
    # A client that follows it is served.
    started = time.monotonic()
    generate(hasty.with_options(max_retries=2), user)
    assert time.monotonic() - started > 0.5


def test_a_key_for_one_request_at_a_time(client: OpenAI, imagegate: Gate) -> None:
    single, user = client.with_options(api_key=KEYS["single"]), imagegate.new_user()
    slow = {"x-codex-sim-fault": "delay=3s"}
    first = threading.Thread(target=generate, args=(single, user), kwargs={"extra_headers": slow})
    first.start()
    deadline = time.monotonic() + 10
    while not imagegate.upstream()["requests"] and time.monotonic() < deadline:
        time.sleep(0.02)
    with pytest.raises(openai.RateLimitError):
        generate(single, user)
    first.join()
    generate(single, user)


def test_the_usual_key_has_no_limit(client: OpenAI, imagegate: Gate) -> None:
    user = imagegate.new_user()
    for _ in range(5):
        generate(client, user)
    assert len(imagegate.ledger(user=user, status="200")) == 5
