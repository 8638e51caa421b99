"""What is done to repositories when somebody asks for it by the store: emptying them.

One thing at a time, in the git role: it knows who speaks to a repository. Whatever is interrupted is done again, for it is
still asked for.
"""

import asyncio
import logging
import shutil
import uuid

from celadon.actions import repositories
from celadon.actions.context import Context
from celadon.git import claims, repository
from celadon.git.bell import Bell
from celadon.git.doors import Doors
from celadon.model.app import App
from celadon.model.errors import Conflict

log = logging.getLogger(__name__)

# The net under the bell: an editor that commits, in another process, rings none when it has finished.
_LOOK_SECONDS = 2.0
# What a repository is called while it goes.
GONE = ".gone-"


class Care:
    """Does what is asked for."""

    def __init__(self, context: Context, doors: Doors, bell: Bell) -> None:
        self._context = context
        self._doors = doors
        self._bell = bell

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.to_thread(self._sweep)
        with self._bell.ear(files=False) as ear:
            while True:
                ear.clear()
                for app in await asyncio.to_thread(repositories.to_reset, self._context):
                    await self._reset(app)
                await ear.wait(_LOOK_SECONDS)

    async def _reset(self, app: App) -> None:
        """Empty a repository, unless somebody speaks to it or moves its branch: then it is for later."""
        found = repository.of_app(self._context.settings, app)
        gone = found.path.with_name(f"{GONE}{uuid.uuid4()}")
        try:
            # Nothing is waited for in here: nobody begins to speak to it meanwhile.
            with claims.held(self._context.settings, app, "later"):
                if self._doors.busy(app.id):
                    return
                if found.path.exists():
                    found.path.rename(gone)
        except Conflict:
            return
        await asyncio.to_thread(repositories.emptied, self._context, app.id)
        await asyncio.to_thread(shutil.rmtree, gone, ignore_errors=True)
        log.info("at=reset app=%s", app.name)

    def _sweep(self) -> None:
        """What was going when a role was killed goes."""
        for path in (self._context.settings.home / "git").glob(f"{GONE}*"):
            shutil.rmtree(path, ignore_errors=True)
