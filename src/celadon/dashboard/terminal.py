"""The console's WebSocket: a terminal in a browser and a one-off dyno of its own, in the role's event loop.

The browser's first message says what to run; then what is typed comes as bytes and what the dyno says goes as bytes. Text
messages are JSON. From the browser: `{"columns", "lines"}` of its window, `{"taken"}`, how many bytes it has shown by now.
To it: `{"dyno"}` when there is one, `{"up"}`, `{"ended"}` with the exit status (null for none), `{"error"}`.

Of output that the browser has not shown yet little is under way: the dyno waits then, as for any slow reader.
"""

import asyncio
import collections
import contextlib
import logging
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from celadon.actions import apps, dynos, operator_visits
from celadon.actions.context import Context
from celadon.actions.rates import Limiter
from celadon.api import body, credentials, request
from celadon.api.body import Body
from celadon.api.request import Request
from celadon.dashboard.rendezvous import Attached, attached
from celadon.model import exit_status
from celadon.model.account import Actor
from celadon.model.errors import CeladonError, InvalidParams, NotFound, RateLimited, Unauthorized

log = logging.getLogger(__name__)

# Consoles at once: of one account, and of this process.
OF_ONE, _MOST = 5, 100
# Bytes of output that the browser has not shown yet, and of one message from it.
AHEAD = 512 << 10
MESSAGE = 64 << 10
# Bytes typed that the dyno has not taken yet.
_TYPED = 1 << 20
# Seconds: until the browser says what to run, without a byte either way, between two looks whether it still may.
_PATIENCE, _IDLE, _CHECKED = 15.0, 3600.0, 60.0
# Seconds in which sizes of the window are gathered.
_GATHERED = 0.2
_TERM = "xterm-256color"
_NORMAL = 1000


class _Left(Exception):
    """The browser has gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the browser asks for first."""

    command: str
    size: str | None
    columns: int
    lines: int

    @classmethod
    def read(cls, text: str) -> "Wanted":
        """Raises BadRequest, InvalidParams."""
        found = body.parse(text.encode())
        columns, lines = _window(found)
        return cls(
            command=(found.text("command", 16 << 10) or "").strip() or "bash",
            size=found.text("size", 100) or None,
            columns=columns,
            lines=lines,
        )


@dataclass(eq=False)
class _Console:
    """One console while it is open."""

    context: Context
    handshake: Request
    app: str
    receive: Receive
    send: Send
    # Bytes of output: sent, and shown by the browser.
    sent: int = 0
    taken: int = 0
    typed: bytearray = field(default_factory=bytearray)
    window: tuple[int, int] | None = None
    # When something was typed or said last, by the loop's clock.
    at: float = 0.0
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    pressed: asyncio.Event = field(default_factory=asyncio.Event)
    resized: asyncio.Event = field(default_factory=asyncio.Event)

    async def tell(self, **message: object) -> None:
        await self.send({"type": "websocket.send", "text": msgspec.json.encode(message).decode()})

    async def hear(self) -> str | bytes:
        """The browser's next message; raises _Left."""
        message = await self.receive()
        if message["type"] != "websocket.receive":
            raise _Left
        text: str | None = message.get("text")
        return text if text is not None else message.get("bytes") or b""

    async def listen(self) -> None:
        """What the browser says, until it leaves: raises _Left, or BadRequest and InvalidParams for what makes no sense."""
        while True:
            message = await self.hear()
            if isinstance(message, str):
                self._note(body.parse(message.encode()))
                continue
            self.touch()
            self.typed += message
            self.pressed.set()
            if len(self.typed) > _TYPED:
                # To wait here would leave its word unheard that it has shown something, for which the dyno may wait.
                raise InvalidParams(
                    "the console was closed: more was typed than the dyno takes; send a file another way"
                )

    def _note(self, message: Body) -> None:
        if (taken := message.integer("taken")) is not None:
            self.taken = min(max(taken, self.taken), self.sent)
            self.moved.set()
        else:
            self.window = _window(message)
            self.resized.set()

    def touch(self) -> None:
        self.at = asyncio.get_running_loop().time()

    async def talk(self, secret: str) -> int | None:
        """With the dyno, until it ends; returns its exit status. Raises Conflict when it does not start."""
        status = exit_status.Filter()
        async with attached(self.context.settings, secret) as dyno:
            await self.tell(up=True)
            typing = asyncio.create_task(self._type(dyno))
            try:
                while block := await dyno.read():
                    self.touch()
                    await self._show(status.feed(block))
                await self._show(status.rest())
            finally:
                typing.cancel()
                await asyncio.gather(typing, return_exceptions=True)
        return status.status

    async def _type(self, dyno: Attached) -> None:
        while await self.pressed.wait():
            self.pressed.clear()
            typed, self.typed = bytes(self.typed), bytearray()
            await dyno.write(typed)

    async def _show(self, output: bytes) -> None:
        if not output:
            return
        while self.sent - self.taken > AHEAD:
            self.moved.clear()
            await self.moved.wait()
        self.sent += len(output)
        await self.send({"type": "websocket.send", "bytes": output})

    async def fit(self, actor: Actor, dyno: str) -> None:
        """Tell the dyno's terminal each new size of the window, the last one last."""
        while await self.resized.wait():
            self.resized.clear()
            # A window that is being drawn has many sizes in a moment: each that is told is a change in the store.
            await asyncio.sleep(_GATHERED)
            if self.window is None:
                continue
            columns, lines = self.window
            # It may be gone by now.
            with contextlib.suppress(NotFound):
                await asyncio.to_thread(
                    dynos.fit_terminal, self.context, actor, self.app, dyno, columns=columns, lines=lines
                )

    async def watch(self) -> None:
        """Raises CeladonError when nobody uses it any more, or when who does may no longer."""
        while True:
            await asyncio.sleep(_CHECKED)
            if asyncio.get_running_loop().time() - self.at > _IDLE:
                raise InvalidParams("the console was closed: nothing was typed or shown for an hour")
            await asyncio.to_thread(_admit, self.context, self.handshake, self.app)


