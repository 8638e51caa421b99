"""The clock role: runs what is due.

Wakes on: time. Reads and writes: what retention is about, where domains lead, automatic certificates, the outbox,
deliveries of webhooks, deploy hooks, jobs of schedulers, alerts on metrics, whether the roles live; asks for the replacement of
dynos that are a day old, and for the packing of repositories.
Survives: a SIGKILL; everything it runs can be run again.
"""

import functools
import logging
import threading
import time
from collections.abc import Callable

from celadon.actions import context as contexts
from celadon.actions import dynos, repositories
from celadon.actions.context import now
from celadon.clock import retention
from celadon.clock.acme import Authority
from celadon.clock.alerts import Watch as MetricsWatch
from celadon.clock.deploy_hooks import Hooks
from celadon.clock.mails import Post
from celadon.clock.names import Names
from celadon.clock.scheduler_jobs import Scheduler
from celadon.clock.status import Watch as RolesWatch
from celadon.clock.webhooks import Courier
from celadon.platform import certificates
from celadon.platform.settings import Settings

log = logging.getLogger(__name__)

# Seconds: between two rounds of retention, and between two looks for dynos that are old.
_RETENTION = 600.0
# Seconds between two looks into the outbox.
_POST = 1.0
# And between two looks for deliveries of webhooks.
_WEBHOOKS = 0.25
# And between two looks for deploys that are to be told, and for jobs that are due.
_HOOKS = 0.5
_JOBS = 1.0
# And between two looks at the metrics of apps with alerts.
_ALERTS = 60.0
# And between two questions whether a minute is over, in which the roles were looked at.
_WATCH = 5.0
# And between two looks for a repository that is to be packed.
_PACKING = 60.0
_SHORTEST, _LONGEST = 0.5, 60.0


def main(settings: Settings) -> None:
    """Run until SIGTERM."""
    context = contexts.connect(settings)
    broken = threading.Event()
    repeat(Courier(context).ensure, _WEBHOOKS, broken)
    for ensure in (Names(context).ensure, Authority(context).ensure):
        repeat(ensure, settings.domain_check_interval, broken)
    repeat(Post(context).ensure, _POST, broken)
    repeat(Hooks(context).ensure, _HOOKS, broken)
    repeat(Scheduler(context).ensure, _JOBS, broken)
    repeat(functools.partial(repositories.ask_to_pack, context), _PACKING, broken)
    repeat(MetricsWatch(context).ensure, _ALERTS, broken)
    every = min(max(settings.cycle_after / 100, _SHORTEST), _LONGEST)
    due = time.monotonic()
    repeat(RolesWatch(context).ensure, _WATCH, broken)
    while True:
        if cycled := dynos.cycle(context):
            log.info("at=cycle dynos=%d", cycled)
        if time.monotonic() >= due:
            due += _RETENTION
            log.info("at=retention %s", retention.prune(context))
            if certificates.issue(settings, now()):
                log.info("at=certificates renewed")
        if broken.wait(every):
            # What broke it is in the log; the role starts anew.
            raise RuntimeError("what looks after domains, mail, hooks, jobs or alerts has ended")


def repeat(ensure: Callable[[], int], seconds: float, broken: threading.Event) -> None:
    """Run this again and again in a thread of its own, as what asks others takes its time; says when it breaks."""

    def run() -> None:
        try:
            while not broken.wait(seconds):
                ensure()
        finally:
            broken.set()

    threading.Thread(target=run, daemon=True).start()
