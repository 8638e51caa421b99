"""Starts the jobs of apps' schedulers when their time has come."""

import logging

from celadon.actions import scheduler_jobs
from celadon.actions.context import Context

# Of one round.
_ROUND = 100

log = logging.getLogger(__name__)


class Scheduler:
    """Runs what is due. One that was killed leaves nothing half done: a run is one transaction."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def ensure(self) -> int:
        """Run the jobs that are due, once each; returns how many dynos there are more."""
        started = 0
        for job in scheduler_jobs.due(self._context, _ROUND):
            try:
                dyno = scheduler_jobs.begin(self._context, job.id)
            except Exception:
                # One job that cannot be run must keep no other from it; it is tried again.
                log.exception("at=schedule job=%s", job.id)
                continue
            started += dyno is not None
            log.info("at=schedule job=%s app=%s dyno=%s", job.id, job.app_id, dyno.name if dyno else "none")
        if stopped := scheduler_jobs.settle(self._context, _ROUND):
            log.info("at=schedule stopped=%d", stopped)
        return started
