"""What wakes those who follow a build: one watch on the store and one on the directory of outputs, for all of them."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import asyncinotify

from celadon.store.changes import Feed

# One wait for the feed; it bounds how long a stopping role still has a thread that looks.
_WATCH = 0.5


class Ear:
    """One follower's end of the bell. Clear it, look at everything, then wait: nothing is missed."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def clear(self) -> None:
        self._rung.clear()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, seconds: float) -> bool:
        """Until the bell rings; False when the time is over first."""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._rung.wait()
        except TimeoutError:
            return False
        return True


class Bell:
    """Rings when the store has changed or something was written to a file in `directory`."""

    def __init__(self, feed: Feed, directory: Path) -> None:
        self._feed = feed
        self._directory = directory
        self._ears: dict[Ear, bool] = {}

    @contextlib.contextmanager
    def ear(self, *, files: bool = True) -> Iterator[Ear]:
        """Hear the bell for as long as the block lasts; without `files`, not of what is written to them."""
        ear = Ear()
        self._ears[ear] = files
        try:
            yield ear
        finally:
            del self._ears[ear]

    def ring(self) -> None:
        """As if the store had changed."""
        for ear in self._ears:
            ear.ring()

    async def watch_store(self) -> None:
        """Ring with the change feed, until cancelled."""
        seen = await asyncio.to_thread(self._feed.look)
        while True:
            newest = await asyncio.to_thread(self._feed.wait, seen, _WATCH)
            if newest > seen:
                seen = newest
                self.ring()

    async def watch_files(self) -> None:
        """Ring with every write into the directory, until cancelled."""
        with asyncinotify.Inotify() as inotify:
            mask = asyncinotify.Mask.MODIFY | asyncinotify.Mask.CREATE | asyncinotify.Mask.MOVED_TO
            inotify.add_watch(self._directory, mask)
            while True:
                await inotify.get()
                for ear, files in self._ears.items():
                    if files:
                        ear.ring()
