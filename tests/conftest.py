"""What holds for every test process."""

import signal

import argon2
import hypothesis
import pytest
from xdist.remote import Producer

from celadon.store import secrets
from tests import distribution

# Whoever started us in the background may have had us ignore Ctrl-C, and programs we start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Nobody guesses the passwords of tests: they are hashed in a moment, where the platform takes 30 ms of a core.
secrets._PASSWORDS = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

# How long an example takes says how busy the machine is: by default one of more than 200 ms fails its test, and so does
# a second for drawing the first ones, for which tables of Unicode are made.
hypothesis.settings.register_profile("tests", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: distribution.place_in_line(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> distribution.ByFile:
    config.option.loadscopereorder = False
    return distribution.ByFile(config, log)
