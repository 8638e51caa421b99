"""Lines through Logplex to one tail: `bench/logplex.py [--lines N] [--sources N]`.

Three processes: a writer that appends records as conmon does, Logplex with its listener, and a client that follows the
stream over the Unix socket. What counts is Logplex's own CPU time. The writer stays at most a few megabytes ahead of
the client, so that nothing is dropped; every line is checked to have come. Then the time from a write to its line.
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import resource
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import uvicorn
import uvloop

from celadon.logplex import streams
from celadon.logplex.manager import Logplex
from celadon.model import logline
from celadon.model.guest import Guest, Loss
from celadon.store.lines import Lines

APP = "app-1"
AHEAD = 50_000
BATCH = 500
TEXT = "x" * 50
FAR = datetime.max.replace(tzinfo=UTC)
SOMEBODY = Guest(account_id="somebody", authorization_id=None, app_id=APP)
_fork = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    app_id: str = APP
    guest: Guest = SOMEBODY
    lines: int = 0
    tail: bool = True
    dyno: str | None = None
    source: str | None = None
    grep: str | None = None
    request_id: str | None = None
    since: datetime | None = None
    expires_at: datetime = FAR


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=2_000_000)
    parser.add_argument("--sources", type=int, default=8, help="dynos that write at once")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="logplex-bench-") as directory:
        for accept in ("text/plain", "text/event-stream"):
            home = Path(directory) / accept.partition("/")[2]
            lines = arguments.lines // (arguments.sources * BATCH) * arguments.sources * BATCH
            seconds, cpu, delays = measure(home, lines, arguments.sources, accept)
            print(
                f"{accept:18} {lines:,} lines from {arguments.sources} sources in {seconds:.1f} s: "
                f"{lines / cpu:,.0f} lines per CPU-second of Logplex, {lines / seconds:,.0f} lines/s; "
                f"write to line shown: median {statistics.median(delays) * 1000:.0f} ms, most {max(delays) * 1000:.0f} ms"
            )
    return 0


def measure(home: Path, lines: int, sources: int, accept: str) -> tuple[float, float, list[float]]:
    """Wall seconds, CPU seconds of Logplex, and the delays of single lines."""
    path = str(home / "logplex.sock")
    home.mkdir()
    come = _fork.Value("q", 0)
    logplex = _fork.Process(target=serve, args=(home, path))
    logplex.start()
    chunks = follow(path, accept)
    next(chunks)
    start = time.monotonic()
    writer = _fork.Process(target=write, args=(home, lines, sources, come))
    writer.start()
    while come.value < lines:
        come.value += next(chunks).count(b"app[")
    seconds = time.monotonic() - start
    writer.join()
    delays = list(single_lines(home, chunks))
    before = children_seconds()
    logplex.terminate()
    logplex.join()
    return seconds, children_seconds() - before, delays


@contextlib.contextmanager
def stays(guest: Guest) -> "Iterator[asyncio.Future[Loss]]":
    yield asyncio.get_running_loop().create_future()


def serve(home: Path, path: str) -> None:
    async def run() -> None:
        logplex = Logplex(home, 100 << 20)
        application = streams.application(lambda secret: Session(), logplex.fresh, stays)
        config = uvicorn.Config(application, uds=path, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(logplex.run())
            await uvicorn.Server(config).serve()

    uvloop.run(run())


def children_seconds() -> float:
    """CPU time of the children that have been waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def write(home: Path, lines: int, sources: int, come: "Synchronized[int]") -> None:
    """Each source in turn appends a batch of records in one write."""
    writer, now = Lines(home), datetime.now(UTC)
    paths = [
        writer.path(APP, logline.Source(source="app", ps=f"web.{n}"), f"0f1e2d3c-{n:04}") for n in range(1, sources + 1)
    ]
    files = [path.open("ab", buffering=0) for path in paths]
    written = 0
    while written < lines:
        for file in files:
            now += timedelta(microseconds=BATCH)
            file.write(logline.record(f"{written} {TEXT}", now) * BATCH)
            written += BATCH
        while written - come.value > AHEAD:
            time.sleep(0.0005)


def single_lines(home: Path, chunks: Iterator[bytes]) -> Iterator[float]:
    """How long single lines take, from before the write to the client's read."""
    writer, source = Lines(home), logline.Source(source="app", ps="slow.1")
    for number in range(50):
        time.sleep(0.02 + number % 10 / 300)
        start = time.monotonic()
        writer.append(APP, source, f"<{number}>")
        while b"<%d>" % number not in next(chunks):
            pass
        yield time.monotonic() - start


def follow(path: str, accept: str) -> Iterator[bytes]:
    """What comes, after one empty chunk when the stream is open. A line is never in two chunks of the listener, but may
    be in two reads: reads are cut behind the last newline."""
    with socket.socket(socket.AF_UNIX) as client:
        deadline = time.monotonic() + 10
        while client.connect_ex(path):
            if time.monotonic() > deadline:
                raise SystemExit("cannot reach Logplex: it does not listen after 10 s")
            time.sleep(0.01)
        client.sendall(f"GET /streams/secret HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n".encode())
        head = client.recv(65_536)
        if b" 200 " not in head:
            raise SystemExit(f"cannot follow: {head[:200]!r}")
        yield b""
        rest = b""
        while read := client.recv(1 << 20):
            whole, newline, rest = (rest + read).rpartition(b"\n")
            yield whole + newline


if __name__ == "__main__":
    sys.exit(main())
