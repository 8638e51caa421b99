"""Which port of the host leads to which engine: those of all kinds at once, as the kernel's table is one."""

import threading
from collections.abc import Callable, Mapping, Sequence

from celadon.addons.engines import Engines
from celadon.model.engine import Engine

# Port → the engine it is to lead to.
Finder = Callable[[], Mapping[int, Engine]]


class Ports:
    """Keeps the ports as the finders say. Threads may share it."""

    def __init__(self, engines: Engines, finders: Sequence[Finder]) -> None:
        self._engines = engines
        self._finders = finders
        self._lock = threading.Lock()
        self._known: dict[int, str] = {}

    def ensure(self) -> bool:
        """Lead each port to its engine; whether any was led elsewhere. Raises RuntimeFailure."""
        return self._publish(anew=False)

    def publish(self) -> None:
        """The same, whatever was known. Raises RuntimeFailure."""
        self._publish(anew=True)

    def _publish(self, *, anew: bool) -> bool:
        # What is found is published before anybody else looks: an older look never wins.
        with self._lock:
            wanted: dict[int, Engine] = {}
            for finder in self._finders:
                wanted.update(finder())
            known = {port: engine.id for port, engine in wanted.items()}
            if known == self._known and not anew:
                return False
            self._engines.publish(wanted)
            self._known = known
            return True
