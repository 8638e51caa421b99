"""What a client asks: the request as the API sees it, and the call a route's function is given."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_to_bytes

from celadon.actions.context import Context
from celadon.api import body
from celadon.model.account import Actor
from celadon.model.errors import BadRequest
from celadon.platform.settings import Settings

_OVERRIDES = frozenset({"DELETE", "GET", "HEAD", "PATCH", "PUT"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`path` is cut at the slashes before its escapes are undone, so that a segment may hold one (`feature%2Fx`).

    Header names are in lower case; the values of a header given twice are joined by commas.
    """

    id: str
    method: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    content: bytes

    @property
    def address(self) -> str:
        """The client's IP address, as the router saw it."""
        return self.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()


def new_id() -> str:
    return str(uuid.uuid4())


def headers_of(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers as text, by lower-case name."""
    found: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1").strip()
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def segments(raw_path: bytes) -> tuple[str, ...]:
    """The path's segments; one slash at the end changes nothing. Raises BadRequest."""
    pieces = raw_path.removeprefix(b"/").removesuffix(b"/").split(b"/")
    return tuple(_plain(unquote_to_bytes(piece)) for piece in pieces) if pieces != [b""] else ()


def _plain(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise BadRequest("cannot read the request's path: it is not valid UTF-8") from None
    if any(character < " " for character in text):
        raise BadRequest("cannot read the request's path: it has a control character")
    return text


def query_of(raw: bytes) -> dict[str, str]:
    """Names and values of a query or a form; raises BadRequest for more than 100."""
    try:
        found = dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=100))
    except ValueError:
        raise BadRequest("cannot read the request: it has more than 100 fields") from None
    if any("\0" in text for pair in found.items() for text in pair):
        raise BadRequest("cannot read the request: a field has a NUL character")
    return found


def method_of(method: str, headers: Mapping[str, str]) -> str:
    """The method, which a POST may override by a header; raises BadRequest."""
    override = headers.get("x-http-method-override", "").upper()
    if method != "POST" or not override or override == "POST":
        return method
    if override not in _OVERRIDES:
        allowed = ", ".join(sorted(_OVERRIDES))
        raise BadRequest(f"cannot override POST by {override[:20]}: X-HTTP-Method-Override takes {allowed}")
    return override


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to one route, by somebody known (`actor` of an open route must not be asked for)."""

    context: Context
    request: Request
    params: Mapping[str, str]
    known: Actor | None
    remaining: int

    @property
    def actor(self) -> Actor:
        assert self.known is not None, "an open route asks who calls it"
        return self.known

    @property
    def settings(self) -> Settings:
        return self.context.settings

    @property
    def app(self) -> str:
        """The app that the path names, by name or id."""
        return self.params["app"]

    def body(self) -> body.Body:
        """The request's body; raises BadRequest."""
        return body.parse(self.request.content)

    def form(self) -> dict[str, str]:
        """The body as a form that a browser sends; raises BadRequest."""
        return query_of(self.request.content)

    @property
    def api_url(self) -> str:
        """Where this client reaches the API: URLs with a secret never go from a client of TLS to plain HTTP."""
        secure = self.request.headers.get("x-forwarded-proto") == "https"
        return self.settings.api_https_url if secure else self.settings.api_url
