"""Work on many things at once, so that a slow one holds up no other."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

log = logging.getLogger(__name__)


class Crew:
    """Threads, so many at once at most, of which no two work on what has the same key. Threads share it."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._lock = threading.Lock()
        self._at_work: set[str] = set()

    def begin(self, key: str, work: Callable[[], int]) -> Future[int] | None:
        """Work in a thread; None when somebody is at work on this one, or when no more may be.

        It is cancelled when `work` raises, which the log tells.
        """
        with self._lock:
            if key in self._at_work or len(self._at_work) >= self._at_once:
                return None
            self._at_work.add(key)
        done: Future[int] = Future()
        threading.Thread(target=self._run, args=(key, work, done), name=key, daemon=True).start()
        return done

    def _run(self, key: str, work: Callable[[], int], done: Future[int]) -> None:
        result = None
        try:
            result = work()
        except Exception:
            log.exception("at=crew key=%s", key)
        finally:
            with self._lock:
                self._at_work.discard(key)
            # After that: who waits for it may begin anew at once.
            if result is None:
                done.cancel()
            else:
                done.set_result(result)
