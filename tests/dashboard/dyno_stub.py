"""Stands in for the rendezvous and the dynos behind it: TLS, the secret, the greeting, and a very small shell.

What is typed comes back. `exit N` ends it, `flood` writes until the client is gone, and it never reads again.
"""

import asyncio
import contextlib
import re
import socket
import ssl
import threading
from datetime import UTC, datetime

from celadon.actions.context import Context
from celadon.model.dyno import Dyno
from celadon.platform import certificates
from celadon.store import dynos, secrets

MARK = "\uffff heroku-command-exit-status: "
FLOOD = 100 << 20


class Stub:
    def __init__(self, context: Context, place: socket.socket) -> None:
        """It listens at `place`, which is bound."""
        self.context = context
        self._place = place
        self.met: list[Dyno] = []
        self.left: list[str] = []
        self.typed = b""
        self.flooded = 0
        certificates.issue(context.settings, datetime.now(UTC))
        self._loop = asyncio.new_event_loop()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificates.server_pem(context.settings))
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(30)

    def _run(self, started: threading.Event) -> None:
        self._loop.run_until_complete(self._serve(started))

    async def _serve(self, started: threading.Event) -> None:
        self._stopped = asyncio.Event()
        server = await asyncio.start_server(self._meet, sock=self._place, ssl=self._tls)
        started.set()
        await self._stopped.wait()
        server.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(timeout=10)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        secret = (await reader.readline()).decode().strip()
        with self.context.database.read() as tx:
            dyno = dynos.find_by_secret_hash(tx, secrets.hash_token(secret))
        if dyno is None:
            writer.close()
            return
        self.met.append(dyno)
        writer.write(b"rendezvous\r\n")
        assert MARK in dyno.command
        writer.write(f"\x1b[38;2;9;200;90mgreen\x1b[0m {dyno.env['COLUMNS']}x{dyno.env['LINES']}\r\n".encode())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._shell(reader, writer)
        writer.transport.abort()
        self.left.append(dyno.name)

    async def _shell(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = b""
        while block := await reader.read(8192):
            self.typed += block
            line += block
            writer.write(block.replace(b"\r", b"\r\n"))
            await writer.drain()
            if line.endswith(b"flood\r"):
                while self.flooded < FLOOD:
                    self.flooded += 8192
                    writer.write(b"x" * 8190 + b"\r\n")
                    await writer.drain()
            if match := re.search(rb"exit (\d+)\r\Z", line):
                writer.write(MARK.encode() + match[1] + b"\r\n")
                await writer.drain()
                # So that it is read before the end is seen.
                writer.close()
                await writer.wait_closed()
                return
