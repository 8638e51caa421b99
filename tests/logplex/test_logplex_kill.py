"""SIGKILL at any moment: every line exactly once, in order."""

import asyncio
import multiprocessing
import os
import random
import re
import time
from datetime import UTC, datetime
from multiprocessing.synchronize import Event
from pathlib import Path

from tests.logplex import listener

from celadon.logplex.manager import Logplex
from celadon.model import logline
from celadon.model.logline import Source
from celadon.store.lines import Lines

ROUNDS = 30
_fork = multiprocessing.get_context("fork")
DYNO = "0f1e2d3c-0000-4000-8000-00000000000"


def run_logplex(home: Path) -> None:
    asyncio.run(Logplex(home, 64 << 20).run())


def write(home: Path, stop: Event) -> None:
    """Three dynos by way of conmon, one of which rotates, and the router's lines: numbered, until told to stop."""
    lines = Lines(home)
    files = [lines.path("app-1", Source(source="app", ps=f"web.{n}"), f"{DYNO}{n}") for n in (1, 2, 3)]
    opened = [path.open("ab", buffering=0) for path in files]
    number, rotated = 0, time.monotonic()
    while not stop.is_set():
        now = datetime.now(UTC)
        for n, file in enumerate(opened, 1):
            record = logline.record(f"web.{n} {number} end", now)
            if number % 7 == n:
                cut = record.index(b" end")
                file.write(record[:cut].replace(b" F ", b" P ") + b"\n")
                record = record[: logline.PREFIX_LENGTH] + record[cut:]
            file.write(record)
        lines.append("app-1", Source(source="heroku", ps="router"), f"router {number} end", now)
        number += 1
        if time.monotonic() - rotated > 0.7:
            new = files[0].with_name(files[0].name + ".tmp")
            opened[0].close()
            opened[0] = new.open("ab", buffering=0)
            new.rename(files[0])
            rotated = time.monotonic()
        time.sleep(0.0005)
    (home / "written").write_text(str(number))


def test_every_line_is_in_the_channel_exactly_once_however_often_logplex_is_killed(tmp_path: Path) -> None:
    random.seed(os.getpid())
    stop = _fork.Event()
    writer = _fork.Process(target=write, args=(tmp_path, stop))
    writer.start()
    try:
        for _ in range(ROUNDS):
            child = _fork.Process(target=run_logplex, args=(tmp_path,))
            child.start()
            child.join(random.uniform(0.03, 0.15))
            assert child.exitcode is None
            child.kill()
            child.join()
    finally:
        stop.set()
        writer.join()
    number = int((tmp_path / "written").read_text())
    content = asyncio.run(_rest(tmp_path, number * 4))
    assert b"Error L1" not in content
    for ps in ("web.1", "web.2", "web.3", "router"):
        found = [int(n) for n in re.findall(rb"\]: %s (\d+) end\n" % re.escape(ps.encode()), content)]
        assert found == list(range(number)), f"{ps}: {_difference(found, number)}"


async def _rest(home: Path, count: int) -> bytes:
    logplex = Logplex(home, 64 << 20)
    running = asyncio.create_task(logplex.run())
    try:
        return await listener.settled(logplex, "app-1", count)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _difference(found: list[int], number: int) -> str:
    twice = {n for n in found if found.count(n) > 1} if len(found) < 50_000 else set()
    return f"missing {sorted(set(range(number)) - set(found))[:9]}, twice {sorted(twice)[:9]}, of {number}"
