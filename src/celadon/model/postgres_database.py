"""Databases of heroku-postgresql: what each plan gives, and the steps by which one comes to be."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

SERVICE = "heroku-postgresql"
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


# The smaller sizes fit a machine of one's own; larger ones are those of Heroku's older plans.
SIZES: Mapping[str, Size] = {
    "mini": Size(memory=0, storage=1 * GB, connections=20, rows=10_000),
    "basic": Size(memory=0, storage=10 * GB, connections=20, rows=10_000_000, backups=5),
    "standard-0": Size(memory=400 * MB, storage=64 * GB, connections=120, rollback_days=4, backups=25),
    "standard-2": Size(memory=1700 * MB, storage=256 * GB, connections=400, rollback_days=4, backups=25),
    "standard-3": Size(memory=7500 * MB, storage=512 * GB, connections=500, rollback_days=4, backups=25),
    "standard-4": Size(memory=34 * GB, storage=1024 * GB, connections=500, rollback_days=4, backups=25),
    "standard-5": Size(memory=68 * GB, storage=1024 * GB, connections=500, rollback_days=4, backups=25),
    "premium-0": Size(memory=400 * MB, storage=64 * GB, connections=120, available=True, rollback_days=7, backups=50),
    "premium-2": Size(memory=1700 * MB, storage=256 * GB, connections=400, available=True, rollback_days=7, backups=50),
    "premium-3": Size(memory=7500 * MB, storage=512 * GB, connections=500, available=True, rollback_days=7, backups=50),
    "premium-4": Size(memory=34 * GB, storage=1024 * GB, connections=500, available=True, rollback_days=7, backups=50),
    "premium-5": Size(memory=68 * GB, storage=1024 * GB, connections=500, available=True, rollback_days=7, backups=50),
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

    A follower is `promoting` while it becomes a database of its own, `rebuilding` while it is filled anew.
    """

    COPYING = "copying"
    PREPARING = "preparing"
    AVAILABLE = "available"
    PROMOTING = "promoting"
    REBUILDING = "rebuilding"
    REMOVING = "removing"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresDatabase:
    """One per add-on. `name` is what the server calls it, `role` its owner there.

    `source_id` is the add-on it was made from; a follower follows it as long as `origin` says so. `target` is the moment
    of a rollback. `blocked`: it is over its plan's limits and takes no more rows. `bytes_used` and `rows_used` were true
    at `measured_at`.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A login of a database; `default` is its owner's. The password is encrypted and read by who needs it."""

    addon_id: str
    name: str
    role: str
    created_at: datetime


DEFAULT_CREDENTIAL = "default"


def url(role: str, password: str, host: str, port: int, name: str) -> str:
    """As Heroku writes DATABASE_URL: libpq asks for TLS by itself, most drivers are told to by their user."""
    return f"postgres://{role}:{password}@{host}:{port}/{name}"
