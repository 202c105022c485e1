"""What the tests of the kit share. The fixture `imagegate` comes from the installed wheel."""

import pytest
from imagegate_testkit import Gate
from openai import OpenAI


@pytest.fixture
def client(imagegate: Gate) -> OpenAI:
    """OpenAI's client, which does not try again."""
    return OpenAI(base_url=imagegate.base_url, api_key=imagegate.key, max_retries=0, timeout=30)
