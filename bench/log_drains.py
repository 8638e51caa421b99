"""Lines from dynos to syslog drains over TCP: `bench/log_drains.py [--lines N] [--rounds N]`, beside Debian's rsyslog.

A writer appends records as conmon does, never more than some thousand lines ahead of the slowest receiver, so nothing is
dropped; receivers count lines. What counts is the CPU time of the process that forwards: Logplex with its drains, or
rsyslog with imfile and omfwd over the same files. In turn, the median of the rounds. Then Logplex with many idle dynos.
"""

import argparse
import asyncio
import multiprocessing
import os
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.sharedctypes import SynchronizedArray
from pathlib import Path

import uvloop

from celadon.logplex.drains import Drains
from celadon.logplex.manager import Logplex
from celadon.model import logline
from celadon.model.log_drain import DrainStatus, LogDrain
from celadon.platform.settings import Settings
from celadon.store.lines import Lines

APP = "app-1"
AHEAD = 50_000
BATCH = 500
TEXT = "x" * 50
PATIENCE = 120.0
_fork = multiprocessing.get_context("fork")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Known:
    """Drains as the store would have them."""

    drains: dict[str, LogDrain] = field(default_factory=dict)

    def ids(self) -> set[str]:
        return set(self.drains)

    def find(self, drain_id: str) -> LogDrain | None:
        return self.drains.get(drain_id)

    def keep(self, statuses: Mapping[str, DrainStatus]) -> None:
        pass

    def wait(self) -> None:
        time.sleep(1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    for drains, sources in ((1, 1), (1, 50), (10, 8)):
        found: dict[str, list[float]] = {"Logplex": [], "rsyslog": []}
        lines = arguments.lines // drains // (sources * BATCH) * sources * BATCH
        for _ in range(arguments.rounds):
            for name, forward in (("Logplex", logplex), ("rsyslog", rsyslog)):
                with tempfile.TemporaryDirectory(prefix="drains-bench-") as directory:
                    found[name].append(lines * drains / measure(Path(directory), forward, lines, drains, sources))
        shown = ", ".join(f"{name} {statistics.median(each):,.0f}" for name, each in found.items())
        print(f"{drains} drains, {sources} dynos, {lines:,} lines: lines sent per CPU-second: {shown}")
    with tempfile.TemporaryDirectory(prefix="drains-bench-") as directory:
        print(f"300 idle dynos of 100 apps: {idle(Path(directory)) * 100:.2f} % of a core")
    return 0


def measure(home: Path, forward: object, lines: int, drains: int, sources: int) -> float:
    """CPU seconds of the forwarding process."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(drains)]
    counts = _fork.Array("q", drains)
    receiver = _fork.Process(target=receive, args=(sockets, counts), daemon=True)
    receiver.start()
    paths = files(home, sources)
    assert callable(forward)
    process = forward(home, paths, [one.getsockname()[1] for one in sockets])
    time.sleep(1)
    before = cpu(process.pid)
    write(paths, lines, counts)
    deadline = time.monotonic() + PATIENCE
    while min(counts) < lines and time.monotonic() < deadline:
        time.sleep(0.01)
    seconds = cpu(process.pid) - before
    process.kill()
    receiver.kill()
    for one in sockets:
        one.close()
    if min(counts) < lines:
        raise SystemExit(f"{min(counts):,} of {lines:,} lines came within {PATIENCE:.0f} s")
    return seconds


def files(home: Path, sources: int) -> list[Path]:
    writer = Lines(home)
    found = [
        writer.path(APP, logline.Source(source="app", ps=f"web.{n}"), f"0f1e2d3c-{n:04}") for n in range(1, sources + 1)
    ]
    for path in found:
        path.touch()
    return found


def cpu(pid: int) -> float:
    """Seconds of a process and its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def write(paths: Sequence[Path], lines: int, counts: "SynchronizedArray[int]") -> None:
    """Each source in turn appends a batch of records in one write."""
    opened = [path.open("ab", buffering=0) for path in paths]
    now, written = datetime.now(UTC), 0
    while written < lines:
        for file in opened:
            now += timedelta(microseconds=BATCH)
            file.write(logline.record(f"{written} {TEXT}", now) * BATCH)
            written += BATCH
        while written - min(counts) > AHEAD:
            time.sleep(0.0005)


def receive(sockets: Sequence[socket.socket], counts: "SynchronizedArray[int]") -> None:
    selector = selectors.DefaultSelector()
    for number, one in enumerate(sockets):
        selector.register(one, selectors.EVENT_READ, (number, True))
    while True:
        for key, _ in selector.select():
            number, listens = key.data
            ready = key.fileobj
            assert isinstance(ready, socket.socket)
            if listens:
                selector.register(ready.accept()[0], selectors.EVENT_READ, (number, False))
            elif piece := ready.recv(1 << 20):
                counts[number] += piece.count(b"\n")
            else:
                selector.unregister(ready)


def logplex(home: Path, _: Sequence[Path], ports: Sequence[int]) -> "multiprocessing.process.BaseProcess":
    process = _fork.Process(target=serve, args=(home, ports), daemon=True)
    process.start()
    return process


def serve(home: Path, ports: Sequence[int]) -> None:
    settings = Settings(home=home)
    known, at = Known(), datetime.now(UTC)
    for port in ports:
        url = f"syslog://127.0.0.1:{port}"
        made = LogDrain(
            id=str(uuid.uuid4()), app_id=APP, token=f"d.{uuid.uuid4()}", url=url, created_at=at, updated_at=at
        )
        known.drains[made.id] = made

    async def run() -> None:
        channels = Logplex(home, settings.log_window)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(channels.run())
            tasks.create_task(Drains(settings, known, channels.channel).run())

    uvloop.run(run())


def rsyslog(home: Path, paths: Sequence[Path], ports: Sequence[int]) -> "subprocess.Popen[bytes]":
    inputs = "\n".join(f'input(type="imfile" file="{path}" tag="web" ruleset="out")' for path in paths)
    actions = "\n".join(
        f'action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp" tcp_framing="octet-counted" '
        f'template="RSYSLOG_SyslogProtocol23Format" queue.type="linkedList" queue.size="100000")'
        for port in ports
    )
    text = f'global(workDirectory="{home}")\nmodule(load="imfile")\n{inputs}\nruleset(name="out") {{ {actions} }}\n'
    (home / "rsyslog.conf").write_text(text)
    return subprocess.Popen(["rsyslogd", "-n", "-f", str(home / "rsyslog.conf"), "-i", str(home / "rsyslog.pid")])


def idle(home: Path) -> float:
    """The share of a core that Logplex takes with 100 apps of three dynos each that say nothing."""
    for number in range(100):
        for dyno in range(1, 4):
            source = logline.Source(source="app", ps=f"web.{dyno}")
            path = Lines(home).path(f"app-{number}", source, f"0f1e2d3c-{dyno:04}")
            path.write_bytes(logline.record("started", datetime.now(UTC)))
    process = logplex(home, (), ())
    time.sleep(5)
    assert process.pid is not None
    before, began = cpu(process.pid), time.monotonic()
    time.sleep(20)
    share = (cpu(process.pid) - before) / (time.monotonic() - began)
    process.kill()
    return share


if __name__ == "__main__":
    sys.exit(main())
