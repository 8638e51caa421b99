"""What a page hears of changes while it looks."""

import asyncio
import threading
from collections.abc import AsyncGenerator

from tests.api.world import World

from celadon.api.answer import Live
from celadon.api.live import Bell, latest
from celadon.store import changes


async def heard(stream: AsyncGenerator[bytes, None]) -> bytes:
    async for piece in stream:
        if b"event: change" in piece:
            return piece
    raise AssertionError("the stream has ended")


class Ending(set):  # type: ignore[type-arg]
    """The listeners of a bell: that there is none is seen, and somebody comes in this very moment."""

    def __init__(self) -> None:
        super().__init__()
        self.seen, self.gone_on = threading.Event(), threading.Event()

    def __bool__(self) -> bool:
        if len(self):
            return True
        self.seen.set()
        self.gone_on.wait(0.2)
        return False


def test_who_comes_when_the_last_has_just_left_hears_of_changes(world: World) -> None:
    bell, app_id = Bell(world.context.database), world.made["app"]
    bell._listeners = listeners = Ending()

    def opened() -> AsyncGenerator[bytes, None]:
        return bell.stream(Live(app_id=app_id, account_id="ada", after=latest(world.context)))

    def change() -> None:
        with world.context.database.transaction() as tx:
            changes.record(tx, "dyno", app_id)

    async def visits() -> bytes:
        first = opened()
        await anext(first)
        await first.aclose()
        # A thread that looks wakes by itself within a second.
        assert await asyncio.to_thread(listeners.seen.wait, 60)
        second = opened()
        await anext(second)
        listeners.gone_on.set()
        change()
        async with asyncio.timeout(60):
            return await heard(second)

    assert b"data: dyno" in asyncio.run(visits())
