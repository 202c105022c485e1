"""Runs OpenAI's client against imagegate in a container."""

import json
import urllib.request
from collections.abc import Iterator

import openai
import pytest
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy

PORT = 10000


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    ready = HttpWaitStrategy(PORT, "/testkit/ready").for_status_code(200)
    with DockerContainer("imagegate-testkit").with_exposed_ports(PORT).waiting_for(ready) as it:
        yield f"http://{it.get_container_host_ip()}:{it.get_exposed_port(PORT)}"


def test_images(url: str) -> None:
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="sk-imagegate-test", max_retries=0)
    client.images.generate(model="gpt-image-2", prompt="a red fox")
    with pytest.raises(openai.RateLimitError):
        client.images.generate(
            model="gpt-image-2",
            prompt="a red fox",
            extra_headers={"x-codex-sim-fault": "rate_limit"},
        )
    with urllib.request.urlopen(f"{url}/testkit/ledger") as answer:
        assert [it["status"] for it in json.load(answer)["records"]] == [200, 429]
