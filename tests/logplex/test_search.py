"""Looking through all that is kept: what is found, in which order, and that no pattern hurts anybody."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.logplex import listener
from tests.logplex.listener import Running, Session

from celadon.logplex import search
from celadon.model import logline


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """For each piece of a log three programs start, and each may have to wait for the disk."""
    monkeypatch.setattr(search, "SECONDS", 300.0)


def found(tmp_path: Path, session: Session, say: Callable[[Running], object], count: int = 1, **options: Any) -> str:
    async def body() -> str:
        async with listener.running(tmp_path, s=session, **options) as place:
            say(place)
            await listener.settled(place.logplex, "app-1", count)
            async with place.get("s") as answer:
                return await answer.all()

    return asyncio.run(body())


MANY = 40_001


def many(place: Running) -> None:
    for number in range(40):
        place.say("\n".join(f"line {number * 1000 + one} of many" for one in range(1000)))
    place.say("at=info request_id=8601b555-6a83-4c12-8269-97c8e32cdb22 code=H12", source="heroku", ps="router")


def test_the_last_lines_that_match_in_order_over_all_segments(tmp_path: Path) -> None:
    # Eight segments of 1 MB each: what is looked for is in several.
    text = found(tmp_path, Session(grep="line [0-9]+000 of", lines=30), many, MANY, window=8 << 20)
    numbers = [int(line.split()[3]) for line in text.splitlines()]
    assert numbers == [number * 1000 for number in range(10, 40)]


def test_a_request_id_finds_what_speaks_of_it(tmp_path: Path) -> None:
    text = found(tmp_path, Session(request_id="8601b555-6a83-4c12-8269-97c8e32cdb22"), many, MANY)
    assert text.count("\n") == 1 and " heroku[router]: at=info" in text
    assert found(tmp_path, Session(request_id="8601b555.6a83"), many, MANY) == ""


def test_filters_hold_besides(tmp_path: Path) -> None:
    def say(place: Running) -> None:
        place.say("needle", ps="web.1")
        place.say("needle", ps="worker.1")
        place.say("needle", source="heroku", ps="web.1")

    assert found(tmp_path, Session(grep="needle", dyno="web", source="app"), say, 3).count("\n") == 1


def test_since_leaves_out_what_was_before(tmp_path: Path) -> None:
    now = datetime.now(UTC)

    def say(place: Running) -> None:
        source = logline.Source(source="app", ps="web.1")
        for hours in (5, 3, 1):
            place.lines.append("app-1", source, f"{hours} hours ago", now - timedelta(hours=hours))

    text = found(tmp_path, Session(since=now - timedelta(hours=4)), say, 3)
    assert [line.split(": ")[1] for line in text.splitlines()] == ["3 hours ago", "1 hours ago"]


def test_bytes_that_are_no_text_are_looked_through_and_shown_safely(tmp_path: Path) -> None:
    def say(place: Running) -> None:
        source = logline.Source(source="app", ps="web.1")
        record = logline.record("x", datetime.now(UTC))
        place.lines.append_records("app-1", source, record.replace(b" x\n", b" needle \xff\x1b[31m\0\n"))

    text = found(tmp_path, Session(grep="needle"), say)
    assert text.endswith("needle \N{REPLACEMENT CHARACTER}^[[31m^@\n")


def test_one_app_sees_nothing_of_another(tmp_path: Path) -> None:
    def say(place: Running) -> None:
        place.say("needle", app="app-2")
        place.say("hay")

    assert found(tmp_path, Session(grep="needle"), say) == ""


def test_a_search_that_takes_too_long_ends_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "SECONDS", 0.0)
    text = found(tmp_path, Session(grep="line"), lambda place: place.say("line"))
    assert "heroku[logplex]: the search ended after 0 seconds: name a rarer word" in text


def test_a_word_that_looks_like_an_option_is_a_word(tmp_path: Path) -> None:
    assert "--help me" in found(tmp_path, Session(grep="--help"), lambda place: place.say("--help me"))


def test_lines_go_on_while_somebody_searches_for_the_worst(tmp_path: Path) -> None:
    async def body() -> None:
        async with listener.running(tmp_path, s=Session(grep=r"((a*)*b)\1\2$"), t=Session(tail=True)) as place:
            place.say("a" * 9000)

            async def look() -> str:
                async with place.get("s") as answer:
                    return await answer.all()

            searching: Coroutine[Any, Any, str] = look()
            task = asyncio.create_task(searching)
            async with place.get("t") as answer:
                place.say("a line of now")
                await answer.until("a line of now")
            task.cancel()

    asyncio.run(body())


@pytest.mark.parametrize("pattern", ["(", "[x", "(((((x{100}){100}){100}){100}){100}){100}"])
def test_a_pattern_that_grep_does_not_take_is_told(tmp_path: Path, pattern: str) -> None:
    async def body() -> None:
        async with listener.running(tmp_path, s=Session(grep=pattern)) as place:
            async with place.get("s") as answer:
                assert answer.status == 422
                message = (await answer.json())["message"]
                assert message.startswith("cannot search for") and "grep -E" in message

    asyncio.run(body())


# A search for this word does not end, however fast the machine is; whether grep takes the word is told at once.
SLOW = 'case "$*" in *"-e slow -- /dev/null") ;; *"-e slow "*) exec sleep 600 ;; esac; exec "$@"'


def test_searches_of_one_app_do_not_take_the_place_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_LIMITS", ("sh", "-c", SLOW, "sh"))

    async def body() -> None:
        slow, quick = Session(grep="slow"), Session(app_id="app-2", grep="needle")
        async with listener.running(tmp_path, s=slow, q=quick) as place:
            place.say("hay")
            place.say("needle", app="app-2")
            await listener.settled(place.logplex, "app-1", 1)
            await listener.settled(place.logplex, "app-2", 1)

            async def look(name: str) -> str:
                async with place.get(name) as answer:
                    return await answer.all()

            tasks = [asyncio.create_task(look("s")) for _ in range(8)]
            refused = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            assert "others look through this app's log already" in next(iter(refused[0])).result()
            assert "needle" in await look("q")
            assert sum(task.done() for task in tasks) < 8
            for task in tasks:
                task.cancel()

    asyncio.run(body())
