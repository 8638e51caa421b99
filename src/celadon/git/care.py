"""What is done to repositories when the store asks for it: resetting them, which leaves them empty, packing them.

In the git role: it knows who speaks to a repository. One is packed at a time. Whatever is interrupted is done again, for it
is still asked for.
"""

import asyncio
import contextlib
import functools
import logging
import shutil
import time
import uuid

from celadon.actions import repositories
from celadon.actions.context import Context
from celadon.git import claims, leftovers, repository
from celadon.git.bell import Bell
from celadon.git.doors import Doors
from celadon.git.repository import GitFailure
from celadon.model.app import App
from celadon.model.errors import Conflict
from celadon.model.repository import Repository as Known
from celadon.platform import runtimes

log = logging.getLogger(__name__)

# The net under the bell: an editor that commits, in another process, rings none when it has finished.
_LOOK_SECONDS = 2.0
# A repository that takes longer is packed another time.
_PACKING_SECONDS = 3600.0
# What a repository is called while it goes.
_GONE = ".gone-"


class Care:
    """Does what is asked for."""

    def __init__(self, context: Context, doors: Doors, bell: Bell) -> None:
        self._context = context
        self._doors = doors
        self._bell = bell
        self._packing: tuple[str, asyncio.Task[None]] | None = None

    async def reset(self) -> None:
        """Reset what is to be reset, until cancelled."""
        await asyncio.to_thread(self._sweep)
        with self._bell.ear(files=False) as ear:
            while True:
                ear.clear()
                for app in await asyncio.to_thread(repositories.to_reset, self._context):
                    await self._reset(app)
                await ear.wait(_LOOK_SECONDS)

    async def pack(self) -> None:
        """Pack what is to be packed, one after the other, until cancelled."""
        with self._bell.ear(files=False) as ear:
            while True:
                ear.clear()
                asked = await asyncio.to_thread(repositories.to_pack, self._context)
                if asked is None:
                    await ear.wait(_LOOK_SECONDS)
                    continue
                app, known = asked
                async with asyncio.TaskGroup() as group:
                    self._packing = app.id, group.create_task(self._pack(app, known))
                self._packing = None

    async def _reset(self, app: App) -> None:
        """Empty a repository, unless somebody speaks to it or moves its branch: then it is for later."""
        if self._doors.busy(app.id):
            return
        found = repository.of_app(self._context.settings, app)
        gone = found.path.with_name(f"{_GONE}{uuid.uuid4()}")
        await self._end_packing(app)
        try:
            # Nothing is waited for in here: nobody begins to speak to it meanwhile.
            with claims.held(self._context.settings, app, "later"):
                if self._doors.busy(app.id):
                    return
                if found.path.exists():
                    found.path.rename(gone)
        except Conflict:
            return
        await asyncio.to_thread(repositories.reset_done, self._context, app.id)
        await asyncio.to_thread(shutil.rmtree, gone, ignore_errors=True)
        log.info("at=reset app=%s", app.name)

    async def _end_packing(self, app: App) -> None:
        """A git that packs knows its place by name: it would go on in the repository that the next push makes there."""
        if self._packing is not None and self._packing[0] == app.id:
            task = self._packing[1]
            task.cancel()
            await asyncio.wait({task})

    async def _pack(self, app: App, known: Known) -> None:
        settings = self._context.settings
        found = repository.of_app(settings, app)
        began = time.monotonic()
        pushes, size = known.pushes, 0
        if (found.path / "HEAD").exists():
            await asyncio.to_thread(leftovers.clear, found.path, time.time())
            try:
                async with asyncio.timeout(_PACKING_SECONDS):
                    await found.pack(functools.partial(runtimes.demote, settings, "git"))
            except (GitFailure, TimeoutError) as error:
                log.warning("at=gc-failed app=%s %r", app.name, str(error))
                pushes = 0
            size = await asyncio.to_thread(found.size)
        await asyncio.to_thread(repositories.packed, self._context, app.id, pushes=pushes, size=size)
        log.info("at=gc app=%s size=%d ms=%d", app.name, size, (time.monotonic() - began) * 1000)

    def _sweep(self) -> None:
        """What was going when a role was killed goes, and what killed programs have left."""
        root = self._context.settings.home / "git"
        for path in root.glob(f"{_GONE}*"):
            shutil.rmtree(path, ignore_errors=True)
        for path in root.glob("*.git"):
            with contextlib.suppress(OSError):
                leftovers.clear(path, time.time())
