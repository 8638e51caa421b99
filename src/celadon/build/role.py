"""The build role: takes pending builds up, a few at once, and serves what they write; copies slugs that are promoted.

Wakes on: the change feed. Reads: builds, promotions, app setups. Writes: builds, promotions, slugs, releases, app setups
and what they are about (by actions), the build's output.
Survives: a SIGKILL. A pending build whose role died is compiled again from its source archive, a slug copied again, and a
setup goes on from the step that its row says.
"""

import ipaddress
import itertools
import logging
import shutil
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from celadon.actions import app_setups, builds, slugs
from celadon.actions import context as contexts
from celadon.actions.context import Context
from celadon.build import packer, stream, uploads
from celadon.build.compiler import Compiler
from celadon.build.output import Output
from celadon.build.promotions import Promotions
from celadon.build.shares import Shares
from celadon.build.workspace import make_room
from celadon.model.app import App
from celadon.model.build import Build, BuildStatus
from celadon.model.slug import Slug
from celadon.platform import images, runtimes
from celadon.platform.settings import Settings
from celadon.runtime import loops
from celadon.store import apps, changes
from celadon.store import builds as stored_builds
from celadon.store.lines import Lines

log = logging.getLogger(__name__)

# Builds have addresses of their own, beyond those of dynos.
_FIRST_ADDRESS = 60_000
# Of the disk that holds builds' disks a twentieth stays free, or what one build may take where that is less.
_FREE_PART = 20
# Seconds between two looks at it while nothing else happens.
_ROOM_LOOK = 1.0
# A build that took the role down with it must not do so for ever.
_MOST_ATTEMPTS = 3


def main(settings: Settings) -> None:
    """Run until SIGTERM."""
    context = contexts.connect(settings)
    runtime = runtimes.builds(settings)
    uv = shutil.which("uv", path=f"{Path(__file__).resolve().parents[3] / '.venv/bin'}:/usr/local/bin:/usr/bin")
    compiler = Compiler(
        context=context, runtime=runtime, stack_root=images.path(settings, "cedar"), uv=Path(uv or "/usr/local/bin/uv")
    )
    uploads.sweep(settings)
    # First of all: what a killed role has left may take a slow disk longer than anybody waits for its successor.
    stream.serve(context)
    for container_id in runtime.list():
        runtime.remove(container_id)
    # Disks that a killed role had mounted, for apps that may be gone by now.
    for directory in (settings.home / "cache").iterdir():
        while directory.is_dir() and loops.unmount(directory):
            pass
    # What a killed role had decrypted for its builds.
    shutil.rmtree(settings.run / "builds", ignore_errors=True)
    Builds(context, compiler).run()


@dataclass(frozen=True, slots=True)
class _Work:
    """A build, or a slug that was uploaded and is to be packed; whose turn it is, and since when it waits."""

    what: Build | Slug
    account_id: str
    since: datetime


