"""OAuth clients: programs of others that act for accounts which allow it (RFC 6749)."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from celadon.model.errors import InvalidParams

# A code is exchanged at once; an access token is short, a refresh token lasts until it is revoked.
CODE_LASTS = timedelta(minutes=5)
ACCESS_LASTS = timedelta(hours=8)

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OauthClient:
    """One program. Its secret is known to its owner and to the program."""

    id: str
    account_id: str
    name: str
    redirect_uri: str
    secret: str = field(repr=False)
    ignores_delinquent: bool | None
    created_at: datetime
    updated_at: datetime


def check_name(name: str) -> str:
    """Raises InvalidParams."""
    if not 1 <= len(name.strip()) <= 60 or not name.isprintable():
        raise InvalidParams("cannot use that name for an OAuth client: it has 1 to 60 printable characters")
    return name.strip()


def check_redirect_uri(uri: str) -> str:
    """HTTPS, or HTTP to the own machine, without a fragment (RFC 6749, 3.1.2; RFC 8252, 7.3). Raises InvalidParams."""
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    plain = uri.isascii() and uri.isprintable() and " " not in uri and len(uri) <= 2048
    secure = host and (parts.scheme == "https" or (parts.scheme == "http" and host in _LOCAL))
    if not plain or not secure or "#" in uri:
        raise InvalidParams(
            f"cannot use {uri[:80]!r} as redirect_uri: it must be an https:// URL, or http:// to localhost, without `#`"
        )
    return uri
