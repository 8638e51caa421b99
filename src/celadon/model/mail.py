"""Mail: what the platform writes to people, and when a letter that could not be sent is tried again."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

# Minutes until the next attempt; after the last one the letter stays in the outbox.
_WAITS = (1, 5, 15, 60, 240, 720, 1440)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One letter to one address. `error` is why the last attempt failed. `of_app`: an app's people chose the recipient."""

    id: str
    recipient: str
    subject: str
    text: str = field(repr=False)
    created_at: datetime
    attempts: int
    next_attempt_at: datetime
    sent_at: datetime | None = None
    error: str | None = None
    of_app: bool = False


def next_wait(attempts: int) -> timedelta | None:
    """How long to wait after so many failed attempts; None when nothing more is tried."""
    return timedelta(minutes=_WAITS[attempts - 1]) if attempts <= len(_WAITS) else None
