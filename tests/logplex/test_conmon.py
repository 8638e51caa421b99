"""With the real conmon: what it writes and how it rotates is what Logplex reads."""

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.logplex import listener

from celadon.logplex import channel
from celadon.logplex.manager import Logplex
from celadon.model.logline import Source
from celadon.store.lines import Lines

DYNO = "0f1e2d3c-0000-4000-8000-000000000001"

# conmon only wants its runtime to start something that inherits the pipes, and to say its process id.
RUNTIME = """#!/bin/sh
while [ $# -gt 0 ]; do
    case "$1" in
    --pid-file) pid_file=$2 ;;
    --bundle) bundle=$2 ;;
    esac
    shift
done
"$bundle/command" &
echo $! > "$pid_file"
"""

COMMAND = """#!{python}
import os, time
for number in range({lines}):
    os.write(1 + number % 2, b"line %d %s\\n" % (number, b"x" * (20_000 if number % 1000 == 999 else 60)))
    if number % 50 == 0:
        time.sleep(0.005)
os.write(1, b"last words")
"""


@contextlib.contextmanager
def conmon(directory: Path, log: Path, lines: int, limit: int) -> Iterator[None]:
    """A dyno's monitor, until the command has ended."""
    bundle = directory / "bundle"
    for path in (bundle, directory / "exits", directory / "sockets"):
        path.mkdir()
    for path, text in (
        (directory / "runtime", RUNTIME),
        (bundle / "command", COMMAND.format(python=sys.executable, lines=lines)),
    ):
        path.write_text(text)
        path.chmod(0o755)
    argv = ["conmon", "--sync", "--api-version", "1", "-c", DYNO, "-u", DYNO, "-n", DYNO, "-r", directory / "runtime"]
    argv += ["-b", bundle, "-p", bundle / "pid", "-P", bundle / "conmon.pid", "-l", f"k8s-file:{log}"]
    argv += ["--exit-dir", directory / "exits", "--socket-dir-path", directory / "sockets", "--persist-dir", bundle]
    argv += ["--full-attach", "--log-level", "error", "--log-size-max", str(limit)]
    with subprocess.Popen(argv) as monitor:
        try:
            yield
        finally:
            monitor.wait(30)


@pytest.mark.skipif(not shutil.which("conmon"), reason="conmon is not installed")
def test_output_of_a_dyno_is_complete_over_rotations_and_restarts_of_logplex(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "PART_SECONDS", 1.0)
    lines = 6_000
    log = Lines(tmp_path).path("app-1", Source(source="app", ps="web.1"), DYNO)

    async def scene() -> bytes:
        for expected in (lines // 3, lines // 2):
            await _until(tmp_path, expected)
        # Each line of 20,000 bytes is three of at most 10,000, header words included; the last one has no newline.
        return await _until(tmp_path, lines + 2 * (lines // 1000) + 1)

    short = Path("/tmp") / f"conmon-{os.getpid()}"
    short.mkdir()
    try:
        with conmon(short, log, lines, limit=200_000):
            content = asyncio.run(scene())
    finally:
        shutil.rmtree(short)
    assert b"Error L1" not in content
    numbers = [int(number) for number in re.findall(rb"app\[web\.1\]: line (\d+) ", content)]
    # conmon reads one pipe after the other: between the two streams there is no order.
    for stream in (0, 1):
        assert [number for number in numbers if number % 2 == stream] == list(range(stream, lines, 2))
    assert content.endswith(b"app[web.1]: last words\n")
    assert sum(path.stat().st_size for path in log.parent.iterdir()) < 1_000_000


async def _until(home: Path, count: int) -> bytes:
    """Run a Logplex until it has so many lines."""
    logplex = Logplex(home, 64 << 20)
    running = asyncio.create_task(logplex.run())
    try:
        return await listener.settled(logplex, "app-1", count)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
