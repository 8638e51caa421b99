"""A program that runs beside the event loop.

Not asyncio's own subprocesses: one that is cancelled while its pipes are being connected waits for ever (CPython 3.11).
Here nothing is buffered, every wait may be cancelled, and no thread waits for the end.
"""

import asyncio
import contextlib
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
        self._ended = os.pidfd_open(self._popen.pid)
        for pipe in self._pipes():
            os.set_blocking(pipe.fileno(), False)

    def __enter__(self) -> "Program":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.send(signal.SIGKILL)
        for pipe in self._pipes():
            pipe.close()
        os.close(self._ended)

    async def write(self, content: bytes) -> None:
        """Give the program all of this; raises BrokenPipeError when it reads no more."""
        pipe = _open(self._popen.stdin)
        left = memoryview(content)
        while left:
            try:
                left = left[os.write(pipe, left) :]
            except BlockingIOError:
                await _until(asyncio.get_running_loop().add_writer, asyncio.get_running_loop().remove_writer, pipe)

    def close_input(self) -> None:
        """The program reads the end of its input."""
        if self._popen.stdin:
            self._popen.stdin.close()

    async def read(self) -> bytes:
        """What the program has said next, at most a chunk; empty at the end."""
        return await _read(_open(self._popen.stdout))

    async def read_errors(self) -> bytes:
        """As `read`, of its error output."""
        return await _read(_open(self._popen.stderr))

    async def wait(self) -> int:
        """The exit status; negative for a signal."""
        while (status := self._popen.poll()) is None:
            await _readable(self._ended)
        return status

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program and its children, unless it has ended."""
        if self._popen.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._popen.pid, number)

    def _pipes(self) -> list[IO[bytes]]:
        return [pipe for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr) if pipe]


async def run(
    argv: Sequence[str],
    environment: Mapping[str, str],
    *,
    asked: bytes = b"",
    limit: int = 1 << 20,
    stdout: int | None = None,
) -> tuple[int, bytes, bytes]:
    """Run a program to its end, with `asked` as its input; its exit status, and some `limit` bytes of each output at most.

    With `stdout`, a descriptor, its output goes there.
    """
    with Program(argv, environment, stdout=subprocess.PIPE if stdout is None else stdout) as program:
        with contextlib.suppress(BrokenPipeError):
            await program.write(asked)
        program.close_input()
        reads = [program.read_errors] if stdout is not None else [program.read_errors, program.read]
        said, *printed = await asyncio.gather(*(_bounded(read, limit) for read in reads))
        if any(len(output) > limit for output in (said, *printed)):
            # It would wait for a reader for ever.
            program.send(signal.SIGKILL)
        return await program.wait(), b"".join(printed), said


async def _bounded(read: Callable[[], Any], limit: int) -> bytes:
    """All of a stream, or a little more than `limit` bytes of it."""
    found = bytearray()
    while len(found) <= limit and (chunk := await read()):
        found += chunk
    return bytes(found)


async def _read(pipe: int) -> bytes:
    while True:
        try:
            return os.read(pipe, CHUNK)
        except BlockingIOError:
            await _readable(pipe)


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    await _until(loop.add_reader, loop.remove_reader, descriptor)


async def _until(add: Callable[..., None], remove: Callable[[int], bool], descriptor: int) -> None:
    ready = asyncio.Event()
    add(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        remove(descriptor)


def _open(pipe: IO[bytes] | None) -> int:
    assert pipe is not None, "this program was started without that pipe"
    return pipe.fileno()
