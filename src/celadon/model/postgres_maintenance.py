"""When a database's server may be restarted: four hours of each week, in which the platform does what waits for it."""

import hashlib
import re
from datetime import UTC, datetime, timedelta

from celadon.model.errors import InvalidParams

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
LENGTH = timedelta(hours=4)
_WEEK = 7 * 24 * 60
_STEP = 30
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2}) ?([ap]m)?", re.IGNORECASE)
# Of the server that many share: early on Sunday.
SHARED = 6 * 24 * 60 + 3 * 60


def default(addon_id: str) -> int:
    """The window of who has chosen none: not all of a platform's at once. In minutes after Monday, 00:00 UTC."""
    digest = hashlib.sha256(addon_id.encode()).digest()
    return int.from_bytes(digest[:4], "big") % (_WEEK // _STEP) * _STEP


def parse(day: str, time: str) -> int:
    """`Sunday` and `13:30` or `1:30PM`, UTC, as minutes of the week. Raises InvalidParams."""
    found = _TIME.fullmatch(time.strip())
    days = [
        at for at, name in enumerate(DAYS) if len(day.strip()) >= 3 and name.lower().startswith(day.strip().lower())
    ]
    if found is None or not days:
        raise InvalidParams(_wrong(day, time))
    hour, minute, half = int(found[1]), int(found[2]), (found[3] or "").lower()
    if minute not in (0, 30) or not (1 <= hour <= 12 if half else hour <= 23):
        raise InvalidParams(_wrong(day, time))
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return days[0] * 24 * 60 + hour * 60 + minute


def _wrong(day: str, time: str) -> str:
    said = f"{day} {time}"[:40]
    return (
        f"cannot set the window to {said!r}: give a day and a time in UTC, on the hour or half past, as `Sunday 13:30`"
    )


def describe(window: int) -> str:
    """`Sundays 13:30 to 17:30 UTC`."""
    begin, end = window, (window + int(LENGTH.total_seconds()) // 60) % _WEEK
    later = f"{_clock(end)}" if begin // 1440 == end // 1440 else f"{DAYS[end // 1440]}s {_clock(end)}"
    return f"{DAYS[begin // 1440]}s {_clock(begin)} to {later} UTC"


def _clock(minutes: int) -> str:
    return f"{minutes % 1440 // 60:02}:{minutes % 60:02}"


def opened(window: int, now: datetime) -> datetime:
    """When it opened last, at or before this moment."""
    return _monday(now) + timedelta(minutes=window) - timedelta(weeks=0 if _of_week(now) >= window else 1)


def is_open(window: int, now: datetime) -> bool:
    return now < opened(window, now) + LENGTH


def opens(window: int, now: datetime) -> datetime:
    """When it opens next; when it is open, that."""
    return opened(window, now) if is_open(window, now) else opened(window, now) + timedelta(weeks=1)


def _monday(now: datetime) -> datetime:
    at = now.astimezone(UTC)
    return at.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=at.weekday())


def _of_week(now: datetime) -> int:
    return int((now - _monday(now)).total_seconds() // 60)