class Consoles:
    """All consoles of the process; nothing of them must survive it: a dyno whose client has gone is ended."""

    def __init__(self, context: Context, limiter: Limiter) -> None:
        self._context = context
        self._limiter = limiter
        self._open: collections.Counter[str] = collections.Counter()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One WebSocket, from its handshake on."""
        await receive()
        try:
            handshake, app = _read(scope)
            actor = await asyncio.to_thread(_admit, self._context, handshake, app)
        except CeladonError as error:
            log.info("at=console status=%d error=%s", error.status, error.id)
            await _refuse(send, error)
            return
        await send({"type": "websocket.accept"})
        console = _Console(self._context, handshake, app, receive, send)
        try:
            with self._counted(actor):
                await console.tell(ended=await self._run(console, actor))
            await send({"type": "websocket.close", "code": _NORMAL})
        except CeladonError as error:
            await console.tell(error=error.message)
            await send({"type": "websocket.close", "code": _NORMAL})
        except (_Left, OSError):
            log.info("at=console app=%s account=%s left", ascii(app), actor.email)

    @contextlib.contextmanager
    def _counted(self, actor: Actor) -> Iterator[None]:
        """Raises RateLimited when there are enough."""
        account = actor.account.id
        self._limiter.take(account)
        if self._open[account] >= OF_ONE or self._open.total() >= _MOST:
            raise RateLimited(f"cannot open more than {OF_ONE} consoles at once: close one first")
        self._open[account] += 1
        try:
            yield
        finally:
            self._open[account] -= 1
            self._open += collections.Counter()

    async def _run(self, console: _Console, actor: Actor) -> int | None:
        wanted = await _first(console)
        name, secret = await asyncio.to_thread(_start, self._context, actor, console.app, wanted)
        log.info("at=console app=%s account=%s dyno=%s", ascii(console.app), actor.email, name)
        console.touch()
        try:
            await console.tell(dyno=name)
            return await _until_first(console.talk(secret), console.listen(), console.fit(actor, name), console.watch())
        except (_Left, OSError, CeladonError):
            # Also one that its client has not met yet.
            await asyncio.to_thread(_stop, self._context, actor, console.app, name)
            raise


async def _until_first(talk: Coroutine[None, None, int | None], *others: Coroutine[None, None, None]) -> int | None:
    """What the talk returns; raises what the others do. Whichever ends first ends all."""
    talking = asyncio.create_task(talk)
    work: set[asyncio.Task[Any]] = {talking, *map(asyncio.create_task, others)}
    try:
        done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {talking}:
            if not talking.done():
                task.result()
        return await talking
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


async def _first(console: _Console) -> Wanted:
    try:
        async with asyncio.timeout(_PATIENCE):
            message = await console.hear()
    except TimeoutError:
        raise _Left from None
    if isinstance(message, bytes):
        raise InvalidParams("cannot open a console: it must be said first what to run")
    return Wanted.read(message)


def _read(scope: Scope) -> tuple[Request, str]:
    """The handshake as a request that changes something, and the app that it names; raises NotFound, BadRequest."""
    path = request.segments(scope.get("raw_path") or scope["path"].encode())
    if len(path) != 5 or (*path[:2], *path[3:]) != ("dashboard", "apps", "console", "socket"):
        raise NotFound("page")
    asked = Request(
        id=request.new_id(),
        # Only what changes something asks for the origin; browsers say it of every WebSocket.
        method="POST",
        path=path,
        query={},
        headers=request.headers_of(scope["headers"]),
        content=b"",
    )
    return asked, path[2]


def _admit(context: Context, handshake: Request, app: str) -> Actor:
    """Who is at the browser, and may run dynos of this app; raises Unauthorized, NotFound, Forbidden."""
    actor = credentials.actor_of_browser(context, handshake)
    if actor is None:
        raise Unauthorized("the console was closed: log in again")
    operator_visits.check_named(context, actor, app)
    apps.find(context, actor, app, "dyno:run")
    return actor


def _start(context: Context, actor: Actor, app: str, wanted: Wanted) -> tuple[str, str]:
    """A dyno of its own, and its secret; raises what `dynos.run` does."""
    _, dyno, _, secret = dynos.run(
        context,
        actor,
        app,
        command=exit_status.telling(wanted.command),
        attach=True,
        size=wanted.size,
        env={"TERM": _TERM, "COLUMNS": str(wanted.columns), "LINES": str(wanted.lines)},
    )
    assert secret is not None, "it is attached"
    return dyno.name, secret


def _stop(context: Context, actor: Actor, app: str, dyno: str) -> None:
    # It may be over, and so may be what the actor may do: then the rendezvous has ended it.
    with contextlib.suppress(CeladonError):
        dynos.stop(context, actor, app, dyno)


def _window(found: Body) -> tuple[int, int]:
    """Columns and lines; raises InvalidParams."""
    columns, lines = found.integer("columns"), found.integer("lines")
    if columns is None or lines is None or not (0 < columns < 10_000 and 0 < lines < 10_000):
        raise InvalidParams("cannot use that window: columns and lines are from 1 to 9999")
    return columns, lines


async def _refuse(send: Send, error: CeladonError) -> None:
    content = f"{error.message}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(content)).encode())]
    await send({"type": "websocket.http.response.start", "status": error.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": content})
