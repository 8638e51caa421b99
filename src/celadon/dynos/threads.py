"""Threads that act on containers: at most one step at a time on each container, never forgotten when it breaks."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from celadon.runtime.protocol import RuntimeFailure

log = logging.getLogger(__name__)

# In each set of measurements of 40 starts at once, 40 threads were fastest.
_THREADS = 40


class Threads:
    """A pool whose users are container ids. `bell` is rung after every step."""

    def __init__(self, bell: Callable[[], None]) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="dyno")
        self._bell = bell
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def busy(self) -> frozenset[str]:
        """Containers a thread is at work on: that they are missing or ended says nothing yet."""
        with self._lock:
            return frozenset(self._busy)

    def claim(self, container_id: str) -> bool:
        """Reserve a container for a step to come; False when one is under way."""
        with self._lock:
            free = container_id not in self._busy
            self._busy.add(container_id)
        return free

    def submit(self, container_id: str, step: Callable[[], object]) -> None:
        """Run a step, unless one on this container is under way: whoever looks again will find what is left to do."""
        if self.claim(container_id):
            self.submit_claimed(container_id, step)

    def submit_claimed(self, container_id: str, step: Callable[[], object]) -> None:
        self._pool.submit(self._run, container_id, step, True)

    def submit_beside(self, container_id: str, step: Callable[[], object]) -> None:
        """Run a step that may overlap with others on the same container, such as a signal."""
        self._pool.submit(self._run, container_id, step, False)

    def close(self) -> None:
        """Wait for the steps that are under way."""
        self._pool.shutdown(wait=True)

    def _run(self, container_id: str, step: Callable[[], object], claimed: bool) -> None:
        try:
            step()
        except RuntimeFailure as error:
            log.error("at=runtime container=%s %s", container_id, error)
        except Exception:
            # Nobody asks this thread's future: a fault of ours must at least be read in the log.
            log.exception("at=broke container=%s", container_id)
        finally:
            if claimed:
                with self._lock:
                    self._busy.discard(container_id)
            self._bell()
