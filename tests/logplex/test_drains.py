"""Drains against real receivers: exact frames, what is sent again, what is lost and said, and that nobody else suffers."""

import asyncio
import contextlib
import re
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.logplex.receivers import Receiver, tls, until

from celadon.logplex import forwarding, wires
from celadon.logplex.cursor import Cursor, Gap
from celadon.logplex.drains import Drains
from celadon.logplex.manager import Logplex
from celadon.logplex.wires import Batch
from celadon.model import log_drain as rules
from celadon.model import logline, syslog
from celadon.model.log_drain import DrainState, DrainStatus, LogDrain
from celadon.platform.settings import Settings
from celadon.store.lines import Lines

APP = "app-1"


@dataclass
class Known:
    """Drains as a store has them."""

    drains: dict[str, LogDrain] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, url: str, app: str = APP) -> LogDrain:
        at = datetime.now(UTC)
        made = LogDrain(
            id=str(uuid.uuid4()), app_id=app, token=f"d.{uuid.uuid4()}", url=url, created_at=at, updated_at=at
        )
        self.drains[made.id] = made
        return made

    def ids(self) -> set[str]:
        return set(self.drains)

    def find(self, drain_id: str) -> LogDrain | None:
        return self.drains.get(drain_id)

    def keep(self, statuses: Mapping[str, DrainStatus]) -> None:
        for drain_id, status in statuses.items():
            if drain_id in self.drains:
                self.drains[drain_id] = replace(self.drains[drain_id], status=status)

    def wait(self) -> None:
        """`ensure` is called by the tests."""

    def status(self, drain: LogDrain) -> DrainStatus:
        return self.drains[drain.id].status


@dataclass
class Place:
    settings: Settings
    known: Known
    logplex: Logplex
    drains: Drains
    lines: Lines
    # Bytes that the channel of APP has at the least when it has all.
    said: int = 0

    def say(self, message: str, app: str = APP, source: str = "app", ps: str = "web.1") -> None:
        if app == APP:
            self.said += len(message) + message.count("\n") * logline.PREFIX_LENGTH
        self.lines.append(app, logline.Source(source=source, ps=ps), message)

    async def keep_up(self) -> None:
        """Wait until no drain of APP is so far behind that it might lose lines."""
        channel = self.logplex.channel(APP)

        def near() -> bool:
            positions = [int(path.read_bytes().split()[0]) for path in channel.directory.glob("drain.*")]
            return channel.end >= self.said and channel.end - min(positions, default=0) < forwarding.BUFFER // 4

        await until("drains keep up", near, 300)

    async def add(self, url: str, app: str = APP) -> LogDrain:
        made = self.known.add(url, app)
        await until("it is at work", lambda: made.id in self.drains._at_work)
        return made


@contextlib.asynccontextmanager
async def running(home: Path, known: Known | None = None, **settings: object) -> AsyncIterator[Place]:
    """Logplex with its drains, until it dies."""
    made = Settings(home=home, **{"private_destinations": "127.0.0.0/8", **settings})  # type: ignore[arg-type]
    logplex, known = Logplex(home, made.log_window), known or Known()
    drains = Drains(made, known, logplex.channel)
    tasks = [asyncio.create_task(logplex.run()), asyncio.create_task(_keep(drains))]
    try:
        yield Place(made, known, logplex, drains, Lines(home))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep(drains: Drains) -> None:
    """As `run`, but that tests say when the drains have changed."""
    drains._store.wait = lambda: __import__("time").sleep(0.05)  # type: ignore[method-assign]
    await drains.run()


def run(test: Callable[[], object]) -> None:
    asyncio.run(test())  # type: ignore[arg-type]


def test_syslog_gets_each_line_in_its_frame(tmp_path: Path) -> None:
    async def body() -> None:
        async with running(tmp_path) as place, Receiver() as receiver:
            drain = await place.add(f"syslog://127.0.0.1:{receiver.port}")
            place.say("hello")
            place.say('at=info method=GET path="/"', source="heroku", ps="router")
            place.say("State changed from starting to up", source="heroku", ps="web.1")
            await until("three lines", lambda: receiver.count == 3)
            frames = re.findall(rb"(\d+) (<\d+>1 \S+ \S+ \S+ \S+ - - [^\n]*\n)", receiver.content)
            assert [int(length) for length, _ in frames] == [len(frame) for _, frame in frames]
            said = [frame.decode() for _, frame in frames]
            time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00"
            for pattern, frame in zip(
                (
                    rf"<190>1 {time} {drain.token} app web\.1 - - hello\n",
                    rf'<158>1 {time} {drain.token} heroku router - - at=info method=GET path="/"\n',
                    rf"<45>1 {time} {drain.token} heroku web\.1 - - State changed from starting to up\n",
                ),
                said,
                strict=True,
            ):
                assert re.fullmatch(pattern, frame)
            await until("it is known to be well", lambda: place.known.status(drain).state is DrainState.CONNECTED)

    run(body)


