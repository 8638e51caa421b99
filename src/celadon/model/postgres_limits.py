"""The limits of a database's plan: when its owner is told, when it takes no more rows, and when it does again."""

from dataclasses import dataclass
from enum import StrEnum

from celadon.model.postgres_database import MB, Size

# Shares of a limit, in percent, at which the owner is told; the last one is where writing ends.
STEPS = (75, 90, 100)
# So far below a step somebody must get before it is told again: who goes to and fro across it is told once.
_FORGOTTEN = 5.0
# Where writing begins again: a database that is emptied row by row is not opened and closed with each of them.
LIFTED = 99.0
# From here on nothing is updated any more either, not even what deleting needs of tables that refer to others.
SEALED = 110.0
# A machine is short of disk below this share of free space.
DISK_FLOOR = 5.0

_TEMPORARY = (256 * MB, 2048 * MB)


class Access(StrEnum):
    """What may be done in a database: all; read, delete and drop; or that, and no row is written anew for any reason."""

    FULL = "full"
    REVOKED = "revoked"
    SEALED = "sealed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a database takes: `octets` of its files, or of all its server's when it has one of its own."""

    octets: int
    rows: int


def percent(size: Size, usage: Usage) -> float:
    """The share of the limit that it is nearest to, in percent."""
    shares = [100.0 * usage.octets / size.storage]
    if size.rows is not None:
        shares.append(100.0 * usage.rows / size.rows)
    return max(shares)


def access(size: Size, usage: Usage, before: Access, *, disk_low: bool = False) -> Access:
    """What it is to be allowed now. While the machine's disk is low nothing over its plan takes another byte of it."""
    share = percent(size, usage)
    if share < (100.0 if before is Access.FULL else LIFTED):
        return Access.FULL
    by_octets = 100.0 * usage.octets / size.storage
    # What is sealed stays so until it is lifted: half a percent more is no reason to change it each time.
    if before is Access.SEALED or by_octets >= SEALED or disk_low:
        return Access.SEALED
    return Access.REVOKED


def told(size: Size, usage: Usage, before: int) -> int:
    """The highest step that its owner is to know of; 0 for none. Higher than before: it is to be told."""
    share = percent(size, usage)
    reached = max((step for step in STEPS if share >= step), default=0)
    if reached >= before:
        return reached
    return max((step for step in STEPS if step <= before and share > step - _FORGOTTEN), default=0)


def standing(size: Size, usage: Usage, now: Access) -> str:
    """As pg:info says it."""
    if now is not Access.FULL:
        return "Write access revoked"
    return "Near limit" if percent(size, usage) >= STEPS[1] else "In compliance"


def temporary(size: Size) -> int:
    """What the temporary files of one connection may take, in bytes: enough to sort a table for an index of it."""
    return max(_TEMPORARY[0], min(_TEMPORARY[1], size.storage // 4))


def log_bytes(storage: int) -> int:
    """Of a server of its own: the write-ahead log between two checkpoints, and what is kept for a follower."""
    return max(128 * MB, min(4096 * MB, storage // 16))
