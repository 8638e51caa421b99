"""Log drains: where an app's log lines are sent besides its log."""

import ipaddress
import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from celadon.model.errors import InvalidParams

# Of one app.
MOST = 20
SCHEMES = ("https", "syslog", "syslog+tls")
_LONGEST = 2000
_TEXT = re.compile(r"^[!-~]+\Z")
_HOST = re.compile(r"^(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\Z")


class DrainState(StrEnum):
    """`new` has had no line to take yet."""

    NEW = "new"
    CONNECTED = "connected"
    FAILING = "failing"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainStatus:
    """How a drain fares: why it fails, since when it does what it does, and how many lines it has not got in all."""

    state: DrainState = DrainState.NEW
    reason: str | None = None
    since: datetime | None = None
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogDrain:
    """`token` (`d.<uuid>`) is what the receiver knows the app by; `url` may hold a password."""

    id: str
    app_id: str
    token: str
    url: str = field(repr=False)
    created_at: datetime
    updated_at: datetime
    status: DrainStatus = DrainStatus()


def overflow_line(token: str, count: int, since: datetime, *, more: bool = False) -> str:
    """What a drain is told of the lines it has not got (errors.md, L10); `more` where not all could be counted."""
    number = f"more than {count}" if more else str(count)
    return f"Error L10 (output buffer overflow): drain '{token}' dropped {number} messages since {since:%Y-%m-%dT%H:%M:%S+00:00}."


def check_url(url: str) -> str:
    """The URL itself; raises InvalidParams, whose message does not repeat it: it may hold a password."""
    if len(url) > _LONGEST or not _TEXT.match(url):
        raise InvalidParams(f"cannot add this drain: its URL must be at most {_LONGEST:,} ASCII characters, no blanks")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidParams(f"cannot add this drain: its URL cannot be read: {error}") from None
    if parts.scheme not in SCHEMES:
        raise InvalidParams("cannot add this drain: its URL must begin with https://, syslog:// or syslog+tls://")
    if not _is_host(parts.hostname or "") or port == 0:
        raise InvalidParams("cannot add this drain: its URL names no host; write syslog+tls://logs.example.com:6514")
    if parts.scheme != "https" and "@" in parts.netloc:
        raise InvalidParams("cannot add this drain: syslog knows no user name and password; only https does")
    if parts.fragment:
        raise InvalidParams("cannot add this drain: its URL must not have a fragment (#...)")
    return url


def _is_host(name: str) -> bool:
    if ":" not in name:
        return bool(_HOST.match(name))
    try:
        ipaddress.IPv6Address(name)
    except ValueError:
        return False
    return True
