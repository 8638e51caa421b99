"""What counting costs Logplex: `bench/metrics.py [--rate N] [--seconds N] [--apps N]`.

A writer appends router lines as the router does, so many a second over some apps, to a Logplex without metrics and to one with
them. What counts is the role's own CPU time; the counts kept are compared with the lines written. Then the most a line can
cost: many at once, in turn without and with.
"""

import argparse
import asyncio
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from celadon.logplex import metrics as meters
from celadon.logplex.channel import Channel
from celadon.logplex.manager import Logplex
from celadon.logplex.metrics import Meter
from celadon.model import logline
from celadon.model.logline import Source
from celadon.store.lines import Lines
from celadon.store.metrics import Metrics

ROUTER = Source(source="heroku", ps="router")
WINDOW = 100 << 20
_GATHER = 0.01
_fork = multiprocessing.get_context("fork")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=int, default=100, help="requests a second, of all apps together")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--apps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    shares: dict[bool, list[float]] = {False: [], True: []}
    with tempfile.TemporaryDirectory(prefix="metrics-bench-") as directory:
        for number in range(arguments.rounds):
            for counted in (False, True):
                home = Path(directory) / f"{number}-{counted}"
                home.mkdir()
                cpu, written = measure(home, counted, arguments.rate, arguments.seconds, arguments.apps)
                shares[counted].append(100 * cpu / arguments.seconds)
                if counted:
                    check(home, written)
        plain, costs = (statistics.median(shares[counted]) for counted in (False, True))
        print(
            f"{arguments.rate} requests/s over {arguments.apps} apps, {arguments.seconds} s, median of {arguments.rounds}: "
            f"Logplex {plain:.2f} % of a core without metrics, {costs:.2f} % with: {costs - plain:+.2f} %"
        )
        for name, text in (("router", answer(7)), ("dyno", "x" * 200)):
            without, counting = (fastest(Path(directory), name, text, counted) for counted in (False, True))
            print(f"100,000 lines of a {name} at once: {without:.2f} µs of CPU a line without, {counting:.2f} µs with")
    return 0


def answer(number: int) -> str:
    return (
        f'at=info method=GET path="/items/{number}" host=shop.localhost request_id=0f1e2d3c-0000-4000-8000-{number:012} '
        f'fwd="203.0.113.9" dyno=web.1 connect=0ms service={number * 37 % 900}ms status={(200, 304, 404, 500)[number % 4]} '
        f"bytes={number % 40_000} protocol=https"
    )


def measure(home: Path, counted: bool, rate: int, seconds: int, apps: int) -> tuple[float, int]:
    """CPU seconds of Logplex while so many lines a second come, and how many came."""
    logplex = _fork.Process(target=serve, args=(home, counted))
    logplex.start()
    lines, written, start = Lines(home), 0, time.monotonic()
    while (passed := time.monotonic() - start) < seconds:
        due = int(passed * rate)
        records: dict[int, list[bytes]] = {}
        now = datetime.now(UTC)
        for number in range(written, due):
            records.setdefault(number % apps, []).append(logline.record(answer(number), now))
        for app, some in records.items():
            lines.append_records(f"app-{app}", ROUTER, b"".join(some))
        written = due
        time.sleep(_GATHER)
    # Until all is counted and kept.
    time.sleep(meters.KEEP_SECONDS + 2)
    before = children_seconds()
    logplex.terminate()
    logplex.join()
    return children_seconds() - before, written


def serve(home: Path, counted: bool) -> None:
    meter = Meter(Metrics(home), WINDOW) if counted else None
    uvloop.run(Logplex(home, WINDOW, meter=meter).run())


def check(home: Path, written: int) -> None:
    store = Metrics(home)
    kept = sum(counts.requests for app in store.positions() for _, counts in store.counts(app, 600, 0, 1e12))
    store.close()
    if kept != written:
        raise SystemExit(f"{written} lines were written, {kept} requests were counted")


def fastest(directory: Path, name: str, text: str, counted: bool) -> float:
    """The least µs of CPU a line, of five times 100,000 in one file, to the channel (and the file of metrics)."""
    source = ROUTER if name == "router" else Source(source="app", ps="web.1")
    found = []
    for number in range(5):
        home = directory / f"{name}-{counted}-{number}"
        home.mkdir()
        Lines(home).append_records("app", source, logline.record(text, datetime.now(UTC)) * 100_000)
        meter = Meter(Metrics(home), WINDOW) if counted else None
        observe = meter.observe if meter else None
        channel = Channel("app", home / "logs", home / "logplex", WINDOW, observe=observe)
        channel.open()
        begun = time.process_time()
        while channel.advance().lines:
            pass
        if meter:
            asyncio.run(meter.keep())
        found.append(10 * (time.process_time() - begun))
    return min(found)


def children_seconds() -> float:
    """CPU time of the children that have been waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    print(f"load {os.getloadavg()[0]:.1f}")
    sys.exit(main())
