"""Requests at a steady rate, whatever the answers do: each is timed from when it was due."""

import asyncio
import contextlib
import random
import statistics
import time
from collections.abc import Sequence

import uvloop
from rounds import Run

_PATIENCE = 10.0


class Trickle:
    """Asks random hosts at one port, over connections that are kept while they are good."""

    def __init__(self, port: int, hosts: Sequence[str]) -> None:
        self.took: list[float] = []
        self.failed = 0
        self._port, self._hosts = port, hosts
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._random = random.Random(1)

    async def run(self, rate: float, seconds: float) -> None:
        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for number in range(int(rate * seconds)):
                due = began + number / rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                tasks.create_task(self._one(due))
        for _, writer in self._free:
            writer.close()

    async def _one(self, due: float) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                good = await self._ask(self._random.choice(self._hosts))
        except (OSError, EOFError):
            good = False
        if good:
            self.took.append(time.perf_counter() - due)
        else:
            self.failed += 1

    async def _ask(self, host: str) -> bool:
        with contextlib.ExitStack() as stack:
            reader, writer = self._free.pop() if self._free else await self._connect()
            stack.callback(writer.close)
            writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r\n")[0]))
            if b"\r\nconnection: close" not in head:
                stack.pop_all()
                self._free.append((reader, writer))
        return head.startswith(b"http/1.1 200 ")

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port)


def ask(port: int, hosts: Sequence[str], rate: float, seconds: float) -> Run:
    trickle = Trickle(port, hosts)
    uvloop.run(trickle.run(rate, seconds))
    cuts = statistics.quantiles(trickle.took, n=100)
    return Run(len(trickle.took), len(trickle.took) / seconds, 1000 * cuts[49], 1000 * cuts[98], trickle.failed)
