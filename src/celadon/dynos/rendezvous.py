"""Attached one-offs and exec sessions: the rendezvous of a client's terminal and a dyno, as Heroku's clients speak it.

A client opens TLS, writes its secret and a line end (some write none), waits for the greeting, and from then on bytes go
both ways until the dyno ends. The exchange is that of Heroku's clients.
"""

import asyncio
import contextlib
import functools
import logging
import os
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from celadon.actions.context import Context, now
from celadon.actions.guests import Guests
from celadon.dynos import chunks, launch, status_line
from celadon.dynos.ledger import HANG_UP_TIMEOUT
from celadon.dynos.manager import Manager, terminal_size
from celadon.model import exec_session as rules
from celadon.model import guest
from celadon.model.dyno import Dyno, DynoState
from celadon.model.exec_session import ExecSession
from celadon.model.guest import Loss
from celadon.platform import certificates
from celadon.platform.settings import Settings
from celadon.runtime.protocol import Runtime, RuntimeFailure
from celadon.store import changes, dynos, secrets
from celadon.store.lines import Lines

log = logging.getLogger(__name__)
T = TypeVar("T")

_GREETING = b"rendezvous\r\n"
# Clients throw the whole first chunk away: the greeting must have been read before output follows it.
_GREETING_PAUSE = 0.2
# Between the end of a dyno's output and its exit status.
_STATUS_TIMEOUT = 10.0
_SECRET_TIMEOUT = 10.0
_MOST_STRANGERS = 200
_START_TIMEOUT = 60.0
_READY_TIMEOUT = 30.0
_LINE_END_PATIENCE = 0.05
_SECRET_LENGTH = len(secrets.random_token())
_BLOCK = 8192
# A client that takes nothing for so long is gone.
_DRAIN_TIMEOUT = 600.0
_EOT = b"\x04"
_THREADS = 20
# After so many seconds of silence, then so often, so many times in vain: a client is gone after two minutes.
_KEEPALIVE = {socket.TCP_KEEPIDLE: 60, socket.TCP_KEEPINTVL: 15, socket.TCP_KEEPCNT: 4}
# Between two looks whether what was told to end has.
_LOOK = 0.1


