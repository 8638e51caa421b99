"""A git program that speaks with a client through a door: bytes both ways, an idle limit, and its end."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

from celadon.git.program import Program

# Neither side has said a word for so long (seconds). Git itself says something every 5 s while it works.
_IDLE = 120.0
# A program that is told to end gets this long to remove its temporary files.
_GRACE = 5.0


class Conversation:
    """One running program. Its streams are pumped by the door; only a chunk of each is ever in memory."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._touch()

    async def feed(self, chunks: AsyncIterator[bytes]) -> None:
        """Give the program what the client sends, as fast as it takes it."""
        # A program that ends early reads no further, and a client may leave halfway: git says what it makes of it.
        try:
            with contextlib.suppress(ConnectionError):
                async for chunk in chunks:
                    self._touch()
                    await self._program.write(chunk)
        finally:
            self._program.close_input()

    async def output(self) -> AsyncIterator[bytes]:
        """What the program says, as it comes."""
        async for chunk in self._all(self._program.read):
            yield chunk

    async def errors(self) -> AsyncIterator[bytes]:
        """What the program says on its error output."""
        async for chunk in self._all(self._program.read_errors):
            yield chunk

    async def _all(self, read: Callable[[], Awaitable[bytes]]) -> AsyncIterator[bytes]:
        while chunk := await read():
            self._touch()
            yield chunk

    async def wait(self) -> int:
        """The exit status, as a shell would say it."""
        status = await self._program.wait()
        return 128 - status if status < 0 else status

    async def end_when_idle(self) -> None:
        """End the program once the conversation has been silent for too long."""
        clock = asyncio.get_running_loop().time
        while (left := self._touched + _IDLE - clock()) > 0:
            await asyncio.sleep(left)
        await self.end()

    async def end(self) -> None:
        """End the program and its children, if they run."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._program.send(number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GRACE):
                    await self._program.wait()
                    return

    def _touch(self) -> None:
        self._touched = asyncio.get_running_loop().time()
