"""A program that runs beside the event loop.

Not asyncio's own subprocesses: one that is cancelled while its pipes are being connected waits for ever (CPython 3.11).
Here nothing is buffered, every wait may be cancelled, and no thread waits for the end.
"""

import asyncio
import contextlib
import functools
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import IO, Any

CHUNK = 1 << 16


class Program:
    """One running program in a process group of its own. Leaving its `with` block kills what still runs of it.

    `stdin` and `stdout` may be descriptors; then there is no pipe of that name. `channel` is one more that is inherited.
    """

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        *,
        stdin: int = subprocess.PIPE,
        stdout: int = subprocess.PIPE,
        channel: int | None = None,
    ) -> None:
        self._popen = subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=environment,
            cwd="/",
            bufsize=0,
            pass_fds=() if channel is None else (channel,),
            start_new_session=True,
        )
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._waiting: set[asyncio.Event] = set()
        self._ended = asyncio.Event()
        self._pidfd = os.pidfd_open(self._popen.pid)
        self._loop.add_reader(self._pidfd, self._note_end)
        for pipe in self._pipes():
            os.set_blocking(pipe.fileno(), False)

    @property
    def pid(self) -> int:
        return self._popen.pid

    def __enter__(self) -> "Program":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.send(signal.SIGKILL)
        self._closed = True
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        for pipe in self._pipes():
            if not pipe.closed:
                self._loop.remove_reader(pipe.fileno())
                self._loop.remove_writer(pipe.fileno())
                pipe.close()
        # Who still waits for a pipe learns that it is gone.
        for ready in self._waiting:
            ready.set()

    async def write(self, content: bytes) -> None:
        """Give the program all of this; raises ConnectionError when it reads no more."""
        left = memoryview(content)
        while left:
            pipe = self._open(self._popen.stdin)
            try:
                left = left[os.write(pipe, left) :]
            except BlockingIOError:
                await self._until(self._loop.add_writer, self._loop.remove_writer, pipe)

    def close_input(self) -> None:
        """The program reads the end of its input."""
        if self._popen.stdin:
            self._popen.stdin.close()

    async def read(self) -> bytes:
        """What the program has said next, at most a chunk; empty at the end. Raises ConnectionError after the block."""
        return await self._read(self._popen.stdout)

    async def read_errors(self) -> bytes:
        """As `read`, of its error output."""
        return await self._read(self._popen.stderr)

    async def wait(self) -> int:
        """The exit status; negative for a signal. Several may wait at once."""
        await self._ended.wait()
        # It has ended: this only fetches how.
        return self._popen.wait()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program and its children, unless it has ended."""
        if self._popen.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._popen.pid, number)

    def _note_end(self) -> None:
        self._loop.remove_reader(self._pidfd)
        self._ended.set()

    async def _read(self, stream: IO[bytes] | None) -> bytes:
        while True:
            pipe = self._open(stream)
            try:
                return os.read(pipe, CHUNK)
            except BlockingIOError:
                await self._until(self._loop.add_reader, self._loop.remove_reader, pipe)

    async def _until(self, add: Callable[..., None], remove: Callable[[int], bool], pipe: int) -> None:
        ready = asyncio.Event()
        self._waiting.add(ready)
        add(pipe, ready.set)
        try:
            await ready.wait()
        finally:
            self._waiting.discard(ready)
            # A number that was closed may be somebody else's by now.
            if not self._closed:
                remove(pipe)

    def _open(self, pipe: IO[bytes] | None) -> int:
        if self._closed or pipe is None or pipe.closed:
            raise ConnectionResetError("the pipe to this program is closed")
        return pipe.fileno()

    def _pipes(self) -> list[IO[bytes]]:
        return [pipe for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr) if pipe]


async def run(
    argv: Sequence[str],
    environment: Mapping[str, str],
    *,
    asked: bytes = b"",
    limit: int = 1 << 20,
    stdout: int | None = None,
    begun: Callable[[int], None] | None = None,
) -> tuple[int, bytes, bytes]:
    """Run a program to its end, with `asked` as its input; its exit status, and some `limit` bytes of each output at most.

    With `stdout`, a descriptor, its output goes there. `begun` is told its process id at once.
    """
    with Program(argv, environment, stdout=subprocess.PIPE if stdout is None else stdout) as program:
        if begun is not None:
            begun(program.pid)
        with contextlib.suppress(ConnectionError):
            await program.write(asked)
        program.close_input()
        reads = [program.read_errors] if stdout is not None else [program.read_errors, program.read]
        # Beyond the limit it would wait for a reader for ever, and the other output would not end.
        full = functools.partial(program.send, signal.SIGKILL)
        said, *printed = await asyncio.gather(*(_bounded(read, limit, full) for read in reads))
        return await program.wait(), b"".join(printed), said


async def _bounded(read: Callable[[], Any], limit: int, full: Callable[[], None]) -> bytes:
    """All of a stream, or a little more than `limit` bytes of it; `full` is told of that."""
    found = bytearray()
    while chunk := await read():
        found += chunk
        if len(found) > limit:
            full()
            break
    return bytes(found)