class Rendezvous:
    """The TLS listener, in a thread of its own."""

    def __init__(self, settings: Settings, context: Context, manager: Manager, runtime: Runtime) -> None:
        self.settings = settings
        self.context = context
        self.manager = manager
        self.runtime = runtime
        self.lines = Lines(settings.home)
        self._loop = asyncio.new_event_loop()
        self._strangers: dict[asyncio.WriteTransport, None] = {}
        self._guests = Guests(context.database, "dyno:run")
        self._watching: asyncio.Task[None] | None = None
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="exec")
        self._thread = threading.Thread(target=self._run, name="rendezvous", daemon=True)

    def start(self) -> None:
        """Listen, then serve in the background; raises OSError when the port or the certificate cannot be used."""
        self._loop.run_until_complete(self._listen())
        self._thread.start()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _listen(self) -> None:
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._tls.load_cert_chain(certificates.server_pem(self.settings))
        address = self.settings.bind_address
        # TLS begins later: who has not shown a secret yet costs little, and is counted from the first packet on.
        await asyncio.start_server(self._meet, address, self.settings.rendezvous_port)
        self._watching = asyncio.create_task(self._guests.watch())

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, from its secret to the end of its dyno."""
        # TLS puts a transport of its own above this one: once its connection is lost it has no socket and cannot be aborted.
        connection = writer.transport
        try:
            secret = await self._secret(reader, writer)
            _watch_over(connection.get_extra_info("socket"))
            await self._serve(secret, reader, writer)
        except (TimeoutError, OSError, asyncio.IncompleteReadError, UnicodeDecodeError) as error:
            log.info("at=rendezvous-end reason=%r", error)
        finally:
            with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
                writer.close()
                await asyncio.wait_for(writer.wait_closed(), _SECRET_TIMEOUT)
            # A client that does not read what is left would keep its connection for ever.
            connection.abort()

    async def _secret(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """What a connection says first. A client says it at once: of too many that say nothing the oldest is ended."""
        if len(self._strangers) >= _MOST_STRANGERS:
            oldest = next(iter(self._strangers))
            del self._strangers[oldest]
            oldest.abort()
        connection = writer.transport
        self._strangers[connection] = None
        try:
            async with asyncio.timeout(_SECRET_TIMEOUT):
                await writer.start_tls(self._tls)
                return await _read_secret(reader)
        finally:
            self._strangers.pop(connection, None)

    async def _serve(self, secret: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found = await asyncio.to_thread(self._find, secret)
        session = None if found else await asyncio.to_thread(self.manager.execs.find, secret)
        if found is not None:
            await _greet(writer)
            await self._serve_one_off(found, reader, writer)
        elif session is not None:
            await self._serve_session(session, reader, writer)
        else:
            log.info("at=rendezvous-end reason=%r", "nothing waits for this secret")

    async def _serve_one_off(self, found: Dyno, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        attached: asyncio.Future[socket.socket] = self._loop.create_future()

        def created(path: Path) -> None:
            # Before the command runs, so that none of its output is missed.
            joined = _connect(path)
            self._resize(found, path.parent.name)
            self._loop.call_soon_threadsafe(_resolve, attached, joined)

        with self.manager.statuses.awaited(found.id) as status:
            dyno = await asyncio.to_thread(self.manager.attach, found.id, created)
            if dyno is None:
                writer.write(b"cannot attach: this dyno has a client already, has ended, or is not yours any more\r\n")
                return
            await self._serve_attached(dyno, attached, reader, writer)
            if status_line.NAME in dyno.command and await asyncio.to_thread(launch.is_silent, self.context, dyno):
                with contextlib.suppress(TimeoutError):
                    ended = await asyncio.wait_for(asyncio.wrap_future(status), _STATUS_TIMEOUT)
                    writer.write(status_line.line(ended).encode())

    async def _serve_attached(
        self,
        dyno: Dyno,
        attached: asyncio.Future[socket.socket],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        gone = True
        try:
            joined = await asyncio.wait_for(attached, _START_TIMEOUT)
            try:
                assert dyno.guest is not None, "nobody else is let in"
                with self._guests.present(dyno.guest) as unwelcome:
                    gone = await self._join(Peer.of(dyno.command, dyno.env), joined, reader, writer, unwelcome)
            finally:
                joined.close()
        finally:
            if gone:
                # In a thread that goes on even when this connection's task is cancelled.
                await asyncio.to_thread(self.manager.hang_up, dyno)

    async def _serve_session(
        self, session: ExecSession, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Whose command cannot be run is told so instead of being greeted: only clients of Celadon have sessions."""
        attached: asyncio.Future[socket.socket] = self._loop.create_future()

        def created(path: Path) -> None:
            self._loop.call_soon_threadsafe(_resolve, attached, _connect(path))

        try:
            await self._beside(self.manager.execs.begin, session, created)
        except RuntimeFailure as error:
            writer.write(f"{error}\r\n".encode())
            return
        left = True
        try:
            joined = await attached
            try:
                await _greet(writer)
                async with asyncio.timeout(self.settings.one_off_limit):
                    with self._guests.present(session.guest) as unwelcome:
                        peer = Peer.of(session.command, session.env)
                        left = await self._join(peer, joined, reader, writer, unwelcome)
            finally:
                joined.close()
            if left:
                await self._hang_up(session)
        finally:
            await self._beside(functools.partial(self.manager.execs.end, session, left=left))

    async def _hang_up(self, session: ExecSession) -> None:
        """SIGHUP to what a client has left behind, and some time to end."""
        execs = self.runtime.execs
        await self._beside(execs.signal, session.id, signal.SIGHUP)
        deadline = self._loop.time() + HANG_UP_TIMEOUT.total_seconds()
        while await self._beside(execs.alive, session.id) and self._loop.time() < deadline:
            await asyncio.sleep(_LOOK)

    def _beside(self, step: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
        """In a thread of those for sessions: a dyno that holds its own up must not hold up the one-offs of others."""
        return self._loop.run_in_executor(self._threads, step, *arguments)

    def _find(self, secret: str) -> Dyno | None:
        """The dyno this secret is for; None for a stranger."""
        deadline = now() + timedelta(seconds=_READY_TIMEOUT)
        seen = 0
        while True:
            with self.context.database.read() as tx:
                found = dynos.find_by_secret_hash(tx, secrets.hash_token(secret))
            # The client may be faster than the manager, which has yet to see the row.
            if found is None or found.state is not DynoState.CREATED or now() > deadline:
                return found
            seen = changes.wait(self.context.database, seen, 1.0)

    def _resize(self, dyno: Dyno, container_id: str) -> None:
        if (size := terminal_size(dyno)) is not None:
            self.runtime.resize(container_id, *size)

    async def _join(
        self,
        peer: "Peer",
        joined: socket.socket,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        unwelcome: asyncio.Future[Loss],
    ) -> bool:
        """Carry bytes both ways until the dyno ends, or the client leaves or has to; True when the dyno was not first."""
        up = asyncio.create_task(self._carry_in(peer, joined, reader))
        down = asyncio.create_task(self._carry_out(peer, joined, writer))
        try:
            first: set[asyncio.Future[Any]] = {up, down, unwelcome}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if unwelcome.done():
                writer.write(f"\r\nclosed: {guest.why(unwelcome.result(), rules.RUN_COMMANDS)}\r\n".encode())
            return not down.done() or down.exception() is not None
        finally:
            for task in (up, down):
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)

    async def _carry_in(self, peer: "Peer", joined: socket.socket, reader: asyncio.StreamReader) -> None:
        """Client → dyno; ends when the client is gone."""
        while block := await reader.read(_BLOCK):
            if peer.terminal and peer.piped and block.endswith(_EOT):
                # On a terminal the first one only ends a line that has no line end.
                block += _EOT
            ended = not peer.terminal and _EOT in block
            block = block.partition(_EOT)[0] if ended else block
            if block:
                await self._loop.sock_sendall(joined, block)
            if ended:
                joined.shutdown(socket.SHUT_WR)
                # The end of its input is not the end of the client: that is when its connection ends.
                while await reader.read(_BLOCK):
                    pass
                return

    async def _carry_out(self, peer: "Peer", joined: socket.socket, writer: asyncio.StreamWriter) -> None:
        """Dyno → client; ends when the dyno does."""
        cut = chunks.Chunks(status=peer.tells_status, line_ends=peer.piped)
        while message := await self._loop.sock_recv(joined, _BLOCK + 1):
            for chunk in cut.feed(message[1:]):
                # One write is one TLS record, and that one chunk for the client.
                writer.write(chunk)
            await asyncio.wait_for(writer.drain(), _DRAIN_TIMEOUT)
        writer.write(cut.rest())
        await writer.drain()


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """What a client told of itself: whether a `terminal` was made for it, whether its output is `piped` elsewhere (it tells
    the size of its terminal only if its output goes to one), and whether its command tells its exit status.
    """

    terminal: bool
    piped: bool
    tells_status: bool

    @classmethod
    def of(cls, command: str, env: Mapping[str, str]) -> "Peer":
        return cls(terminal="TERM" in env, piped="COLUMNS" not in env, tells_status=status_line.NAME in command)


async def _greet(writer: asyncio.StreamWriter) -> None:
    writer.write(_GREETING)
    await writer.drain()
    await asyncio.sleep(_GREETING_PAUSE)


def _watch_over(connection: socket.socket) -> None:
    """A client whose network is cut says nothing any more: the kernel asks it now and then whether it is there."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE.items():
        connection.setsockopt(socket.IPPROTO_TCP, option, value)


async def _read_secret(reader: asyncio.StreamReader) -> str:
    """The secret, with or without a line end after it."""
    text = (await reader.readexactly(_SECRET_LENGTH)).decode("ascii")
    # What follows on the line belongs to the greeting; a client that sends no line end waits for us first.
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(reader.readline(), _LINE_END_PATIENCE)
    return text


def _connect(path: Path) -> socket.socket:
    """Join conmon's socket; by way of its directory, for the path of a Unix socket is at most 107 bytes."""
    joined = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        joined.connect(f"/proc/self/fd/{directory}/{path.name}")
    finally:
        os.close(directory)
    joined.setblocking(False)
    return joined


def _resolve(future: asyncio.Future[socket.socket], joined: socket.socket) -> None:
    if future.cancelled():
        joined.close()
    else:
        future.set_result(joined)
