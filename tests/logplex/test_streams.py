"""Log sessions as clients see them: over a real socket, as events and as text."""

import asyncio
import json
import re
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.logplex import listener
from tests.logplex.listener import Answer, Running, Session

from celadon.logplex import search
from celadon.model.guest import Loss

SSE = "text/event-stream"


def bodies(text: str) -> list[str]:
    """The messages of an answer, without times and headers, from lines or events."""
    return re.findall(r"(?m)^(?:data: )?\S+ \w+\[[\w.-]+\]: (.*)$", text)


def last_id(text: str) -> str:
    return re.findall(r"(?m)^id: (\d+)$", text)[-1]


def run(
    home: Path, scene: Callable[[Running], Awaitable[None]], *, buffer: int | None = None, **sessions: Session
) -> None:
    async def play() -> None:
        more = {} if buffer is None else {"buffer": buffer}
        async with listener.running(home, **more, **sessions) as running:  # type: ignore[arg-type]
            await scene(running)

    asyncio.run(play())


async def said(running: Running, *messages: str, ps: str = "web.1", source: str = "app") -> None:
    """Write lines and wait until the channel has them."""
    before = listener.whole(running.logplex, "app-1").count(b"\n")
    for message in messages:
        running.say(message, ps=ps, source=source)
    await listener.settled(running.logplex, "app-1", before + len(messages))


def test_backlog_as_text_ends_by_itself(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        await said(running, "one", "two", "three")
        async with running.get("secret") as answer:
            text = await answer.all()
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00 app\[web\.1\]: two\n"
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00 app\[web\.1\]: three\n",
            text,
        )

    run(tmp_path, scene, secret=Session(lines=2))


