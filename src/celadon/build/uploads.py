"""Takes what people upload and gives it back: `/blobs/...`, by secrets in the URLs, streaming both ways.

A body goes to a file beside its place and into it when it is whole; what a killed role has left of one is pruned.
"""

import asyncio
import contextlib
import functools
import hashlib
import logging
import os
import shutil
import subprocess
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from celadon.actions import slugs, sources
from celadon.actions.context import Context
from celadon.model.errors import CeladonError, InvalidParams, RateLimited
from celadon.model.slug import Slug, SlugStatus
from celadon.platform.settings import Settings
from celadon.runtime import slugs as mounts
from celadon.store import slugs as stored_slugs

log = logging.getLogger(__name__)

# What is kept in memory of a body before it is written: a thread's work for each 64 kB would cost more than the bytes.
_BLOCK = 1 << 20
_AT_ONCE = 2
_READ_AT_ONCE = 4
# Whoever uploads a slug waits until it is packed, but not for ever: builds may come first.
_PACKED_SECONDS = 900.0
_LOOK = 0.05


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
        self._reading = asyncio.Semaphore(_READ_AT_ONCE)

    def routes(self) -> list[Route]:
        source, slug = (f"{path}/{{id}}/{{key}}" for path in (sources.PATH, slugs.PATH))
        return [
            Route(source, _told(self.put_source), methods=["PUT"]),
            Route(source, _told(self.get_source), methods=["GET"]),
            Route(slug, _told(self.put_slug), methods=["PUT"]),
            Route(slug, _told(self.get_slug), methods=["GET"]),
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

    async def put_slug(self, request: Request) -> Response:
        """Answered when the slug can be released, or with why it cannot."""
        limit = self._context.settings.slug_limit
        declared(request, limit)
        secret = (request.path_params["id"], request.path_params["key"])
        slug = await asyncio.to_thread(slugs.to_write, self._context, *secret)
        with self._place(slug.app_id), removing(self._context.blobs.upload(slug.id)) as part:
            found = await receive(request, part, limit)
            await asyncio.to_thread(slugs.uploaded, self._context, slug, part, found.checksum)
        log.info("at=uploaded slug=%s size=%d", slug.id, found.size)
        present = await asyncio.to_thread(self._slug, slug.id)
        for _ in range(round(_PACKED_SECONDS / _LOOK)):
            if present is None or present.status is not SlugStatus.UPLOADED:
                break
            await asyncio.sleep(_LOOK)
            present = await asyncio.to_thread(self._slug, slug.id)
        if present is not None and present.status is SlugStatus.FAILED:
            raise InvalidParams(present.error or "cannot use the slug")
        return Response(status_code=200 if present is not None and present.status is SlugStatus.READY else 202)

    def _slug(self, slug_id: str) -> Slug | None:
        with self._context.database.read() as tx:
            return stored_slugs.find(tx, slug_id)

    async def get_slug(self, request: Request) -> Response:
        """The slug as it might have been uploaded: a .tgz with everything in ./app."""
        secret = (request.path_params["id"], request.path_params["key"])
        app, slug = await asyncio.to_thread(slugs.to_read, self._context, *secret)
        uid = self._context.settings.uid_base + app.number
        return StreamingResponse(self._archive(slug, uid), media_type="application/gzip")

    async def _archive(self, slug: Slug, uid: int) -> AsyncIterator[bytes]:
        """Packed again as it is read, from a mount of its own, as the app's user."""
        async with self._reading:
            directory = _mounts(self._context.settings) / uuid.uuid4().hex
            directory.mkdir(parents=True)
            # The app's user passes, whatever the role's umask; tar opens the directory.
            directory.parent.chmod(0o711)
            directory.chmod(0o755)
            mounted = directory / "app"
            try:
                await asyncio.to_thread(mounts.mount, self._context.blobs.slug(slug.id), mounted)
                async with contextlib.aclosing(_packed(directory, uid)) as blocks:
                    async for block in blocks:
                        yield block
            finally:
                mounts.unmount(mounted)
                shutil.rmtree(directory)

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


def _mounts(settings: Settings) -> Path:
    return settings.run / "blobs"


def sweep(settings: Settings) -> None:
    """Give up what a killed role had mounted to be read."""
    for directory in _mounts(settings).glob("*"):
        mounts.unmount(directory / "app")
        shutil.rmtree(directory)


async def _packed(directory: Path, uid: int) -> AsyncGenerator[bytes, None]:
    """`./app` of a directory as a .tgz; one that breaks off breaks the connection."""
    words = ("--create", "--gzip", "--numeric-owner", "--owner=0", "--group=0", "--directory", str(directory), "./app")
    with subprocess.Popen(
        ("tar", *words), stdout=subprocess.PIPE, user=uid, group=uid, extra_groups=[], env={"PATH": os.defpath}
    ) as tar:
        assert tar.stdout is not None, "its output is a pipe"
        try:
            while block := await asyncio.to_thread(tar.stdout.read, _BLOCK):
                yield block
            if await asyncio.to_thread(tar.wait):
                raise NoRoom(f"cannot pack the slug again: tar ended with {tar.returncode}")
        finally:
            tar.kill()


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
