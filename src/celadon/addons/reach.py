"""Which app's dynos reach which engines: those of the add-ons that are attached to it, and no others."""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from celadon.actions.context import Context
from celadon.addons.engines import Engines
from celadon.model.engine import PORTS, Engine
from celadon.store import apps, attachments
from celadon.store.database import Transaction

# Add-on id → the engines it is on.
Finder = Callable[[Transaction], Mapping[str, Sequence[Engine]]]
Targets = tuple[tuple[str, int], ...]

# The dynos of an app are in the group of this name with its number.
_APP = "app_"


class Reach:
    """Keeps the network's groups as the attachments are. Threads may share it."""

    def __init__(self, context: Context, engines: Engines, finders: Sequence[Finder]) -> None:
        self._context = context
        self._engines = engines
        self._finders = finders
        self._lock = threading.Lock()
        # Nothing is known of what the kernel has before the first look: whoever ran before may have left an app a way.
        self._known: dict[str, Targets] | None = None

    def ensure(self) -> int:
        """Change the groups that are not as they should be; returns how many. Raises RuntimeFailure."""
        with self._lock:
            wanted, known = self._wanted(), self._known
            there = self._engines.groups(_APP) if known is None else known
            # A group that has nothing any more is emptied: its dynos run on until the release that takes it from them.
            changed = {
                group: wanted.get(group, ())
                for group in {*wanted, *there}
                if known is None or wanted.get(group, ()) != known.get(group)
            }
            self._engines.allow(changed)
            self._known = wanted
            return len(changed)

    def _wanted(self) -> dict[str, Targets]:
        found: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
        with self._context.database.read() as tx:
            by_addon: dict[str, Sequence[Engine]] = {}
            for finder in self._finders:
                by_addon |= finder(tx)
            attached = attachments.list_all(tx) if by_addon else []
            numbers = {app.id: app.number for app in apps.by_ids(tx, {one.app_id for one in attached})}
        for one in attached:
            if one.app_id in numbers:
                targets = (
                    (self._engines.address(engine), PORTS[engine.kind]) for engine in by_addon.get(one.addon_id, ())
                )
                found[f"{_APP}{numbers[one.app_id]}"].update(targets)
        return {group: tuple(sorted(targets)) for group, targets in found.items() if targets}
