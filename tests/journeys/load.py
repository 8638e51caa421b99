"""Visitors who never stop: every answer's status and body are checked, every failure is kept with its reason.

64 connections in one thread: kept alive, closed after each request, slow ones, and posts, which nobody may send twice.
"""

import asyncio
import threading
import time
from collections import Counter
from typing import Self

CLIENTS = 64
_PATIENCE = 40.0


class Load:
    """Asks `host` over and over until it is left; a context manager. `pause` is between two requests of a client."""

    def __init__(self, port: int, host: str, clients: int = CLIENTS, pause: float = 0.08) -> None:
        self.answered = 0
        self.failures: list[str] = []
        # The versions and marks that were seen, and the dynos.
        self.seen: Counter[str] = Counter()
        self.slowest = 0.0
        self._port, self._host, self._clients, self._pause = port, host, clients, pause
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="load")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    async def _run(self) -> None:
        await asyncio.gather(*(self._visit(number) for number in range(self._clients)))

    async def _visit(self, number: int) -> None:
        kind = ("close", "post", "slow", "get")[number % 4]
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        count = 0
        while not self._stop.is_set():
            count += 1
            began = time.monotonic()
            try:
                async with asyncio.timeout(_PATIENCE):
                    if connection is None:
                        connection = await asyncio.open_connection("127.0.0.1", self._port)
                    stays = await self._ask(*connection, kind, f"{number}-{count}")
                self.answered += 1
            except (OSError, ValueError, EOFError, asyncio.IncompleteReadError) as error:
                at = time.strftime("%H:%M:%S")
                self.failures.append(f"{at} {kind} {number}-{count} {type(error).__name__}: {error}")
                stays = False
            self.slowest = max(self.slowest, time.monotonic() - began)
            if connection is not None and not stays:
                connection[1].close()
                connection = None
            await asyncio.sleep(self._pause)
        if connection is not None:
            connection[1].close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kind: str, token: str) -> bool:
        """One request, its answer checked; whether the connection stays. Raises ValueError for a wrong answer."""
        path = f"/slow/{token}" if kind == "slow" else f"/{token}"
        body = f"body-{token}-" + "x" * 2000 if kind == "post" else ""
        lines = [f"{'POST' if body else 'GET'} {path} HTTP/1.1", f"Host: {self._host}"]
        lines += [f"Content-Length: {len(body)}"] if body else []
        lines += ["Connection: close"] if kind == "close" else []
        writer.write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, *rest = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest if line)}
        text = (await reader.readexactly(int(headers["content-length"]))).decode()
        if status.split(" ")[1] != "200":
            raise ValueError(f"{status}: {text[-300:]!r}")
        words = text.split()
        if words[0] != path or (body and words[4:] != [body]) or (not body and len(words) != 4):
            raise ValueError(f"wrong body for {path}: {text[:200]!r}")
        self.seen.update(words[1:4])
        return headers.get("connection", "").lower() != "close"
