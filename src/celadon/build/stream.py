"""Serves what a build has written so far and follows it to its end: `/builds-output/<key>`. And `/blobs/...`, see `uploads`.

The key in the URL is the secret; whoever has it may read, as with Heroku's `output_stream_url`.
"""

import asyncio
import hmac
import os
import threading
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from celadon.actions import releases as release_actions
from celadon.actions.context import Context, now
from celadon.build.uploads import Uploads
from celadon.model.build import DEPLOYED, LAST_LINE_SECONDS, BuildStatus
from celadon.model.release import ReleaseStatus
from celadon.store import builds, releases

_LOOK = 0.05
_BLOCK = 1 << 16
_TAIL = 256
_LAST_LINE = timedelta(seconds=LAST_LINE_SECONDS)


def application(context: Context) -> Starlette:
    """The ASGI application; any number of readers."""

    async def build_output(request: Request) -> Response:
        key = request.path_params["key"]
        with context.database.read() as tx:
            build = builds.find_by_output_key(tx, key)
        if build is None:
            return JSONResponse({"id": "not_found", "message": "Couldn't find that build's output."}, 404)
        path = context.blobs.build_output(build.id)
        return StreamingResponse(_follow(path, lambda: build_over(context, build.id, path)), media_type="text/plain")

    async def release_output(request: Request) -> Response:
        release_id, key = request.path_params["release"], request.path_params["key"]
        with context.database.read() as tx:
            release = releases.find_by_id(tx, release_id)
        if release is None or not hmac.compare_digest(key, release_actions.output_key(context, release_id)):
            return JSONResponse({"id": "not_found", "message": "Couldn't find that release's output."}, 404)
        path = context.blobs.release_output(release.id)
        return StreamingResponse(_follow(path, lambda: _release_over(context, release.id)), media_type="text/plain")

    return Starlette(
        routes=[
            Route("/builds-output/release/{release}/{key}", release_output),
            Route("/builds-output/{key}", build_output),
            *Uploads(context).routes(),
        ]
    )


def serve(context: Context) -> None:
    """Listen on the role's Unix socket, in a thread of its own."""
    path = context.settings.run / "build.sock"
    path.unlink(missing_ok=True)
    config = uvicorn.Config(application(context), uds=str(path), log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, name="stream", daemon=True).start()


def build_over(context: Context, build_id: str, output: Path) -> bool:
    """Whether nothing more comes of a build's output."""
    with context.database.read() as tx:
        build = builds.find_by_id(tx, build_id)
    if build is None or build.status is BuildStatus.PENDING:
        return build is None
    if build.status is not BuildStatus.SUCCEEDED or build.finished_at is None or DEPLOYED.encode() in _end(output):
        return True
    # What it ends with names its release, which is made with its end: it comes later, unless its role died.
    return now() - build.finished_at > _LAST_LINE


def _end(output: Path) -> bytes:
    """The last bytes of a file."""
    try:
        with output.open("rb") as file:
            return os.pread(file.fileno(), _TAIL, max(os.fstat(file.fileno()).st_size - _TAIL, 0))
    except FileNotFoundError:
        return b""


def _release_over(context: Context, release_id: str) -> bool:
    with context.database.read() as tx:
        release = releases.find_by_id(tx, release_id)
    return release is None or release.status is not ReleaseStatus.PENDING


async def _follow(path: Path, over: Callable[[], bool]) -> AsyncIterator[bytes]:
    """The file's bytes as they come, until what writes it is over."""
    offset = 0
    while True:
        # Asked before reading: what was written before the end is read after it.
        last = await asyncio.to_thread(over)
        while block := _read(path, offset):
            offset += len(block)
            yield block
        if last:
            return
        await asyncio.sleep(_LOOK)


def _read(path: Path, offset: int) -> bytes:
    try:
        with path.open("rb") as file:
            return os.pread(file.fileno(), _BLOCK, offset)
    except FileNotFoundError:
        return b""