def test_https_gets_batches_as_logplex_posts_them(tmp_path: Path) -> None:
    async def body() -> None:
        async with running(tmp_path) as place:
            async with Receiver(tls(place.settings)) as receiver:
                receiver.http = True
                drain = await place.add(f"https://user:p%40ss@127.0.0.1:{receiver.port}/logs?a=b")
                place.say("hello\nworld")
                await until("two lines", lambda: receiver.count == 2)
                got = receiver.requests[0]
                assert (got["target"], got["content-type"]) == ("/logs?a=b", "application/logplex-1")
                assert got["logplex-drain-token"] == drain.token
                assert got["authorization"] == "Basic dXNlcjpwQHNz"
                assert sum(int(one["logplex-msg-count"]) for one in receiver.requests) == 2
                assert re.fullmatch(r"[0-9A-F]{32}", got["logplex-frame-id"])
                assert re.match(rb"\d+ <190>1 \S+ host app web\.1 - hello\n", receiver.content)
                assert syslog.messages(receiver.content) == ["hello", "world"]

    run(body)


@pytest.mark.parametrize("lines", [3000, pytest.param(1_020_000, marks=pytest.mark.long)])
def test_a_receiver_that_starts_anew_misses_nothing_and_gets_nothing_twice(tmp_path: Path, lines: int) -> None:
    piece = lines // 30

    async def body() -> None:
        async with running(tmp_path, log_window=1 << 30) as place:
            async with Receiver(tls(place.settings)) as https, Receiver() as plain:
                https.http = True
                await place.add(f"https://127.0.0.1:{https.port}/")
                await place.add(f"syslog://127.0.0.1:{plain.port}")
                for number in range(30):
                    place.say("\n".join(f"line {number * piece + one}" for one in range(piece)))
                    await place.keep_up()
                    if number % 10 != 5:
                        continue
                    # The one answers, and may end in the midst of lines. Of the other nobody knows what it has not read.
                    for receiver, there in ((https, number * piece), (plain, (number + 1) * piece)):
                        await until("all is there", lambda one=receiver, n=there: one.count >= n, 300)
                        await receiver.stop()
                        await receiver.start()
                for receiver in (https, plain):
                    await until("all lines", lambda one=receiver: one.count >= lines, 300)
                    numbers = [int(found) for found in re.findall(rb"line (\d+)\n", receiver.content)]
                    assert numbers == list(range(lines))

    run(body)


def test_what_waits_for_a_receiver_that_is_away_comes_when_it_is_back(tmp_path: Path) -> None:
    async def body() -> None:
        async with running(tmp_path) as place, Receiver() as receiver:
            await receiver.stop()
            drain = await place.add(f"syslog://127.0.0.1:{receiver.port}")
            place.say("\n".join(f"line {number}" for number in range(100)))
            await until("it fails", lambda: place.known.status(drain).state is DrainState.FAILING)
            assert place.known.status(drain).reason == "it refuses connections"
            await receiver.start()
            await until("all lines", lambda: receiver.count == 100)
            await until("it is well again", lambda: place.known.status(drain).state is DrainState.CONNECTED)
            assert place.known.status(drain).reason is None

    run(body)


def test_after_a_kill_of_logplex_nothing_is_missing(tmp_path: Path) -> None:
    async def body() -> None:
        known = Known()
        async with Receiver() as receiver:
            async with running(tmp_path, known) as place:
                await place.add(f"syslog://127.0.0.1:{receiver.port}")
                place.say("\n".join(f"line {number}" for number in range(500)))
                await until("some lines", lambda: receiver.count > 0)
            Lines(tmp_path).append(APP, logline.Source(source="app", ps="web.1"), "line 500")
            async with running(tmp_path, known):
                await until("the last line", lambda: b"line 500\n" in receiver.content)
            numbers = {int(found) for found in re.findall(rb"line (\d+)\n", receiver.content)}
            assert numbers == set(range(501))

    run(body)


