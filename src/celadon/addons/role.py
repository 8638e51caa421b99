"""The addons role: asks the providers of add-ons to make, to change and to remove them.

Wakes on: the change feed, answers, the time for another try. Reads: add-ons. Writes: their states and configs, and with
those the config vars and releases of apps (by actions).
Survives: a SIGKILL. What a provider was asked and has not been heard on is asked again, with the same id.
"""

import logging
import threading
import time

from celadon.actions import context as contexts
from celadon.addons import services
from celadon.addons.manager import Manager
from celadon.addons.services import Providers
from celadon.platform.settings import Settings
from celadon.store import changes

log = logging.getLogger(__name__)

# Seconds: for another try of what has failed nobody rings.
_RETRIES = 1.0


def main(settings: Settings) -> None:
    """Run until SIGTERM."""
    context = contexts.connect(settings)
    bell = threading.Event()
    manager = Manager(context, Providers(context, services.built_in(context)), bell.set)
    feed = changes.Feed(context.database)
    while True:
        seen, until = feed.look(), time.monotonic() + _RETRIES
        bell.clear()
        if begun := manager.ensure():
            log.info("at=ensure asking=%d", begun)
        while not bell.wait(changes.LOOK) and feed.look() <= seen and time.monotonic() < until:
            pass
