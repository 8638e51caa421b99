"""What both doors share: who may speak to which repository, and the conversation with git that follows."""

import asyncio
import collections
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Any

from celadon.actions import apps, repositories
from celadon.actions.context import Context
from celadon.git import branches, claims, pre_receive, receive, repository
from celadon.git.bell import Bell
from celadon.git.conversation import Conversation
from celadon.git.program import Program
from celadon.git.repository import GitFailure, Repository
from celadon.git.requests import Request, Service
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.errors import CeladonError, Conflict
from celadon.platform import runtimes

log = logging.getLogger(__name__)

# Programs at once; who comes later waits. A push holds its place while its build runs, which costs little.
_ROOM = {Service.UPLOAD_PACK: 16, Service.RECEIVE_PACK: 64}
# One account leaves places for the others.
_OF_ONE_ACCOUNT = 12
# How long a visitor waits for a reset, in seconds.
_RESET_SECONDS = 20.0
_LONGEST_QUESTION = pre_receive.MOST + (64 << 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Somebody who may do what they ask for, and where."""

    actor: Actor
    app: App
    service: Service
    repository: Repository


class Doors:
    """The state of the git role: nothing of it must survive."""

    def __init__(self, context: Context, bell: Bell) -> None:
        self.context = context
        self._bell = bell
        self._room = {service: asyncio.Semaphore(count) for service, count in _ROOM.items()}
        self._visits: collections.Counter[str] = collections.Counter()
        self._visited: collections.Counter[str] = collections.Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    async def admit(self, actor: Actor, request: Request) -> Visit:
        """Check that the actor may do this, once the repository is not about to be reset; raises CeladonError."""
        permission = request.service.permission
        app = await asyncio.to_thread(apps.find, self.context, actor, request.app_name, permission)
        await self._settled(app)
        found = repository.of_app(self.context.settings, app)
        return Visit(actor=actor, app=app, service=request.service, repository=found)

    def busy(self, app_id: str) -> bool:
        """Whether somebody speaks to the repository of this app, or is about to."""
        return self._visited[app_id] > 0

    async def _settled(self, app: App) -> None:
        """Wait until a reset that was asked for is done; raises Conflict when pushes and clones that run keep it waiting."""
        deadline = time.monotonic() + _RESET_SECONDS
        with self._bell.ear(files=False) as ear:
            while True:
                ear.clear()
                if not await asyncio.to_thread(repositories.waits_for_reset, self.context, app.id):
                    return
                if not await ear.wait(deadline - time.monotonic()):
                    raise Conflict(
                        f"cannot serve {app.name} yet: its repository is to be reset, once the pushes and clones that "
                        "run are over; try again then"
                    )

    @contextlib.asynccontextmanager
    async def conversation(self, visit: Visit, *words: str, protocol: str | None = None) -> AsyncIterator[Conversation]:
        """Run the git program of a visit (`words` are its options); it has ended when the block is left."""
        began = time.monotonic()
        environment = {"GIT_PROTOCOL": protocol} if protocol else {}
        argv = visit.repository.argv(visit.service.subcommand, *words, str(visit.repository.path))
        async with self._counted(visit), self._room[visit.service], contextlib.AsyncExitStack() as stack:
            # Only now: until one counts as a visitor it may be reset.
            await repository.made(self.context.settings, visit.app)
            channel = None
            if visit.service is Service.RECEIVE_PACK:
                ours, channel = socket.socketpair()
                stack.enter_context(channel)
                await stack.enter_async_context(self._attending(visit, ours))
                environment["CELADON_CHANNEL"] = str(channel.fileno())
            number = channel.fileno() if channel else None
            program = stack.enter_context(Program(argv, visit.repository.environment(**environment), channel=number))
            runtimes.demote(self.context.settings, "git", program.pid)
            conversation = Conversation(program)
            stack.push_async_callback(conversation.end)
            if channel:
                channel.close()
            await stack.enter_async_context(_running(conversation.end_when_idle()))
            yield conversation
        log.info(
            "at=%s app=%s account=%s options=%s ms=%d",
            *(visit.service, visit.app.name, visit.actor.email, ",".join(words)),
            (time.monotonic() - began) * 1000,
        )

    @contextlib.asynccontextmanager
    async def _counted(self, visit: Visit) -> AsyncIterator[None]:
        """One place of the account's share is taken while the block runs, or waits for room; raises Conflict."""
        if self._visits[visit.actor.account.id] >= _OF_ONE_ACCOUNT:
            raise Conflict(
                f"cannot serve more than {_OF_ONE_ACCOUNT} pushes and clones of one account at once: wait for one to end"
            )
        self._visits[visit.actor.account.id] += 1
        self._visited[visit.app.id] += 1
        try:
            yield
        finally:
            self._visits[visit.actor.account.id] -= 1
            self._visits += collections.Counter()
            self._left(visit.app)

    def _left(self, app: App) -> None:
        self._visited[app.id] -= 1
        self._visited += collections.Counter()
        # Who waits to empty the repository looks again.
        self._bell.ring()

    @contextlib.asynccontextmanager
    async def _attending(self, visit: Visit, ours: socket.socket) -> AsyncIterator[None]:
        """Answer the hook of one push for as long as its program runs; then see to what the push leaves behind."""
        reader, writer = await asyncio.open_connection(sock=ours)
        attendance = _Attendance(visit, reader, writer)
        try:
            async with _running(self._attend(attendance)):
                yield
        finally:
            attendance.close()
            attendance.claim.close()
            if attendance.status == receive.ACCEPTED:
                self._visited[visit.app.id] += 1
                self._later(self._after(visit, attendance.deploys))

    async def _attend(self, attendance: "_Attendance") -> None:
        began = time.monotonic()
        try:
            quarantine, lines = await attendance.question()
            attendance.status = await self._decide(attendance, quarantine, lines)
            await attendance.answer(attendance.status)
        except asyncio.IncompleteReadError:
            # The program has ended without a hook: it only said what is there, or refused by itself.
            return
        except ConnectionError:
            log.info("at=push app=%s account=%s status=gone", attendance.visit.app.name, attendance.visit.actor.email)
            return
        except Exception:
            await attendance.tell(" !     cannot go on: a fault of the platform itself, its log says more; push again")
            raise
        finally:
            attendance.close()
        log.info(
            "at=push app=%s account=%s status=%d ms=%d",
            *(attendance.visit.app.name, attendance.visit.actor.email, attendance.status),
            (time.monotonic() - began) * 1000,
        )

    async def _decide(self, attendance: "_Attendance", quarantine: dict[str, str], lines: str) -> int:
        visit = attendance.visit
        try:
            push = receive.Push(
                context=self.context,
                bell=self._bell,
                actor=visit.actor,
                app=visit.app,
                repository=visit.repository,
                updates=branches.read(lines),
                quarantine=quarantine,
            )
            attendance.deploys = self._claim(push, attendance.claim)
        except CeladonError as error:
            await attendance.tell(f" !     {error.message}")
            return receive.REFUSED
        return await receive.receive(push, attendance.tell)

    def _claim(self, push: receive.Push, claim: contextlib.ExitStack) -> str | None:
        """The branch that a push deploys, if it does: until it is over nobody else moves it; raises Conflict.

        Without this a second push could build and move the branch while the first waits for its dynos: what the first
        has deployed would then be in no branch.
        """
        deploys = next((update.ref for update in push.updates if update.ref in branches.DEPLOYS), None)
        if deploys is not None:
            refusal = (
                f"cannot deploy {push.app.name}: another push to it is not over yet; push again when it has finished"
            )
            claim.enter_context(claims.held(self.context.settings, push.app, refusal))
        return deploys

    async def _after(self, visit: Visit, deployed: str | None) -> None:
        """Clones check out what was deployed last; the app knows its repository's size."""
        found = visit.repository
        try:
            if deployed is not None and found.head() != deployed:
                await found.output("symbolic-ref", "HEAD", deployed)
            size = await asyncio.to_thread(found.size)
            await asyncio.to_thread(repositories.pushed, self.context, visit.app.id, size)
        except (GitFailure, OSError) as error:
            log.warning("at=after-push app=%s %s", visit.app.name, error)
        finally:
            self._left(visit.app)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Attendance:
    """The role's end of one hook's channel."""

    def __init__(self, visit: Visit, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visit = visit
        self.deploys: str | None = None
        self.claim = contextlib.ExitStack()
        self.status: int | None = None
        self._reader = reader
        self._writer = writer

    async def question(self) -> tuple[dict[str, str], str]:
        """Where the pushed objects are, and the updates; raises IncompleteReadError when the program ends before."""
        length = int(await self._reader.readuntil(b"\n"))
        if length > _LONGEST_QUESTION:
            raise ConnectionError("the hook asks too much")
        body = await self._reader.readexactly(length)
        objects, borrowed, updates = body.decode("utf-8", errors="replace").split("\0", 2)
        quarantine = {"GIT_OBJECT_DIRECTORY": objects, "GIT_ALTERNATE_OBJECT_DIRECTORIES": borrowed}
        return {name: value for name, value in quarantine.items() if value}, updates

    async def tell(self, text: str | bytes) -> None:
        """Show lines to the client. A NUL would end what the hook shows."""
        if text:
            lines = f"{text}\n".encode() if isinstance(text, str) else text
            self._writer.write(lines.replace(b"\0", b""))
            await self._writer.drain()

    def close(self) -> None:
        """A hook that still waits learns that nothing more will come."""
        self._writer.close()

    async def answer(self, status: int) -> None:
        self._writer.write(b"\0%d" % status)
        await self._writer.drain()


@contextlib.asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run something beside a block, and no longer than it; what goes wrong in it is raised where the block ends."""
    task = asyncio.get_running_loop().create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()
