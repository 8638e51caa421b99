"""The clock role: runs what is due.

Wakes on: time. Reads and writes: what retention is about. Survives: a SIGKILL; everything it runs can be run again.
"""

import logging
import threading

from celadon.actions import context as contexts
from celadon.actions.context import now
from celadon.clock import retention
from celadon.platform import certificates
from celadon.platform.settings import Settings

log = logging.getLogger(__name__)

_EVERY = 600.0


def main(settings: Settings) -> None:
    """Run until SIGTERM."""
    context = contexts.connect(settings)
    due = threading.Event()
    while True:
        log.info("at=retention %s", retention.prune(context))
        if certificates.issue(settings, now()):
            log.info("at=certificates renewed")
        due.wait(_EVERY)
