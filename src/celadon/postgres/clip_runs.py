"""Runs of dataclips: at most one of each clip and a few at once; what they answer is kept for the readers who come next.

A run is nothing that has to go on: when this program is killed, the next reader asks for another.
"""

import logging
import threading
from concurrent.futures import Future
from typing import Protocol

import msgspec

from celadon.actions import dataclips
from celadon.actions.context import Context, now
from celadon.model.dataclip import Dataclip, Result
from celadon.model.errors import CeladonError, RateLimited
from celadon.postgres import clips
from celadon.postgres.clip_outcome import NOT_ALLOWED
from celadon.postgres.clips import DEFAULT, Limits, Place

log = logging.getLogger(__name__)

# Runs at once: of the clips that one account has made, and of everybody's.
OF_ACCOUNT = 2
IN_ALL = 4


class Places(Protocol):
    """Where databases are, prepared for clips."""

    def of(self, addon_id: str) -> Place:
        """Raises Conflict when it cannot be asked now."""
        ...

    def forget(self, addon_id: str) -> None:
        """Prepare it again before the next run."""
        ...


class Runs:
    """Threads share it."""

    def __init__(self, context: Context, places: Places, limits: Limits = DEFAULT) -> None:
        self.context = context
        self.limits = limits
        self._places = places
        self._lock = threading.Lock()
        # Clip and version → who made it, and what will be known.
        self._running: dict[tuple[str, int], tuple[str, Future[Result]]] = {}

    def begin(self, dataclip: Dataclip) -> "Future[Result]":
        """The result of a run that goes on already or begins now. Raises RateLimited when too many go on."""
        key = (dataclip.id, dataclip.version)
        with self._lock:
            if key in self._running:
                return self._running[key][1]
            of_account = sum(account_id == dataclip.account_id for account_id, _ in self._running.values())
            if of_account >= OF_ACCOUNT or len(self._running) >= IN_ALL:
                raise RateLimited(
                    "cannot run the dataclip now: so many run at once that it has to wait; try again soon"
                )
            future: Future[Result] = Future()
            self._running[key] = (dataclip.account_id, future)
            # It ends with the role, which does not wait for it.
            threading.Thread(target=self._run, args=(dataclip, future), daemon=True).start()
        return future

    def _run(self, dataclip: Dataclip, future: "Future[Result]") -> None:
        try:
            found = self._result(dataclip)
        except CeladonError as error:
            self._end(dataclip)
            future.set_exception(error)
        except Exception as error:
            log.exception("at=exception intent=run dataclip=%s", dataclip.id)
            self._end(dataclip)
            future.set_exception(error)
        else:
            self._end(dataclip)
            future.set_result(found)

    def _end(self, dataclip: Dataclip) -> None:
        with self._lock:
            del self._running[dataclip.id, dataclip.version]

    def _result(self, dataclip: Dataclip) -> Result:
        began = now()
        outcome = clips.run(self._places.of(dataclip.addon_id), dataclip.query, self.limits)
        if outcome.failure is not None and outcome.failure.code in NOT_ALLOWED:
            self._places.forget(dataclip.addon_id)
        content = msgspec.json.encode(outcome).decode()
        found = Result(dataclip_id=dataclip.id, version=dataclip.version, content=content, ran_at=began)
        dataclips.keep_result(self.context, found)
        return found
