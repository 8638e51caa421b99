"""The formation: how many dynos of which type and size an app wants, and the steps from what runs to what is wanted."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from celadon.model.dyno import RELEASE, WEB, Dyno, DynoRequest, DynoState
from celadon.model.errors import InvalidParams
from celadon.model.size import Sizes

MAX_QUANTITY = 100
_QUANTITY = re.compile(r"^([+-]?)([0-9]{1,6})\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Formation:
    """One process type of an app: its wanted quantity and size. `id` is stable over the app's life."""

    id: str
    app_id: str
    type: str
    quantity: int
    size: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What one process type should be: `quantity` dynos of `size` that run `command`."""

    quantity: int
    size: str
    command: str


class Step(StrEnum):
    """`create` makes a new dyno; `start` runs a created or crashed one; `drain` takes one out of the router; `stop` ends its
    processes; `forget` drops one that has none.
    """

    CREATE = "create"
    START = "start"
    DRAIN = "drain"
    STOP = "stop"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class Command:
    """One step for one dyno; a dyno to create has a type and a number but no row yet. `replaced` is a dyno of which the log
    says with this step that another one takes its place.
    """

    step: Step
    type: str
    number: int
    dyno: Dyno | None = None
    replaced: Dyno | None = None

    def __str__(self) -> str:
        return f"{self.step} {self.type}.{self.number}"


def diff(
    wanted: Mapping[str, Target],
    release_id: str | None,
    dynos: Iterable[Dyno],
    *,
    preboot: bool,
    now: datetime,
    one_off_limit: timedelta = timedelta(days=1),
    phase_limit: timedelta = timedelta(hours=1),
) -> list[Command]:
    """The steps that bring an app's dynos nearer to what is wanted; empty when nothing can be done now.

    `release_id` is the release that should serve (None: nothing has been deployed). One-offs are left alone, but for
    those a user asked to stop, those that have lasted `one_off_limit` (a release phase: `phase_limit`), and those not started yet. Never two dynos of one number in the same release, except while
    a web dyno is replaced on request: there the old one is on its way out.
    """
    by_type: dict[str, list[Dyno]] = {}
    commands: list[Command] = []
    for dyno in dynos:
        if dyno.one_off:
            limit = phase_limit if dyno.type == RELEASE else one_off_limit
            commands += _one_off(dyno, now - dyno.created_at >= limit)
        else:
            by_type.setdefault(dyno.type, []).append(dyno)
    for name in sorted(wanted.keys() | by_type.keys()):
        target = wanted.get(name) if release_id else None
        current, outdated = _split(by_type.get(name, []), target, release_id)
        switch = _web if name == WEB and preboot else _plain
        commands += switch(name, target, current, outdated, now)
    return commands


def _one_off(dyno: Dyno, old: bool) -> list[Command]:
    if dyno.state is DynoState.CREATED:
        return [_on(Step.FORGET if dyno.request else Step.START, dyno)]
    if (dyno.request or old) and dyno.state in (DynoState.STARTING, DynoState.UP):
        return [_on(Step.STOP, dyno)]
    return []


_ASLEEP = (DynoState.UP, DynoState.STOPPING, DynoState.IDLE)


def fits(dyno: Dyno, target: Target | Formation, release_id: str | None) -> bool:
    """Whether it is what is wanted: of this release, of this size, its number within the quantity."""
    return dyno.release_id == release_id and dyno.size == target.size and dyno.number <= target.quantity


def _split(dynos: Sequence[Dyno], target: Target | None, release_id: str | None) -> tuple[list[Dyno], list[Dyno]]:
    """Dynos that are as wanted, and those to be rid of; both by number, those that are stopping already in neither."""
    current: list[Dyno] = []
    outdated: list[Dyno] = []
    for dyno in sorted(dynos, key=lambda dyno: (dyno.number, dyno.created_at)):
        # The only web dyno of its app keeps its place while it falls asleep and sleeps.
        asleep = dyno.request is DynoRequest.IDLE and dyno.state in _ASLEEP and target and target.quantity == 1
        stays = asleep or (dyno.request is None and dyno.draining_at is None)
        (current if target and fits(dyno, target, release_id) and stays else outdated).append(dyno)
    return current, outdated


def _web(name: str, target: Target | None, current: list[Dyno], outdated: list[Dyno], now: datetime) -> list[Command]:
    """New ones first; old ones that serve go when all new ones do."""
    commands = _fill(name, target, current, now, leaving=outdated)
    quantity = target.quantity if target else 0
    serving = sum(dyno.state is DynoState.UP and dyno.routed for dyno in current)
    for dyno in outdated:
        useful = dyno.state is DynoState.UP and dyno.request is not DynoRequest.STOP and dyno.draining_at is None
        beyond = quantity == 0 or _surplus(dyno, target, current)
        if not useful or beyond or serving >= quantity:
            commands += _leave(dyno)
    return commands


def _surplus(dyno: Dyno, target: Target | None, current: list[Dyno]) -> bool:
    """Scaled away: a dyno of the serving release with a number beyond the quantity; nobody waits for its successor."""
    return (
        target is not None
        and dyno.number > target.quantity
        and any(other.release_id == dyno.release_id for other in current)
    )


def _plain(name: str, target: Target | None, current: list[Dyno], outdated: list[Dyno], now: datetime) -> list[Command]:
    """Old ones go first; a number is used again when its last holder is gone."""
    commands: list[Command] = []
    for dyno in outdated:
        again = target is not None and dyno.number <= target.quantity and dyno.request is not DynoRequest.STOP
        says = again and dyno.draining_at is None
        commands += [replace(command, replaced=dyno if says else None) for command in _leave(dyno)]
    taken = frozenset(dyno.number for dyno in outdated)
    return commands + [
        command
        for command in _fill(name, target, current, now)
        if command.step is not Step.CREATE or command.number not in taken
    ]


def _fill(
    name: str, target: Target | None, current: list[Dyno], now: datetime, *, leaving: Sequence[Dyno] = ()
) -> list[Command]:
    """Start what waits, wake who was called, put to sleep who may, make what is missing in the place of who leaves."""
    commands: list[Command] = []
    replaced = {dyno.number: dyno for dyno in leaving if dyno.request is not DynoRequest.STOP}
    have = {dyno.number for dyno in current}
    for dyno in current:
        due = dyno.state is DynoState.CRASHED and (dyno.next_start_at is None or dyno.next_start_at <= now)
        called = dyno.state is DynoState.IDLE and dyno.request is None
        if dyno.state is DynoState.CREATED or due or called:
            commands.append(_on(Step.START, dyno))
        elif dyno.request is DynoRequest.IDLE and dyno.state is DynoState.UP:
            commands += _leave(dyno)
    for number in range(1, (target.quantity if target else 0) + 1):
        if number not in have:
            commands.append(Command(Step.CREATE, name, number, replaced=replaced.get(number)))
    return commands


def _leave(dyno: Dyno) -> list[Command]:
    """The next step out: drain what the router may know, stop what runs, forget what does not."""
    if dyno.state in (DynoState.CREATED, DynoState.CRASHED, DynoState.IDLE):
        return [_on(Step.FORGET, dyno)]
    if dyno.state is DynoState.STARTING:
        return [_on(Step.STOP, dyno)]
    if dyno.state is DynoState.UP:
        if dyno.type == WEB and dyno.draining_at is None:
            return [_on(Step.DRAIN, dyno)]
        return [] if dyno.type == WEB and dyno.routed else [_on(Step.STOP, dyno)]
    return []


def _on(step: Step, dyno: Dyno) -> Command:
    return Command(step, dyno.type, dyno.number, dyno)


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One change a user asks for; None keeps what is. `quantity` is absolute ("2") or relative ("+1")."""

    type: str
    quantity: str | int | None = None
    size: str | None = None


