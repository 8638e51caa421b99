"""Upgrades of databases to a newer major version of PostgreSQL: what is asked for, and how far it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from celadon.model.errors import InvalidParams

# How often one that the platform itself interrupts is begun.
ATTEMPTS = 3
# The longest report that is kept of what pg_upgrade said.
REPORT = 4000


class UpgradeKind(StrEnum):
    """A `dry_run` upgrades a copy that is thrown away; so does an `upgrade` that is only prepared."""

    DRY_RUN = "dry_run"
    UPGRADE = "upgrade"


class UpgradeStatus(StrEnum):
    """What `trying` says of a copy, `running` does to the database itself: until `switching` its files are as they were.

    `finishing`: the new version runs, and statistics are made.
    """

    TRYING = "trying"
    PREPARED = "prepared"
    WAITING = "waiting"
    RUNNING = "running"
    SWITCHING = "switching"
    FINISHING = "finishing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


# State → what it may become.
_NEXT: Mapping[UpgradeStatus, frozenset[UpgradeStatus]] = {
    UpgradeStatus.TRYING: frozenset(
        {UpgradeStatus.PREPARED, UpgradeStatus.SUCCEEDED, UpgradeStatus.FAILED, UpgradeStatus.CANCELLED}
    ),
    UpgradeStatus.PREPARED: frozenset({UpgradeStatus.WAITING, UpgradeStatus.CANCELLED}),
    UpgradeStatus.WAITING: frozenset({UpgradeStatus.RUNNING, UpgradeStatus.FAILED, UpgradeStatus.CANCELLED}),
    UpgradeStatus.RUNNING: frozenset({UpgradeStatus.SWITCHING, UpgradeStatus.FAILED}),
    UpgradeStatus.SWITCHING: frozenset({UpgradeStatus.FINISHING}),
    UpgradeStatus.FINISHING: frozenset({UpgradeStatus.SUCCEEDED}),
    UpgradeStatus.SUCCEEDED: frozenset(),
    UpgradeStatus.FAILED: frozenset(),
    UpgradeStatus.CANCELLED: frozenset(),
}
# Those that the platform has something to do for.
BUSY = frozenset(
    {
        UpgradeStatus.TRYING,
        UpgradeStatus.WAITING,
        UpgradeStatus.RUNNING,
        UpgradeStatus.SWITCHING,
        UpgradeStatus.FINISHING,
    }
)
OPEN = BUSY | {UpgradeStatus.PREPARED}


def may_become(status: UpgradeStatus, then: UpgradeStatus) -> bool:
    return then in _NEXT[status]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """The last upgrade of a database, one for each add-on. `report` is for its owner; `scratch_id` is the server that
    its copy is tried in, while there is one.
    """

    addon_id: str
    kind: UpgradeKind
    status: UpgradeStatus
    version_from: str
    version_to: str
    attempts: int
    report: str
    scratch_id: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @property
    def busy(self) -> bool:
        return self.status in BUSY

    @property
    def ended_history(self) -> datetime | None:
        """Since when there is a server of the new version: no rollback leads to before."""
        done = self.kind is UpgradeKind.UPGRADE and self.status is UpgradeStatus.SUCCEEDED
        return self.finished_at if done else None


def newest(versions: Sequence[str]) -> str:
    return max(versions, key=int)


def check_version(asked: str, versions: Sequence[str]) -> str:
    """A version that a new database may have. Raises InvalidParams with those there are."""
    if asked not in versions:
        raise InvalidParams(f"there is no PostgreSQL {asked[:20]!r} here; there are {_listed(versions)}")
    return asked


def target(current: str, asked: str | None, versions: Sequence[str]) -> str:
    """The version to upgrade to. Raises InvalidParams with what is possible."""
    newer = [one for one in versions if int(one) > int(current)]
    if not newer:
        raise InvalidParams(f"cannot upgrade it: it is of PostgreSQL {current} already, the newest here")
    if asked is not None and asked not in newer:
        raise InvalidParams(f"cannot upgrade it from {current} to {asked[:20]!r}: it can become {_listed(newer)}")
    return asked or newest(newer)


def _listed(versions: Sequence[str]) -> str:
    return " and ".join(sorted(versions, key=int))
