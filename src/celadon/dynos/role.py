"""The dynos role: one loop around the manager, and the rendezvous beside it."""

import logging
import threading
import time

from celadon.actions import context as contexts
from celadon.dynos.launch import Launcher
from celadon.dynos.manager import Manager
from celadon.dynos.rendezvous import Rendezvous
from celadon.dynos.samples import Sampler
from celadon.platform import images, runtimes
from celadon.platform.settings import Settings
from celadon.runtime.protocol import Runtime
from celadon.store import changes

log = logging.getLogger(__name__)


def main(settings: Settings) -> None:
    """Run until SIGTERM; dynos go on without us."""
    context = contexts.connect(settings)
    runtimes.network(settings).ensure()
    # After a start of the machine nobody else has.
    runtimes.weigh(settings)
    runtime = runtimes.dynos(settings)
    bell = threading.Event()
    manager = Manager(context, runtime, Launcher(context, runtime, images.path(settings, "cedar")), bell.set)
    rendezvous = Rendezvous(settings, context, manager, runtime)
    # What ran before is adopted before the first client can come: none is taken for one whose manager died.
    manager.execs.sweep()
    manager.ensure(changes.latest(context.database))
    rendezvous.start()
    sampler = Sampler(context, runtime)
    sampler.start()
    feed = changes.Feed(context.database)
    try:
        _loop(manager, runtime, feed, bell, sampler)
    finally:
        rendezvous.stop()
        sampler.stop()
        manager.close()
        feed.close()
        context.database.close()


def _loop(manager: Manager, runtime: Runtime, feed: changes.Feed, bell: threading.Event, sampler: Sampler) -> None:
    said = ""
    while sampler.alive():
        bell.clear()
        seen, exits = feed.look(), runtime.exits()
        sentence = manager.ensure(seen)
        if sentence != said:
            log.info("at=ensure %s", sentence)
            said = sentence
        # Threads ring the bell; changes and exits have none across processes and are looked at.
        deadline = time.monotonic() + (changes.LOOK if manager.restless() else manager.rest())
        while not bell.wait(changes.LOOK) and time.monotonic() < deadline:
            if feed.look() > seen or runtime.exits() != exits:
                break
    raise RuntimeError("the thread that looks at memory has ended")
