"""Fixtures for pytest."""

from collections.abc import Iterator

import pytest

from .gate import Gate


@pytest.fixture(scope="session")
def imagegate_session() -> Iterator[Gate]:
    """One gate for all tests of this process."""
    with Gate() as gate:
        yield gate


@pytest.fixture
def imagegate(imagegate_session: Gate) -> Gate:
    """The gate with an empty ledger."""
    imagegate_session.reset()
    return imagegate_session
