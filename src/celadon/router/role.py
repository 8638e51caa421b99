"""The router role: the ensure loop; beside it the receiver of request lines, and who may sleep since nobody asks.

Wakes on: the change feed; five times a second to see that HAProxy is there.
Survives: a SIGKILL anywhere. HAProxy goes on without it and keeps request lines for a while.
"""

import gc
import logging
import threading
import time
from dataclasses import dataclass

from celadon.actions import context as contexts
from celadon.platform.settings import Settings
from celadon.router import haproxy
from celadon.router.admin import AdminError, Silent
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
# How long HAProxy's master may be silent before it is made to begin anew.
_SILENCE = 15.0


def main(settings: Settings) -> None:
    """Run until SIGTERM."""
    # A table of 10,000 apps is some 100,000 values that come and go together: looking through them again and again for
    # circles takes a third of the time.
    gc.set_threshold(100_000, 50, 50)
    context = contexts.connect(settings)
    visits = Visits(context)
    receiver = receive(settings, visits)
    receiving = receiver.start()
    feed = changes.Feed(context.database)
    engine = ContainerEngine(settings)
    manager = Manager(settings, context.database, engine)
    try:
        follow(manager, engine, feed, threading.Event(), Beside(Idler(context, visits, engine.master), receiving))
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


@dataclass(frozen=True, slots=True)
class Beside:
    """What goes on beside the table: who may sleep, and the thread that takes request lines."""

    idler: Idler
    receiving: threading.Thread


def _renewed(engine: Engine, silent_since: float) -> float | None:
    """Make a master that has been silent for long begin anew; since when it is silent."""
    if time.monotonic() - silent_since < _SILENCE:
        return silent_since
    log.error("at=renew: HAProxy's master has not answered for %.0f s", time.monotonic() - silent_since)
    try:
        engine.renew()
    except EngineError as error:
        log.error("at=renew error=%r", str(error))
    return None


def follow(
    manager: Manager, engine: Engine, feed: changes.Feed, stop: threading.Event, beside: Beside | None = None
) -> None:
    """Keep HAProxy to the store until told to stop. Raises RuntimeError when the receiver has broken: the role starts anew."""
    said, due, last = "", 0.0, -1
    # After a failure it waits, twice as long each time: what HAProxy refuses now it will refuse in a moment, too.
    pause, again = _SOON, 0.0
    silent_since: float | None = None
    while not stop.is_set():
        seen = feed.look()
        now = time.monotonic()
        if now >= again and (seen != last or now >= due or manager.restless or not engine.running()):
            last, due = seen, now + _NET
            try:
                sentence = manager.ensure(seen)
                pause, silent_since = _SOON, None
            except (AdminError, EngineError) as error:
                sentence = f"error={str(error)!r}: trying again"
                again, pause = now + pause, min(2 * pause, _LONGEST_PAUSE)
                silent_since = _renewed(engine, silent_since or now) if isinstance(error, Silent) else None
            if sentence != said:
                log.info("at=ensure %s", sentence)
                said = sentence
        if beside is not None and now >= again:
            beside.idler.ensure()
        if beside is not None and not beside.receiving.is_alive():
            raise RuntimeError("the receiver of request lines has ended")
        feed.wait(seen, _SOON if manager.restless else _LOOK)
