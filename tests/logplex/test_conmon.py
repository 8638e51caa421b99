"""With the real conmon: what it writes and how it rotates is what Logplex reads."""

import asyncio
import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.logplex import listener

from celadon.logplex import channel
from celadon.logplex.manager import Logplex
from celadon.model.dyno import exited_line
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

# What comes and goes while nobody reads it nobody can keep: a command goes on when Logplex has the file that is written now.
SEEN = """
import fcntl, os, time
def wait_seen():
    while not os.path.exists("{log}.%d" % os.stat("{log}").st_ino):
        time.sleep(0.001)
"""

COMMAND = (
    SEEN
    + """
# So that hardly anything is between what is written and what is in the file.
for descriptor in (1, 2):
    fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, 4096)
for number in range({lines}):
    os.write(1 + number % 2, b"line %d %s\\n" % (number, b"x" * (20_000 if number % 1000 == 999 else 60)))
    if number % 50 == 0:
        time.sleep(0.005)
        wait_seen()
os.write(1, b"last words")
"""
)


@contextlib.contextmanager
def conmon(log: Path, command: str, limit: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A dyno's monitor, until the command has ended."""
    # Sockets want short paths.
    directory = Path(tempfile.mkdtemp(prefix="conmon-", dir="/tmp"))
    bundle = directory / "bundle"
    for path in (bundle, directory / "exits", directory / "sockets"):
        path.mkdir()
    for path, text in (
        (directory / "runtime", RUNTIME),
        (bundle / "command", f"#!{sys.executable}\n{command}"),
    ):
        path.write_text(text)
        path.chmod(0o755)
    argv = ["conmon", "--sync", "--api-version", "1", "-c", DYNO, "-u", DYNO, "-n", DYNO, "-r", directory / "runtime"]
    argv += ["-b", bundle, "-p", bundle / "pid", "-P", bundle / "conmon.pid", "-l", f"k8s-file:{log}"]
    argv += ["--exit-dir", directory / "exits", "--socket-dir-path", directory / "sockets", "--persist-dir", bundle]
    argv += ["--full-attach", "--log-level", "error", "--log-size-max", str(limit)]
    with subprocess.Popen(argv) as monitor:
        try:
            yield monitor
        finally:
            monitor.wait(300)
            shutil.rmtree(directory)


@pytest.mark.skipif(not shutil.which("conmon"), reason="conmon is not installed")
def test_output_of_a_dyno_is_complete_over_rotations_and_restarts_of_logplex(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slowly a line of 20,000 bytes is written, it is not cut where its end does not come for a while.
    monkeypatch.setattr(channel, "PART_SECONDS", 3600.0)
    lines = 6_000
    # Each of these lines is three of at most 10,000 bytes, header words included.
    ended = lines + 2 * (lines // 1000)
    log = Lines(tmp_path).path("app-1", Source(source="app", ps="web.1"), DYNO)

    async def scene() -> bytes:
        for expected in (lines // 3, lines // 2, ended):
            await _until(tmp_path, expected)
        # The last one has no newline.
        monkeypatch.setattr(channel, "PART_SECONDS", 1.0)
        return await _until(tmp_path, ended + 1)

    with conmon(log, COMMAND.format(lines=lines, log=log), limit=200_000):
        content = asyncio.run(scene())
    assert b"Error L1" not in content
    numbers = [int(number) for number in re.findall(rb"app\[web\.1\]: line (\d+) ", content)]
    # conmon reads one pipe after the other: between the two streams there is no order.
    for stream in (0, 1):
        assert [number for number in numbers if number % 2 == stream] == list(range(stream, lines, 2))
    assert content.endswith(b"app[web.1]: last words\n")
    assert sum(path.stat().st_size for path in log.parent.iterdir()) < 1_000_000


@pytest.mark.skipif(not shutil.which("conmon"), reason="conmon is not installed")
def test_last_words_without_a_newline_come_before_the_word_that_the_process_exited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "PART_SECONDS", 3600.0)
    log = Lines(tmp_path).path("app-1", Source(source="app", ps="web.1"), DYNO)
    with conmon(log, "import os\nos.write(1, b'last')\nos.write(2, b'words')\n", limit=1 << 20) as monitor:
        monitor.wait(60)
    Lines(tmp_path).append("app-1", Source(source="heroku", ps="web.1"), exited_line(0))
    lines = re.findall(rb"\]: (.*)\n", asyncio.run(_until(tmp_path, 3)))
    assert sorted(lines[:2]) == [b"last", b"words"] and lines[2:] == [b"Process exited with status 0"]


WRITE = (
    SEEN
    + r"""
def write(block):
    while block:
        block = block[os.write(1, block):]
wait_seen()
"""
)

ODD = (
    WRITE
    + r"""
write(bytes(range(256)).replace(b"\n", b"") + b"\n")
write(b"x" * 10_000_000 + b"\n")
write(b"\n" * {empty})
write(b"the end\n")
"""
)

FAST = (
    WRITE
    + r"""
write(b"a line\n" * {count})
write(b"the end\n")
"""
)


@pytest.mark.skipif(not shutil.which("conmon"), reason="conmon is not installed")
def test_what_no_program_should_write_is_kept_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any byte, ten megabytes without a newline, and nothing but newlines."""
    monkeypatch.setattr(channel, "PART_SECONDS", 3600.0)
    empty = 50_000
    log = Lines(tmp_path).path("app-1", Source(source="app", ps="web.1"), DYNO)
    with conmon(log, ODD.replace("{empty}", str(empty)).replace("{log}", str(log)), limit=10 << 20):
        content = asyncio.run(_until(tmp_path, 1 + 1000 + empty + 1, window=256 << 20))
    assert b"Error L1" not in content
    lines = [line[len("2026-11-23T10:13:57.821929+00:00 app[web.1]: ") :] for line in content.split(b"\n")]
    assert lines[0] == bytes(range(256)).replace(b"\n", b"")
    assert lines[1:1001] == [b"x" * 10_000] * 1000
    assert lines[1001:] == [b""] * empty + [b"the end", b""]


@pytest.mark.skipif(not shutil.which("conmon"), reason="conmon is not installed")
def test_lines_that_come_faster_than_they_are_read_are_kept_or_counted(tmp_path: Path) -> None:
    log = Lines(tmp_path).path("app-1", Source(source="app", ps="web.1"), DYNO)
    count = 300_000

    async def scene(monitor: subprocess.Popen[bytes]) -> bytes:
        logplex = Logplex(tmp_path, 64 << 20)
        running = asyncio.create_task(logplex.run())
        try:
            await listener.settled(logplex, "app-1", 1)
            # The machine is busy with others: files come and go meanwhile.
            monitor.wait(300)
            while b"the end" not in (content := listener.whole(logplex, "app-1")):
                await asyncio.sleep(0.02)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        return content

    with conmon(log, FAST.replace("{count}", str(count)).replace("{log}", str(log)), limit=2 << 20) as monitor:
        content = asyncio.run(asyncio.wait_for(scene(monitor), 300))
    lost = sum(map(int, re.findall(rb"Error L12 \(Local buffer overflow\): about (\d+) lines", content)))
    assert lost > 0
    # Each file that was never seen is taken for as long as others, which end within a line of the limit.
    assert content.count(b"app[web.1]: ") + lost == pytest.approx(count + 1, rel=0.001)


async def _until(home: Path, count: int, window: int = 64 << 20) -> bytes:
    """Run a Logplex until it has so many lines."""
    logplex = Logplex(home, window)
    running = asyncio.create_task(logplex.run())
    try:
        return await listener.settled(logplex, "app-1", count)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