def test_a_drain_that_hangs_loses_lines_counts_them_and_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarding, "BUFFER", 1 << 20)

    async def body() -> None:
        async with running(tmp_path) as place, Receiver() as hanging, Receiver() as other:
            hanging.reading.clear()
            slow = await place.add(f"syslog://127.0.0.1:{hanging.port}")
            await place.add(f"syslog://127.0.0.1:{other.port}")
            total = 0
            for _ in range(100):
                place.say("\n".join(f"line {total + one} {'x' * 500}" for one in range(500)))
                total += 500
                await until("the other has it", lambda: other.count == total)  # noqa: B023
            await until("lines are lost", lambda: place.known.status(slow).dropped > 0)
            hanging.reading.set()
            place.say("the last line")
            await until("it goes on", lambda: b"the last line" in hanging.content)
            lost = sum(int(found) for found in re.findall(rb"L10 [^:]*: drain '[^']+' dropped (\d+)", hanging.content))
            got = [int(found) for found in re.findall(rb"line (\d+) x", hanging.content)]
            assert len(got) + lost == total and got == sorted(set(got))
            await until("all that was lost is known", lambda: place.known.status(slow).dropped == lost)
            assert re.search(rb"heroku logplex - - Error L10 \(output buffer overflow\): drain 'd\.", hanging.content)

    run(body)


def test_lines_dropped_while_a_receiver_is_away_are_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarding, "BUFFER", 256 << 10)
    monkeypatch.setattr(forwarding, "_LONGEST_PAUSE", 0.2)

    async def body() -> None:
        known, total, before = Known(), 0, 0
        async with Receiver() as receiver:
            await receiver.stop()
            # The window holds a fraction of what comes, and Logplex starts anew meanwhile.
            for _ in range(2):
                async with running(tmp_path, known, log_window=2 << 20) as place:
                    drain = next(iter(known.drains.values()), None) or await place.add(
                        f"syslog://127.0.0.1:{receiver.port}"
                    )
                    channel = place.logplex.channel(APP)
                    if not total:
                        first = "\n".join(f"line {one} {'x' * 500}" for one in range(200))
                        records = logline.record(first, datetime(2026, 11, 23, 10, 13, 57, tzinfo=UTC))
                        place.lines.append_records(APP, logline.Source(source="app", ps="web.1"), records)
                        await until("it is in the log", lambda: channel.end > 100_000)  # noqa: B023
                        total += 200
                    for _ in range(40):
                        end = channel.end
                        place.say("\n".join(f"line {total + one} {'x' * 500}" for one in range(200)))
                        total += 200
                        await until("it is in the log", lambda: channel.end > end + 100_000)  # noqa: B023
                        assert known.status(drain).dropped >= before
                        before = known.status(drain).dropped
                # As if this Logplex had died before it told the store.
                known.drains[drain.id] = replace(known.drains[drain.id], status=drain.status)
                before = 0
            async with running(tmp_path, known, log_window=2 << 20) as place:
                await receiver.start()
                place.say("the last line")
                await until("it goes on", lambda: b"the last line" in receiver.content)
                await until("its state is kept", lambda: known.status(drain).state is DrainState.CONNECTED)
            told = re.findall(rb"L10 [^:]*: drain '[^']+' dropped (\d+) messages since (\S+)\.", receiver.content)
            got = [int(found) for found in re.findall(rb"line (\d+) x", receiver.content)]
            assert len(got) + sum(int(count) for count, _ in told) == total
            assert sum(int(count) for count, _ in told) == known.status(drain).dropped
            # Since the first of them was written, which is long ago.
            assert [since for _, since in told] == [b"2026-11-23T10:13:57+00:00"]

    run(body)


def test_what_was_on_its_way_when_a_wire_broke_is_sent_again_though_lines_are_dropped_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body() -> None:
        async with running(tmp_path) as place:
            channel = place.logplex.channel(APP)
            # Not one of those that the platform has: nobody else works on it.
            drain = Known().add("syslog://127.0.0.1:1")
            work = forwarding.Forwarding(place.drains._names, drain, channel, lambda *_: None, buffer=10_000)
            place.say("\n".join("x" * 900 for _ in range(100)))
            await until("it is in the log", lambda: channel.end > 90_000)
            count = forwarding._dropped

            def broken(*words: Any) -> Gap:
                work._begin()
                return count(*words)

            monkeypatch.setattr(forwarding, "_dropped", broken)
            # So much is on its way.
            work._next = channel.line_start(5_000)
            await work._skip()
            (gap,) = work._cursor.gaps
            assert (work._next, gap.start) == (0, channel.line_start(5_000))

    run(body)