def test_backlog_as_events_asks_for_a_quick_end_and_closes(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        await said(running, "one", "two")
        async with running.get("secret", SSE) as answer:
            text = await answer.all()
        assert answer.headers["content-type"] == SSE
        assert answer.headers["cache-control"] == "no-cache"
        assert re.fullmatch(
            r"retry: 10\n\nid: \d+\ndata: \S+ app\[web\.1\]: one\ndata: \S+ app\[web\.1\]: two\n\n", text
        )

    run(tmp_path, scene, secret=Session())


def test_line_written_just_before_is_in_the_backlog(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        for number in range(5):
            running.say(str(number))
            async with running.get("secret") as answer:
                assert bodies(await answer.all())[-1] == str(number)

    run(tmp_path, scene, secret=Session())


def test_empty_channel_gives_an_empty_answer(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.get("secret") as answer:
            assert await answer.all() == ""
        async with running.get("secret", SSE) as answer:
            assert await answer.all() == "retry: 10\n\n"

    run(tmp_path, scene, secret=Session())


def test_unknown_session_is_not_found_in_the_apis_form(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        for secret in ("unknown", "unknown/else"):
            async with running.get(secret, SSE) as answer:
                assert answer.status == 404
                assert answer.headers["content-type"] == "application/json"
                assert (await answer.json())["id"] == "not_found"

    run(tmp_path, scene)


def test_tail_shows_backlog_then_live_lines_each_once(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        await said(running, "before 1", "before 2")
        async with running.get("secret", SSE) as answer:
            await answer.until("before 2")
            assert "retry" not in answer.text
            running.say("live 1")
            await answer.until("live 1")
            running.say("live 2", ps="router", source="heroku")
            text = await answer.until("live 2")
        assert bodies(text) == ["before 1", "before 2", "live 1", "live 2"]

    run(tmp_path, scene, secret=Session(tail=True))


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (Loss.APP, "the app was destroyed"),
        (Loss.ACCESS, "you may not read this app's log any more"),
        (Loss.TOKEN, "you have logged out, or your token was revoked"),
    ],
)
def test_tail_ends_when_its_reader_may_not_go_on(tmp_path: Path, loss: Loss, message: str) -> None:
    async def scene(running: Running) -> None:
        async with running.get("secret", SSE) as answer, running.get("secret") as plain:
            running.say("one")
            await answer.until("]: one\n")
            await plain.until("]: one\n")
            for ended in running.tails:
                ended.set_result(loss)
            text = await answer.all()
            lines = await plain.all()
        assert text.endswith(f'\n\nevent: end\ndata: {{"id": "{loss}", "message": "{message}"}}\n\n')
        assert lines.endswith("]: one\n")
        async with asyncio.timeout(listener.PATIENCE):
            while running.tails:
                await asyncio.sleep(0.01)

    run(tmp_path, scene, secret=Session(tail=True))


def test_tail_that_comes_back_goes_on_where_it_was_though_logplex_was_restarted(tmp_path: Path) -> None:
    seen: list[str] = []
    position = ""
    session = Session(tail=True, lines=0)

    async def first(running: Running) -> None:
        nonlocal position
        async with running.get("secret", SSE) as answer:
            running.say("1")
            await answer.until("]: 1\n")
            await said(running, "2", "3")
            seen.extend(bodies(await answer.until("]: 3\n")))
            position = last_id(answer.text)
        await said(running, "4")

    async def second(running: Running) -> None:
        running.say("5")
        async with running.get("secret", SSE, Last_Event_ID=position) as answer:
            await answer.until("]: 5\n")
            running.say("6")
            seen.extend(bodies(await answer.until("]: 6\n")))

    async def third(running: Running) -> None:
        # Who begins another session cannot set the header.
        async with running.get(f"secret?after={position}&", SSE) as answer:
            assert bodies(await answer.until("]: 6\n")) == ["4", "5", "6"]

    run(tmp_path, first, secret=session)
    run(tmp_path, second, secret=session)
    assert seen == ["1", "2", "3", "4", "5", "6"]
    run(tmp_path, third, secret=session)


def test_ids_that_are_none_of_ours_break_nothing(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        await said(running, "one", "two")
        for after in ("7", "99999999", "-1", "x", "9" * 40, "²"):
            async with running.get("secret", SSE, Last_Event_ID=after) as answer:
                assert set(bodies(await answer.all())) <= {"one", "two"}
            async with running.get(f"secret?after={quote(after)}&", SSE) as answer:
                assert set(bodies(await answer.all())) <= {"one", "two"}

    run(tmp_path, scene, secret=Session())


def test_filters_hold_for_backlog_and_live_lines(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        await said(running, *(f"router {n}" for n in range(300)), ps="router", source="heroku")
        await said(running, "web 1", "web 2")
        await said(running, *(f"router {n}" for n in range(300)), ps="router", source="heroku")
        await said(running, "state", source="heroku")
        async with running.get("web", SSE) as answer:
            await answer.until("state")
            running.say("not for this one", ps="worker.1")
            await said(running, "web 3")
            assert bodies(await answer.until("web 3")) == ["web 1", "web 2", "state", "web 3"]
        async with running.get("app") as answer:
            assert bodies(await answer.all()) == ["web 2", "not for this one", "web 3"]

    run(
        tmp_path,
        scene,
        web=Session(dyno="web", tail=True),
        app=Session(source="app", lines=3),
    )


def test_lines_of_a_filter_are_found_however_far_back_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener.tail, "LOOK_BACK", 1)
    # For each piece of a log three programs start, and each may have to wait for the disk.
    monkeypatch.setattr(search, "SECONDS", 300.0)

    async def scene(running: Running) -> None:
        await said(running, "first", "second", "third", source="heroku")
        for _ in range(3):
            await said(running, *(f"{n} " + "x" * 900 for n in range(400)))
        await said(running, "fourth", source="heroku")
        await said(running, *(f"{n} " + "x" * 900 for n in range(400)))
        await said(running, "fifth", source="heroku")
        async with running.get("last") as answer:
            assert bodies(await answer.all()) == ["third", "fourth", "fifth"]
        async with running.get("tail", SSE) as answer:
            await answer.until("fifth")
            await said(running, "sixth", source="heroku")
            wanted = ["first", "second", "third", "fourth", "fifth", "sixth"]
            assert bodies(await answer.until("sixth")) == wanted
        async with running.get("other") as answer:
            assert bodies(await answer.all()) == []

    run(
        tmp_path,
        scene,
        last=Session(source="heroku", lines=3),
        tail=Session(source="heroku", dyno="web.1", tail=True),
        other=Session(dyno="web.2"),
    )


def test_no_more_than_1500_lines_are_given_back(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        await said(running, *map(str, range(2000)))
        async with running.get("secret") as answer:
            assert bodies(await answer.all()) == [str(n) for n in range(500, 2000)]

    run(tmp_path, scene, secret=Session(lines=10_000))


def test_terminal_of_a_reader_is_safe_from_the_app(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        path = running.lines.path("app-1", listener.logline.Source(source="app", ps="web.1"), "0f1e2d3c-0001")
        path.write_bytes(b"2026-11-23T10:13:57.821929693+00:00 stdout F \x1b]0;x\x07\rdata: id\xff\r\n")
        await listener.settled(running.logplex, "app-1", 1)
        async with running.get("secret", SSE) as answer:
            assert bodies(await answer.all()) == ["^[]0;x^G^Mdata: id\ufffd"]

    run(tmp_path, scene, secret=Session())


def test_raw_lines_are_as_they_were_written(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        path = running.lines.path("app-1", listener.logline.Source(source="app", ps="web.1"), "0f1e2d3c-0001")
        path.write_bytes(b"2026-11-23T10:13:57.821929693+00:00 stdout F \x1b[31mred\rdata: no event\xff\0\n" * 2)
        await listener.settled(running.logplex, "app-1", 2)
        async with running.get("secret?raw=true&", SSE) as answer:
            (event,) = [one for one in (await answer.all()).split("\n\n") if "data" in one]
            lines = [json.loads(line.removeprefix("data: ")) for line in event.split("\n")[1:]]
        assert lines == ["2026-11-23T10:13:57.821929+00:00 app[web.1]: \x1b[31mred\rdata: no event\ufffd\0"] * 2
        async with running.get("secret?raw=true&") as answer:
            line = "2026-11-23T10:13:57.821929+00:00 app[web.1]: \x1b[31mred\rdata: no event\udcff\0\n"
            assert await answer.all() == line * 2

    run(tmp_path, scene, secret=Session())


def test_tail_that_does_not_read_is_told_what_it_missed_and_slows_nobody(tmp_path: Path) -> None:
    count = 40_000

    async def scene(running: Running) -> None:
        source = listener.logline.Source(source="app", ps="web.1")
        async with running.get("secret") as slow, running.get("secret") as quick:
            for start in range(0, count, 1000):
                now = listener.datetime.now(listener.UTC)
                records = (listener.logline.record(f"{n} " + "x" * 100, now) for n in range(start, start + 1000))
                running.lines.append_records("app-1", source, b"".join(records))
                await quick.until(f"]: {start + 999} x")
            running.say("the end")
            assert len(bodies(await quick.until("the end"))) == count + 1
            text = await slow.until("the end")
        (missed,) = re.findall(
            r"heroku\[logplex\]: Error L11 \(Tail buffer overflow\): .* dropped (\d+) messages", text
        )
        numbers = [int(n) for n in re.findall(r"web\.1\]: (\d+) x", text)]
        assert numbers == sorted(set(numbers))
        assert len(numbers) + int(missed) == count

    run(tmp_path, scene, buffer=2 << 20, secret=Session(tail=True, lines=0))


def test_200_tails_get_every_line(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async def follow() -> list[str]:
            async with running.get("secret", SSE) as answer:
                started.release()
                return bodies(await answer.until("last"))

        started = asyncio.Semaphore(0)
        tails = [asyncio.create_task(follow()) for _ in range(200)]
        for _ in tails:
            await asyncio.wait_for(started.acquire(), listener.PATIENCE)
        for number in range(100):
            running.say(str(number))
            await asyncio.sleep(0.001)
        running.say("last")
        for seen in await asyncio.gather(*tails):
            assert seen == [*map(str, range(100)), "last"]

    run(tmp_path, scene, secret=Session(tail=True))


def test_line_is_shown_within_200_ms(tmp_path: Path) -> None:
    times: list[float] = []

    async def once(running: Running, answer: Answer, number: int) -> None:
        start = time.monotonic()
        running.say(f"<{number}>")
        await answer.until(f"<{number}>")
        times.append(time.monotonic() - start)

    async def scene(running: Running) -> None:
        async with running.get("secret", SSE) as answer:
            for number in range(20):
                await once(running, answer, number)

    run(tmp_path, scene, secret=Session(tail=True))
    assert statistics.median(times) < 0.2, times


def test_silent_tail_gets_signs_of_life(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        channel = running.logplex.channel("app-1")
        pieces = listener.tail.stream(channel, listener.tail.Request(lines=0, tail=True), heartbeat=0.01)
        piece = await asyncio.wait_for(anext(pieces), listener.PATIENCE)
        assert (piece.lines, piece.position) == (b"", channel.end)
        await pieces.aclose()  # type: ignore[attr-defined]

    run(tmp_path, scene)


def test_a_thousand_apps_are_served_at_once(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        for number in range(1000):
            running.say("hello", app=f"app-{number}")
        async with asyncio.timeout(listener.PATIENCE):
            while any(not running.logplex.channel(f"app-{number}").end for number in range(1000)):
                await asyncio.sleep(0.05)

    run(tmp_path, scene)
