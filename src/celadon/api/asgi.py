"""The API as an ASGI application: bytes in, bytes out."""

import contextlib
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

import anyio
from anyio import to_thread
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.types import Receive, Scope, Send

from celadon.actions.context import Context
from celadon.api import failures, request
from celadon.api.answer import Live, Response
from celadon.api.application import Api, failed
from celadon.api.live import Bell
from celadon.api.request import Request
from celadon.api.route import Route
from celadon.dashboard.terminal import Consoles
from celadon.model.errors import CeladonError

log = logging.getLogger(__name__)

BODY_LIMIT = 1 << 20
# What is too long is read to its end up to here, so that the client hears why instead of a broken connection.
_DRAIN_LIMIT = 32 << 20
# Requests at work at once: fewer than the store's connections, more than the processors. Under load each thread more
# costs all of them time, for they share one interpreter; some must be left when others wait for a lock of the store.
_THREADS = 6
# What no header's value may hold (RFC 9110).
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
# So many wait at once: each look is one read of the store.
_WAITING = 50


class Application:
    """What uvicorn runs."""

    def __init__(self, context: Context, routes: Iterable[Route]) -> None:
        self.api = Api(context, routes)
        self._threads = anyio.CapacityLimiter(_THREADS)
        self._waiting = 0
        self._bell = Bell(context.database)
        self._consoles = Consoles(context, self.api.limiter)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._consoles.serve(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        request_id = request.new_id()
        try:
            asked = await _read(scope, receive, request_id)
        except CeladonError as error:
            log.info("at=request request_id=%s status=%d error=%s", request_id, error.status, error.id)
            told = failed(error)
            await _send(replace(told, headers={**told.headers, "Request-Id": request_id}), scope["method"], send)
        except ClientDisconnect:
            log.info("at=request request_id=%s error=client_left", request_id)
        else:
            response = await self._answer(asked)
            if response.live is not None and scope["method"] == "GET":
                await self._follow(response, response.live, receive, send)
            else:
                # By what the client said, not by what its headers made of it: to a POST a body is due.
                await _send(response, scope["method"], send)

    async def _answer(self, asked: Request) -> Response:
        """Where there is no answer yet, the client waits here and not in a thread, of which there are few."""
        response = await to_thread.run_sync(self.api.answer, asked, limiter=self._threads)
        # Who comes when many wait already asks again by itself.
        if response.again is None or self._waiting >= _WAITING:
            return response
        self._waiting += 1
        try:
            while response.again is not None:
                await anyio.sleep(response.pause)
                response = await to_thread.run_sync(response.again, limiter=self._threads)
        finally:
            self._waiting -= 1
        return response

    async def _follow(self, response: Response, live: Live, receive: Receive, send: Send) -> None:
        """Send what changes until the client leaves or the stream ends."""
        async with contextlib.aclosing(self._bell.stream(live)) as pieces:
            try:
                first = await anext(pieces)
            except CeladonError as error:
                await _send(failed(error), "GET", send)
                return
            headers = [(name.lower().encode("latin-1"), _value(value)) for name, value in response.headers.items()]
            await send({"type": "http.response.start", "status": response.status, "headers": headers})
            await send({"type": "http.response.body", "body": first, "more_body": True})
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_until_left, receive, tasks.cancel_scope)
                async for piece in pieces:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                tasks.cancel_scope.cancel()
        await send({"type": "http.response.body", "body": b""})


async def _until_left(receive: Receive, following: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    following.cancel()


async def _read(scope: Scope, receive: Receive, request_id: str) -> Request:
    """The request with its whole body; raises BadRequest, RequestTooLarge."""
    headers = request.headers_of(scope["headers"])
    return Request(
        id=request_id,
        method=request.method_of(scope["method"], headers),
        path=request.segments(scope.get("raw_path") or scope["path"].encode()),
        query=request.query_of(scope["query_string"]),
        headers=headers,
        content=await _content(scope, receive),
    )


async def _content(scope: Scope, receive: Receive) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in HttpRequest(scope, receive).stream():
        size += len(piece)
        if size <= BODY_LIMIT:
            pieces.append(piece)
        elif size > _DRAIN_LIMIT:
            break
    if size > BODY_LIMIT:
        raise failures.RequestTooLarge(
            f"cannot read the request's body: it is longer than {BODY_LIMIT // 1024:,} KB; keep large values elsewhere"
        )
    return b"".join(pieces)


async def _send(response: Response, method: str, send: Send) -> None:
    await send({"type": "http.response.start", "status": response.status, "headers": _headers(response)})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else response.content})


def _headers(response: Response) -> list[tuple[bytes, bytes]]:
    headers: Mapping[str, str] = response.headers
    if response.status != 304:
        headers = {**headers, "Content-Length": str(len(response.content)), "X-Content-Type-Options": "nosniff"}
    return [(name.lower().encode("latin-1"), _value(value)) for name, value in headers.items()]


def _value(value: str) -> bytes:
    """As a header can hold it: what came from a client must neither end the header nor the answer."""
    return _CONTROL.sub(b"?", value.encode("latin-1", "replace")).strip()
