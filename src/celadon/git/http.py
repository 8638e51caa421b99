"""The smart HTTP door, behind the router: git's own protocol over three URLs of each repository.

Bodies stream both ways: what a client sends goes straight to git, what git says straight to the client.
"""

import asyncio
import base64
import binascii
import contextlib
import logging
import socket
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import Receive, Scope, Send

from celadon.actions import accounts
from celadon.git import requests
from celadon.git.conversation import Conversation
from celadon.git.doors import Doors, Visit
from celadon.git.requests import Service
from celadon.model.account import Actor
from celadon.model.errors import BadRequest, CeladonError, NotFound, TwoFactorRequired, Unauthorized

log = logging.getLogger(__name__)

_NO_CACHE = {"Cache-Control": "no-cache, max-age=0, must-revalidate", "Pragma": "no-cache"}
# What a fetch asks for: some 50 bytes for each commit that both sides may have.
_LONGEST_FETCH_REQUEST = 32 << 20
_UNPACKED_CHUNK = 1 << 16
# Checks of a password at once: each takes memory and tens of milliseconds on purpose.
_PASSWORDS_AT_ONCE = 2


class Door:
    """The ASGI application."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._passwords = asyncio.Semaphore(_PASSWORDS_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive, send)
        try:
            await self._answer(request, send)
        except CeladonError as error:
            headers = {"WWW-Authenticate": 'Basic realm="Celadon"'} if isinstance(error, Unauthorized) else {}
            refusal = PlainTextResponse(f"{error.message}\n", status_code=error.status, headers=headers | _NO_CACHE)
            await refusal(scope, receive, send)

    async def _answer(self, request: Request, send: Send) -> None:
        # As it came: an app's name needs no percent signs, and what has some is no app's name.
        name, rest = requests.split_path(request.scope["raw_path"].decode("latin-1"))
        if requests.is_lfs(rest):
            # Whoever asks: it says nothing of an app, and a client without a login would ask its user for one.
            await _no_lfs(request, send)
            return
        service, advertise = _service(request, rest)
        actor = replace(await self._actor(request), address=_address(request))
        visit = await self._doors.admit(actor, requests.Request(service, name))
        protocol = requests.protocol(request.headers.get("git-protocol"))
        options = ["--stateless-rpc", *(["--http-backend-info-refs"] if advertise else [])]
        async with self._doors.conversation(visit, *options, protocol=protocol) as conversation:
            hearing = asyncio.create_task(_hear(conversation, request, service))
            saying = asyncio.create_task(_log_errors(conversation, visit))
            try:
                kind = "advertisement" if advertise else "result"
                head = _announcement(service, protocol) if advertise else b""
                await _reply(conversation, send, f"application/x-{service}-{kind}", head)
                await saying
            finally:
                for task in (hearing, saying):
                    task.cancel()
                await asyncio.wait({hearing, saying})
        # Only now, when nothing of it is left: who pushes again at once must not be told that their own push is not over.
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _actor(self, request: Request) -> Actor:
        """Who sends a request: the password is an API token, or that of the account the user name is of.

        Raises Unauthorized, RateLimited.
        """
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return await asyncio.to_thread(accounts.actor_of_token, self._doors.context, value.strip())
        if scheme.lower() != "basic":
            raise Unauthorized("cannot let you in: log in with any user name and your API token as the password")
        user, password = _basic(value)
        try:
            return await asyncio.to_thread(accounts.actor_of_token, self._doors.context, password)
        except Unauthorized:
            if "@" not in user:
                raise
        async with self._passwords:
            try:
                return await asyncio.to_thread(
                    accounts.log_in, self._doors.context, user, password, address=_address(request)
                )
            except TwoFactorRequired:
                raise Unauthorized(
                    "cannot let you in by a password: your account has a second factor, use an API token instead"
                ) from None
            except Unauthorized:
                log.info("at=refused door=http from=%s", ascii(_address(request)))
                raise


def _address(request: Request) -> str:
    """The client's IP address, as the router saw it."""
    return request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()


