"""Sessions: log-ins by a browser. What a session has authorized ends with it."""

import re
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


# What is in a browser's name of itself → what people call it; the first that fits, as most name others too.
_BROWSERS = (
    (r"\bEdgA?/", "Edge"),
    (r"\bOPR/", "Opera"),
    (r"\bFirefox/", "Firefox"),
    (r"\b(Chrome|CriOS|HeadlessChrome)/", "Chrome"),
    (r"\bSafari/", "Safari"),
)
_SYSTEMS = (
    (r"iPhone|iPad", "iOS"),
    (r"Android", "Android"),
    (r"Windows", "Windows"),
    (r"Mac OS X|Macintosh", "macOS"),
    (r"Linux|X11", "Linux"),
)


def agent(description: str) -> str:
    """A session as people call it: browser and system, or what a command line has said of itself."""
    browser = next((name for pattern, name in _BROWSERS if re.search(pattern, description)), None)
    system = next((name for pattern, name in _SYSTEMS if re.search(pattern, description)), None)
    return " on ".join(filter(None, (browser, system))) if browser else description
