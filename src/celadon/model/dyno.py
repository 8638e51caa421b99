"""Dynos: the state machine of one dyno, and the words the log has for it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from celadon.model.guest import Guest

WEB = "web"
RELEASE = "release"
RUN = "run"
# What an app's scheduler runs. Procfiles may have a process type of this name too; its dynos have small numbers.
SCHEDULER = "scheduler"
FIRST_ONE_OFF = 1000
# What is run once and never restarted; no formation has them.
ONE_OFFS = frozenset({RUN, RELEASE})

# How the platform's word of a process's end begins. It is written when all of its output has been.
EXITED = "Process exited with status "


class DynoState(StrEnum):
    CREATED = "created"
    STARTING = "starting"
    UP = "up"
    IDLE = "idle"
    CRASHED = "crashed"
    STOPPING = "stopping"
    COMPLETE = "complete"
    DOWN = "down"


class DynoRequest(StrEnum):
    """What was asked of one dyno. A user: replace it by a new one (`restart`), or end it (`stop`; the formation then starts
    another). The clock: replace it, for it is a day old (`cycle`). The router: let it sleep, nobody visits (`idle`).
    """

    RESTART = "restart"
    STOP = "stop"
    CYCLE = "cycle"
    IDLE = "idle"


class DynoEvent(StrEnum):
    START = "start"
    LISTENING = "listening"
    EXIT = "exit"
    FINISH = "finish"
    STOP = "stop"
    SLEEP = "sleep"


_S, _E = DynoState, DynoEvent

# State and event → next state; what is not here is not legal. `exit` is an exit nobody asked for of a dyno that should
# go on; `finish` is the exit of a one-off; `sleep` ends a stop that was asked for by idling.
TRANSITIONS: Mapping[tuple[DynoState, DynoEvent], DynoState] = {
    (_S.CREATED, _E.START): _S.STARTING,
    (_S.CRASHED, _E.START): _S.STARTING,
    (_S.IDLE, _E.START): _S.STARTING,
    (_S.STARTING, _E.LISTENING): _S.UP,
    (_S.STARTING, _E.EXIT): _S.CRASHED,
    (_S.UP, _E.EXIT): _S.CRASHED,
    (_S.STARTING, _E.FINISH): _S.COMPLETE,
    (_S.UP, _E.FINISH): _S.COMPLETE,
    (_S.CREATED, _E.STOP): _S.DOWN,
    (_S.CRASHED, _E.STOP): _S.DOWN,
    (_S.IDLE, _E.STOP): _S.DOWN,
    (_S.STARTING, _E.STOP): _S.STOPPING,
    (_S.UP, _E.STOP): _S.STOPPING,
    (_S.STOPPING, _E.EXIT): _S.DOWN,
    (_S.STOPPING, _E.FINISH): _S.DOWN,
    (_S.STOPPING, _E.SLEEP): _S.IDLE,
}

# A dyno in one of these has a process on a machine.
RUNNING = frozenset({_S.STARTING, _S.UP, _S.STOPPING})


class IllegalTransition(Exception):
    """An event came that the dyno's state does not allow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dyno:
    """One dyno: `web.1` of one release.

    `container_id` names its present start, `starts` counts them; `crashes` counts those in a row that ended in a crash
    and `next_start_at` is when a crashed one is started again. `deadline` is when a starting dyno must listen, or a
    stopping one be gone. `routed` and `reached` are the router's words: requests may reach it, and they do.
    `draining_at` is the manager's: take it out. `secret_hash` belongs to the rendezvous of an attached one-off; `env` is
    what was given for this dyno alone. `account_id` and `authorization_id` are who has run a one-off, and with which token.
    """

    id: str
    app_id: str
    release_id: str
    type: str
    number: int
    command: str
    size: str
    state: DynoState
    request: DynoRequest | None
    attach: bool
    secret_hash: str | None
    env: Mapping[str, str] = field(repr=False)
    account_id: str | None
    authorization_id: str | None = None
    container_id: str | None = None
    address: str | None = None
    port: int | None = None
    starts: int = 0
    crashes: int = 0
    next_start_at: datetime | None = None
    deadline: datetime | None = None
    routed: bool = False
    reached: bool = False
    draining_at: datetime | None = None
    exit_status: int | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def guest(self) -> Guest | None:
        """Who has begun it; None when that was the platform."""
        if self.account_id is None:
            return None
        return Guest(account_id=self.account_id, authorization_id=self.authorization_id, app_id=self.app_id)

    @property
    def name(self) -> str:
        return f"{self.type}.{self.number}"

    @property
    def one_off(self) -> bool:
        """Run once, never restarted: `run.1234`, `release.1234`, `scheduler.1234`."""
        return self.type in ONE_OFFS or self.scheduled

    @property
    def scheduled(self) -> bool:
        """A run of a scheduler's job."""
        return self.type == SCHEDULER and self.number >= FIRST_ONE_OFF


