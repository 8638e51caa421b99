"""The SSH door: public keys of accounts, git's two commands, nothing else."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncssh

from celadon.actions import accounts
from celadon.git import requests
from celadon.git.conversation import Conversation
from celadon.git.doors import Doors
from celadon.model.account import Actor
from celadon.model.errors import CeladonError
from celadon.platform.settings import Settings

log = logging.getLogger(__name__)

_RSA_BITS = 3072
_CHUNK = 1 << 16
_CONNECTIONS = 256
# As sshd's MaxSessions; git uses one.
_SESSIONS = 10
# An agent may hold many keys, and offers one after the other.
_KEYS_TRIED = 20
# Seconds: to log in; without a command; between signs of life, of which three may be missing.
_LOGIN = 30
_IDLE = 60
_KEEPALIVE = 30

# SHA-1 signatures of RSA keys are left out.
_SIGNATURES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
_RSA_SIGNATURES = ("rsa-sha2-256", "rsa-sha2-512")


async def listen(doors: Doors) -> asyncssh.SSHAcceptor:
    """Open the door; raises OSError when the port is taken."""
    settings = doors.context.settings
    keys = await asyncio.to_thread(host_keys, settings)
    connections: set[Visitor] = set()
    return await asyncssh.listen(
        settings.bind_address,
        settings.ssh_port,
        server_factory=lambda: Visitor(doors, connections),
        process_factory=_serve,
        server_host_keys=keys,
        server_version="Celadon",
        encoding=None,
        password_auth=False,
        kbdint_auth=False,
        host_based_auth=False,
        gss_kex=False,
        gss_auth=False,
        signature_algs=[*_SIGNATURES, *_RSA_SIGNATURES],
        # Packs are compressed already.
        compression_algs=None,
        # A terminal is granted so that `ssh` by hand says something friendly; nothing ever runs in it.
        allow_pty=True,
        line_editor=False,
        agent_forwarding=False,
        x11_forwarding=False,
        allow_scp=False,
        sftp_factory=None,
        login_timeout=_LOGIN,
        keepalive_interval=_KEEPALIVE,
    )


def host_keys(settings: Settings) -> list[asyncssh.SSHKey]:
    """The platform's host keys, made the first time."""
    directory = settings.home / "ssh"
    directory.mkdir(mode=0o700, exist_ok=True)
    return [_host_key(directory / "ed25519", "ssh-ed25519"), _host_key(directory / "rsa", "ssh-rsa", _RSA_BITS)]


def _host_key(path: Path, algorithm: str, bits: int | None = None) -> asyncssh.SSHKey:
    if not path.exists():
        size = {} if bits is None else {"key_size": bits}
        key = asyncssh.generate_private_key(algorithm, comment="celadon", **size)
        partial = path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.export_private_key())
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    return asyncssh.read_private_key(str(path))


