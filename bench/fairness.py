"""What two cold builds cost an app that serves: its latency through the router, alone, and beside them, in turn.

    .venv/bin/python bench/fairness.py [--rounds 5] [--seconds 6] [--rate 250]

A platform of its own, gone afterwards. One app gets requests at a fixed rate, each of which takes it about a
millisecond of CPU. Two other apps, without dynos, are built over and over from empty caches: one installs Python packages
and compiles C, one installs Node.js packages. A request's time runs from when it was due, so that waiting for the one
before counts. The client has a real-time priority: what is measured is the platform, not the client's own wait.

*Beside spinners* is what the machine itself does to the app when its processors do not rest: a program on each, of the lowest
class there is (SCHED_IDLE), outside of the platform. A virtual machine's processors are taken from it then more often, and
what else runs there meets them busy.
"""

import argparse
import collections
import contextlib
import multiprocessing
import os
import select
import socket
import statistics
import sys
import threading
import time
from collections.abc import Iterator

import common
import manifold

HOST = "served"
_CONNECTIONS = 16
# The p99 beside two builds is to be at most so many times the one alone.
BAR = 1.2
_SERVED = manifold.SERVER.replace("range(20000)", "range(50000)")
_COMPILE = """#!/bin/bash
for number in $(seq 200); do
  echo "int f$number(int x) { return x + $number; }"
done > many.c
for number in $(seq 60); do gcc -O2 -c many.c -o many.o; done
"""
BUILT = {
    "python": {
        "Procfile": "worker: sleep 1000\n",
        "requirements.txt": "--no-binary markupsafe\ndjango\npillow\nsqlalchemy\nmarkupsafe\n",
        "bin/post_compile": _COMPILE,
    },
    "node": {
        "Procfile": "worker: sleep 1000\n",
        "package.json": '{"dependencies": {"express": "5", "typescript": "5", "webpack": "5", "eslint": "9"}}',
    },
}


def load(port: int, seconds: float, rate: float) -> list[float]:
    """Milliseconds of each request of an app's load; stops the benchmark for one without a good answer."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    client = context.Process(target=lambda: sender.send(_requests(port, seconds, rate)))
    client.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        sys.exit("the app that serves did not answer")
    finally:
        client.join()


def _requests(port: int, seconds: float, rate: float) -> list[float]:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    request = f"GET / HTTP/1.1\r\nHost: {HOST}.localhost\r\n\r\n".encode()
    took: list[float] = []
    with contextlib.ExitStack() as stack:
        free = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(_CONNECTIONS)]
        busy: dict[int, tuple[socket.socket, float]] = {}
        poll = stack.enter_context(select.epoll())
        for connection in free:
            poll.register(connection, select.EPOLLIN)
        begun = time.perf_counter()
        due = collections.deque(begun + number / rate for number in range(int(seconds * rate)))
        while due or busy:
            now = time.perf_counter()
            while due and due[0] <= now and free:
                connection = free.pop()
                busy[connection.fileno()] = (connection, due.popleft())
                connection.sendall(request)
            wait = max(0.0, due[0] - now) if due and free else 30
            for number, _ in poll.poll(wait):
                connection, since = busy.pop(number)
                if not connection.recv(65536).startswith(b"HTTP/1.1 200"):
                    sys.exit(1)
                took.append(1000 * (time.perf_counter() - since))
                free.append(connection)
    return took


@contextlib.contextmanager
def spinning() -> Iterator[None]:
    """A program on each processor that has only what nobody else wants."""
    context = multiprocessing.get_context("fork")
    spinners = [context.Process(target=_spin) for _ in range(os.cpu_count() or 1)]
    for spinner in spinners:
        spinner.start()
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.join()


def _spin() -> None:
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    while True:
        pass


@contextlib.contextmanager
def building(bench: common.Bench, counts: "collections.Counter[str]") -> Iterator[None]:
    """Both apps are built, cold and over and over; a build that has begun when the block ends is stopped."""
    over = threading.Event()

    def build(name: str) -> None:
        checkout = bench.directory / name
        while not over.is_set():
            bench.celadon("builds:cache:purge", "--app", name, "--confirm", name)
            bench.run("git", "commit", "-qm", "again", "--allow-empty", cwd=checkout)
            with contextlib.suppress(SystemExit):
                bench.run("git", "push", "-q", "celadon", "main", cwd=checkout)
                counts[name] += 1

    threads = [threading.Thread(target=build, args=(name,)) for name in BUILT]
    for thread in threads:
        thread.start()
    try:
        manifold.wait("both builds run", lambda: len(list((bench.home / "build-dynos").glob("build-*"))) == len(BUILT))
        yield
    finally:
        over.set()
        while any(thread.is_alive() for thread in threads):
            for name in BUILT:
                with contextlib.suppress(SystemExit):
                    bench.celadon("builds:cancel", "--app", name)
            for thread in threads:
                thread.join(0.5)


def p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def ratio(found: dict[str, list[list[float]]], kind: str, to: str) -> str:
    """Of the p99 of all requests of both kinds, and of each round."""
    whole = p99([one for run in found[kind] for one in run]) / p99([one for run in found[to] for one in run])
    each = [p99(run) / p99(base) for run, base in zip(found[kind], found[to], strict=True)]
    return f"{whole:.2f}   of each round {common.summary(each, 'times')}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rate", type=float, default=250)
    options = parser.parse_args()
    found: dict[str, list[list[float]]] = {"alone": [], "beside spinners": [], "beside two builds": []}
    counts: collections.Counter[str] = collections.Counter()
    with common.platform() as bench:
        port = bench.ports["http-port"]
        manifold.app(bench, HOST, {"Procfile": "web: python3 server.py\n", "server.py": _SERVED})
        for name, files in BUILT.items():
            manifold.app(bench, name, files)
        manifold.wait("it answers", lambda: bench.get(HOST)[0] == 200)
        beside = {"beside spinners": spinning, "beside two builds": lambda: building(bench, counts)}
        for number in range(options.rounds):
            for kind in sorted(found, reverse=bool(number % 2)):
                with beside.get(kind, contextlib.nullcontext)():
                    found[kind].append(load(port, options.seconds, options.rate))
    rows = [
        (
            kind,
            f"p50 {common.summary([statistics.median(run) for run in runs], 'ms')}"
            f"   p99 {common.summary([p99(run) for run in runs], 'ms')}",
        )
        for kind, runs in found.items()
    ]
    rows += [
        ("p99 builds / alone", f"{ratio(found, 'beside two builds', 'alone')} (bar {BAR:.2f})"),
        ("p99 spinners / alone", ratio(found, "beside spinners", "alone")),
        ("p99 builds / spinners", ratio(found, "beside two builds", "beside spinners")),
        ("builds", f"{counts.total()} ended meanwhile"),
    ]
    common.table(
        f"An app at {options.rate:g} requests/s beside two cold builds ({options.rounds} rounds in turn)", rows
    )


if __name__ == "__main__":
    main()
