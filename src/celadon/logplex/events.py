"""The platform's events as an input of Logplex: actions write rows, the apps' channels show those that have a line.

`events.json` keeps how far the events have been read: a channel's own journal says what it shows already, so that an
older cursor after a crash repeats nothing.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from celadon.logplex.channel import EventLine
from celadon.model import event as model_event
from celadon.model import logline
from celadon.model.event import Event

log = logging.getLogger(__name__)

_BATCH = 500
_RETRY_SECONDS = 1.0

TakeEvents = Callable[[Mapping[str, Sequence[EventLine]]], Awaitable[None]]


class StoreUnavailable(Exception):
    """The store cannot be read now."""


class EventStore(Protocol):
    """Where events come from: two functions that may block. Both raise StoreUnavailable."""

    def list_after(self, seq: int, limit: int) -> list[Event]:
        """Events beyond `seq`, oldest first."""
        ...

    def wait(self) -> None:
        """Return when there may be more than was last listed, within about a second."""
        ...


class _Cursor(msgspec.Struct):
    seq: int


class EventInput:
    """Reads the events behind the cursor and gives their lines to `take`, which makes them durable."""

    def __init__(self, path: Path, store: EventStore, take: TakeEvents) -> None:
        self.path = path
        self._store = store
        self._take = take
        self._seq = self._load()

    async def run(self) -> None:
        """Bring every event into its channel until cancelled."""
        while True:
            try:
                if not await self.advance():
                    await asyncio.to_thread(self._store.wait)
            except (OSError, StoreUnavailable) as error:
                log.error("at=events seq=%d error=%s: trying again in %ds", self._seq, error, _RETRY_SECONDS)
                await asyncio.sleep(_RETRY_SECONDS)

    async def advance(self) -> int:
        """Take one batch; returns how many events it had. Raises OSError, StoreUnavailable."""
        batch = await asyncio.to_thread(self._store.list_after, self._seq, _BATCH)
        if batch:
            await self._take(lines_by_app(batch))
            self._seq = batch[-1].seq
            self._save()
        return len(batch)

    def _load(self) -> int:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=_Cursor).seq
        except FileNotFoundError:
            return 0

    def _save(self) -> None:
        partial = self.path.with_name(f".{self.path.name}.partial")
        partial.write_bytes(msgspec.json.encode(_Cursor(self._seq)))
        partial.rename(self.path)


def lines_by_app(events: Sequence[Event]) -> dict[str, list[EventLine]]:
    """The lines of those events that have one."""
    found: dict[str, list[EventLine]] = {}
    for event in events:
        spoken = model_event.line(event)
        if spoken is not None and event.app_id is not None:
            source, message = spoken
            line = EventLine(seq=event.seq, line=logline.line(source, message, event.at))
            found.setdefault(event.app_id, []).append(line)
    return found
