"""Whoever has begun something that goes on, such as a terminal in a dyno or the tail of a log, may stay for as long as they
may begin it. One role's guests are looked at together, each time something was written."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from celadon.actions import access
from celadon.model.guest import Guest, Loss
from celadon.store import changes
from celadon.store.database import Database

log = logging.getLogger(__name__)

# Seconds between two looks whether all of them still may, and until one without a reason.
_CHECKED = 1.0
_NET = 30.0
# The pause after a look, in times of what it took.
_SHARE = 10


class Guests:
    """Those of one event loop, who may stay with this permission, a name of `access.PERMISSIONS`."""

    def __init__(self, database: Database, permission: str) -> None:
        self._database = database
        self._permission = permission
        # Is done once its guest has to go.
        self._present: dict[asyncio.Future[Loss], Guest] = {}
        # Its own: what holds up other threads must not keep anybody in.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="guests")
        # What the last look has seen: the number of the last change or event, who was there, and when that was.
        self._counted = 0
        self._seen: frozenset[Guest] = frozenset()
        self._looked = -_NET

    @contextlib.contextmanager
    def present(self, guest: Guest) -> Iterator[asyncio.Future[Loss]]:
        """A guest, while the block runs; gives what tells when they may not stay, and why."""
        unwelcome: asyncio.Future[Loss] = asyncio.get_running_loop().create_future()
        self._present[unwelcome] = guest
        try:
            yield unwelcome
        finally:
            del self._present[unwelcome]
            unwelcome.cancel()

    async def watch(self) -> None:
        """Look at them now and then, for ever."""
        pause = _CHECKED
        while True:
            await asyncio.sleep(pause)
            if not self._present:
                continue
            began = time.monotonic()
            try:
                await self.look()
                # Of hundreds it takes long: the role has other work.
                pause = max(_CHECKED, _SHARE * (time.monotonic() - began))
            except sa.exc.SQLAlchemyError as error:
                # A store that is away for a moment: the next look is soon.
                log.error("at=guests %s", error)

    async def look(self) -> None:
        """Tell those who may not stay."""
        loop = asyncio.get_running_loop()
        gone = await loop.run_in_executor(self._thread, self._gone, frozenset(self._present.values()))
        for unwelcome, guest in list(self._present.items()):
            if guest in gone and not unwelcome.done():
                log.info("at=guests account=%s app=%s reason=%s", guest.account_id, guest.app_id, gone[guest])
                unwelcome.set_result(gone[guest])

    def _gone(self, guests: frozenset[Guest]) -> dict[Guest, Loss]:
        """Those of them who may not stay, and why."""
        with self._database.read() as tx:
            counted = changes.counted(tx)
            if counted != self._counted or time.monotonic() - self._looked >= _NET:
                due, self._looked = guests, time.monotonic()
            else:
                due = guests - self._seen
            found = {guest: access.lost(tx, guest, self._permission) for guest in due}
        gone = {guest: loss for guest, loss in found.items() if loss is not None}
        self._counted, self._seen = counted, guests - gone.keys()
        return gone
