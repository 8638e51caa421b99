"""Requests to this machine's own router: always to its address with the Host named, since Python resolves no
`*.localhost`.
"""

import base64
import http.client
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from celadon.platform.failure import PlatformFailure
from celadon.platform.settings import Settings

_LOOK = 0.05
_PAGE_SECONDS = 3.0
_ACCEPT = "application/vnd.heroku+json; version=3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: `content` is the body as it is."""

    status: int
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


def request(
    settings: Settings,
    method: str,
    host: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: Any = None,
    seconds: float = 20.0,
) -> Answer:
    """One request through the router; raises OSError or http.client.HTTPException when there is no answer.

    `seconds` for each step of it: by themselves more than the router waits for a role that was killed.
    """
    connection = http.client.HTTPConnection("127.0.0.1", settings.http_port, timeout=seconds)
    try:
        # The Host is given as a header: http.client would name the address that it connects to.
        fields = {"Host": f"{host}:{settings.http_port}", **(headers or {})}
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            fields["Content-Type"] = "application/json"
        connection.request(method, path, body=content, headers=fields)
        answer = connection.getresponse()
        return Answer(status=answer.status, content=answer.read())
    finally:
        connection.close()


def api(settings: Settings, method: str, path: str, authorization: str, body: Any = None) -> Answer:
    """One request to the Platform API."""
    headers = {"Accept": _ACCEPT, "Authorization": authorization}
    return request(settings, method, settings.api_host, path, headers=headers, body=body)


def api_answers(settings: Settings) -> bool:
    """Whether the API itself (and not the router in its place) answers: it tells a stranger "unauthorized"."""
    try:
        answer = api(settings, "GET", "/account", "Bearer none")
        return answer.status == 401 and answer.json().get("id") == "unauthorized"
    except (OSError, http.client.HTTPException, ValueError, AttributeError):
        return False


def token_works(settings: Settings, token: str) -> bool:
    try:
        return api(settings, "GET", "/account", f"Bearer {token}").status == 200
    except (OSError, http.client.HTTPException):
        return False


def log_in(settings: Settings, email: str, password: str, description: str) -> str:
    """A new token for an account; raises PlatformFailure."""
    basic = base64.b64encode(f"{email}:{password}".encode()).decode()
    body = {"description": description, "scope": ["global"]}
    try:
        answer = api(settings, "POST", "/oauth/authorizations", f"Basic {basic}", body)
        if answer.status in (200, 201):
            return str(answer.json()["access_token"]["token"])
        why = f"HTTP {answer.status} {answer.content[:200].decode('utf-8', errors='replace')}"
    except (OSError, http.client.HTTPException) as error:
        why = str(error)
    raise PlatformFailure(f"cannot log {email} in at {settings.api_url}: {why}")


def page(settings: Settings, host: str) -> Answer | None:
    """What an app answers at `/` through the router; None when nobody answers soon."""
    try:
        return request(settings, "GET", host, "/", seconds=_PAGE_SECONDS)
    except (OSError, http.client.HTTPException):
        return None


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Raises TimeoutError when the condition has not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(_LOOK)