def next_state(state: DynoState, event: DynoEvent) -> DynoState:
    """The state after an event; raises IllegalTransition."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"cannot {event} a dyno while it is {state}") from None


def backoff(crashes: int, table: tuple[float, ...]) -> float:
    """Seconds to wait before start number `crashes + 1`: the table's entry, its last one for all later crashes."""
    return table[min(crashes - 1, len(table) - 1)] if crashes > 0 else 0.0


def cycles_at(dyno: Dyno, after: float) -> datetime:
    """When a dyno that is up is old: `after` seconds later, and up to a seventh more, so that an app's do not go together."""
    jitter = int(dyno.id.partition("-")[0], 16) / (1 << 32) / 7
    return dyno.updated_at + timedelta(seconds=after * (1 + jitter))


# The API has fewer states than we have.
_SHOWN = {
    DynoState.CREATED: "starting",
    DynoState.STOPPING: "down",
    DynoState.COMPLETE: "down",
}


def shown_state(state: DynoState) -> str:
    """The state in the API's words: created shows as starting, stopping and complete as down."""
    return _SHOWN.get(state, state.value)


# Lines of the manifold, in Heroku's words.
CYCLING = "Cycling"
RESTARTING = "Restarting"
IDLING = "Idling"
UNIDLING = "Unidling"
BOOT_TIMEOUT = "Error R10 (Boot timeout) -> Web process failed to bind to $PORT within {seconds:g} seconds of launch"
BAD_BIND = (
    "Error R11 (Bad bind) -> Process bound to {bound} and not to 0.0.0.0:{port} (see the environment variable PORT)"
)
EXIT_TIMEOUT = "Error R12 (Exit timeout) -> At least one process failed to exit within {seconds:g} seconds of SIGTERM"
ATTACH_ERROR = "Error R13 (Attach error) -> Failed to attach to process"
MEMORY_EXCEEDED = "Error R14 (Memory quota exceeded)"
MEMORY_VASTLY_EXCEEDED = "Error R15 (Memory quota vastly exceeded)"
DETACHED = "Error R16 (Detached) -> An attached process is not responding to SIGHUP after its client disconnected"
CHECKSUM_ERROR = "Error R17 (Checksum error) -> Checksum does not match expected value"
PLATFORM_ERROR = "Error R99 (Platform error) -> {reason}"
STOPPING_PROCESSES = "Stopping all processes with SIGTERM"
KILLING_PROCESSES = "Stopping remaining processes with SIGKILL"


def replacing_line(old: Dyno) -> str:
    """Why a new dyno comes in this one's place: it is a day old, or a user or a new release wants it."""
    return CYCLING if old.request is DynoRequest.CYCLE else RESTARTING


def memory_line(used: int, quota: int) -> str:
    """The measure that precedes R14 and R15; both in bytes."""
    return f"Process running mem={used >> 20}M({100 * used / quota:.1f}%)"


def next_start_line(seconds: float) -> str:
    """After a crash that is followed by a wait."""
    return f"Next start in {seconds:g} seconds; a deploy or `ps:restart` starts it at once"


def changed_line(old: DynoState, new: DynoState) -> str:
    return f"State changed from {old} to {new}"


# Clients append this to a command to learn its exit status; users never typed it.
_STATUS_ECHO = re.compile(r" ?; (?:status=\$\?; )?echo \"\uffff.*\Z", re.DOTALL)


def typed(command: str) -> str:
    """A one-off's command as its user gave it, without what a client appended to learn its exit status."""
    return _STATUS_ECHO.sub("", command)


def starting_line(command: str) -> str:
    return f"Starting process with command `{typed(command)}`"


def crashed(exit_status: int | None) -> str:
    """What has become of a dyno that has crashed, as a part of a sentence."""
    return "crashed" if exit_status is None else f"crashed (exit status {exit_status})"


def exited_line(status: int | None) -> str:
    return f"{EXITED}{status if status is not None else 'unknown'}"
