"""Fixtures of the git doors: one role for a module's tests, each with an app of its own."""

from collections.abc import Iterator

import pytest
from tests.git.town import Builder, Relay, Town


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    """A platform whose git role runs."""
    town = Town()
    try:
        town.start_role()
        yield town
    finally:
        town.close()


@pytest.fixture
def builder(town: Town) -> Iterator[Builder]:
    """A builder that succeeds at once."""
    builder = Builder(town)
    yield builder
    builder.close()


@pytest.fixture(scope="module")
def relay(town: Town) -> Iterator[Relay]:
    """The HTTP door, as git reaches it."""
    relay = Relay(town.socket)
    yield relay
    relay.close()
