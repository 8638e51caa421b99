"""When an answer of the HTTP door ends: its client may go on at once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from celadon.git.doors import Doors
from celadon.git.http import Door
from celadon.model.account import Account, Actor


class Said:
    """A git program that says one word."""

    async def output(self) -> AsyncIterator[bytes]:
        yield b"word"

    async def errors(self) -> AsyncIterator[bytes]:
        return
        yield b""

    async def feed(self, chunks: AsyncIterator[bytes]) -> None:
        async for _ in chunks:
            pass

    async def wait(self) -> int:
        return 0


class Claimed(Doors):
    """Doors whose conversations take a moment to be over, as those of a push do: its claim, its place."""

    def __init__(self) -> None:
        self.order: list[str] = []

    async def admit(self, *_: object) -> Any:
        return None

    @contextlib.asynccontextmanager
    async def conversation(self, *_: object, **__: object) -> AsyncIterator[Any]:
        yield Said()
        await asyncio.sleep(0.05)
        self.order.append("all is let go")


def test_an_answer_ends_when_its_push_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async def actor(*_: object) -> Actor:
        return Actor(account=Account.__new__(Account))

    monkeypatch.setattr(Door, "_actor", actor)
    doors = Claimed()
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/shop.git/git-receive-pack",
        "raw_path": b"/shop.git/git-receive-pack",
        "headers": [(b"content-type", b"application/x-git-receive-pack-request")],
        "query_string": b"",
    }

    body = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        if message := next(body, None):
            return message
        return await asyncio.Event().wait()  # type: ignore[return-value]

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            doors.order.append("more" if message["more_body"] else "the end")

    asyncio.run(Door(doors)(scope, receive, send))
    assert doors.order == ["more", "all is let go", "the end"]
