"""The Platform API as the command line sees it: one request, its answer as JSON, its errors as sentences."""

import itertools
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import celadon
from celadon.cli.connection import patience
from celadon.cli.connection.platforms import Platform
from celadon.cli.failure import ApiFailure, Failure, warn

if TYPE_CHECKING:
    import http.client

ACCEPT = "application/vnd.heroku+json; version=3"
# Who waits longer is told so, in seconds.
_UNNOTICED_SECONDS = 1.5
_CODE_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back; header names are in lower case, `body` is None where there is no JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any
    text: str


@dataclass(slots=True, kw_only=True)
class Client:
    """`authorization` gives the header of a request; `log_in_again` is asked once when the platform says 401."""

    platform: Platform
    authorization: Callable[[], str]
    log_in_again: Callable[[], bool] = lambda: False
    ask_code: Callable[[], str | None] = lambda: None
    _connection: "http.client.HTTPConnection | None" = field(default=None, init=False)

    def get(self, path: str, *, headers: Mapping[str, str] | None = None) -> Any:
        return self.request("GET", path, headers=headers).body

    def post(self, path: str, body: Any = None) -> Any:
        return self.request("POST", path, body).body

    def patch(self, path: str, body: Any) -> Any:
        return self.request("PATCH", path, body).body

    def put(self, path: str, body: Any) -> Any:
        return self.request("PUT", path, body).body

    def delete(self, path: str, body: Any = None) -> Any:
        return self.request("DELETE", path, body).body

    def all(self, path: str, *, range: str | None = None, headers: Mapping[str, str] | None = None) -> list[Any]:
        """A list, with the pages that follow; with a `range` that has a `max` only what it asks for."""
        found: list[Any] = []
        wanted = range
        while True:
            reply = self.request("GET", path, headers={**(headers or {}), **({"Range": wanted} if wanted else {})})
            found += reply.body or []
            following = reply.headers.get("next-range")
            if not following or (range is not None and "max=" in range):
                return found
            wanted = following

    def request(self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Reply:
        """One request, again after a login where one was missing; raises ApiFailure for a refusal, Failure otherwise."""
        reply = self._send(method, path, body, headers or {})
        if reply.status == 401 and self.log_in_again():
            reply = self._send(method, path, body, headers or {})
        for tried in range(_CODE_TRIES):
            if reply.status != 403 or _id(reply) != "two_factor":
                break
            if tried:
                warn(["The code is wrong, or was used already."])
            if not (code := self.ask_code()):
                break
            reply = self._send(method, path, body, {**(headers or {}), "Heroku-Two-Factor-Code": code})
        if warning := reply.headers.get("x-heroku-warning"):
            warn([f"Warning: {warning}"])
        if reply.status >= 300:
            from celadon.cli.connection import refusal

            raise refusal.failure(self.platform, reply, method, path, body)
        if _is_no_api(reply, method):
            raise Failure(
                f"cannot understand the answer of {self.platform.api_url}: it is no JSON",
                "Is this the address of a platform's API, and not that of something else?",
            )
        return reply

    def _send(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Reply:
        # Half of what starting takes: only what asks the platform pays for it.
        import http.client

        from celadon.cli.connection import transport

        content = None if body is None else json.dumps(body).encode()
        fields = {
            "Accept": ACCEPT,
            "User-Agent": f"celadon/{celadon.__version__}",
            "Authorization": self._authorization(),
            **headers,
        }
        if content is not None:
            fields["Content-Type"] = "application/json"
        for tried in itertools.count():
            try:
                reply = self._exchange(method, path, content, fields)
                wait = patience.after_reply(reply, method, tried)
                if wait is None:
                    return reply
            except ConnectionRefusedError as error:
                # A platform of this machine may be starting.
                wait = patience.after_silence(tried) if self.platform.address is not None else None
                if wait is None:
                    raise transport.failure(self.platform, error) from None
            except (OSError, http.client.HTTPException) as error:
                raise transport.failure(self.platform, error, changing=method != "GET") from None
            if wait > _UNNOTICED_SECONDS:
                warn([f"Too many requests for now: going on in {wait:.0f} seconds."])
            time.sleep(wait)
        raise AssertionError("a round without an end returns or raises")

    def _authorization(self) -> str:
        """Raises Failure for what cannot stand in a header."""
        said = self.authorization()
        if not (said.isascii() and said.isprintable()):
            raise Failure(
                f"cannot ask {self.platform.api_url}: this is an unusable token, with characters that no token has",
                "Set CELADON_API_KEY to a good one if you use it, else run `celadon login`.",
            )
        return said

    def _exchange(self, method: str, path: str, content: bytes | None, fields: Mapping[str, str]) -> Reply:
        import http.client

        from celadon.cli.connection import transport

        kept = self._connection
        if kept is not None and not transport.is_idle(kept):
            kept.close()
        elif kept is not None:
            try:
                return self._ask(kept, method, path, content, fields)
            except (ConnectionError, http.client.BadStatusLine):
                kept.close()
                # The server may have closed the connection just now; or have died over the request, having done it.
                if method != "GET":
                    raise
        connection, _ = transport.open_connection(self.platform, self.platform.api_url)
        return self._ask(connection, method, path, content, fields)

    def _ask(
        self,
        connection: "http.client.HTTPConnection",
        method: str,
        path: str,
        content: bytes | None,
        fields: Mapping[str, str],
    ) -> Reply:
        self._connection = None
        connection.request(method, path, body=content, headers=dict(fields))
        answer = connection.getresponse()
        received = answer.read()
        if connection.sock is not None:
            self._connection = connection
        headers = {name.lower(): value for name, value in answer.getheaders()}
        text = received.decode("utf-8", "replace")
        return Reply(status=answer.status, headers=headers, body=_parsed(headers, text), text=text)


def segment(text: str) -> str:
    """A name as one part of a path."""
    return quote(text, safe="")


def _is_no_api(reply: Reply, method: str) -> bool:
    """A good answer that is none of ours: a page, or nothing where something was asked for."""
    if reply.body is not None or reply.text.strip() == "null":
        return False
    kind = reply.headers.get("content-type", "").partition(";")[0]
    page = kind in ("text/html", "application/json") and reply.text != ""
    return page or (method == "GET" and reply.status == 200 and not reply.text)


def _id(reply: Reply) -> str:
    return str(reply.body.get("id", "")) if isinstance(reply.body, dict) else ""


def _parsed(headers: Mapping[str, str], text: str) -> Any:
    kind = headers.get("content-type", "").partition(";")[0]
    if not text or not (kind == "application/json" or kind.endswith("+json")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def revoke(client: Client) -> None:
    """End the login that this client uses; one that the platform no longer knows is as good as ended. Raises Failure."""
    # That of a login by a browser ends with its session.
    if not ended(client, "/oauth/sessions/~"):
        ended(client, "/oauth/authorizations/~")


def ended(client: Client, path: str) -> bool:
    """Delete a login; False for one that the platform does not know. Raises Failure."""
    try:
        client.delete(path)
    except ApiFailure as failure:
        if failure.http_status not in (401, 404):
            raise
        return False
    return True
