"""Runs against several proxies in turn, so that what else the machine does hits all alike; and their rows."""

import argparse
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from processes import OTHER_CORE, pinned, program, seconds_of
from proxies import Target


@dataclass(frozen=True)
class Run:
    """How many there were, in all and per second, how long one took (ms), and how many more had no good answer."""

    count: int
    rate: float
    p50: float
    p99: float
    failed: int = 0


@dataclass
class Series:
    """The runs of one proxy, and the CPU time (µs) that each of what was counted took."""

    name: str
    runs: list[Run] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    receiver_cpu: list[float] = field(default_factory=list)

    def median(self, value: Callable[[Run], float]) -> float:
        return statistics.median(value(run) for run in self.runs)

    @property
    def rate(self) -> float:
        return self.median(lambda run: run.rate)


def options(description: str | None, connections: int) -> argparse.Namespace:
    """What every one of these benchmarks may be told."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=connections)
    return parser.parse_args()


def in_turn(targets: Sequence[Target], rounds: int, run: Callable[[Target], Run]) -> list[Series]:
    """Each round begins with the next target."""
    series = [Series(target.name) for target in targets]
    pairs = list(zip(targets, series, strict=True))
    for number in range(rounds):
        first = number % len(pairs)
        for target, found in pairs[first:] + pairs[:first]:
            _measure(target, found, run)
    return series


def _measure(target: Target, series: Series, run: Callable[[Target], Run]) -> None:
    pids, receiver = target.pids(), target.receiver()
    before, receiver_before = seconds_of(pids), seconds_of(receiver)
    found = run(target)
    if found.failed:
        sys.exit(f"{target.name}: {found.failed} failed")
    series.runs.append(found)
    series.cpu.append((seconds_of(pids) - before) / found.count * 1e6)
    series.receiver_cpu.append((seconds_of(receiver) - receiver_before) / found.count * 1e6)


def wrk(port: int, seconds: int, connections: int, host: str = "bench.localhost") -> Run:
    """Requests without a pause on so many connections."""
    words = ("-t1", f"-c{connections}", f"-d{seconds}", "--latency", "-H", f"Host: {host}", f"http://127.0.0.1:{port}/")
    argv = pinned(OTHER_CORE, program("wrk", "wrk"), *words)
    text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    failures = re.findall(r"(?:Non-2xx or 3xx responses:|connect|read|write|timeout) (\d+)", text)
    return Run(
        count=int(_first(r"(\d+) requests in", text)),
        rate=float(_first(r"Requests/sec:\s+([\d.]+)", text)),
        p50=_milliseconds(_first(r"50%\s+([\d.]+[a-z]+)", text)),
        p99=_milliseconds(_first(r"99%\s+([\d.]+[a-z]+)", text)),
        failed=sum(int(number) for number in failures),
    )


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        sys.exit(f"wrk says nothing like {pattern}: {text}")
    return found[1]


def _milliseconds(text: str) -> float:
    number = text.rstrip("mus")
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[text.removeprefix(number)]


def row(series: Series, unit: str = "req/s", one: str = "request") -> tuple[str, str]:
    rates = [run.rate for run in series.runs]
    text = f"{series.rate:9,.0f} {unit} ({min(rates):,.0f}–{max(rates):,.0f})"
    text += f"   p50 {series.median(lambda run: run.p50):6.2f} ms  p99 {series.median(lambda run: run.p99):6.2f} ms"
    text += f"   {statistics.median(series.cpu):5.1f} µs CPU/{one}"
    if any(series.receiver_cpu):
        text += f" + {statistics.median(series.receiver_cpu):.1f} for the receiver"
    return series.name, text


def ratio(ours: Series, other: Series, unit: str = "req/s", one: str = "request") -> tuple[str, str]:
    by_rate = ours.rate / other.rate
    by_cpu = statistics.median(other.cpu) / statistics.median(ours.cpu)
    return f"{ours.name} / {other.name}", f"{by_rate:.2f}× {unit}, {by_cpu:.2f}× by CPU per {one}"
