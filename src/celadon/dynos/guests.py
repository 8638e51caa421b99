"""Guests: whoever has a terminal in a dyno. They may stay for as long as they may run commands in its app."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from celadon.actions import access
from celadon.actions.context import Context

log = logging.getLogger(__name__)

# Seconds between two looks whether all of them still may.
_CHECKED = 2.0


class Guests:
    """All of one machine, in the event loop of the rendezvous."""

    def __init__(self, context: Context) -> None:
        self._context = context
        # Set once its guest has to go → the account's id, the app's id.
        self._present: dict[asyncio.Event, tuple[str, str]] = {}
        # Its own: what holds up other threads must not keep anybody in.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="guests")

    @contextlib.contextmanager
    def present(self, account_id: str | None, app_id: str) -> Iterator[asyncio.Event]:
        """A guest, while the block runs; gives what is set when they may not stay."""
        unwelcome = asyncio.Event()
        self._present[unwelcome] = (account_id or "", app_id)
        try:
            yield unwelcome
        finally:
            del self._present[unwelcome]

    async def watch(self) -> None:
        """Look at them now and then, for ever."""
        while True:
            await asyncio.sleep(_CHECKED)
            if not self._present:
                continue
            try:
                await self.look()
            except sa.exc.SQLAlchemyError as error:
                # A store that is away for a moment: the next look is soon.
                log.error("at=guests %s", error)

    async def look(self) -> None:
        """Tell those who may not stay."""
        loop = asyncio.get_running_loop()
        gone = await loop.run_in_executor(self._thread, self._gone, set(self._present.values()))
        for unwelcome, guest in self._present.items():
            if guest in gone:
                log.info("at=guests account=%s app=%s access=lost", *guest)
                unwelcome.set()

    def _gone(self, guests: set[tuple[str, str]]) -> set[tuple[str, str]]:
        with self._context.database.read() as tx:
            return {guest for guest in guests if not access.still_may(tx, *guest, "dyno:run")}
