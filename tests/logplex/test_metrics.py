"""What Logplex counts is what the channel says: by rounds, after a SIGKILL, when the file cannot be written."""

import asyncio
import multiprocessing
import random
import re
import sqlite3
import threading
import time
from collections import Counter
from datetime import timedelta
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
from tests.logplex.listener import PATIENCE

from celadon.logplex import metrics as meters
from celadon.logplex.channel import Channel
from celadon.logplex.manager import Logplex
from celadon.logplex.metrics import Meter
from celadon.model.logline import Source
from celadon.model.metrics import SPANS, Counts, sample
from celadon.store.lines import Lines
from celadon.store.metrics import Batch, Metrics

APP = "app-1"
WINDOW = 8 << 20
ROUTER = Source(source="heroku", ps="router")
_fork = multiprocessing.get_context("fork")


def answer(status: int, sent: int, code: str = "") -> str:
    word = f'at=error code={code} desc="x"' if code else "at=info"
    return f'{word} method=GET path="/" host=x request_id=x fwd="x" dyno=web.1 connect=0ms service={sent}ms status={status} bytes={sent} protocol=http'


def total(store: Metrics, span: int, app_id: str = APP) -> Counts:
    found = Counts()
    for _, counts in store.counts(app_id, span, 0, 1e12):
        found.add(counts)
    return found


def said(channel: Channel) -> bytes:
    found, position = b"", channel.first
    while position < channel.end:
        start, block = channel.read(position, 256 << 10)
        found, position = found + block, start + len(block)
    return found


def assert_exact(store: Metrics, channel: Channel) -> None:
    """Every length of span says what somebody counts in the log."""
    text = said(channel)
    lines = re.findall(rb"(?m)^.{26}\+00:00 heroku\[router\]: .* status=(\d)\d\d bytes=(\d+) protocol", text)
    codes = Counter(re.findall(rb"(?m)^.{26}\+00:00 heroku\[router\]: at=error code=(H\d\d)", text))
    assert lines
    for span in SPANS:
        found = total(store, span)
        assert found.classes == Counter(int(digit) for digit, _ in lines)
        assert found.sent == sum(int(sent) for _, sent in lines)
        assert {code.encode(): seen.count for code, seen in found.codes.items()} == codes
    assert store.positions() == {APP: channel.end}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def store(tmp_path: Path) -> Metrics:
    return Metrics(tmp_path)


def write(home: Path, number: int) -> None:
    lines = Lines(home)
    lines.append(APP, Source(source="app", ps="web.1"), f"heroku[router]: {answer(500, number)}")
    lines.append(APP, ROUTER, answer(200 + 100 * (number % 4), number, "H12" if number % 4 == 3 else ""))


def opened(home: Path, store: Metrics) -> tuple[Meter, Channel]:
    meter = Meter(store, WINDOW)
    channel = Channel(APP, home / "logs", home / "logplex", WINDOW, observe=meter.observe)
    channel.open()
    meter.opened(APP, channel.end)
    return meter, channel


@pytest.mark.anyio
async def test_rounds_are_counted_and_kept(tmp_path: Path, store: Metrics) -> None:
    meter, channel = opened(tmp_path, store)
    for number in range(20):
        write(tmp_path, number)
        channel.advance()
        if number % 7 == 0:
            await meter.keep()
    await meter.keep()
    assert_exact(store, channel)


@pytest.mark.anyio
async def test_what_was_not_kept_is_counted_from_the_log(tmp_path: Path, store: Metrics) -> None:
    meter, channel = opened(tmp_path, store)
    for number in range(10):
        write(tmp_path, number)
        channel.advance()
        if number == 4:
            await meter.keep()
    # As if killed here: the next one begins where the file says.
    meter, channel = opened(tmp_path, store)
    write(tmp_path, 10)
    channel.advance()
    await meter.catch_up(lambda _: channel)
    write(tmp_path, 11)
    channel.advance()
    await meter.keep()
    assert_exact(store, channel)


@pytest.mark.anyio
async def test_a_log_from_before_is_counted_whole(tmp_path: Path, store: Metrics) -> None:
    channel = Channel(APP, tmp_path / "logs", tmp_path / "logplex", WINDOW)
    channel.open()
    for number in range(50):
        write(tmp_path, number)
    channel.advance()
    meter, channel = opened(tmp_path, store)
    await meter.catch_up(lambda _: channel)
    await meter.keep()
    assert_exact(store, channel)


@pytest.mark.anyio
async def test_what_cannot_be_kept_is_counted_again(
    tmp_path: Path, store: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meters, "_RETRY_SECONDS", 0.0)
    meter, channel = opened(tmp_path, store)
    write(tmp_path, 1)
    channel.advance()

    def full(*_: object) -> list[str]:
        # Lines that come while it fails are not lost either.
        write(tmp_path, 2)
        channel.advance()
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(store, "add", full)
        await meter.keep()
    await meter.catch_up(lambda _: channel)
    await meter.keep()
    assert_exact(store, channel)


@pytest.mark.anyio
async def test_lines_that_nobody_told_of_are_counted_from_the_log(tmp_path: Path, store: Metrics) -> None:
    meter, channel = opened(tmp_path, store)
    write(tmp_path, 1)
    channel.advance()
    channel._observe = None
    write(tmp_path, 2)
    channel.advance()
    channel._observe = meter.observe
    write(tmp_path, 3)
    channel.advance()
    await meter.catch_up(lambda _: channel)
    await meter.keep()
    assert_exact(store, channel)