def test_batches_that_look_alike_have_ids_of_their_own(tmp_path: Path) -> None:
    async def body() -> None:
        async with running(tmp_path) as place:
            async with Receiver(tls(place.settings)) as receiver:
                receiver.http = True
                await place.add(f"https://127.0.0.1:{receiver.port}/")
                records = logline.record("B" * 9000, datetime.now(UTC)) * 100
                place.lines.append_records(APP, logline.Source(source="app", ps="web.1"), records)
                await until("all lines", lambda: receiver.count == 100)
                ids = [one["logplex-frame-id"] for one in receiver.requests]
                assert len(ids) == len(set(ids)) > 3

    run(body)


def test_what_is_sent_again_is_what_was_sent(tmp_path: Path) -> None:
    async def body() -> None:
        known = Known()
        settings = Settings(home=tmp_path)
        async with Receiver(tls(settings)) as receiver:
            receiver.http = True
            async with running(tmp_path, known) as place:
                await place.add(f"https://127.0.0.1:{receiver.port}/")
                receiver.status = 503
                place.say("hello")
                await until("it was tried", lambda: len(receiver.requests) > 0)
            # Nobody knows whether it was kept. More has come when it is tried again.
            Lines(tmp_path).append(APP, logline.Source(source="app", ps="web.1"), "world")
            receiver.status = 200
            async with running(tmp_path, known):
                await until("it has the last", lambda: b"world" in receiver.content)
            ids = [one["logplex-frame-id"] for one in receiver.requests]
            assert len(set(ids)) == 2 and ids[-2] == ids[0] and ids[-1] != ids[0]

    run(body)


def test_a_receiver_that_stops_to_read_is_no_healthy_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wires, "STALL_SECONDS", 0.5)
    monkeypatch.setattr(forwarding, "_LONGEST_PAUSE", 0.2)

    async def body() -> None:
        async with running(tmp_path) as place, Receiver() as receiver:
            receiver.reading.clear()
            drain = await place.add(f"syslog://127.0.0.1:{receiver.port}")
            place.say("\n".join("x" * 900 for _ in range(14_000)))
            await until("it fails", lambda: place.known.status(drain).state is DrainState.FAILING)
            assert "it takes no lines any more" in (place.known.status(drain).reason or "")
            receiver.reading.set()
            await until("it reads again", lambda: place.known.status(drain).state is DrainState.CONNECTED)

    run(body)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("syslog://127.0.0.1:1", "it refuses connections"),
        ("syslog://no-such-host.invalid:514", "its host name leads to no address"),
        ("https://169.254.169.254/", "it is in a network that the operator does not let lines go to"),
        ("syslog://10.200.0.1:514", "it is in a network that the operator does not let lines go to"),
        ("syslog+tls://127.0.0.1:{port}", "it does not speak TLS as we do"),
        ("https://127.0.0.1:{untrusted}/", "its certificate cannot be verified"),
        ("https://127.0.0.1:{wrong}/", "it answers with status 500"),
        ("https://127.0.0.1:{closing}/", "it closed the connection"),
    ],
)
def test_each_way_to_fail_has_its_words(tmp_path: Path, url: str, reason: str) -> None:
    async def body() -> None:
        stranger = Settings(home=tmp_path / "stranger")
        stranger.home.mkdir()
        async with running(tmp_path / "home") as place:
            async with (
                Receiver() as plain,
                Receiver(tls(stranger)) as untrusted,
                Receiver(tls(place.settings)) as wrong,
                Receiver(tls(place.settings)) as closing,
            ):
                plain.http = wrong.http = True
                wrong.status = 500
                ports = {"port": plain.port, "untrusted": untrusted.port, "wrong": wrong.port, "closing": closing.port}
                if "closing" in url:
                    closing.http = True
                    closing.status = None
                drain = await place.add(url.format(**ports))
                place.say("hello")
                await until("it fails", lambda: place.known.status(drain).state is DrainState.FAILING)
                assert (place.known.status(drain).reason or "").startswith(reason)
                if "certificate" in reason:
                    channel = place.logplex.channel(APP)
                    await until("the app is told", lambda: b"Error L14" in channel.read_before(channel.end, 9000)[1])

    run(body)


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 100 C\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]
)
def test_a_receiver_that_answers_without_end_holds_up_nobody(tmp_path: Path, answer: bytes) -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        more = answer if b" 100 " in answer else b"1\r\nx\r\n"
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(more * 100)
                await writer.drain()

    async def body() -> None:
        async with running(tmp_path) as place, Receiver() as other:
            server = await asyncio.start_server(endless, "127.0.0.1", 0, ssl=tls(place.settings))
            port = server.sockets[0].getsockname()[1]
            hostile = await place.add(f"https://127.0.0.1:{port}/", "app-2")
            await place.add(f"syslog://127.0.0.1:{other.port}")
            place.say("hello", "app-2")
            if b" 100 " in answer:
                await until("it fails", lambda: place.known.status(hostile).reason == "it answers too much")
            else:
                await until("it is taken", lambda: place.known.status(hostile).state is DrainState.CONNECTED)
            place.say("hello")
            await until("the other has its line", lambda: other.count == 1)
            server.close()

    run(body)


