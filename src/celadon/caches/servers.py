"""The port by which the manager has servers of one kind: Redis, memcached."""

import time
from collections.abc import Mapping
from typing import Protocol

from celadon.actions.caches import Place
from celadon.addons.engines import Engines


class ServerFailure(Exception):
    """A server does not start, or does not answer as it should; the message says why, without secrets."""


class Servers(Protocol):
    """Calls of one engine must not overlap. All raise RuntimeFailure, ServerFailure, OSError."""

    engines: Engines
    version: str

    def start(self, place: Place) -> None:
        """Have it running as its row says, unless it runs, and wait until it answers."""
        ...

    def change(self, place: Place, *, cut_off: bool = False) -> None:
        """Have it as its row says, whatever it was; with its keys where it can. May be called again after a crash.

        `cut_off`: who has come in with an earlier password goes.
        """
        ...

    def held(self, place: Place) -> int:
        """Bytes that its keys take; 0 for what loses them with a change anyway."""
        ...

    def config(self, place: Place) -> Mapping[str, str]:
        """Config vars by their full names."""
        ...


def wait(engines: Engines, place: Place, seconds: float, answers: "Answers") -> None:
    """Wait until a server that was started answers. Raises ServerFailure when it ends before, or takes too long."""
    deadline = time.monotonic() + seconds
    while not answers():
        if not engines.running(place.engine):
            raise ServerFailure(f"cannot start {place.engine.name}: it ended at once, its log says why")
        if time.monotonic() > deadline:
            raise ServerFailure(f"cannot start {place.engine.name}: it does not answer after {seconds:g} s")
        time.sleep(_LOOK)


class Answers(Protocol):
    def __call__(self) -> bool: ...


_LOOK = 0.01
