"""The processors that builds have: next to none beside dynos that want them all, until builds would starve of it.

Where shares are fair, a dyno that wakes up meets a running build as often as builds are worth of it: at a tenth, one request
of ten. At a hundredth hardly one does, but where dynos burn all processors without end no build would ever be done.
"""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterator

from celadon.platform import runtimes
from celadon.platform.settings import Settings
from celadon.runtime.cgroups import ProcessorUse

log = logging.getLogger(__name__)

# Seconds between two looks, and looks in a row that find builds starving before they are given more.
_LOOK = 1.0
_LOOKS = 3
# Seconds until they have to starve again for more.
_FED = 60.0
# They starve when they get less than so much of what their threads could use.
_ENOUGH = 0.1


class Shares:
    """Looks after the builds that run; the threads of the build role share it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._builds = 0
        self._over = threading.Event()

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """A build runs as long as the block does."""
        with self._lock:
            self._builds += 1
            if self._builds == 1:
                self._over = threading.Event()
                threading.Thread(target=self._watch, args=(self._over,), name="shares", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                self._builds -= 1
                if not self._builds:
                    self._over.set()

    def _watch(self, over: threading.Event) -> None:
        try:
            while True:
                runtimes.weigh_builds(self._settings, starving=False)
                if not self._starve(over):
                    return
                log.info("at=starving")
                runtimes.weigh_builds(self._settings, starving=True)
                # There may be builds all day, and dynos that burned everything for a moment of it.
                over.wait(_FED)
        except OSError as error:
            # Builds run as well with the share that they have.
            log.warning("at=shares-failed reason=%r", str(error))

    def _starve(self, over: threading.Event) -> bool:
        """Wait until builds starve, which is true, or are over."""
        found = 0
        before, since = runtimes.use_by_builds(self._settings), time.monotonic()
        while found < _LOOKS:
            if over.wait(_LOOK):
                return False
            now, at = runtimes.use_by_builds(self._settings), time.monotonic()
            found = found + 1 if starved(before, now, at - since, os.cpu_count() or 1) else 0
            before, since = now, at
        return True


def starved(before: ProcessorUse, now: ProcessorUse, seconds: float, processors: int) -> bool:
    """Whether what wants a processor has had hardly any between two looks."""
    return now.seconds - before.seconds < _ENOUGH * seconds * min(now.wanting, processors)
