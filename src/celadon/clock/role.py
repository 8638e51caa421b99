"""The clock role: runs what is due.

Wakes on: time. Reads and writes: what retention is about; asks for the replacement of dynos that are a day old.
Survives: a SIGKILL; everything it runs can be run again.
"""

import logging
import threading
import time

from celadon.actions import context as contexts
from celadon.actions import dynos
from celadon.actions.context import now
from celadon.clock import retention
from celadon.platform import certificates
from celadon.platform.settings import Settings

log = logging.getLogger(__name__)

# Seconds: between two rounds of retention, and between two looks for dynos that are old.
_RETENTION = 600.0
_SHORTEST, _LONGEST = 0.5, 60.0


def main(settings: Settings) -> None:
    """Run until SIGTERM."""
    context = contexts.connect(settings)
    pause = threading.Event()
    every = min(max(settings.cycle_after / 100, _SHORTEST), _LONGEST)
    due = time.monotonic()
    while True:
        if cycled := dynos.cycle(context):
            log.info("at=cycle dynos=%d", cycled)
        if time.monotonic() >= due:
            due += _RETENTION
            log.info("at=retention %s", retention.prune(context))
            if certificates.issue(settings, now()):
                log.info("at=certificates renewed")
        pause.wait(every)
