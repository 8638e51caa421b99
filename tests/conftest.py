"""What holds for every test process."""

import signal

import argon2
import pytest
from xdist.remote import Producer

from celadon.store import secrets
from tests import distribution

# Whoever started us in the background may have had us ignore Ctrl-C, and programs we start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Nobody guesses the passwords of tests: they are hashed in a moment, where the platform takes 30 ms of a core.
secrets._PASSWORDS = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: distribution.place_in_line(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> distribution.ByFile:
    config.option.loadscopereorder = False
    return distribution.ByFile(config, log)
