"""Log lines of add-on providers over HTTP: `POST /logs`, as Logplex takes them.

The log token of an add-on, as the password of `token`, is all the authentication there is. A line gets the time it comes
at, as the order of a stream is by time and clocks of others are not ours; it stands as `app[<service>]`.
"""

import asyncio
import base64
import binascii
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from celadon.logplex.events import StoreUnavailable
from celadon.model import logline, syslog
from celadon.model.logline import Source
from celadon.model.syslog import FrameError
from celadon.store.lines import Lines

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/logplex-1"
LIMIT = 1 << 20


class Sender(Protocol):
    """What is asked of an add-on of the store."""

    @property
    def app_id(self) -> str: ...
    @property
    def service(self) -> str: ...


FindSender = Callable[[str], Sender | None]


def route(find_sender: FindSender, lines: Lines) -> Route:
    """`find_sender` finds the add-on of a log token, may take its time, and raises StoreUnavailable."""

    async def take(request: Request) -> Response:
        token = _token(request)
        try:
            sender = await asyncio.to_thread(find_sender, token) if token else None
        except StoreUnavailable as error:
            log.error("at=input error=%s", error)
            return _answer(503, "service_unavailable", "Couldn't look up the log token: try again in a moment.")
        if sender is None:
            refused = _answer(401, "unauthorized", "cannot take lines: the password is no log token of an add-on")
            refused.headers["WWW-Authenticate"] = "Basic"
            return refused
        if request.headers.get("content-type", "").partition(";")[0].strip() != CONTENT_TYPE:
            return _answer(415, "bad_request", f"cannot take lines: send them as {CONTENT_TYPE}")
        content = await _body(request)
        if content is None:
            return _answer(413, "bad_request", f"cannot take lines: at most {LIMIT >> 20} MB at once")
        return await asyncio.to_thread(_append, lines, sender, content)

    return Route("/logs", take, methods=["POST"])


def _append(lines: Lines, sender: Sender, content: bytes) -> Response:
    try:
        found = syslog.messages(content)
    except FrameError as error:
        return _answer(400, "bad_request", str(error))
    at = datetime.now(UTC)
    records = b"".join(logline.record(message, at) for message in found)
    if records:
        lines.append_records(sender.app_id, Source(source="app", ps=sender.service), records)
    return Response(status_code=204)


async def _body(request: Request) -> bytes | None:
    """None when it is too long."""
    found = bytearray()
    async for piece in request.stream():
        found += piece
        if len(found) > LIMIT:
            return None
    return bytes(found)


def _token(request: Request) -> str:
    """The password of HTTP Basic authentication, empty without one."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        user, _, password = base64.b64decode(given, validate=True).decode("ascii").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return password if user == "token" else ""


def _answer(status: int, error_id: str, message: str) -> JSONResponse:
    return JSONResponse({"id": error_id, "message": message}, status)
