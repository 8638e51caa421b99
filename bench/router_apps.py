"""The router with many apps of two dynos each: memory, start, what it takes to add one, and who notices.

    .venv/bin/python bench/router_apps.py [--apps N] [--adds N] [--seconds N] [--connections N] [--profile FILE]

The router role, its store and HAProxy are the real ones; the rows are written as actions and the dyno manager would.
They share one core, backend and clients have the other. *Latency*: 200 requests per second to apps at random, each
timed from when it was due; alone, and beside wrk, which asks one app without a pause.
`--profile` keeps what the role's time was spent on (cProfile; it makes the role slower) and shows the beginning of it.
"""

import argparse
import contextlib
import multiprocessing
import os
import pstats
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path

import common
import many_apps
import proxies
import rounds
import trickle
from many_apps import Router, median_and_p99
from processes import OTHER_CORE, PROXY_CORE

_RATE = 200.0
_SHOWN = 25
_MEMORY_BAR = 250


def cold(router: Router, options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """From an empty machine with a full store until the last app answers."""
    filled = common.timed(lambda: router.add(options.apps, routed=True))
    router.start(options.profile)
    served = common.timed(lambda: router.wait_served(options.apps - 1))
    router.wait_settled()
    yield "rows of all apps written", f"{filled:.1f} s"
    yield "role started until the last app answers", f"{served:.2f} s"
    yield "of which HAProxy's start", f"{router.seconds('start')[0]:.2f} s"
    yield "HAProxy's memory", f"{router.memory():.0f} MB (bar {_MEMORY_BAR})"


def add(router: Router) -> float:
    """Seconds from the rows of one more app until it answers."""
    began = time.perf_counter()
    router.add()
    router.wait_served(router.apps - 1)
    return time.perf_counter() - began


def adds(router: Router, count: int) -> Iterator[tuple[str, str]]:
    """One at a time, each to a role that is at rest."""
    took: list[float] = []
    ensured: list[float] = []
    reloads = router.reloads()
    for _ in range(count):
        before = len(router.seconds("ensure"))
        took.append(add(router))
        router.wait_settled()
        ensured += router.seconds("ensure")[before:]
    yield "an app added: rows until it answers", median_and_p99(took)
    yield "one ensure() meanwhile", median_and_p99(ensured)
    yield "reloads meanwhile", f"{router.reloads() - reloads} (bar 0)"
    yield "HAProxy's memory afterwards", f"{router.memory():.0f} MB (bar {_MEMORY_BAR})"


def latency(
    router: Router, pool: Executor, what: str, options: argparse.Namespace, step: Callable[[], object]
) -> Iterator[tuple[str, str]]:
    hosts = [router.host(number) for number in range(options.apps)]
    port = router.settings.http_port
    for loaded in (False, True):
        reloads, times = router.reloads(), []
        asked = pool.submit(trickle.ask, port, hosts, _RATE, options.seconds)
        load = pool.submit(rounds.wrk, port, options.seconds, options.connections, hosts[0]) if loaded else None
        while not asked.done():
            times.append(common.timed(step))
            time.sleep(max(0.0, 1.0 - times[-1]))
        yield f"{what}{', beside wrk' if loaded else ''}", _described(asked.result())
        if load is not None:
            yield "  wrk itself", _described(load.result())
        if max(times) > 0.001:
            yield (
                "  meanwhile",
                f"{len(times)} times, {median_and_p99(times)} each; {router.reloads() - reloads} reloads",
            )


def _described(run: rounds.Run) -> str:
    return f"p50 {run.p50:6.2f} ms  p99 {run.p99:7.2f} ms  {run.rate:7,.0f} req/s, {run.failed} failed"


def show(profile: Path) -> None:
    pstats.Stats(str(profile)).sort_stats("cumulative").print_stats("celadon|sqlalchemy|method", _SHOWN)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--apps", type=int, default=1000)
    parser.add_argument("--adds", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--profile", type=Path)
    options = parser.parse_args()
    fork = multiprocessing.get_context("fork")
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="router-bench-", dir="/tmp")))
        clients = ProcessPoolExecutor(2, fork, initializer=os.sched_setaffinity, initargs=(0, {OTHER_CORE}))
        pool = stack.enter_context(clients)
        # Its processes are there before anything is opened.
        pool.submit(int).result()
        to = stack.enter_context(proxies.backend(home, listen="0.0.0.0"))
        router = stack.enter_context(many_apps.router(to))
        # The role and HAProxy begin here, too.
        os.sched_setaffinity(0, {PROXY_CORE})
        rows = [*cold(router, options), *adds(router, options.adds)]
        rows += latency(router, pool, "calm", options, lambda: None)
        rows += latency(router, pool, "an app added every second", options, lambda: add(router))
        rows += latency(router, pool, "reloaded every second", options, router.reload)
    common.table(
        f"The router with {options.apps:,} apps of {many_apps.DYNOS} dynos, role and HAProxy on one core", rows
    )
    if options.profile:
        show(options.profile)


if __name__ == "__main__":
    main()
