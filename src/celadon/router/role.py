"""The router role: the ensure loop, and the receiver of request lines beside it.

Wakes on: the change feed; twice a second to see that HAProxy is there.
Survives: a SIGKILL anywhere. HAProxy goes on without it and keeps request lines for a while.
"""

import logging
import threading
import time

from celadon.actions import context as contexts
from celadon.platform.settings import Settings
from celadon.router import haproxy
from celadon.router.admin import AdminError
from celadon.router.engine import MASTER_SOCKET, ContainerEngine, Engine, EngineError
from celadon.router.idling import Idler, Visits
from celadon.router.manager import Manager
from celadon.router.receiver import Receiver
from celadon.store import changes
from celadon.store.lines import Lines

log = logging.getLogger(__name__)

# Seconds: how often HAProxy is looked after, how soon a drain is looked at again, and the net under the feed.
_LOOK = 0.2
_SOON = 0.05
_NET = 10.0
_LONGEST_PAUSE = 5.0


def main(settings: Settings) -> None:
    """Run until SIGTERM."""
    context = contexts.connect(settings)
    visits = Visits(context)
    receiver = receive(settings, visits)
    receiver.start()
    feed = changes.Feed(context.database)
    engine = ContainerEngine(settings)
    manager = Manager(settings, context.database, engine)
    try:
        follow(manager, engine, feed, threading.Event(), Idler(context, visits))
    finally:
        receiver.close()
        feed.close()
        context.database.close()


def receive(settings: Settings, visits: Visits | None = None) -> Receiver:
    """The receiver of this platform's request lines."""
    return Receiver(
        settings.run / haproxy.ADMIN_SOCKET,
        settings.run / MASTER_SOCKET,
        Lines(settings.home),
        settings.idle_timeout,
        settings.home / "router" / "received",
        visits,
    )


def follow(
    manager: Manager, engine: Engine, feed: changes.Feed, stop: threading.Event, idler: Idler | None = None
) -> None:
    """Keep HAProxy to the store until told to stop."""
    said, due, last = "", 0.0, -1
    # After a failure it waits, twice as long each time: what HAProxy refuses now it will refuse in a moment, too.
    pause, again = _SOON, 0.0
    while not stop.is_set():
        seen = feed.look()
        now = time.monotonic()
        if now >= again and (seen != last or now >= due or manager.restless or not engine.running()):
            last, due = seen, now + _NET
            try:
                sentence = manager.ensure(seen)
                pause = _SOON
            except (AdminError, EngineError) as error:
                sentence = f"error={str(error)!r}: trying again"
                again, pause = now + pause, min(2 * pause, _LONGEST_PAUSE)
            if sentence != said:
                log.info("at=ensure %s", sentence)
                said = sentence
        if idler is not None and now >= again:
            idler.ensure()
        feed.wait(seen, _SOON if manager.restless else _LOOK)
