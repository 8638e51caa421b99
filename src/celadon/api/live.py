"""What changes while somebody looks at an app's page: its topics as server-sent events, out of the change feed.

An event says only that something of a kind (`dyno`, `release`, …) has changed; the page asks again for what it shows, by
the way on which access is checked. A stream ends by itself, and whoever comes back is asked anew who they are.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from celadon.actions.context import Context
from celadon.api.answer import Live
from celadon.model.errors import RateLimited
from celadon.store import changes
from celadon.store.database import Database

log = logging.getLogger(__name__)

# Seconds: how long a stream lasts, how often one is told that nothing changes, and how long changes are gathered.
_LASTS = 300.0
_BEAT = 20.0
_GATHERED = 0.2
# Seconds: a look although nothing changes, and the pause after the store has failed.
_NET = 1.0
_PAUSE = 1.0
# Streams at once: of the whole process, and of one account.
_MOST, _MOST_OF_ONE = 500, 30
# What a browser waits before it comes back, in milliseconds.
_RETRY = b"retry: 1000\n\n"
# The topic that stands for all: changes are kept for an hour.
EVERYTHING = "everything"


@dataclass(eq=False)
class _Listener:
    app_id: str
    account_id: str
    seen: int
    topics: set[str] = field(default_factory=set)
    rung: asyncio.Event = field(default_factory=asyncio.Event)


class Bell:
    """Wakes the streams of apps that have changed. One thread asks the store for all of them, while there are any."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: set[_Listener] = set()
        # There is a thread or there are no listeners: both change together.
        self._lock = threading.Lock()
        self._watched = False

    async def stream(self, asked: Live) -> AsyncGenerator[bytes, None]:
        """Server-sent events; raises RateLimited before the first when there are too many streams."""
        listener = self._admit(asked)
        try:
            yield _RETRY
            ends = time.monotonic() + _LASTS
            while (left := ends - time.monotonic()) > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(listener.rung.wait(), min(_BEAT, left))
                if not listener.rung.is_set():
                    yield b":\n\n"
                    continue
                # A deploy changes much at once.
                await asyncio.sleep(_GATHERED)
                topics, listener.topics = listener.topics, set()
                listener.rung.clear()
                yield f"id: {listener.seen}\nevent: change\ndata: {' '.join(sorted(topics))}\n\n".encode()
        finally:
            self._listeners.discard(listener)

    def _admit(self, asked: Live) -> _Listener:
        same = sum(one.account_id == asked.account_id for one in self._listeners)
        if same >= _MOST_OF_ONE or len(self._listeners) >= _MOST:
            raise RateLimited("cannot follow one page more: close some, or reload this one now and then")
        listener = _Listener(asked.app_id, asked.account_id, asked.after)
        with self._lock:
            self._listeners.add(listener)
            if not self._watched:
                loop = asyncio.get_running_loop()
                threading.Thread(target=self._watch, args=(loop,), name="bell", daemon=True).start()
                self._watched = True
        return listener

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Until nobody listens any more."""
        pause = threading.Event()
        while self._is_wanted():
            try:
                self._follow(loop)
            except Exception:
                # Pages stay as they are until the store is back.
                log.exception("at=live: trying again in %ds", _PAUSE)
                pause.wait(_PAUSE)

    def _is_wanted(self) -> bool:
        """Whether the thread goes on: whoever comes after a no begins another one."""
        with self._lock:
            self._watched = bool(self._listeners)
            return self._watched

    def _follow(self, loop: asyncio.AbstractEventLoop) -> None:
        feed = changes.Feed(self._database)
        try:
            seen = 0
            while listeners := list(self._listeners):
                # Who has just come may want what was before.
                if (after := min(one.seen for one in listeners)) < (latest := feed.look()) or latest != seen:
                    with self._database.read() as tx:
                        oldest, found = changes.list_after(tx, after)
                    loop.call_soon_threadsafe(self._tell, listeners, oldest, found, latest)
                    seen = latest
                feed.wait(seen, _NET)
        finally:
            feed.close()

    def _tell(
        self, listeners: list[_Listener], oldest: int, found: list[tuple[int, str, str | None]], latest: int
    ) -> None:
        """In the loop's thread."""
        for one in listeners:
            topics = {topic for seq, topic, app_id in found if seq > one.seen and app_id == one.app_id}
            if one.seen < oldest - 1:
                topics.add(EVERYTHING)
            one.seen = max([one.seen, latest, *(seq for seq, _, _ in found)])
            if topics:
                one.topics |= topics
                one.rung.set()


def latest(context: Context) -> int:
    """Where the change feed is now: what a page that begins to look has to remember first."""
    return changes.latest(context.database)
