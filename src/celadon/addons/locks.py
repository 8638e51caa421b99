"""Who works on an engine keeps others from it."""

import threading
from collections import defaultdict


class Locks:
    """One lock for each engine: two threads never start, stop or fill the same one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)

    def of(self, engine_id: str) -> threading.RLock:
        with self._lock:
            return self._locks[engine_id]
