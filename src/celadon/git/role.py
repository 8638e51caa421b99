"""The git role: both doors in one process.

Wakes on connections, and on the change feed for what is asked of repositories. Reads accounts, keys, apps, builds, releases,
dynos; writes repositories, source archives and build rows. Survives everything: a push that it held when it died fails at its client, and the build of it goes on.
"""

import asyncio
import contextlib
import logging
import signal
import time
from concurrent.futures import ThreadPoolExecutor

from celadon.actions import context as contexts
from celadon.actions.context import Context
from celadon.git import http, repository, source, ssh
from celadon.git.bell import Bell
from celadon.git.care import Care
from celadon.git.doors import Doors
from celadon.platform.settings import Settings
from celadon.store import builds, changes

log = logging.getLogger(__name__)

# Threads that ask the store or check a password.
_THREADS = 16
# An archive that is older (seconds) and has no build was left by a role that was killed.
_ORPHAN_AGE = 86_400.0


def main(settings: Settings) -> None:
    """Run until SIGTERM; pushes that still wait then fail at their clients."""
    for chatty in ("asyncssh", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    context = contexts.connect(settings)
    feed = changes.Feed(context.database)
    try:
        repository.prepare(settings)
        _sweep(context)
        asyncio.run(_run(context, feed))
    finally:
        feed.close()
        context.database.close()


async def _run(context: Context, feed: changes.Feed) -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="store"))
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    settings = context.settings
    bell = Bell(feed, context.blobs.build_output("any").parent)
    doors = Doors(context, bell)
    acceptor = await ssh.listen(doors)
    http_socket = settings.run / "git.sock"
    care = Care(context, doors, bell)
    watches = (bell.watch_store(), bell.watch_files(), care.reset(), care.pack())
    parts = (*watches, http.serve(doors, http_socket), _until(stopped))
    work = [asyncio.create_task(part) for part in parts]
    log.info("at=listen ssh=%s:%d http=%s", settings.bind_address, settings.ssh_port, http_socket)
    ended, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
    acceptor.close()
    for part in ended:
        # What broke a part breaks the role: its supervisor starts it again. All else is cancelled with the loop.
        part.result()


async def _until(stopped: asyncio.Event) -> None:
    await stopped.wait()


def _sweep(context: Context) -> None:
    """Remove source archives that no build will ever use."""
    before = time.time() - _ORPHAN_AGE
    for path in context.blobs.source("any").parent.glob("*.tar"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                with context.database.read() as tx:
                    known = builds.find_by_id(tx, path.stem)
                if known is None:
                    source.discard(path)