def scale(
    formation: Sequence[Formation],
    updates: Sequence[Update],
    process_types: Iterable[str],
    sizes: Sizes,
    *,
    dyno_limit: int,
    elsewhere: int = 0,
) -> dict[str, tuple[int, str]]:
    """Type → (quantity, size) after all updates; raises InvalidParams, and then none of them holds.

    `dyno_limit` is the most dynos that the apps of the account may have in all, `elsewhere` how many its other apps and
    one-offs take of it.
    """
    types = {entry.type: (entry.quantity, entry.size) for entry in formation}
    known = list(dict.fromkeys([*process_types, *types]))
    for update in updates:
        if update.type not in known:
            names = ", ".join(sorted(known)) or "none, nothing has been deployed"
            raise InvalidParams(
                f"Couldn't find that process type ({update.type[:40]}): the app's process types are {names}."
            )
        quantity, size = types.get(update.type, (0, sizes.default.name))
        if update.quantity is not None:
            quantity = _quantity(update.type, update.quantity, quantity)
        if update.size is not None:
            size = sizes.find(update.size).name
        types[update.type] = (quantity, size)
    total = sum(quantity for quantity, _ in types.values())
    if total + elsewhere > dyno_limit:
        others = f" besides {elsewhere} in other apps and one-offs" if elsewhere else ""
        raise InvalidParams(
            f"cannot scale to {total} dynos{others}: the limit of the app's owner is {dyno_limit}, scale something down first"
        )
    return types


def _quantity(process_type: str, wanted: str | int, present: int) -> int:
    found = _QUANTITY.match(str(wanted)) if not isinstance(wanted, bool) else None
    if found is None:
        raise InvalidParams(f"cannot scale {process_type} to {str(wanted)[:40]!r}: write a number, +number or -number")
    sign, digits = found.groups()
    if sign and isinstance(wanted, int):
        raise InvalidParams(f"cannot scale {process_type} to {wanted}: a quantity is not negative")
    quantity = int(digits) if not sign else present + int(sign + digits)
    if not 0 <= quantity <= MAX_QUANTITY:
        raise InvalidParams(f"cannot scale {process_type} to {quantity}: a quantity is from 0 to {MAX_QUANTITY}")
    return quantity
