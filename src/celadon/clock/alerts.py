"""Looks at apps' metrics for those who want to be told when they are beyond what was set."""

import logging
import sqlite3
from contextlib import closing

from celadon.actions import alerts
from celadon.actions.context import Context
from celadon.model.alert import Alert
from celadon.store.metrics import Metrics

log = logging.getLogger(__name__)


class Watch:
    """All alerts, one after the other. One that was killed leaves nothing half told: a change is one transaction."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def ensure(self) -> int:
        """Look at each alert once; returns how many changed."""
        changed = 0
        try:
            with closing(Metrics(self._context.settings.home)) as store:
                for alert in alerts.watched(self._context):
                    changed += self._look(store, alert)
        except sqlite3.Error as error:
            # Nothing is known of anybody: nobody is told anything.
            log.error("at=alerts error=%s: cannot read the metrics, trying again in a minute", error)
        return changed

    def _look(self, store: Metrics, alert: Alert) -> bool:
        try:
            return alerts.look(self._context, store, alert)
        except sqlite3.Error:
            raise
        except Exception:
            # One that cannot be told must keep no other from it.
            log.exception("at=alerts alert=%s", alert.id)
            return False
