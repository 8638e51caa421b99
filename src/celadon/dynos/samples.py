"""Looks at what dynos use: R14 for memory over the quota, the lines of log-runtime-metrics, and samples for metrics.

Wakes on: time. Reads: dynos, app features; the runtime's memory and threads. Writes: lines from `heroku[<dyno>]`,
home/metrics.db. Survives: a SIGKILL. Load averages then begin anew, as in a dyno that has just started.
"""

import logging
import math
import sqlite3
import threading
import time

from celadon.actions.context import Context
from celadon.model import dyno as rules
from celadon.model import metrics as metrics_rules
from celadon.model.dyno import Dyno, DynoState
from celadon.model.feature import RUNTIME_METRICS
from celadon.model.logline import Source
from celadon.runtime.protocol import MemoryUse, Runtime
from celadon.store import apps, dynos
from celadon.store.lines import Lines
from celadon.store.metrics import Metrics

log = logging.getLogger(__name__)

# How often Linux looks who is active for its load averages (seconds), and the times these are over.
_TICK = 5.0
_SPANS = (60.0, 300.0, 900.0)


class Sampler:
    """All dynos of one machine, in a thread of its own."""

    def __init__(self, context: Context, runtime: Runtime) -> None:
        self._context = context
        self._runtime = runtime
        self._lines = Lines(context.settings.home)
        self._metrics = Metrics(context.settings.home)
        # Container id → load averages.
        self._loads: dict[str, tuple[float, ...]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="samples", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        interval = self._context.settings.sample_interval
        tick = min(_TICK, interval)
        due = time.monotonic() + interval
        while not self._stop.wait(tick):
            running, wanted = self._running()
            self._count(running, tick)
            if time.monotonic() >= due:
                due += interval
                self.look(running, wanted)

    def _running(self) -> tuple[list[Dyno], set[str]]:
        """Dynos that run, and the apps that want their metrics as lines."""
        with self._context.database.read() as tx:
            wanted = set(apps.ids_with_feature(tx, RUNTIME_METRICS))
            found = [dyno for of_app in dynos.list_all(tx).values() for dyno in of_app]
        return [dyno for dyno in found if dyno.state is DynoState.UP], wanted

    def _count(self, running: list[Dyno], tick: float) -> None:
        """One step of the load averages, by Linux' own formula (kernel/sched/loadavg.c)."""
        before, self._loads = self._loads, {}
        for dyno in running:
            if dyno.container_id is not None:
                active = self._runtime.active(dyno.container_id)
                loads = before.get(dyno.container_id, (0.0,) * len(_SPANS))
                decays = (math.exp(-tick / span) for span in _SPANS)
                averaged = (load * kept + active * (1 - kept) for load, kept in zip(loads, decays, strict=True))
                self._loads[dyno.container_id] = tuple(averaged)

    def look(self, running: list[Dyno], wanted: set[str]) -> None:
        """Keep what every dyno uses; say it of one that is over its quota, or whose app wants to know."""
        uses: dict[str, metrics_rules.Uses] = {}
        for dyno in running:
            use = self._runtime.memory(dyno.container_id) if dyno.container_id else None
            if use is None:
                continue
            quota = self._context.settings.sizes.of(dyno.size).memory
            loads = self._loads.get(dyno.container_id or "", (0.0,) * len(_SPANS))
            seen = {dyno.type: metrics_rules.sample(use.total, quota, loads[0])}
            metrics_rules.add_uses(uses.setdefault(dyno.app_id, {}), seen)
            if dyno.app_id in wanted:
                self._say(dyno, *metrics(dyno, use, quota, loads))
            if use.total > quota:
                self._say(dyno, rules.memory_line(use.total, quota), rules.MEMORY_EXCEEDED)
        self._keep(uses)

    def _keep(self, uses: dict[str, metrics_rules.Uses]) -> None:
        try:
            self._metrics.add_samples(uses, time.time())
        except sqlite3.Error as error:
            # A gap in a chart; the next sample is soon.
            log.error("at=samples error=%s: not kept", error)

    def _say(self, dyno: Dyno, *messages: str) -> None:
        for message in messages:
            self._lines.append(dyno.app_id, Source(source="heroku", ps=dyno.name), message)


def metrics(dyno: Dyno, use: MemoryUse, quota: int, loads: tuple[float, ...]) -> tuple[str, str]:
    """The two lines of Heroku's log-runtime-metrics; `quota` in bytes."""
    head = f"source={dyno.name} dyno=heroku.{dyno.app_id}.{dyno.id}"
    load = " ".join(
        f"sample#load_avg_{name}={value:.2f}" for name, value in zip(("1m", "5m", "15m"), loads, strict=True)
    )
    sizes = {"total": use.rss + use.cache + use.swap, "rss": use.rss, "cache": use.cache, "swap": use.swap}
    pages = {"pgpgin": use.pgpgin, "pgpgout": use.pgpgout}
    memory = " ".join(
        [
            *(f"sample#memory_{name}={value / (1 << 20):.2f}MB" for name, value in sizes.items()),
            *(f"sample#memory_{name}={value}pages" for name, value in pages.items()),
            f"sample#memory_quota={quota / (1 << 20):.2f}MB",
        ]
    )
    return f"{head} {load}", f"{head} {memory}"
