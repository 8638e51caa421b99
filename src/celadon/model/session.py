"""Sessions: log-ins by a browser. What a session has authorized ends with it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

LASTS = timedelta(days=30)
# How long a command line waits for the browser.
LOGIN_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One log-in of an account by a browser."""

    id: str
    account_id: str
    description: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserLogin:
    """A command line that waits for its user in a browser. `answer` (encrypted) is the token, or why there is none."""

    id: str
    description: str
    secret_hash: str
    address: str | None
    answer: bytes | None = field(repr=False)
    created_at: datetime
    expires_at: datetime
