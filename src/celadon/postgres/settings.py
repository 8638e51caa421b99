"""The settings of databases' own servers, by Heroku's data API; and who has the servers follow what the rows say.

A row is changed first. A server's files are written and it is told to read them, at once by who changed the row, and
again by `ensure` when that did not come about. Each server is told once after the role has begun: what the platform
itself configures may have changed with it.
"""

import logging
import threading

import psycopg

from celadon.actions import postgres_databases as databases
from celadon.actions import postgres_settings
from celadon.actions.context import Context
from celadon.actions.postgres_settings import Served
from celadon.api.answer import Answer
from celadon.api.request import Call
from celadon.model import postgres_setting as rules
from celadon.model.errors import InvalidParams
from celadon.platform.failure import PlatformFailure
from celadon.postgres import finding
from celadon.postgres.finding import Found
from celadon.postgres.launch import Launcher
from celadon.postgres.pairs import Pairs
from celadon.runtime.protocol import RuntimeFailure

log = logging.getLogger(__name__)

_SHARED = "many databases share its server; make one of a plan with a server of its own, such as standard-0"


class Settings:
    """Answers the routes, and keeps servers as their owners chose."""

    def __init__(self, context: Context, pairs: Pairs) -> None:
        self._context = context
        self._clusters = pairs.clusters
        self._locks = pairs.locks
        self._pairs = pairs
        self._launcher = Launcher(context, pairs)
        self._lock = threading.Lock()
        # Engine's id → what it was last told.
        self._told: dict[str, str] = {}

    def show(self, call: Call) -> Answer:
        return Answer(value=_shape(_own(finding.find(call, "addon:read"), "show its settings")))

    def change(self, call: Call) -> Answer:
        """PATCH with any of the settings."""
        found = _own(finding.find(call, "addon:update"), "change its settings")
        values = call.body().values
        finding.available(found, "change its settings")
        postgres_settings.change(call.context, found.place.database.addon_id, values)
        self.ensure()
        return Answer(value=_shape(finding.find(call, "addon:update")))

    def ensure(self) -> int:
        """Tell each server what it has not been told; returns how many were."""
        told = 0
        with self._lock:
            for served in postgres_settings.served(self._context):
                lines = rules.lines(served.database.settings) if served.database else ""
                if self._told.get(served.engine.id) != lines and self._tell(served):
                    self._told[served.engine.id] = lines
                    told += 1
        return told

    def _tell(self, served: Served) -> bool:
        engine = served.engine
        lock = self._locks.of(engine.id)
        # Whoever has the lock is at work on it; what starts reads its files.
        if not lock.acquire(blocking=False):
            return False
        try:
            if not self._clusters.engines.running(engine):
                return False
            self._configure(served)
            with self._clusters.connect(engine) as connection:
                connection.execute("select pg_catalog.pg_reload_conf()")
        except (RuntimeFailure, PlatformFailure, psycopg.Error, OSError) as error:
            log.warning("at=settings-failed engine=%s error=%s", engine.name, type(error).__name__)
            return False
        finally:
            lock.release()
        return True

    def _configure(self, served: Served) -> None:
        if served.engine.pair:
            self._pairs.configure(served.engine)
        elif served.database is None:
            self._clusters.configure(served.engine)
        elif (place := databases.find(self._context, served.database.addon_id)) is not None:
            self._launcher.configure(place)


def _own(found: Found, intent: str) -> Found:
    if found.place.engine.shared:
        raise InvalidParams(f"cannot {intent}: {_SHARED}")
    return found


def _shape(found: Found) -> dict[str, object]:
    chosen = found.place.database.settings
    return {
        name: {
            "value": chosen.get(name, setting.default),
            "default": setting.default,
            "desc": setting.about,
            "values": dict(setting.values),
        }
        for name, setting in rules.SETTINGS.items()
    }
