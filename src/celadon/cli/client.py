"""The Platform API as the command line sees it: one request, its answer as JSON, its errors as sentences."""

import http.client
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import celadon
from celadon.cli import transport
from celadon.cli.failure import ApiFailure, Failure, warn
from celadon.cli.platforms import Platform

ACCEPT = "application/vnd.heroku+json; version=3"
# A role that was killed is back within a second; the router says 503 for it in the meantime.
_RETRY_WAITS = (0.2, 0.5, 1.0)
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
    _connection: http.client.HTTPConnection | None = field(default=None, init=False)

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
            raise self._failure(reply, path)
        return reply

    def _send(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Reply:
        content = None if body is None else json.dumps(body).encode()
        fields = {
            "Accept": ACCEPT,
            "User-Agent": f"celadon/{celadon.__version__}",
            "Authorization": self.authorization(),
            **headers,
        }
        if content is not None:
            fields["Content-Type"] = "application/json"
        for wait in (*_RETRY_WAITS, None):
            try:
                reply = self._exchange(method, path, content, fields)
            except ConnectionRefusedError as error:
                if wait is None or self.platform.address is None:
                    raise transport.failure(self.platform, error) from None
            except (OSError, http.client.HTTPException) as error:
                raise transport.failure(self.platform, error) from None
            else:
                # Without a word from the API itself it was the router that answered: the request reached nobody.
                if reply.status != 503 or reply.body is not None or wait is None:
                    return reply
            time.sleep(wait)
        raise AssertionError("the last round returns or raises")

    def _exchange(self, method: str, path: str, content: bytes | None, fields: Mapping[str, str]) -> Reply:
        kept = self._connection
        if kept is not None:
            try:
                return self._ask(kept, method, path, content, fields)
            except (ConnectionError, http.client.BadStatusLine):
                # The server had closed the idle connection before this request was sent.
                kept.close()
                self._connection = None
        connection, _ = transport.open_connection(self.platform, self.platform.api_url)
        return self._ask(connection, method, path, content, fields)

    def _ask(
        self,
        connection: http.client.HTTPConnection,
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

    def _failure(self, reply: Reply, path: str) -> Failure:
        body = reply.body if isinstance(reply.body, dict) else {}
        message = str(body.get("message") or f"{self.platform.api_url} answered {reply.status} without saying why.")
        lines = message.splitlines()
        if reply.status == 401:
            lines = ["Not logged in: the credentials are missing or no longer valid.", "Run `celadon login` first."]
        elif reply.status < 400:
            # Following it would give our token to whoever the answer names.
            lines = [f"{self.platform.api_url} answered {reply.status}: it sends us elsewhere, and we do not go there."]
        elif reply.status == 429 and not body.get("message"):
            lines = ["Too many requests for now: wait a minute and try again."]
        elif reply.status >= 500 and (request_id := reply.headers.get("request-id")):
            lines.append(f"The platform's log has more under Request-Id {request_id}.")
        return ApiFailure(
            *lines, http_status=reply.status, id=str(body.get("id", "")), resource=str(body.get("resource", ""))
        )


def segment(text: str) -> str:
    """A name as one part of a path."""
    return quote(text, safe="")


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
