"""SIGKILL at any moment: every line exactly once, in order."""

import asyncio
import contextlib
import multiprocessing
import os
import random
import re
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path

import uvicorn
from tests.logplex import listener

from celadon.logplex import streams
from celadon.logplex.manager import Logplex
from celadon.model import logline
from celadon.model.logline import Source
from celadon.store.lines import Lines

ROUNDS = 30
WRITERS = ("web.1", "web.2", "web.3", "router")
_fork = multiprocessing.get_context("fork")
DYNO = "0f1e2d3c-0000-4000-8000-00000000000"


def run_logplex(home: Path) -> None:
    asyncio.run(Logplex(home, 64 << 20).run())


def write(home: Path, stop: Event) -> None:
    """Three dynos by way of conmon, one of which rotates, and the router's lines: numbered, until told to stop.

    A file is rotated when Logplex has seen it: what comes and goes while it is down nobody can keep.
    """
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
        held = files[0].with_name(f"{files[0].name}.{os.fstat(opened[0].fileno()).st_ino}")
        if time.monotonic() - rotated > 0.5 and held.exists():
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
    writer = _fork.Process(target=write, args=(tmp_path, stop), daemon=True)
    writer.start()
    try:
        for _ in range(ROUNDS):
            child = _fork.Process(target=run_logplex, args=(tmp_path,), daemon=True)
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
    said = re.findall(rb".*Error L1.*", content)
    assert not said, said
    for ps in WRITERS:
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


def serve(home: Path, socket: str) -> None:
    async def run() -> None:
        logplex = Logplex(home, 64 << 20)
        application = streams.application(lambda secret: listener.Session(tail=True), logplex.fresh, listener.present)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(logplex.run())
            await uvicorn.Server(uvicorn.Config(application, uds=socket, log_config=None, lifespan="off")).serve()

    asyncio.run(run())


async def follow(running: listener.Running, child: BaseProcess, last: str, wanted: Sequence[str]) -> str:
    """Whole events behind the id `last` until the connection breaks or all that is wanted has come."""
    async with asyncio.timeout(listener.PATIENCE):
        while child.is_alive():
            try:
                async with running.get("secret", "text/event-stream", Last_Event_ID=last) as answer:
                    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, AssertionError, ValueError):
                        for each in wanted:
                            await answer.until(each)
                    return answer.text[: answer.text.rfind("\n\n") + 2] if "\n\n" in answer.text else ""
            except (OSError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.01)
    return ""


def test_tail_that_comes_back_after_each_kill_sees_every_line_once(tmp_path: Path) -> None:
    stop = _fork.Event()
    writer = _fork.Process(target=write, args=(tmp_path, stop), daemon=True)
    writer.start()
    text, last, wanted = "", "0", ["no line"]
    with tempfile.TemporaryDirectory(prefix="logplex-") as directory:
        socket = f"{directory}/logplex.sock"
        lines = Lines(tmp_path)
        running = listener.Running(
            home=tmp_path, lines=lines, logplex=Logplex(tmp_path / "unused", 1 << 20), socket=socket, sessions={}
        )
        for number in range(9):
            child = _fork.Process(target=serve, args=(tmp_path, socket), daemon=True)
            child.start()
            if number == 8:
                stop.set()
                writer.join()
                # What two writers say within a moment has no order: the last line of each is waited for.
                end = int((tmp_path / "written").read_text()) - 1
                wanted = [f"]: {ps} {end} end\n" for ps in WRITERS]
            else:
                threading.Timer(random.uniform(0.1, 0.3), child.kill).start()
            text += asyncio.run(follow(running, child, last, wanted))
            last = ([last, *re.findall(r"(?m)^id: (\d+)$", text)])[-1]
            child.kill()
            child.join()
    assert re.findall(r".*Error L1.*", text) == []
    written = int((tmp_path / "written").read_text())
    for ps in WRITERS:
        found = [int(n) for n in re.findall(rf"\]: {re.escape(ps)} (\d+) end\n", text)]
        assert found == list(range(written)), f"{ps}: {_difference(found, written)}"