def _basic(value: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(value.strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        raise Unauthorized("cannot read these credentials: they are no user name and password") from None
    user, _, password = text.partition(":")
    return user, password


def _service(request: Request, rest: str) -> tuple[Service, bool]:
    """What is asked for, and whether it is only what is there; raises NotFound or BadRequest."""
    if rest == "/info/refs" and request.method in ("GET", "HEAD"):
        name = request.query_params.get("service", "")
        if name not in set(Service):
            raise BadRequest("cannot serve this: only git's smart protocol is spoken here, git 1.6.6 or newer does")
        return Service(name), True
    if rest.removeprefix("/") in set(Service) and request.method == "POST":
        service = Service(rest.removeprefix("/"))
        if request.headers.get("content-type") != f"application/x-{service}-request":
            raise BadRequest(f"cannot read this request: its type must be application/x-{service}-request")
        return service, False
    raise NotFound("page", "Couldn't find that page: this is a git repository, use git clone or git push.")


async def _no_lfs(request: Request, send: Send) -> None:
    """Git LFS, for files and for locks alike, is told that there is none; its client shows the message."""
    answer = JSONResponse({"message": requests.NO_LFS}, 501, media_type="application/vnd.git-lfs+json")
    await answer(request.scope, request.receive, send)


def _announcement(service: Service, protocol: str | None) -> bytes:
    """The line before the refs; version 2 of the protocol, which only fetches know, has none."""
    if service is Service.UPLOAD_PACK and protocol == "version=2":
        return b""
    line = f"# service={service}\n"
    return f"{len(line) + 4:04x}{line}0000".encode()


async def _hear(conversation: Conversation, request: Request, service: Service) -> None:
    """Give git the request's body, then watch for the client to go away."""
    chunks = _body(request)
    if request.headers.get("content-encoding") in ("gzip", "x-gzip"):
        chunks = _unzipped(chunks)
    if service is Service.UPLOAD_PACK:
        chunks = _at_most(chunks, _LONGEST_FETCH_REQUEST)
    await conversation.feed(chunks)
    while (await request.receive())["type"] != "http.disconnect":
        pass
    await conversation.end()


async def _body(request: Request) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the client went away")
        more = message.get("more_body", False)
        yield message.get("body", b"")


async def _unzipped(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Unpack in bounded steps: a small body that unpacks to a huge one never is in memory."""
    unzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
    async for chunk in chunks:
        while chunk:
            try:
                yield unzip.decompress(chunk, _UNPACKED_CHUNK)
            except zlib.error:
                raise ConnectionResetError("the client sent what is no gzip") from None
            chunk = unzip.unconsumed_tail


async def _at_most(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        limit -= len(chunk)
        if limit < 0:
            raise ConnectionResetError("the client asks for too much")
        yield chunk


async def _reply(conversation: Conversation, send: Send, content_type: str, head: bytes) -> None:
    """Send what git says, all but the end of the answer; its first words decide whether there is one at all."""
    output = conversation.output()
    first = await anext(output, b"")
    if not first and await conversation.wait():
        raise BadRequest("cannot answer: git ended with an error; push or fetch again, then look at the platform's log")
    headers = [
        (b"content-type", content_type.encode()),
        *((k.lower().encode(), v.encode()) for k, v in _NO_CACHE.items()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": head + first, "more_body": True})
    async for chunk in output:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await conversation.wait()


async def _log_errors(conversation: Conversation, visit: Visit) -> None:
    async for chunk in conversation.errors():
        log.warning(
            "at=http app=%s git said: %s", visit.app.name, chunk[:500].decode("utf-8", errors="replace").strip()
        )


class Server(uvicorn.Server):
    """Uvicorn, with signals left to the role."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(doors: Doors, path: Path) -> None:
    """Answer on a Unix socket until cancelled."""
    config = uvicorn.Config(
        Door(doors),
        lifespan="off",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=90,
        timeout_graceful_shutdown=1,
    )
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        # HAProxy has a uid of its own; who comes here must show credentials.
        path.chmod(0o666)
        await Server(config).serve(sockets=[listener])