class Visitor(asyncssh.SSHServer):
    """One connection: who is at its other end, once that is proven."""

    def __init__(self, doors: Doors, connections: set["Visitor"]) -> None:
        self.doors = doors
        self.fingerprint = ""
        self._address = ""
        self._connections = connections
        self._connection: asyncssh.SSHServerConnection | None = None
        self._offered: set[str] = set()
        self._last_offered = ""
        self._sessions = 0
        self._idle: asyncio.TimerHandle | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._address = str(conn.get_extra_info("peername")[0])
        if len(self._connections) >= _CONNECTIONS:
            conn.disconnect(
                asyncssh.DISC_TOO_MANY_CONNECTIONS, "cannot take more connections now: try again in a moment"
            )
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        if self._idle:
            self._idle.cancel()

    def begin_auth(self, username: str) -> bool:
        """Everybody is `git`, or whatever they like: the key says who they are."""
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Whether an account has this key; that the client has its private half is checked after this.

        Not a coroutine: between this and `auth_completed` nothing may happen on the connection, or one could offer
        somebody else's public key after signing with one's own.
        """
        assert self._connection is not None
        self._last_offered = key.get_fingerprint()
        self._offered.add(self._last_offered)
        if len(self._offered) > _KEYS_TRIED:
            self._connection.disconnect(asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE, "Too many keys were offered")
            return False
        if key.get_algorithm() == "ssh-rsa":
            key.all_sig_algorithms = {name.encode() for name in _RSA_SIGNATURES}
        return accounts.actor_of_key(self.doors.context, self._last_offered) is not None

    def auth_completed(self) -> None:
        self.fingerprint = self._last_offered
        self._wait_idle()

    async def actor(self) -> Actor | None:
        """Who this is; None when the key was removed since."""
        found = await asyncio.to_thread(accounts.actor_of_key, self.doors.context, self.fingerprint)
        return replace(found, address=self._address) if found else None

    def begin_session(self) -> bool:
        """Count one more command on this connection; False beyond the limit."""
        self._sessions += 1
        if self._idle:
            self._idle.cancel()
        return self._sessions <= _SESSIONS

    def end_session(self) -> None:
        self._sessions -= 1
        if not self._sessions:
            self._wait_idle()

    def _wait_idle(self) -> None:
        if self._connection:
            self._idle = asyncio.get_running_loop().call_later(_IDLE, self._connection.close)


Process = asyncssh.SSHServerProcess[bytes]


async def _serve(process: Process) -> None:
    """One command of a client, from its line to its exit status."""
    visitor = process.get_extra_info("connection").get_owner()
    assert isinstance(visitor, Visitor)
    try:
        if not visitor.begin_session():
            raise CeladonError(f"cannot run more than {_SESSIONS} commands on one connection")
        status = await _run(visitor, process)
    except CeladonError as error:
        log.info("at=refused fingerprint=%s command=%.200r why=%s", visitor.fingerprint, process.command, error.message)
        process.stderr.write(_text(process, f" !     {error.message}"))
        status = 1
    except (ConnectionError, asyncssh.Error):
        log.info("at=ssh status=gone")
        return
    finally:
        visitor.end_session()
    process.exit(status)


async def _run(visitor: Visitor, process: Process) -> int:
    actor = await visitor.actor()
    if actor is None:
        raise CeladonError("cannot go on: your key was removed from your account")
    if process.command is None and process.subsystem is None:
        greeting = f"Hello {actor.email}, your key works. There is no shell here: `git push` deploys an app."
        process.stdout.write(_text(process, greeting))
        return 0
    request = requests.of_command(process.command or process.subsystem or "")
    visit = await visitor.doors.admit(actor, request)
    protocol = requests.protocol(process.env.get("GIT_PROTOCOL"))
    async with visitor.doors.conversation(visit, protocol=protocol) as conversation:
        return await _converse(conversation, process)


async def _converse(conversation: Conversation, process: Process) -> int:
    feeding = asyncio.create_task(conversation.feed(_chunks(process.stdin)))
    saying = [
        asyncio.create_task(_copy(conversation.output(), process.stdout)),
        asyncio.create_task(_copy(conversation.errors(), process.stderr)),
    ]
    try:
        ended, _ = await asyncio.wait(saying, return_when=asyncio.FIRST_EXCEPTION)
        for task in ended:
            task.result()
        return await conversation.wait()
    finally:
        for task in (feeding, *saying):
            task.cancel()
        await asyncio.wait({feeding, *saying})


async def _chunks(reader: asyncssh.SSHReader[bytes]) -> AsyncIterator[bytes]:
    while chunk := await reader.read(_CHUNK):
        yield chunk


async def _copy(chunks: AsyncIterator[bytes], writer: asyncssh.SSHWriter[bytes]) -> None:
    async for chunk in chunks:
        writer.write(chunk)
        await writer.drain()


def _text(process: Process, line: str) -> bytes:
    """A line for a person; a terminal, which nothing here drives, wants its carriage return."""
    end = "\r\n" if process.term_type else "\n"
    return f"{line}{end}".encode()
