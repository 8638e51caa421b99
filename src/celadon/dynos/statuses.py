"""Exit statuses of one-offs that cannot tell them themselves: those of images without a shell."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future


class Statuses:
    """What the manager finds out, for who waits for it. Threads may share one."""

    def __init__(self) -> None:
        self._awaited: dict[str, Future[int | None]] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def awaited(self, dyno_id: str) -> Iterator[Future[int | None]]:
        """The dyno's status, once it has ended; begun before it can have."""
        future: Future[int | None] = Future()
        with self._lock:
            self._awaited[dyno_id] = future
        try:
            yield future
        finally:
            with self._lock:
                self._awaited.pop(dyno_id, None)

    def tell(self, dyno_id: str, status: int | None) -> None:
        """The dyno has ended so (None: nobody saw it); safe to call again."""
        with self._lock:
            future = self._awaited.get(dyno_id)
            if future is not None and not future.done():
                future.set_result(status)