def test_a_drain_that_is_removed_ends_and_leaves_nothing(tmp_path: Path) -> None:
    async def body() -> None:
        async with running(tmp_path) as place, Receiver() as receiver:
            drain = await place.add(f"syslog://127.0.0.1:{receiver.port}")
            place.say("before")
            await until("a line", lambda: receiver.count == 1)
            cursor = tmp_path / "logplex" / APP / f"drain.{drain.id}"
            assert cursor.exists()
            place.known.drains.clear()
            await until("it is gone", lambda: not cursor.exists())
            end = place.logplex.channel(APP).end
            place.say("after")
            await until("the channel has it", lambda: place.logplex.channel(APP).end > end)
            assert b"after" not in receiver.content

    run(body)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=20), st.integers(0, 1), st.integers(0, 1500))
def test_a_batch_that_broke_off_goes_on_behind_its_last_whole_frame(sizes: list[int], extra: int, size: int) -> None:
    lines = [b"x" * (one - 1) + b"\n" for one in sizes]
    frames = [b"y" * 30] * extra + [b"f" * 30 + line for line in lines]
    batch = Batch(start=100, lines=b"".join(lines), frames=frames, extra=extra)
    whole = 0
    while whole < len(frames) and sum(map(len, frames[: whole + 1])) <= size:
        whole += 1
    assert batch.end_of(size) == 100 + sum(map(len, lines[: max(0, whole - extra)]))


def test_a_cursor_is_what_was_saved_last(tmp_path: Path) -> None:
    path = tmp_path / "cursor"
    assert Cursor(path, 7).position == 7
    since = datetime(2026, 11, 29, tzinfo=UTC)
    gaps = [Gap(start=60 + at, end=70 + at, count=3, since=since, more=at == 0) for at in (0, 20)]
    cursor = Cursor(path, 50)
    cursor.reach(50)
    cursor.skip(gaps, 6)
    cursor.attempt(65)
    cursor = Cursor(path, 100)
    assert (cursor.position, cursor.tried, cursor.dropped, cursor.gaps) == (50, 65, 6, tuple(gaps))
    assert (Cursor(path, 100, 5).dropped, Cursor(path, 100, 7).dropped) == (6, 7)
    path.write_text("50 65 60 70 3 0 1\n")
    assert (Cursor(path, 100, 3).position, len(Cursor(path, 100).gaps), Cursor(path, 100, 3).dropped) == (50, 1, 3)
    # A gap has been heard of when something behind it has come.
    for settled, position, left in ((59, 59, 2), (70, 60, 2), (71, 71, 1), (85, 80, 1), (91, 91, 0)):
        cursor.reach(settled)
        assert (Cursor(path, 100).position, len(Cursor(path, 100).gaps)) == (position, left)
    assert Cursor(path, 40).position == 40
    path.write_bytes(b"\0\0")
    assert Cursor(path, 9).position == 9


def test_words_of_a_gap() -> None:
    since = datetime(2026, 11, 29, 5, 0, tzinfo=UTC)
    assert (
        rules.overflow_line("d.x", 27, since)
        == "Error L10 (output buffer overflow): drain 'd.x' dropped 27 messages since 2026-11-29T05:00:00+00:00."
    )


def test_the_time_a_receiver_may_take_is_bounded() -> None:
    assert wires.CONNECT_SECONDS <= wires.STALL_SECONDS
