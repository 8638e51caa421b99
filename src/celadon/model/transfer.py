"""Transfers of databases: backups, restores and copies; which of them are kept, and what the platform checks of a backup."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from celadon.model.errors import InvalidParams
from celadon.model.postgres_database import SIZES

# A URL of a backup lasts so long.
URL_LIFETIME = timedelta(minutes=10)
# What is written by pg_dump in its custom format begins so.
MAGIC = b"PGDMP"
# How often one that the platform itself interrupted begins anew.
ATTEMPTS = 3
# And how often a check is begun that the platform interrupts.
CHECKS = 3
# Lines that are kept of what its programs said, and the longest of them.
LOG_LINES, LOG_LINE = 200, 1000
# What stands for the place of a backup where a client wants a URL; it opens nothing by itself.
_PLACE = "celadon-backup://"


class TransferKind(StrEnum):
    BACKUP = "backup"
    RESTORE = "restore"
    COPY = "copy"


class TransferStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN = (TransferStatus.PENDING, TransferStatus.RUNNING)


class TransferStep(StrEnum):
    """The program counter of one that runs. What comes before `loading` may be done again at any time; whoever finds a
    `loading` one that nobody watched asks its container what came of it, and does not load twice.
    """

    WAITING = "waiting"
    DUMPING = "dumping"
    FETCHING = "fetching"
    LOADING = "loading"


class Check(StrEnum):
    """Whether a backup has been restored to see that it can be. `due` and `running` are the platform's to finish.

    `unknown`: the platform could not, and the backup may be good or not.
    """

    NONE = "none"
    DUE = "due"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """`addon_id` is the database that a backup is of, or that a restore or a copy goes to; `app_id` the app that owned it.

    `source_id` is what it comes from: the backup of a restore (None for one by URL), the database of a copy. Bytes are
    those of the database when it began (`source_bytes`) and of the archive so far. `row_counts` are the tables' rows at
    the moment of a backup, as far as they were counted; `verified_at` is when it was last restored to check it, in the
    engine `check_engine_id` while that lasts; `check_attempts` are the times that was begun.
    """

    id: str
    app_id: str
    addon_id: str
    num: int
    kind: TransferKind
    scheduled: bool
    source_id: str | None
    from_name: str
    to_name: str
    status: TransferStatus
    step: TransferStep
    attempts: int = 0
    source_bytes: int = 0
    processed_bytes: int = 0
    warnings: int = 0
    error: str | None = None
    cancel_asked: bool = False
    check: Check = Check.NONE
    row_counts: Mapping[str, int] | None = None
    check_engine_id: str | None = None
    check_error: str | None = None
    check_attempts: int = 0
    verified_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    deleted_at: datetime | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def name(self) -> str:
        """`b001` manual and `a001` scheduled backups, `r001` restores, `c001` copies: one row of numbers for an app."""
        letter = {TransferKind.RESTORE: "r", TransferKind.COPY: "c"}.get(self.kind, "a" if self.scheduled else "b")
        return f"{letter}{self.num:03}"

    @property
    def over(self) -> bool:
        return self.status not in OPEN

    @property
    def kept(self) -> bool:
        """Whether its archive can be restored and downloaded."""
        return (
            self.kind is TransferKind.BACKUP and self.status is TransferStatus.SUCCEEDED and (self.deleted_at is None)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """What a transfer said at a moment."""

    at: datetime
    message: str


def place(transfer_id: str) -> str:
    """What a client is told of where a backup is."""
    return f"{_PLACE}{transfer_id}"


def of_place(url: str) -> str | None:
    """The id of the backup that a client was told the place of; None for another URL."""
    return url.removeprefix(_PLACE) if url.startswith(_PLACE) else None


def number(name: str) -> int | None:
    """`b012` → 12; None for what is no name of a transfer."""
    digits = name[1:] if name[:1] in ("a", "b", "c", "r") else name
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 10 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How many are kept: the last of each of so many days, weeks and months that have one; manual ones by their number."""

    days: int
    weeks: int
    months: int
    manual: int


def rule(plan: str) -> Rule:
    size = SIZES[plan]
    if size.shared:
        return Rule(days=7, weeks=1, months=0, manual=size.backups)
    if size.available:
        return Rule(days=7, weeks=8, months=12, manual=size.backups)
    return Rule(days=7, weeks=4, months=0, manual=size.backups)


def superfluous(found: Sequence[Transfer], rule: Rule, now: datetime) -> list[Transfer]:
    """Those of a database's backups that need not be kept any longer. The newest one always is."""
    backups = sorted((one for one in found if one.kept), key=lambda one: one.created_at, reverse=True)
    scheduled = [one for one in backups if one.scheduled]
    kept = _by_period(scheduled, rule, now) | {one.id for one in backups[:1]}
    kept |= {one.id for one in [one for one in backups if not one.scheduled][: rule.manual]}
    return [one for one in backups if one.id not in kept]


def _by_period(newest_first: Sequence[Transfer], rule: Rule, now: datetime) -> set[str]:
    """The newest of each of the last days, weeks and months."""
    kept: dict[tuple[str, object], str] = {}
    for one in newest_first:
        at = one.created_at.astimezone(UTC)
        age = now - one.created_at
        year, week, _ = at.isocalendar()
        for period, span in (
            (("day", at.date()), timedelta(days=rule.days)),
            (("week", (year, week)), timedelta(weeks=rule.weeks)),
            (("month", (at.year, at.month)), timedelta(days=31 * rule.months)),
        ):
            if age < span:
                kept.setdefault(period, one.id)
    return set(kept.values())


def check_room(manual: int, plan: str) -> None:
    """Raises InvalidParams when a database has as many manual backups as its plan keeps."""
    most = rule(plan).manual
    if manual >= most:
        raise InvalidParams(
            f"cannot take another backup: you have {manual}, the most that the plan {plan} keeps; delete one with "
            "pg:backups:delete, or say --expire to have the oldest one deleted"
        )


def differences(expected: Mapping[str, int], found: Mapping[str, int]) -> list[str]:
    """What a restored database lacks of what was counted when it was saved; nothing when it is all there."""
    return [
        f"{table} has {found[table]} in place of {rows} rows" if table in found else f"{table} is missing"
        for table, rows in sorted(expected.items())
        if found.get(table) != rows
    ]
