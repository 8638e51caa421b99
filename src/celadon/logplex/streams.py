"""Log sessions over HTTP: GET /streams/<secret>, as server-sent events or as plain text.

The secret in the path is all that a reader has to show. Whoever accepts `text/event-stream` gets events whose id is the
position behind their lines; everybody else gets the lines. Who comes back says the last one it has seen by
`Last-Event-ID` or `?after=`. Control characters are shown as `^[`; with `?raw=true` lines are as they were written, and
each line of an event is a JSON string then: a carriage return would end it otherwise.

Whoever has the secret reads in the name of who asked for the session. A tail ends when these may not read the app's log
any more, or the app is destroyed. An event `end` says so, with an id and a message as JSON; readers that know none pass
over it, and are told by a 404 when they come back.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from celadon.logplex import tail
from celadon.logplex.channel import Channel
from celadon.logplex.events import StoreUnavailable
from celadon.logplex.search import Search, Searcher, SearchFailed
from celadon.model import logline
from celadon.model.errors import InvalidParams, NotFound
from celadon.model.guest import Guest, Loss, why

log = logging.getLogger(__name__)

# A client whose stream ends reconnects after so many milliseconds; one that wants no tail is done sooner by this.
_RETRY = "retry: 10\n\n"
_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


class Session(Protocol):
    """What is asked of a log session of the store."""

    @property
    def app_id(self) -> str: ...
    @property
    def guest(self) -> Guest: ...
    @property
    def lines(self) -> int: ...
    @property
    def tail(self) -> bool: ...
    @property
    def dyno(self) -> str | None: ...
    @property
    def source(self) -> str | None: ...
    @property
    def expires_at(self) -> datetime: ...
    @property
    def grep(self) -> str | None: ...
    @property
    def request_id(self) -> str | None: ...
    @property
    def since(self) -> datetime | None: ...


FindSession = Callable[[str], Session | None]
# Somebody is there while the block runs; what it gives is done when they may not stay.
Present = Callable[[Guest], AbstractContextManager[asyncio.Future[Loss]]]


def application(
    find_session: FindSession,
    channel_of: Callable[[str], Channel],
    present: Present,
    buffer: int = tail.BUFFER,
    others: Sequence[Route] = (),
) -> Starlette:
    """The ASGI application. `find_session` finds what has not expired, and whose reader may read, by its secret, may take
    its time, and raises StoreUnavailable."""

    searcher = Searcher()

    async def show(request: Request) -> Response:
        try:
            session = await asyncio.to_thread(find_session, request.path_params["secret"])
        except StoreUnavailable as error:
            log.error("at=session error=%s", error)
            return _answer(503, "service_unavailable", "Couldn't look up the log session: try again in a moment.")
        if session is None:
            return _answer(404, NotFound.id, "Couldn't find that log session: ask for a new one.")
        channel = channel_of(session.app_id)
        pieces: AsyncIterator[tail.Piece | Loss]
        if (wanted := _searched(session)) is not None:
            try:
                await searcher.check(wanted)
            except SearchFailed as error:
                return _answer(422, InvalidParams.id, str(error))
            pieces = searcher.stream(channel, wanted, logline.pattern(session.source, session.dyno))
        elif session.tail:
            pieces = _followed(channel, _wanted(session, request, searcher, channel), buffer, present(session.guest))
        else:
            pieces = tail.stream(channel, _wanted(session, request, searcher, channel), buffer)
        raw = request.query_params.get("raw") == "true"
        if "text/event-stream" in request.headers.get("accept", ""):
            return _streaming(_events(pieces, session.tail, _quoted if raw else _shown), "text/event-stream")
        return _streaming(_lines(pieces, raw), "text/plain; charset=utf-8")

    routes = [Route("/streams/{secret}", show, methods=["GET"]), *others]
    return Starlette(routes=routes, exception_handlers={404: _missing})


async def _missing(request: Request, error: Exception) -> Response:
    return _answer(404, NotFound.id, "The requested API endpoint was not found.")


def _searched(session: Session) -> Search | None:
    """What the session looks for; None for one that shows the last lines."""
    if session.grep is None and session.request_id is None and session.since is None:
        return None
    fixed = session.request_id is not None
    text = session.request_id if session.request_id is not None else session.grep or ""
    return Search(text=text, fixed=fixed, since=session.since, lines=session.lines)


def _wanted(session: Session, request: Request, searcher: Searcher, channel: Channel) -> tail.Request:
    source, dyno = session.source, session.dyno

    def older(position: int, lines: int) -> AsyncIterator[tail.Piece]:
        wanted = Search(text=logline.expression(source, dyno), lines=lines, before=position)
        return searcher.stream(channel, wanted, logline.pattern(source, dyno))

    # A page that begins a new session where an old one has ended cannot set the header.
    last = request.headers.get("last-event-id") or request.query_params.get("after", "")
    after = int(last) if last.isascii() and last.isdigit() and len(last) < 20 else None
    return tail.Request(
        lines=session.lines,
        tail=session.tail,
        source=source,
        dyno=dyno,
        after=after,
        older=older if source or dyno else None,
    )


async def _followed(
    channel: Channel, wanted: tail.Request, buffer: int, presence: AbstractContextManager[asyncio.Future[Loss]]
) -> AsyncIterator[tail.Piece | Loss]:
    """A tail for as long as its reader may have it, and then why they may not."""
    with presence as ended:
        async for piece in tail.stream(channel, wanted, buffer, ended=ended):
            yield piece
        yield await ended


def _shown(lines: bytes) -> list[str]:
    return logline.readable(lines)[:-1].split("\n")


def _quoted(lines: bytes) -> list[str]:
    return [json.dumps(line) for line in lines.decode("utf-8", "replace")[:-1].split("\n")]


async def _events(
    pieces: AsyncIterator[tail.Piece | Loss], live: bool, written: Callable[[bytes], list[str]]
) -> AsyncIterator[str]:
    if not live:
        yield _RETRY
    async for piece in pieces:
        if isinstance(piece, Loss):
            said = {"id": piece, "message": why(piece, "read this app's log")}
            yield f"event: end\ndata: {json.dumps(said)}\n\n"
        elif piece.lines:
            yield f"id: {piece.position}\ndata: " + "\ndata: ".join(written(piece.lines)) + "\n\n"
        else:
            # An id without lines: whoever comes back later need not be looked through what was not for it.
            yield f":\nid: {piece.position}\n\n"


async def _lines(pieces: AsyncIterator[tail.Piece | Loss], raw: bool) -> AsyncIterator[str | bytes]:
    async for piece in pieces:
        if isinstance(piece, tail.Piece) and piece.lines:
            yield piece.lines if raw else logline.readable(piece.lines)


def _streaming(body: AsyncIterator[str | bytes], media_type: str) -> StreamingResponse:
    # The type goes in as a header: as `media_type` it would get a charset that some clients refuse.
    return StreamingResponse(body, headers={**_HEADERS, "Content-Type": media_type})


def _answer(status: int, error_id: str, message: str) -> JSONResponse:
    return JSONResponse({"id": error_id, "message": message}, status)
