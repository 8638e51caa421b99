"""The archive of a database server: what `pgbackrest info` tells of it, and which backup is due."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from celadon.model.postgres_origin import Span

# How files of an archive are compressed, and what their names end with when they are whole.
COMPRESSION = "lz4"
STANZA = "main"
_FULL_EVERY = timedelta(days=7)
_ANY_EVERY = timedelta(days=1)


class BackupType(StrEnum):
    """In pgBackRest's words. An incremental one holds what has changed since the last of any type."""

    FULL = "full"
    INCREMENTAL = "incr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A copy of all files; the server can be brought to any moment after `ended_at`."""

    label: str
    full: bool
    ended_at: datetime


def backups(info: str) -> list[Backup]:
    """What is complete, the oldest first, of the files since the last upgrade: those before are of another version.

    Raises ValueError when this is not what pgBackRest writes.
    """
    try:
        return [
            Backup(
                label=str(one["label"]),
                full=one["type"] == BackupType.FULL,
                ended_at=datetime.fromtimestamp(one["timestamp"]["stop"], UTC),
            )
            for stanza in json.loads(info)
            for one in stanza.get("backup", ())
            if one["database"]["id"] == max(known["id"] for known in stanza["db"])
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"cannot read what pgbackrest tells of an archive: {error!r}") from error


def due(found: list[Backup], now: datetime) -> BackupType | None:
    """The backup that is to be made now; None while the last ones are young enough."""
    if not any(one.full and one.ended_at > now - _FULL_EVERY for one in found):
        return BackupType.FULL
    return None if found[-1].ended_at > now - _ANY_EVERY else BackupType.INCREMENTAL


def next_look(found: list[Backup]) -> datetime:
    """When a backup is due the next time, if there are any."""
    fulls = [one.ended_at for one in found if one.full]
    return min(fulls[-1] + _FULL_EVERY, found[-1].ended_at + _ANY_EVERY)


def span(found: list[Backup], now: datetime) -> Span | None:
    """Without a backup there is nothing to go back to.

    pgBackRest counts in whole seconds, and wants a backup that ended in one before the moment's.
    """
    return Span(earliest=found[0].ended_at + timedelta(seconds=1), latest=now) if found else None


def configuration(
    *,
    files: str,
    sockets: str,
    repository: str,
    retention_days: int,
    reading: bool = False,
    locks: str = "/tmp/archive",
) -> str:
    """pgbackrest.conf. `reading`: somebody else's, to restore from."""
    # A backup takes as little as it can of the server it is made of; nobody waits but for a restore.
    processes = 2 if reading else 1
    kept = "" if reading else f"repo1-retention-full-type=time\nrepo1-retention-full={max(1, retention_days)}\n"
    return f"""\
[global]
repo1-path={repository}
{kept}repo1-bundle=y
compress-type={COMPRESSION}
start-fast=y
process-max={processes}
lock-path=/tmp/archive/locks
spool-path=/tmp/archive/spool
log-level-file=off
log-level-console=off
log-level-stderr=warn

[{STANZA}]
pg1-path={files}
pg1-socket-path={sockets}
pg1-user=postgres
"""