@pytest.mark.anyio
async def test_a_log_that_turns_over_is_kept_at_once(
    tmp_path: Path, store: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meters, "KEEP_SECONDS", 3600.0)
    meter, channel = opened(tmp_path, store)
    running = asyncio.create_task(meter.run(lambda _: channel))
    write(tmp_path, 1)
    channel.advance()
    meter.observe(APP, channel.end, channel.end + WINDOW // 4 + 1, ())
    async with asyncio.timeout(PATIENCE):
        while not store.positions():
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.anyio
async def test_two_that_count_the_same_log_count_it_once(tmp_path: Path, store: Metrics) -> None:
    meter, channel = opened(tmp_path, store)
    write(tmp_path, 1)
    channel.advance()
    other, same = opened(tmp_path, Metrics(tmp_path))
    await other.catch_up(lambda _: same)
    await other.keep()
    await meter.keep()
    await meter.catch_up(lambda _: channel)
    await meter.keep()
    assert_exact(store, channel)


def run(home: Path) -> None:
    meters.KEEP_SECONDS = meters._TICK = 0.01
    asyncio.run(Logplex(home, WINDOW, meter=Meter(Metrics(home), WINDOW)).run())


def keep_writing(home: Path, stop: Event) -> None:
    number = 0
    while not stop.is_set():
        write(home, number)
        number += 1
        time.sleep(0.001)


def wait_for_counts(home: Path) -> None:
    """Until something has been kept."""
    store, deadline = Metrics(home), time.monotonic() + PATIENCE
    while not total(store, 10).requests:
        assert time.monotonic() < deadline, "nothing is kept"
        time.sleep(0.01)
    # Those that are forked later are not to have it.
    store.close()


def test_each_line_counts_once_however_often_logplex_is_killed(tmp_path: Path) -> None:
    stop = _fork.Event()
    writer = _fork.Process(target=keep_writing, args=(tmp_path, stop), daemon=True)
    writer.start()
    try:
        for turn in range(25):
            child = _fork.Process(target=run, args=(tmp_path,), daemon=True)
            child.start()
            if turn == 12:
                # However slow the machine is.
                wait_for_counts(tmp_path)
            child.join(random.uniform(0.05, 0.2))
            assert child.exitcode is None
            child.kill()
            child.join()
    finally:
        stop.set()
        writer.join()
    store = Metrics(tmp_path)
    before = total(store, 10).requests

    async def rest() -> None:
        meter, channel = opened(tmp_path, store)
        while channel.advance().lines:
            pass
        await meter.catch_up(lambda _: channel)
        await meter.keep()
        assert_exact(store, channel)

    asyncio.run(rest())
    assert before > 0, "something was kept between the kills"


def test_the_file_is_bounded(store: Metrics) -> None:
    now = time.time()
    spread = dict.fromkeys(range(-1, 755), 1)
    for hours in range(0, 24 * 9, 2):
        at = int(now - 9 * 86_400 + hours * 3600) // 10 * 10
        known = store.positions().get(APP, 0)
        store.add([Batch(APP, known, known + 1, {at: Counts({2: 1}, 1, dict(spread))})], at)
    old = len(store.counts(APP, 600, 0, 1e12))
    assert store.prune(now) > 0
    kept = {span: [at for at, _ in store.counts(APP, span, 0, 1e12)] for span in SPANS}
    assert len(kept[600]) < old
    for span, length in SPANS.items():
        assert all(at >= now - length for at in kept[span])
    ((size,),) = store._connection.execute("select max(length(content)) from counts")
    rows = sum(length // span for span, length in SPANS.items())
    many = {f"{number:030}": sample(1 << 40, 1 << 40, 1 / 3) for number in range(50)}
    for _ in range(3):
        store.add_samples({APP: many}, now)
    ((sampled,),) = store._connection.execute("select max(length(content)) from samples")
    assert size < 4000 and sampled < 1700 and rows == 2808 and (size + sampled) * rows < 16_000_000


def test_lines_that_are_older_than_a_span_is_kept_make_none_of_it(store: Metrics) -> None:
    now = time.time()
    at = int(now - 2 * 3600) // 10 * 10
    store.add([Batch(APP, 0, 9, {at: Counts({2: 1})})], now)
    assert [len(store.counts(APP, span, 0, 1e12)) for span in SPANS] == [0, 1, 1]


def test_apps_that_are_gone_go(store: Metrics) -> None:
    now = time.time()
    store.add([Batch("gone", 0, 9, {int(now) // 10 * 10: Counts({2: 1})}), Batch(APP, 0, 9, {})], now)
    store.add_samples({"gone": {}}, now)
    store.forget(["gone"])
    assert store.positions() == {APP: 9}
    assert not store.counts("gone", 600, 0, 1e12) and not store.samples("gone", 600, 0, 1e12)


def test_writers_in_several_processes_wait_for_each_other(tmp_path: Path, store: Metrics) -> None:
    other = Metrics(tmp_path)
    at = int(time.time()) // 600 * 600

    def count() -> None:
        for number in range(100):
            store.add([Batch(APP, number, number + 1, {at: Counts({2: 1})})], at + timedelta(0).seconds)

    thread = threading.Thread(target=count)
    thread.start()
    for _ in range(100):
        other.add_samples({APP: {}}, at)
    thread.join()
    assert total(store, 600).requests == 100
