"""Databases of heroku-postgresql: what each plan gives, and the steps by which one comes to be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

SERVICE = "heroku-postgresql"
# What the names of its config vars begin with.
PREFIX = "HEROKU_POSTGRESQL"
MB, GB = 1 << 20, 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What a plan gives: `memory` and `storage` in bytes, `rows` where they are counted as well.

    Without `memory` it is a place in the shared cluster. `available`: a standby takes over when the server fails.
    """

    memory: int
    storage: int
    connections: int
    rows: int | None = None
    available: bool = False
    # Days for which a rollback reaches back, and backups that are kept.
    rollback_days: int = 0
    backups: int = 2

    @property
    def shared(self) -> bool:
        return not self.memory


# The smaller sizes fit a machine of one's own: memory, storage, connections.
_OWN: Mapping[str, tuple[int, int, int]] = {
    "0": (400 * MB, 64 * GB, 120),
    "2": (1700 * MB, 256 * GB, 400),
    "3": (3750 * MB, 512 * GB, 500),
    "4": (7500 * MB, 512 * GB, 500),
    "5": (15 * GB, 1024 * GB, 500),
    "6": (34 * GB, 1024 * GB, 500),
    "7": (68 * GB, 1024 * GB, 500),
}


def _own(number: str, *, rollback_days: int, backups: int, available: bool = False) -> Size:
    memory, storage, connections = _OWN[number]
    return Size(
        memory=memory,
        storage=storage,
        connections=connections,
        rollback_days=rollback_days,
        backups=backups,
        available=available,
    )


SIZES: Mapping[str, Size] = {
    "mini": Size(memory=0, storage=1 * GB, connections=20, rows=10_000),
    "basic": Size(memory=0, storage=10 * GB, connections=20, rows=10_000_000, backups=5),
    **{f"standard-{number}": _own(number, rollback_days=4, backups=25) for number in _OWN},
    **{f"premium-{number}": _own(number, rollback_days=7, backups=50, available=True) for number in _OWN},
}

# Of the cluster that holds the small ones.
SHARED_MEMORY = 1 * GB
SHARED_CONNECTIONS = 400


class Origin(StrEnum):
    """Where its first rows come from: nowhere, a copy of another database, a stream of it, a moment of its past."""

    EMPTY = "empty"
    FORK = "fork"
    FOLLOW = "follow"
    ROLLBACK = "rollback"


class Step(StrEnum):
    """Its program counter. A database with an origin is filled (`copying`) before it is prepared.

    A follower is `promoting` while it becomes a database of its own, `rebuilding` while it is filled anew. `upgrading`:
    it is closed while its server becomes one of a newer version.
    """

    COPYING = "copying"
    PREPARING = "preparing"
    AVAILABLE = "available"
    PROMOTING = "promoting"
    REBUILDING = "rebuilding"
    UPGRADING = "upgrading"
    REMOVING = "removing"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresDatabase:
    """One per add-on. `name` is what the server calls it, `role` its owner there.

    `source_id` is the add-on it was made from; a follower follows it as long as `origin` says so. `target` is the moment
    of a rollback. `blocked`: it is over its plan's limits and takes no more rows. `bytes_used` and `rows_used` were true
    at `measured_at`; without that it is looked at at once. `told` is the step of its limits that its owner knows of.
    """

    addon_id: str
    engine_id: str
    name: str
    role: str
    plan: str
    step: Step
    origin: Origin
    source_id: str | None
    target: datetime | None
    blocked: bool
    bytes_used: int
    rows_used: int
    measured_at: datetime | None
    created_at: datetime
    updated_at: datetime
    settings: Mapping[str, bool | int | str] = field(default_factory=dict)
    maintenance_window: int | None = None
    maintenance_asked_at: datetime | None = None
    maintained_at: datetime | None = None
    told: int = 0


def rollback_from(database: PostgresDatabase, now: datetime, ended_history: datetime | None) -> datetime | None:
    """The earliest moment it can be rolled back to; None when its plan, or that it follows another, has none.

    `ended_history` is when an upgrade made what was archived before useless.
    """
    days = SIZES[database.plan].rollback_days
    if not days or database.origin is Origin.FOLLOW:
        return None
    earliest = max(database.created_at, now - timedelta(days=days))
    return max(earliest, ended_history) if ended_history is not None else earliest


class CredentialPermission(StrEnum):
    """What a credential may do in all schemas of the owner, now and later. `none` is for an owner who grants by hand."""

    NONE = "none"
    READ = "readonly"
    WRITE = "readwrite"
    OWNER = "owner"


class CredentialState(StrEnum):
    """Its program counter: all but `active` is work for the role. `rotating`: a new password waits beside the old one."""

    CREATING = "creating"
    ACTIVE = "active"
    ROTATING = "rotating"
    REMOVING = "removing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A login of a database; `default` is its owner's. The passwords are encrypted and read by who needs them.

    `cut_at`: who came in before may have done so by an older password, and is to be cut off; None when that is done. It is
    far in the future for a follower that may not have the new password yet.
    """

    addon_id: str
    name: str
    role: str
    created_at: datetime
    state: CredentialState = CredentialState.ACTIVE
    permission: CredentialPermission = CredentialPermission.OWNER
    cut_at: datetime | None = None

    @property
    def default(self) -> bool:
        return self.name == DEFAULT_CREDENTIAL

    @property
    def namespace(self) -> str:
        """Of its config among those of the add-on, and of the attachments that get that."""
        return "" if self.default else f"credential:{self.name}"


DEFAULT_CREDENTIAL = "default"


def url(role: str, password: str, host: str, port: int, name: str) -> str:
    """As Heroku writes DATABASE_URL: libpq asks for TLS by itself, most drivers are told to by their user."""
    return f"postgres://{role}:{password}@{host}:{port}/{name}"


def config(role: str, password: str, host: str, port: int, name: str) -> dict[str, str]:
    """What an app is told of a login."""
    return {f"{PREFIX}_URL": url(role, password, host, port, name)}
