"""What has happened to dynos, as values: found by looking, taken in by the manager.

A Finding changes a row and says lines; an Effect is what is done to a container once the rows are written.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from celadon.model import dyno as rules
from celadon.model.dyno import WEB, Dyno, DynoState
from celadon.model.size import DynoSize
from celadon.platform.settings import Settings
from celadon.runtime.protocol import Container, ContainerState

# A kill that was not heard is repeated after so long.
KILL_AGAIN = timedelta(seconds=10)


_UNSEEN = (
    rules.PLATFORM_ERROR.format(reason="nobody saw how the process ended: its monitor or its machine went away"),
)


class What(StrEnum):
    """`up`: it runs, and listens if it is a web dyno; `exit`: its processes are gone; `overdue`: its time to boot or to
    stop has passed; `no_client`: nobody came to attach; `detached`: its client left, and it goes on.
    """

    UP = "up"
    EXIT = "exit"
    OVERDUE = "overdue"
    NO_CLIENT = "no_client"
    DETACHED = "detached"


@dataclass(frozen=True, slots=True)
class Finding:
    what: What
    dyno: Dyno
    status: int | None = None
    messages: tuple[str, ...] = ()
    # Nobody saw an exit: it was not the app's.
    unseen: bool = False


class Act(StrEnum):
    TERM = "term"
    HANG_UP = "hang_up"
    KILL = "kill"
    REMOVE = "remove"
    RUN_AGAIN = "run_again"


@dataclass(frozen=True, slots=True)
class Effect:
    act: Act
    container_id: str
    dyno: Dyno | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """A start has ended: well, or for this reason."""

    container_id: str
    reason: str | None = None


def of_starts(starts: Iterable[Started], by_container: Mapping[str, Dyno]) -> tuple[list[Finding], list[Effect]]:
    """A dyno that is no web dyno is up when its command runs; one that was told to stop meanwhile is told again."""
    findings: list[Finding] = []
    effects: list[Effect] = []
    for start in starts:
        dyno = by_container.get(start.container_id)
        if dyno is None:
            continue
        if start.reason is not None:
            findings.append(Finding(What.EXIT, dyno, None, (start.reason,)))
        elif dyno.state is DynoState.STOPPING:
            effects.append(Effect(Act.TERM, start.container_id))
        elif dyno.state is DynoState.STARTING and dyno.type != WEB:
            findings.append(Finding(What.UP, dyno))
    return findings, effects


def of_exit(dyno: Dyno, container: Container | None, size: DynoSize) -> Finding:
    """An exit that was recorded."""
    killed = container is not None and container.out_of_memory and dyno.state is not DynoState.STOPPING
    measure = rules.memory_line(int(size.memory * size.vast), size.memory)
    messages = (measure, rules.MEMORY_VASTLY_EXCEEDED, "Stopping process with SIGKILL") if killed else ()
    return Finding(What.EXIT, dyno, container.exit_status if container else None, messages)


def overdue(
    dynos: Iterable[Dyno], settings: Settings, now: datetime, listening: Callable[[str], Iterable[tuple[str, int]]]
) -> tuple[list[Finding], list[Effect]]:
    """Dynos whose deadline has passed; each is killed, again and again until it is gone, and it is said once.

    `listening` tells what a container listens at.
    """
    findings: list[Finding] = []
    effects: list[Effect] = []
    for dyno in dynos:
        if dyno.deadline is None or dyno.deadline > now:
            continue
        if dyno.container_id is None:
            findings.append(Finding(What.NO_CLIENT, dyno, None, (rules.ATTACH_ERROR,)))
            continue
        if dyno.attach and dyno.state is DynoState.UP:
            findings.append(Finding(What.DETACHED, dyno, None, (rules.DETACHED,)))
            continue
        if dyno.state is DynoState.STARTING and dyno.type == WEB:
            seconds = settings.boot_timeout
            said = (_not_listening(dyno, listening(dyno.container_id), seconds), "Stopping process with SIGKILL")
        elif dyno.state is DynoState.STOPPING:
            seconds = settings.stop_timeout
            said = (rules.EXIT_TIMEOUT.format(seconds=seconds), rules.KILLING_PROCESSES)
        else:
            continue
        first = dyno.deadline < dyno.updated_at + timedelta(seconds=seconds) + KILL_AGAIN
        findings.append(Finding(What.OVERDUE, dyno, None, said if first else ()))
        effects.append(Effect(Act.KILL, dyno.container_id))
    return findings, effects


def _not_listening(dyno: Dyno, bound: Iterable[tuple[str, int]], seconds: float) -> str:
    """R11 when it listens where nobody reaches it, R10 when it does not listen."""
    places = ", ".join(f"{address}:{port}" for address, port in bound)
    if places:
        return rules.BAD_BIND.format(bound=places, port=dyno.port)
    return rules.BOOT_TIMEOUT.format(seconds=seconds)


def of_audit(
    dynos: Iterable[Dyno],
    before: Mapping[str, Container],
    busy: frozenset[str],
    inspect: Callable[[str], Container | None],
    *,
    first: bool,
) -> tuple[list[Finding], list[Effect]]:
    """Compare rows with the containers that were there *before* the rows were read.

    So a container without a row is nobody's, and a row without a container is asked about once more. The first time,
    after a restart of the manager, what its predecessor had told is told again, for it may not have been heard, and a
    start that died with it is made again.
    """
    findings: list[Finding] = []
    effects: list[Effect] = []
    rows = {dyno.container_id: dyno for dyno in dynos if dyno.container_id}
    for container_id, container in before.items():
        if container_id in busy:
            continue
        if container_id not in rows:
            effects.append(Effect(Act.REMOVE, container_id))
        elif container.state is ContainerState.UNMONITORED or _lost_one(container):
            effects.append(Effect(Act.KILL, container_id))
    for container_id, dyno in rows.items():
        if container_id in busy or dyno.state not in rules.RUNNING:
            continue
        found = inspect(container_id) if _is_gone(before.get(container_id)) else before[container_id]
        if not _is_gone(found):
            effects += _told_again(dyno, container_id) if first else []
        elif dyno.state is DynoState.STARTING and not dyno.attach and (first or _is_unfinished(found)):
            effects.append(Effect(Act.RUN_AGAIN, container_id, dyno))
        else:
            messages = () if dyno.state is DynoState.STOPPING else _UNSEEN
            findings.append(Finding(What.EXIT, dyno, None, messages, unseen=True))
    return findings, effects


def _lost_one(container: Container) -> bool:
    """One of its processes was killed for memory and others go on: what is left of the dyno goes, too (R15)."""
    return container.state is ContainerState.RUNNING and container.out_of_memory


def _told_again(dyno: Dyno, container_id: str) -> list[Effect]:
    if dyno.state is DynoState.STOPPING:
        return [Effect(Act.TERM, container_id)]
    # The client of an attached dyno went away with the manager that held its connection.
    return [Effect(Act.HANG_UP, container_id, dyno)] if dyno.attach else []


def _is_gone(container: Container | None) -> bool:
    """Nothing runs, and no exit of it is recorded or will be: its monitor died first, or it never came to be."""
    if container is None or _is_unfinished(container):
        return True
    return container.state is ContainerState.EXITED and container.exit_status is None


def _is_unfinished(container: Container | None) -> bool:
    """Whoever was starting it died; what it had begun may have looked alive for a moment longer."""
    return container is not None and container.state is ContainerState.UNFINISHED
