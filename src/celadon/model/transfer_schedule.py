"""Schedules of backups: at an hour of each day, as the clocks of a place show it."""

import re
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from celadon.model.errors import InvalidParams

_AT = re.compile(r"^(\d{1,2}):00\s*(\S*)\Z")
# What people write for where they are; Heroku's client knows the same ones.
_ZONES = {
    "": "UTC",
    "Z": "UTC",
    "GMT": "Europe/London",
    "BST": "Europe/London",
    "CET": "Europe/Paris",
    "CEST": "Europe/Paris",
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "MST": "America/Boise",
    "MDT": "America/Boise",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferSchedule:
    """One of a database. `name` is the config var it was asked for by; `next_at` is when the next backup is due."""

    id: str
    app_id: str
    addon_id: str
    name: str
    hour: int
    timezone: str
    next_at: datetime
    created_at: datetime
    updated_at: datetime


def parse(at: str) -> tuple[int, str]:
    """Hour and time zone of `04:00 Europe/Berlin`, which is UTC where it is not said; raises InvalidParams."""
    match = _AT.match(at.strip())
    if match is None:
        raise InvalidParams("cannot read that time: it is an hour and a time zone, as in '04:00 Europe/Berlin'")
    return check_hour(match[1]), check_timezone(match[2])


def check_hour(text: str) -> int:
    """Raises InvalidParams."""
    if not (text.isascii() and text.isdecimal() and len(text) < 3 and int(text) < 24):
        raise InvalidParams(
            f"cannot back up at hour {text[:40]!r}: it is a number from 0 to 23, as in '16:00 Europe/Berlin'"
        )
    return int(text)


def check_timezone(name: str) -> str:
    """As the time zone database calls it; raises InvalidParams."""
    known = _ZONES.get(name.upper(), name)
    try:
        ZoneInfo(known)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise InvalidParams(f"cannot find the time zone {name[:60]!r}: use a name as Europe/Berlin, or UTC") from None
    return known


def next_run(hour: int, timezone: str, after: datetime) -> datetime:
    """The first moment beyond `after` at which clocks there show that hour.

    An hour that is skipped in spring is the one after it; of one that comes twice it is the first.
    """
    zone = ZoneInfo(timezone)
    day = after.astimezone(zone).date() - timedelta(days=1)
    while True:
        found = datetime.combine(day, time(hour), zone).astimezone(UTC)
        if found > after:
            return found
        day += timedelta(days=1)
