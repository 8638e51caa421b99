"""What has changed in the log directories, by inotify: one watch for each app, one for their parent.

A busy directory is not listened to for writes (conmon makes tens of thousands of them a second) but looked at in every
round; births of files are always listened to, so that those that were never seen can be counted.
"""

import logging
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

from asyncinotify import Inotify, Mask, Watch

from celadon.logplex import sources
from celadon.logplex.sources import Births
from celadon.model import logline

log = logging.getLogger(__name__)

_BIRTHS = Mask.CREATE | Mask.MOVED_TO | Mask.ONLYDIR
_WRITES = _BIRTHS | Mask.MODIFY


class Watcher:
    """Tells which apps have new lines. An app that cannot be watched (the kernel's limit) is in nobody's way: the
    periodic look finds its lines."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._inotify = Inotify(cache_size=256)
        self._watches: dict[str, Watch] = {}
        self._births: dict[str, Counter[str]] = {}
        self._before: dict[str, dict[int, str]] = {}

    def close(self) -> None:
        self._inotify.close()

    def watch_all(self) -> list[str]:
        """Watch the parent and every app's directory there is; returns the apps."""
        self._inotify.add_watch(self.logs, Mask.CREATE | Mask.MOVED_TO | Mask.ONLYDIR)
        apps = [path.name for path in self.logs.iterdir() if path.is_dir()]
        for app_id in apps:
            self.listen(app_id)
        return apps

    def listen(self, app_id: str) -> None:
        """Hear of writes again (or for the first time)."""
        self._set(app_id, _WRITES)

    def quieten(self, app_id: str) -> None:
        """Hear of births only: the app is looked at anyway."""
        self._set(app_id, _BIRTHS)

    def births(self, app_id: str) -> Births | None:
        """What came to be since this was last asked; None when nobody watches."""
        if app_id not in self._watches:
            return None
        return Births(names=self._births.pop(app_id, Counter()), before=self._before.pop(app_id, {}))

    async def changes(self) -> AsyncIterator[str | None]:
        """Apps with something new, for ever; None when the kernel has forgotten some: look at all."""
        async for event in self._inotify:
            if Mask.Q_OVERFLOW in event.mask:
                log.warning("at=overflow: inotify lost events, looking at every app")
                yield None
            elif event.watch is None or event.name is None:
                self._forget(event.watch, event.mask)
            elif event.watch.path == self.logs:
                if Mask.ISDIR in event.mask:
                    self.listen(event.name.name)
                    yield event.name.name
            else:
                yield self._seen(event.watch.path.name, event.name.name, event.mask)

    def _seen(self, app_id: str, name: str, mask: Mask) -> str:
        if mask & (Mask.CREATE | Mask.MOVED_TO) and logline.source_of(name):
            self._births.setdefault(app_id, Counter())[name] += 1
        return app_id

    def _set(self, app_id: str, mask: Mask) -> None:
        try:
            if app_id not in self._watches:
                # Before the watch, not behind it: whatever comes from now on is told.
                self._before[app_id] = sources.inodes(self.logs / app_id)
            self._watches[app_id] = self._inotify.add_watch(self.logs / app_id, mask)
        except FileNotFoundError:
            self._watches.pop(app_id, None)
        except OSError as error:
            log.warning("at=watch app=%s: cannot watch, lines come later: %s", app_id, error)
            self._watches.pop(app_id, None)

    def _forget(self, watch: Watch | None, mask: Mask) -> None:
        if watch is not None and Mask.IGNORED in mask and self._watches.get(watch.path.name) is watch:
            del self._watches[watch.path.name]
            self._births.pop(watch.path.name, None)
