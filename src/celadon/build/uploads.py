"""Takes what people upload and gives it back: `/blobs/...`, by secrets in the URLs, streaming both ways.

A body goes to a file beside its place and into it when it is whole; what a killed role has left of one is pruned.
"""

import asyncio
import contextlib
import functools
import hashlib
import logging
import os
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from celadon.actions import sources
from celadon.actions.context import Context
from celadon.model.errors import CeladonError, RateLimited

log = logging.getLogger(__name__)

# What is kept in memory of a body before it is written: a thread's work for each 64 kB would cost more than the bytes.
_BLOCK = 1 << 20
_AT_ONCE = 2


class TooLarge(CeladonError):
    """The body is longer than may be kept."""

    id = "request_too_large"
    status = 413


class NoRoom(CeladonError):
    """The machine's disk is full, or broken."""

    id = "service_unavailable"
    status = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A whole body on the disk."""

    part: Path
    size: int
    checksum: str


class Uploads:
    """The routes; one event loop calls them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._running: Counter[str] = Counter()

    def routes(self) -> list[Route]:
        source = f"{sources.PATH}/{{id}}/{{key}}"
        return [
            Route(source, _told(self.put_source), methods=["PUT"]),
            Route(source, _told(self.get_source), methods=["GET"]),
        ]

    async def put_source(self, request: Request) -> Response:
        """`curl "$put_url" -X PUT -H 'Content-Type:' --data-binary @source.tgz`"""
        limit = self._context.settings.source_limit
        size = declared(request, limit)
        secret = (request.path_params["id"], request.path_params["key"])
        source = await asyncio.to_thread(sources.to_write, self._context, *secret, size)
        with self._place(source.account_id), removing(self._context.blobs.upload(source.id)) as part:
            found = await receive(request, part, limit)
            await asyncio.to_thread(sources.written, self._context, source, part, found.size, found.checksum)
        log.info("at=uploaded source=%s size=%d", source.id, found.size)
        return Response(status_code=200)

    async def get_source(self, request: Request) -> Response:
        secret = (request.path_params["id"], request.path_params["key"])
        source = await asyncio.to_thread(sources.to_read, self._context, *secret)
        return FileResponse(self._context.blobs.upload(source.id), media_type="application/gzip")

    @contextlib.contextmanager
    def _place(self, account_id: str) -> Iterator[None]:
        """One of the uploads an account may have at once; raises RateLimited."""
        if self._running[account_id] >= _AT_ONCE:
            raise RateLimited(f"cannot take this upload: {_AT_ONCE} of yours are on their way, wait for one to end")
        self._running[account_id] += 1
        try:
            yield
        finally:
            self._running[account_id] -= 1


def _told(answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """The route's function, its errors in the API's form."""

    @functools.wraps(answer)
    async def told(request: Request) -> Response:
        try:
            return await answer(request)
        except CeladonError as error:
            return JSONResponse({"id": error.id, "message": error.message}, error.status)
        except ClientDisconnect:
            return Response(status_code=400)

    return told


def declared(request: Request, limit: int) -> int:
    """How long the body says it is, 0 when it does not; raises TooLarge before any of it is read."""
    text = request.headers.get("content-length", "")
    size = int(text) if text.isdecimal() else 0
    if size > limit:
        raise _too_large(limit)
    return size


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"cannot take this upload: it is larger than {limit >> 20} MB")


@contextlib.contextmanager
def removing(place: Path) -> Iterator[Path]:
    """A name beside this place for what is on its way there; what is still of that name at the end goes."""
    part = place.with_name(f"{place.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


async def receive(request: Request, part: Path, limit: int) -> Received:
    """Write the body to a file that every app's user may read; raises TooLarge, NoRoom, ClientDisconnect."""
    digest = hashlib.sha256()
    size = 0
    try:
        with part.open("xb", buffering=0) as file:
            block = bytearray()
            async for piece in request.stream():
                size += len(piece)
                if size > limit:
                    raise _too_large(limit)
                block += piece
                if len(block) >= _BLOCK:
                    await asyncio.to_thread(_write, file, bytes(block), digest)
                    block.clear()
            await asyncio.to_thread(_write, file, bytes(block), digest, last=True)
    except OSError as error:
        log.error("at=upload-failed error=%r", str(error))
        raise NoRoom("cannot keep this upload: the platform's disk does not take it; tell its operator") from error
    return Received(part=part, size=size, checksum=f"SHA256:{digest.hexdigest()}")


def _write(file: BinaryIO, block: bytes, digest: "hashlib._Hash", *, last: bool = False) -> None:
    view = memoryview(block)
    while view:
        view = view[file.write(view) :]
    digest.update(block)
    if last:
        # Nobody but root enters the directory; build dynos see the one file that is theirs.
        os.fchmod(file.fileno(), 0o444)
        os.fsync(file.fileno())
