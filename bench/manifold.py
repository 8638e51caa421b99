"""The manifold with many dynos: CPU at rest, reconcile after a restart, and what hogs cost their neighbours.

    .venv/bin/python bench/manifold.py [--dynos 300] [--seconds 30]

A platform of its own, gone afterwards. *At rest*: CPU time of the dynos role (and of all roles) with so many idle
dynos. *Reconcile*: SIGKILL of the dynos role until its first "as wanted". *Neighbours*: latency of an app alone, then
while another app's dynos burn CPU and write to their disks without end.
"""

import argparse
import json
import os
import re
import signal
import socket
import statistics
import sys
import time
from collections.abc import Callable, Mapping

import common
from processes import seconds_of

_IDLE = "idle: sleep 36000\n"
_HOGS = {
    "cpu": "python3 -c 'while True: pass'",
    "disk": "while true; do dd if=/dev/zero of=big bs=1M count=500 conv=fsync 2>/dev/null; done",
}
SERVER = """import http.server, os
class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        sum(range(20000))
        # In one write: two would wait for each other (Nagle's algorithm and delayed acknowledgements).
        self.wfile.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Page).serve_forever()
"""


def app(bench: common.Bench, name: str, files: Mapping[str, str]) -> None:
    checkout = bench.directory / name
    for path, text in files.items():
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        (checkout / path).write_text(text)
        (checkout / path).chmod(0o755)
    bench.run("git", "init", "-qb", "main", cwd=checkout)
    bench.run("git", "add", "-A", cwd=checkout)
    bench.run("git", "commit", "-qm", name, cwd=checkout)
    bench.celadon("create", name, cwd=checkout)
    bench.run("git", "push", "-q", "celadon", "main", cwd=checkout)


def wait(what: str, condition: Callable[[], bool], seconds: float = 120) -> float:
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            sys.exit(f"{what}: not within {seconds} s")
        time.sleep(0.02)
    return time.monotonic() - began


def pids(bench: common.Bench) -> dict[str, int]:
    found: dict[str, int] = json.loads(bench.celadon("platform:info", "--json"))["pids"]
    return found


def rest(bench: common.Bench, seconds: float) -> dict[str, float]:
    """Percent of a core that each role uses."""
    roles = pids(bench)
    before = {role: seconds_of([pid]) for role, pid in roles.items()}
    time.sleep(seconds)
    return {role: 100 * (seconds_of([pid]) - before[role]) / seconds for role, pid in roles.items()}


def reconcile(bench: common.Bench) -> float:
    """Seconds from the kill of the dynos role until the next one has found everything as wanted."""
    log = bench.home / "log" / "dynos" / "current"
    size = log.stat().st_size
    os.kill(pids(bench)["dynos"], signal.SIGKILL)
    return wait("the dynos role is back", lambda: b"as wanted" in log.read_bytes()[size:])


def latencies(bench: common.Bench, name: str, count: int) -> list[float]:
    """Milliseconds of each of so many requests on one connection, one every 10 ms."""
    found = []
    with socket.create_connection(("127.0.0.1", bench.ports["http-port"])) as connection:
        for _ in range(count):
            began = time.perf_counter()
            connection.sendall(f"GET / HTTP/1.1\r\nHost: {name}.localhost\r\n\r\n".encode())
            if not re.match(rb"HTTP/1.1 200", connection.recv(65536)):
                sys.exit("the app does not answer")
            found.append(1000 * (time.perf_counter() - began))
            time.sleep(0.01)
    return found


def neighbours(bench: common.Bench) -> list[tuple[str, str]]:
    rows = []
    app(bench, "quiet", {"Procfile": "web: python3 server.py\n", "server.py": SERVER})
    app(bench, "hogs", {"Procfile": "".join(f"{name}: {command}\n" for name, command in _HOGS.items())})
    wait("it answers", lambda: bench.get("quiet")[0] == 200)
    alone: list[float] = []
    beside: dict[str, list[float]] = {name: [] for name in _HOGS}
    for _ in range(3):
        alone += latencies(bench, "quiet", 300)
        for name in _HOGS:
            bench.celadon("ps:scale", f"{name}=4", "--app", "hogs")
            wait("the hogs run", lambda: bench.celadon("ps", "--app", "hogs").count(": up") == 4)
            beside[name] += latencies(bench, "quiet", 300)
            bench.celadon("ps:scale", f"{name}=0", "--app", "hogs")
            wait("the hogs are gone", lambda: "has no" in bench.celadon("ps", "--app", "hogs"))
    for name, values in {
        "alone": alone,
        **{f"beside 4 {name} hogs": values for name, values in beside.items()},
    }.items():
        ratio = statistics.median(values) / statistics.median(alone)
        p99 = statistics.quantiles(values, n=100)[98]
        rows.append((f"latency {name}", f"{common.summary(values, 'ms', 1)}, p99 {p99:.1f} ms, {ratio:.2f}×"))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dynos", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    with common.platform("--set", "dyno_limit=10000", "--set", "app_limit=1000") as bench:
        rows = neighbours(bench)
        count = -(-options.dynos // 100)
        before = time.monotonic()
        for number in range(count):
            app(bench, f"idle-{number}", {"Procfile": _IDLE})
            bench.celadon("ps:scale", f"idle={options.dynos // count}", "--app", f"idle-{number}")
        for number in range(count):
            name = f"idle-{number}"
            wait(
                "all are up",
                lambda name=name: bench.celadon("ps", "--app", name).count(": up") == options.dynos // count,
            )
        rows.append((f"{options.dynos} dynos up after", f"{time.monotonic() - before:.1f} s"))
        used = rest(bench, options.seconds)
        rows.append(("dynos role at rest", f"{used['dynos']:.1f} % of a core"))
        rows.append(("all roles at rest", f"{sum(used.values()):.1f} % of a core ({used})"))
        rows.append(("reconcile after its restart", common.summary([reconcile(bench) for _ in range(5)])))
    common.table("The manifold", rows)


if __name__ == "__main__":
    main()
