"""The way from the api role to a one-off dyno: TLS to the rendezvous, as every client goes."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from celadon.model.errors import Conflict
from celadon.platform.settings import Settings

# Seconds until a dyno has started, and until the rendezvous has said goodbye.
_GREETING, _GOODBYE = 100.0, 2.0
# Bytes that wait here at most, of each direction.
BLOCK = 32 << 10
# One name that the platform's own certificate always has.
_NAME = "localhost"


class Attached:
    """Both directions of one dyno's terminal."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        """What the dyno says next; empty when it has ended."""
        try:
            return await self._reader.read(BLOCK)
        except (OSError, ssl.SSLError):
            return b""

    async def write(self, typed: bytes) -> None:
        """Waits while the dyno takes nothing; what an ended one is told is lost."""
        try:
            self._writer.write(typed)
            await self._writer.drain()
        except (OSError, ssl.SSLError):
            return


@asynccontextmanager
async def attached(settings: Settings, secret: str) -> AsyncIterator[Attached]:
    """The terminal of the dyno with this secret while the block runs; leaving it hangs up, which ends the dyno.

    Raises Conflict when it does not start.
    """
    try:
        context = ssl.create_default_context(cafile=str(settings.ca_file))
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", settings.rendezvous_port, ssl=context, server_hostname=_NAME, limit=2 * BLOCK
        )
    except OSError:
        raise Conflict("cannot reach the dyno: the rendezvous does not answer; try again in a moment") from None
    try:
        writer.transport.set_write_buffer_limits(high=BLOCK)
        writer.write(f"{secret}\r\n".encode())
        try:
            async with asyncio.timeout(_GREETING):
                await reader.readuntil(b"\n")
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise Conflict("cannot attach to the dyno: it did not start; the app's logs may say why") from None
        yield Attached(reader, writer)
    finally:
        # Nothing that is still to be sent matters to a dyno that is left.
        writer.transport.abort()
