"""The keys, prices and limits of a test gate. The documentation lists them; they do not change."""

import hashlib
from typing import Any

#: Keys by what they are for. Each belongs to a consumer of the same name.
KEYS = {
    # Everything, without a limit.
    "test": "sk-imagegate-test",
    # 2 requests in 5 seconds for each user.
    "rate": "sk-imagegate-test-rate",
    # 0.10 US dollars a day for each user.
    "budget": "sk-imagegate-test-budget",
    # One request at a time for each user.
    "single": "sk-imagegate-test-single",
    # The model gpt-image-2 at 1024x1024 only.
    "narrow": "sk-imagegate-test-narrow",
    "expired": "sk-imagegate-test-expired",
    "disabled": "sk-imagegate-test-disabled",
}

#: What an image costs, in US dollars.
PRICES = [
    {"model": "*", "usd": "0.04"},
    {"model": "*", "quality": "low", "usd": "0.01"},
]

LIMITS = [
    {
        "name": "test-rate",
        "per": "user",
        "unit": "requests",
        "max": 2,
        "window": "5s",
        "consumers": ["rate"],
    },
    {
        "name": "test-budget",
        "per": "user",
        "unit": "usd",
        "max": "0.10",
        "window": "day",
        "consumers": ["budget"],
    },
    {"name": "test-single", "per": "user", "unit": "concurrent", "max": 1, "consumers": ["single"]},
]

#: Fields of single consumers.
_SPECIAL: dict[str, dict[str, Any]] = {
    "narrow": {"models": ["gpt-image-2"], "sizes": ["1024x1024"]},
    "expired": {"expires_at": "2020-01-01T00:00:00Z"},
    "disabled": {"disabled": True},
}


def consumers() -> list[dict[str, Any]]:
    """The consumers as the filter's configuration has them."""
    return [
        {
            "name": name,
            "key_sha256": [hashlib.sha256(key.encode()).hexdigest()],
            # Each user has counters of its own, so each test can begin at zero.
            "any_user": True,
            **_SPECIAL.get(name, {}),
        }
        for name, key in KEYS.items()
    ]


def filter_config(base: dict[str, Any], upstream_timeout: str) -> dict[str, Any]:
    """The filter's configuration, with the upstream of `base`."""
    upstream = {
        **base["upstreams"]["codex"],
        "timeout": upstream_timeout,
        # A failure in one test must not change what happens in the next one.
        "max_rest": "0s",
        "host_model_cooldown": "1s",
        "delivery": "pass",
    }
    return {
        "upstreams": {"codex": upstream},
        "consumers": consumers(),
        "models_endpoint": {"names": ["gpt-image-2"]},
        "prices": PRICES,
        "limits": LIMITS,
    }