class Builds:
    """The builds that run on this machine."""

    def __init__(self, context: Context, compiler: Compiler) -> None:
        self.context = context
        self.compiler = compiler
        self._most = context.settings.builds_at_once
        self._pool = ThreadPoolExecutor(self._most, thread_name_prefix="build")
        self._slots = list(range(self._most))
        # Build or slug → its account.
        self._running: dict[str, str] = {}
        # Account → which of all turns was its last.
        self._turns: dict[str, int] = {}
        self._turn = itertools.count(1)
        # An app's builds share its disk: the next one waits until the last has let go of it, which is after its end.
        self._apps: set[str] = set()
        self._lock = threading.Lock()
        self._bell = threading.Event()
        self._shares = Shares(context.settings)
        self._promotions = Promotions(context, self._bell.set)

    def run(self) -> None:
        feed = changes.Feed(self.context.database)
        while True:
            seen = feed.look()
            begun = self.ensure()
            if begun:
                log.info("at=ensure building %s", begun)
            if begun := self._promotions.ensure():
                log.info("at=ensure promoting to %s", begun)
            self._wait(feed, seen)
            self._bell.clear()

    def _wait(self, feed: changes.Feed, seen: int) -> None:
        """Until there may be something to do. Nobody tells that builds fill the disk: meanwhile that is looked at."""
        due = time.monotonic() + _ROOM_LOOK
        while not self._bell.wait(changes.LOOK) and feed.look() <= seen:
            if time.monotonic() > due:
                self._make_room()
                due = time.monotonic() + _ROOM_LOOK

    def ensure(self) -> str:
        """Purge caches that no build uses, take up as many pending builds as may run; returns which, in words."""
        for app in builds.caches_to_purge(self.context):
            with self._lock:
                used = app.id in self._apps
            if not used:
                try:
                    self._purge(app)
                except OSError:
                    # One disk that cannot be removed must keep nobody from building; it is tried again.
                    log.exception("at=purge-failed app=%s", app.name)
        for setup_id in app_setups.due(self.context):
            self._advance(setup_id)
        self._make_room()
        waiting = app_setups.waiting_builds(self.context)
        with self.context.database.read() as tx:
            pending = stored_builds.list_pending(tx)
        begun = []
        for build in self._end_cancelled(pending):
            pending.remove(build)
        uploaded = slugs.waiting(self.context)
        with self.context.database.read() as tx:
            owners = {app.id: app.owner_id for app in apps.by_ids(tx, {slug.app_id for slug in uploaded})}
        work = [_Work(build, build.account_id, build.created_at) for build in pending if build.id not in waiting]
        work += [_Work(slug, owners.get(slug.app_id, ""), slug.updated_at) for slug in uploaded]
        while taken := self._take(work):
            what, slot = taken
            if isinstance(what, Build):
                self._pool.submit(self._compile, what, slot)
                begun.append(what.id[:8])
            else:
                self._pool.submit(self._pack, what, slot)
                begun.append(f"slug {what.id[:8]}")
        return ", ".join(begun)

    def _advance(self, setup_id: str) -> None:
        """One setup that cannot be taken further must keep nobody from anything, and must end."""
        try:
            app_setups.advance(self.context, setup_id)
        except Exception:
            log.exception("at=setup-broke setup=%s", setup_id)
            reason = "the platform failed; its operator finds the reason in the build role's log"
            app_setups.fail(self.context, setup_id, reason)

    def _make_room(self) -> None:
        """An account may have many apps, and each of them a disk: they must not fill the machine's."""
        directory = self.context.settings.home / "cache"
        try:
            disk = shutil.disk_usage(directory)
            wanted = min(disk.total // _FREE_PART, self.context.settings.build_disk_limit)
            if disk.free >= wanted:
                return
            with self._lock:
                used = frozenset(self._apps)
            with self.context.database.read() as tx:
                owners = {
                    app.id: app.owner_id for app in apps.by_ids(tx, {image.stem for image in directory.glob("*.img")})
                }
            if given_up := make_room(directory, wanted, used, owners):
                log.warning("at=room given-up=%s", ",".join(given_up))
        except OSError:
            # As with what is to be purged: it is tried again.
            log.exception("at=room-failed")

    def _purge(self, app: App) -> None:
        self.compiler.workspace(app).remove()
        builds.cache_purged(self.context, app.id)
        log.info("at=purged app=%s", app.name)

    def _end_cancelled(self, pending: list[Build]) -> list[Build]:
        """Those of them that were cancelled before their turn; one that runs ends itself."""
        with self._lock:
            ended = [build for build in pending if build.cancel_requested and build.id not in self._running]
        for build in ended:
            self._fail(build, builds.CANCELLED)
            self._forget_source(build)
        return ended

    def _take(self, work: list[_Work]) -> tuple[Build | Slug, int] | None:
        """What has its turn, and its slot: of an account that has the fewest running, then of the one whose last turn is longest
        ago, who came first; None when nothing may.
        """
        with self._lock:
            free = [one for one in work if one.what.id not in self._running and one.what.app_id not in self._apps]
            if not free or not self._slots:
                return None
            running = Counter(self._running.values())
            chosen = min(free, key=lambda one: (running[one.account_id], self._turns.get(one.account_id, 0), one.since))
            self._running[chosen.what.id] = chosen.account_id
            self._apps.add(chosen.what.app_id)
            self._turns[chosen.account_id] = next(self._turn)
            return chosen.what, self._slots.pop()

    def _forget_source(self, build: Build) -> None:
        source = self.context.blobs.source(build.id)
        for leftover in (source, source.with_suffix(".submodules.json")):
            leftover.unlink(missing_ok=True)

    def _compile(self, build: Build, slot: int) -> None:
        try:
            with self._shares.taken():
                self._compile_one(build, slot)
        except Exception:
            # A build must end, whatever went wrong in our own code, or the app could never be built again.
            log.exception("at=build-broke build=%s", build.id)
            self._fail(build, "the platform failed; its operator finds the reason in the build role's log")
        finally:
            self._forget_source(build)
            self._let_go(build, slot)

    def _app(self, app_id: str) -> App | None:
        """None when it was destroyed meanwhile."""
        with self.context.database.read() as tx:
            return apps.find(tx, app_id)

    def _fail(self, build: Build, reason: str) -> None:
        """End one that its compiler has not ended. Whoever follows it reads why in its output, before the end."""
        with self.context.database.read() as tx:
            found = stored_builds.find_by_id(tx, build.id)
        if found is None or found.status is not BuildStatus.PENDING:
            return
        try:
            output = Output(self.context.blobs.build_output(build.id), Lines(self.context.settings.home), build.app_id)
            output.error(build.failure(reason))
            output.close()
        except OSError:
            # The disk may be full: it ends all the same.
            log.exception("at=output-failed build=%s", build.id)
        builds.fail(self.context, build.id, reason)

    def _let_go(self, work: Build | Slug, slot: int) -> None:
        with self._lock:
            self._running.pop(work.id, None)
            self._apps.discard(work.app_id)
            self._slots.append(slot)
        self._bell.set()

    def _address(self, slot: int) -> str:
        return str(ipaddress.ip_network(self.context.settings.subnet)[_FIRST_ADDRESS + slot])

    def _pack(self, slug: Slug, slot: int) -> None:
        try:
            app = self._app(slug.app_id)
            if app is None:
                slugs.refuse(self.context, slug.id, "cannot use the slug: its app was destroyed")
            else:
                with self._shares.taken():
                    packer.pack(self.compiler, slug, app, self._address(slot))
        except Exception:
            log.exception("at=pack-broke slug=%s", slug.id)
            slugs.refuse(self.context, slug.id, "cannot use the slug: the platform failed, tell its operator")
        finally:
            self._let_go(slug, slot)

    def _compile_one(self, build: Build, slot: int) -> None:
        # Anew: while one looks for what is pending, app.json may have been read.
        if build.id in app_setups.waiting_builds(self.context):
            return
        begun = builds.begin(self.context, build.id)
        app = self._app(build.app_id)
        if begun is None:
            return
        if app is None:
            self._fail(build, "the app was destroyed")
            return
        if begun.cancel_requested:
            self._fail(build, builds.CANCELLED)
            return
        if begun.attempts > _MOST_ATTEMPTS:
            self._fail(
                build, f"it was interrupted {_MOST_ATTEMPTS} times; {'import it' if begun.image else 'push'} again"
            )
            return
        if app.cache_purge_requested:
            self._purge(app)
        path = self.context.blobs.build_output(build.id)
        output = Output(path, Lines(self.context.settings.home), app.id)
        if begun.attempts > 1:
            output.step("The build was interrupted and starts again")
        release = self.compiler.compile(begun, app, output, self._address(slot))
        log.info("at=built build=%s app=%s release=%s", build.id, app.name, release.name if release else "none")
