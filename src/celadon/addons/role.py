"""The addons role: asks the providers of add-ons to make, to change and to remove them.

Wakes on: the change feed, answers, the time for another try, requests to what it serves. Reads: add-ons. Writes: their
states and configs, and with those the config vars and releases of apps (by actions).
Survives: a SIGKILL. What a provider was asked and has not been heard on is asked again, with the same id.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from celadon.actions import context as contexts
from celadon.addons import provider_port, services
from celadon.addons.manager import Manager
from celadon.addons.provider_port import ProviderPort
from celadon.addons.services import Providers
from celadon.addons.serving import SOCKET, Serving
from celadon.platform.settings import Settings
from celadon.store import changes, engines

log = logging.getLogger(__name__)

# Seconds: for another try of what has failed nobody rings.
_RETRIES = 1.0
# And between two looks at the engines: none tells that it has died. Where there are none, who makes one rings.
_LOOK = 0.25
_IDLE = 5.0
# What may ask for something of an engine. For the rest, as a push with its builds, releases and dynos, nobody looks:
# a score of looks at once is felt by dynos that serve.
_TOPICS = frozenset(("addon", "engine", "transfer"))
# Between two tries of what breaks.
_LONGEST_PAUSE = 30.0


def main(settings: Settings) -> None:
    """Run until SIGTERM."""
    context = contexts.connect(settings)
    bell = threading.Event()
    built_in = services.built_in(context)
    manager = Manager(context, Providers(context, built_in.providers), bell.set)
    looks = [threading.Event() for _ in built_in.ensures]
    pace = Pace()
    for ensure, look in zip(built_in.ensures, looks, strict=True):
        threading.Thread(target=_keep, args=(ensure, look, pace), daemon=True).start()
    Serving(settings.run / SOCKET, context, built_in.routes, built_in.files).start()
    port = ProviderPort(context, built_in.own)
    port.write_manifests(settings)
    Serving(settings.run / provider_port.SOCKET, context, port.routes()).start()
    feed = changes.Feed(context.database)
    seen = feed.look()
    while True:
        until = time.monotonic() + _RETRIES
        bell.clear()
        if begun := manager.ensure():
            log.info("at=ensure asking=%d", begun)
        while not bell.wait(changes.LOOK) and feed.look() <= seen and time.monotonic() < until:
            pass
        with context.database.read() as tx:
            pace.seconds = _LOOK if engines.list_all(tx) else _IDLE
            seen, topics = changes.topics_after(tx, seen)
        if not bell.is_set() and topics.isdisjoint(_TOPICS):
            continue
        # One look at the feed for all: a look of each would be most of what the role does.
        for look in looks:
            look.set()


@dataclass(slots=True)
class Pace:
    """Seconds between two looks that nobody has asked for."""

    seconds: float = _LOOK


def _keep(ensure: Callable[[], object], look: threading.Event, pace: Pace) -> None:
    """Keep engines as they should be; what breaks is tried again, ever later, and keeps nothing else from its work."""
    failures = 0
    while True:
        try:
            ensure()
            failures = 0
        except Exception:
            failures += 1
            log.exception("at=ensure-failed failures=%d", failures)
            time.sleep(min(_LOOK * 2**failures, _LONGEST_PAUSE))
        look.wait(pace.seconds)
        look.clear()
