"""Who asks: a token as Bearer or as the password of Basic; an e-mail address and password only to make a token."""

import base64
import binascii
from collections.abc import Mapping

from celadon.actions import accounts
from celadon.actions.context import Context
from celadon.api.request import Request
from celadon.model.account import Actor
from celadon.model.errors import Forbidden, Unauthorized

_LONGEST = 2048
_TOKEN_PREFIX = "HRKU-"
_SAFE = frozenset({"GET", "HEAD"})


def actor_of(context: Context, request: Request, *, password_allowed: bool) -> Actor:
    """Whose request this is, and from where; raises Unauthorized, TwoFactorRequired, RateLimited."""
    kind, _, rest = request.headers.get("authorization", "").partition(" ")
    if not kind:
        raise Unauthorized("Invalid credentials provided: this needs an API token, log in to get one.")
    if kind.lower() == "bearer":
        return accounts.actor_of_token(context, _checked(rest.strip()), request.address)
    if kind.lower() == "basic":
        user, secret = _pair(rest.strip())
        if password_allowed and "@" in user and not secret.startswith(_TOKEN_PREFIX):
            return accounts.log_in(context, user, secret, code=code_of(request), address=request.address)
        return accounts.actor_of_token(context, secret, request.address)
    raise Unauthorized("Invalid credentials provided: the Authorization header must be Bearer or Basic.")


def secure(request: Request) -> bool:
    """Whether the browser speaks TLS with the router."""
    return request.headers.get("x-forwarded-proto") == "https"


def cookie_name(request: Request) -> str:
    """Over TLS, one that no other host (an app's, beside ours) can set: browsers hold the prefix to that."""
    return "__Host-celadon" if secure(request) else "celadon"


def actor_of_browser(context: Context, request: Request) -> Actor | None:
    """Who is logged in at this browser; None for nobody. Raises Forbidden for a change that another site's page sends.

    Apps live beside us, on the same site as browsers count sites: it is the origin that must be ours.
    """
    # By hand: cookies that apps beside us have set, however odd, must not hide ours, as they do from http.cookies.
    sent = (part.strip().partition("=") for part in request.headers.get("cookie", "").split(";"))
    found = next((value for name, _, value in sent if name == cookie_name(request)), None)
    if found is None:
        return None
    try:
        actor = accounts.actor_of_token(context, _checked(found), request.address)
    except Unauthorized:
        return None
    if request.method not in _SAFE:
        require_own_origin(request)
    return actor


def require_own_origin(request: Request) -> None:
    """Raises Forbidden for what a page of another origin sends (Fetch Standard, 3.1: browsers say so in POSTs)."""
    if not from_own_origin(request):
        raise Forbidden("cannot take this from a page of another site: open the dashboard and do it there")


def from_own_origin(request: Request) -> bool:
    """Whether a page of ours sends this form."""
    scheme = "https" if secure(request) else "http"
    return request.headers.get("origin") == f"{scheme}://{request.headers.get('host', '')}"


def code_of(request: Request) -> str | None:
    """The code of the second factor, if one is given."""
    return request.headers.get("heroku-two-factor-code", "")[:40] or None


def password_of(request: Request) -> str | None:
    """The account's password, which what cannot be undone asks for by a header; Heroku's schema has the older name."""
    for name in ("heroku-password", "http_heroku_password"):
        if name in request.headers:
            return request.headers[name][:1024]
    return None


def gives_password(headers: Mapping[str, str]) -> bool:
    """Whether this looks like somebody's address and password rather than a token."""
    return headers.get("authorization", "")[:6].lower() == "basic "


def _pair(encoded: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        raise Unauthorized("Invalid credentials provided: the Authorization header cannot be read.") from None
    user, colon, secret = _checked(text).partition(":")
    if not colon:
        raise Unauthorized("Invalid credentials provided: Basic needs `user:token`.")
    return user, secret


def _checked(text: str) -> str:
    if len(text) > _LONGEST or "\x00" in text:
        raise Unauthorized("Invalid credentials provided: that cannot be a token.")
    return text
