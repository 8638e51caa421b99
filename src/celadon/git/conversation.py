"""A git program that speaks with a client through a door: bytes both ways, an idle limit, and its end."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence

_CHUNK = 1 << 16
# Neither side has said a word for so long (seconds). Git itself says something every 5 s while it works.
_IDLE = 120.0
# A program that is told to end gets this long to remove its temporary files.
_GRACE = 5.0


class Conversation:
    """One running program. Its streams are pumped by the door; only a chunk or two of each is ever in memory."""

    def __init__(self, program: asyncio.subprocess.Process) -> None:
        self._program = program
        self._touch()

    @classmethod
    async def start(
        cls, argv: Sequence[str], environment: Mapping[str, str], channel: int | None = None
    ) -> "Conversation":
        """Run a program; `channel` is a descriptor it inherits beside its three streams."""
        program = await asyncio.create_subprocess_exec(
            *argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd="/",
            limit=_CHUNK,
            pass_fds=() if channel is None else (channel,),
            # A group of its own, so that its children can be ended with it.
            start_new_session=True,
        )
        return cls(program)

    async def feed(self, chunks: AsyncIterator[bytes]) -> None:
        """Give the program what the client sends, as fast as it takes it."""
        stdin = self._program.stdin
        assert stdin is not None
        # A program that ends early reads no further, and a client may leave halfway: git says what it makes of it.
        with contextlib.suppress(ConnectionError), contextlib.closing(stdin):
            async for chunk in chunks:
                self._touch()
                stdin.write(chunk)
                await stdin.drain()

    async def output(self) -> AsyncIterator[bytes]:
        """What the program says, as it comes."""
        assert self._program.stdout is not None
        async for chunk in self._read(self._program.stdout):
            yield chunk

    async def errors(self) -> AsyncIterator[bytes]:
        """What the program says on its error output."""
        assert self._program.stderr is not None
        async for chunk in self._read(self._program.stderr):
            yield chunk

    async def _read(self, stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
        while chunk := await stream.read(_CHUNK):
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
        for word in (signal.SIGTERM, signal.SIGKILL):
            if self._program.returncode is not None:
                return
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._program.pid, word)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GRACE):
                    await self._program.wait()

    def _touch(self) -> None:
        self._touched = asyncio.get_running_loop().time()
