"""Who visits an app: the last request puts its only web dyno to sleep a while later, the next one wakes it.

Requests are known from HAProxy's lines. A restart of this role forgets when they came: sleep comes later then, never
sooner. What a request that waits has asked for is in HAProxy's ring until it has been read.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from celadon.actions import dynos
from celadon.actions.context import Context
from celadon.model import routing
from celadon.model.dyno import Dyno
from celadon.router import admin, haproxy
from celadon.router.admin import Admin, AdminError
from celadon.store import dynos as stored_dynos

log = logging.getLogger(__name__)

# How often it is looked whether some app may sleep: a tenth of the shortest time, within these bounds (seconds).
_SHORTEST, _LONGEST = 0.2, 60.0
# Requests that wait together ask once.
_ASKED_AGAIN = 0.5
_SERVERS = "show stat -1 4 -1"


class Visits:
    """When each app was visited last (time.time()); written by the receiver's thread."""

    def __init__(self, context: Context, clock: Callable[[], float] = time.time) -> None:
        self._context = context
        self._clock = clock
        self._since = clock()
        self._last: dict[str, float] = {}
        self._woken: dict[str, float] = {}

    def note(self, app_id: str) -> None:
        """A request of the app has ended."""
        self._last[app_id] = self._clock()

    def last(self, app_id: str) -> float:
        """When the app was visited last, as far as is known: not before this role began to listen."""
        return self._last.get(app_id, self._since)

    def wait(self, app_id: str, at: int) -> None:
        """A request of the app waits since `at` (seconds since the epoch) for a dyno that may be asleep."""
        now = self._clock()
        if now - at > self._context.settings.boot_queue_timeout or now - self._woken.get(app_id, 0.0) < _ASKED_AGAIN:
            return
        self._last[app_id] = self._woken[app_id] = now
        if dynos.wake(self._context, app_id):
            log.info("at=wake app=%s waited=%.2f", app_id, now - at)


class Idler:
    """Asks for the sleep of dynos that nobody visits."""

    def __init__(self, context: Context, visits: Visits, master: Path) -> None:
        self._context = context
        self._master = master
        self._visits = visits
        self._sizes = {size.name: size.idle_after for size in context.settings.sizes.all if size.idle_after}
        self._every = min(max(min(self._sizes.values(), default=_LONGEST) / 10, _SHORTEST), _LONGEST)
        self._due = 0.0

    def ensure(self) -> str:
        """Look, when it is time to, who may sleep; returns who."""
        if not self._sizes or time.monotonic() < self._due:
            return ""
        self._due = time.monotonic() + self._every
        now = datetime.now(UTC)
        with self._context.database.read() as tx:
            found = stored_dynos.list_web_up(tx, self._sizes, now - timedelta(seconds=min(self._sizes.values())))
        lonely = [dyno for dyno in found if self._is_lonely(dyno, now)]
        slept = [dyno.app_id for dyno in self._unvisited(lonely) if dynos.idle(self._context, dyno.id)]
        if slept:
            log.info("at=idle apps=%s", ",".join(slept))
        return ", ".join(slept)

    def _is_lonely(self, dyno: Dyno, now: datetime) -> bool:
        quiet_since = max(self._visits.last(dyno.app_id), dyno.updated_at.timestamp())
        return now.timestamp() - quiet_since >= self._sizes[dyno.size]

    def _unvisited(self, lonely: list[Dyno]) -> list[Dyno]:
        """Those without a request that goes on, as a WebSocket does."""
        if not lonely:
            return []
        try:
            with Admin(self._context.settings.run / haproxy.ADMIN_SOCKET) as conversation:
                answers = [conversation.ask(_SERVERS)]
            # One that a reload replaced may still have a WebSocket.
            answers += [
                admin.ask_master(self._master, f"@!{pid} {_SERVERS}") for pid in admin.old_workers(self._master)
            ]
        except AdminError:
            # Who has visitors is not known now: nobody sleeps before it is.
            return []
        visited = {name for answer in answers for name, count in admin.sessions(answer).items() if count}
        return [dyno for dyno in lonely if routing.server_name(dyno) not in visited]
