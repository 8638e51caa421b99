"""The router against nginx and Caddy: requests per second, latency, and CPU per request of the proxy.

    .venv/bin/python bench/router.py [--rounds N] [--seconds N] [--connections N]

All in one run, in turn, so that what else the machine does hits all alike: the proxy on one core, wrk and the backend
(nginx, a static answer) on the other. nginx and Caddy are Debian's; they are unpacked, not installed, when missing.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import common

from celadon.model.routing import Answer, Backend, RoutingTable, Server
from celadon.platform import images
from celadon.platform.settings import Settings
from celadon.router import admin, haproxy
from celadon.router.receiver import Receiver
from celadon.store.lines import Lines

_PROXY_CORE, _OTHER_CORE = "1", "0"
_UNPACKED = Path("/var/cache/celadon/bench")
_CHROOT = 'mount --bind /tmp "$0/tmp" && exec chroot "$0" "$@"'


@dataclass
class Target:
    """One proxy under test: where it listens, and the processes whose time counts."""

    name: str
    port: int
    pids: Callable[[], list[int]]
    receiver: Callable[[], list[int]] = list
    rates: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    receiver_cpu: list[float] = field(default_factory=list)


def program(name: str, *packages: str) -> str:
    """The path of a program, from its Debian package when it is not installed."""
    found = shutil.which(name) or shutil.which(
        name, path=":".join(f"{_UNPACKED}/{place}" for place in ("usr/sbin", "usr/bin", "bin"))
    )
    if found:
        return found
    _UNPACKED.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "-qq", "download", *packages], cwd=_UNPACKED, check=True)
    for package in _UNPACKED.glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(package), str(_UNPACKED)], check=True)
        package.unlink()
    return program(name)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def pinned(core: str, *argv: str) -> list[str]:
    return ["taskset", "--cpu-list", core, *argv]


@contextlib.contextmanager
def running(log: Path, *argv: str) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("wb") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=output, start_new_session=True)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def family(process: "subprocess.Popen[bytes]") -> list[int]:
    """The process and its descendants."""
    found, queue = [], [process.pid]
    while queue:
        pid = queue.pop()
        found.append(pid)
        with contextlib.suppress(OSError):
            queue += [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found


def seconds_of(pids: list[int]) -> float:
    """CPU time of processes, user and system."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def nginx_config(home: Path, port: int, body: str, upstream: str = "") -> Path:
    path = home / f"nginx-{port}.conf"
    path.write_text(
        f"worker_processes 1; daemon off; pid {home}/nginx-{port}.pid; error_log /dev/null;\n"
        "events { worker_connections 4096; }\n"
        f"http {{ access_log off; keepalive_requests 1000000; client_body_temp_path {home}/b{port};\n"
        f"proxy_temp_path {home}/p{port}; fastcgi_temp_path {home}/f{port}; uwsgi_temp_path {home}/u{port};\n"
        f"scgi_temp_path {home}/s{port};\n{upstream}\n"
        f"server {{ listen 127.0.0.1:{port} backlog=1024; {body} }} }}\n"
    )
    return path


def wait_for(port: int, log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Host": "bench.localhost"})
        with contextlib.suppress(OSError), urllib.request.urlopen(request) as answer:
            if answer.status == 200:
                return
        time.sleep(0.05)
    sys.exit(f"nothing answers at port {port}: {log.read_text()}")


@contextlib.contextmanager
def backend(home: Path) -> Iterator[int]:
    port = free_port()
    config = nginx_config(home, port, 'location / { return 200 "hello, world\\n"; }')
    nginx = program("nginx", "nginx")
    with running(home / "backend.log", *pinned(_OTHER_CORE, nginx, "-c", str(config), "-p", str(home))):
        wait_for(port, home / "backend.log")
        yield port


_DEFAULT = "proxy_http_version 1.1; proxy_set_header Connection $to_app;"
_HEADERS = (
    "proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;"
    "proxy_set_header X-Forwarded-Port $server_port; proxy_set_header X-Forwarded-Proto $scheme;"
    "proxy_set_header X-Request-Start $msec;"
)


@contextlib.contextmanager
def nginx_proxy(home: Path, to: int, *, keep_alive: bool) -> Iterator[Target]:
    """As Dokku's template (`Connection` from a map: close), or with connections kept to the backend."""
    port = free_port()
    # Dokku's template has this map with `close`.
    kept, connection = ("keepalive 512; keepalive_requests 1000000;", '""') if keep_alive else ("", "close")
    upstream = f"upstream app {{ server 127.0.0.1:{to}; {kept} }}\n"
    upstream += f"map $http_upgrade $to_app {{ default upgrade; '' {connection}; }}"
    config = nginx_config(home, port, f"location / {{ proxy_pass http://app; {_DEFAULT} {_HEADERS} }}", upstream)
    argv = pinned(_PROXY_CORE, program("nginx", "nginx"), "-c", str(config), "-p", str(home))
    with running(home / f"nginx-{port}.log", *argv) as process:
        wait_for(port, home / f"nginx-{port}.log")
        name = "nginx, connections kept" if keep_alive else "nginx as Dokku sets it up"
        yield Target(name, port, lambda: family(process))


@contextlib.contextmanager
def caddy(home: Path, to: int) -> Iterator[Target]:
    port = free_port()
    config = home / "Caddyfile"
    config.write_text(f"{{\n admin off\n auto_https off\n}}\nhttp://:{port} {{\n reverse_proxy 127.0.0.1:{to}\n}}\n")
    argv = pinned(_PROXY_CORE, program("caddy", "caddy"), "run", "--config", str(config), "--adapter", "caddyfile")
    with running(home / "caddy.log", "env", f"HOME={home}", "GOMAXPROCS=1", *argv) as process:
        wait_for(port, home / "caddy.log")
        yield Target("Caddy", port, lambda: family(process))


@contextlib.contextmanager
def celadon(home: Path, to: int, *, logging: bool) -> Iterator[Target]:
    """Our configuration as it is rendered; `logging` off takes its log line out and follows nothing."""
    files = home / f"celadon-{logging}"
    files.mkdir()
    port, https_port = free_port(), free_port()
    where = haproxy.Place(
        files=files, run=files, bind="127.0.0.1", http_port=port, https_port=https_port, api_hosts=("localhost",)
    )
    server = Server(name="web.1_bench", address="127.0.0.1", port=to, dyno_id="bench")
    app = Backend(app_id="bench", app_name="bench", answer=Answer.SERVE, servers=(server,))
    table = RoutingTable(hosts={"bench.localhost": "bench"}, wildcards={}, backends=(app,))
    for name, text in haproxy.render(table, {"bench": "slot0"}, haproxy.FIRST_SLOTS, where).texts.items():
        (files / name).write_text(text if logging else re.sub(r"(?m)^  log ring.*$", "", text))
    root = str(images.path(Settings(home=home), "services"))
    enter = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _CHROOT, root]
    master = files / "master.sock"
    argv = ["haproxy", "-W", "-S", f"{master},mode,600", "-f", str(files / haproxy.CONFIG)]
    with running(files / "log", *pinned(_PROXY_CORE, *enter, *argv)) as process:
        wait_for(port, files / "log")
        name = "celadon, request lines in the log" if logging else "celadon, without log"
        if not logging:
            yield Target(name, port, lambda: family(process))
            return
        with receiving(files, master) as pid:
            yield Target(name, port, lambda: family(process), lambda: [pid])


@contextlib.contextmanager
def receiving(files: Path, master: Path) -> Iterator[int]:
    """The receiver as the role runs it, in a process of its own on the proxy's core."""
    pid = os.fork()
    if pid == 0:
        os.sched_setaffinity(0, {int(_PROXY_CORE)})
        Receiver(files / haproxy.ADMIN_SOCKET, master, Lines(files), 55.0, files / "received").serve()
        os._exit(0)
    try:
        yield pid
        lines = (files / "logs" / "bench" / "heroku.router.log").read_bytes().count(b"\n")
        with admin.Admin(files / haproxy.ADMIN_SOCKET) as conversation:
            rows = [row.split(",") for row in conversation.ask("show stat www 1 -1").splitlines()]
        asked = int(dict(zip(rows[0], rows[1], strict=False))["req_tot"])
        print(f"lines in the app's log: {lines:,} of {asked:,} requests")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def measure(target: Target, seconds: int, connections: int) -> None:
    pids, receiver = target.pids(), target.receiver()
    before, receiver_before = seconds_of(pids), seconds_of(receiver)
    argv = pinned(
        _OTHER_CORE,
        program("wrk", "wrk"),
        "-t1",
        f"-c{connections}",
        f"-d{seconds}",
        "--latency",
        "-H",
        "Host: bench.localhost",
    )
    found = subprocess.run(
        [*argv, f"http://127.0.0.1:{target.port}/"], capture_output=True, text=True, check=True
    ).stdout
    if "Non-2xx" in found:
        sys.exit(f"{target.name}: {found}")
    requests = int(re.search(r"(\d+) requests in", found)[1])  # type: ignore[index]
    target.rates.append(float(re.search(r"Requests/sec:\s+([\d.]+)", found)[1]))  # type: ignore[index]
    target.p50.append(_milliseconds(found, "50%"))
    target.p99.append(_milliseconds(found, "99%"))
    target.cpu.append((seconds_of(pids) - before) / requests * 1e6)
    target.receiver_cpu.append((seconds_of(receiver) - receiver_before) / requests * 1e6)


def _milliseconds(text: str, percentile: str) -> float:
    number, unit = re.search(rf"{percentile}\s+([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def row(target: Target) -> tuple[str, str]:
    middle = statistics.median
    text = f"{middle(target.rates):9,.0f} req/s ({min(target.rates):,.0f}–{max(target.rates):,.0f})"
    text += f"   p50 {middle(target.p50):6.2f} ms  p99 {middle(target.p99):6.2f} ms   {middle(target.cpu):5.1f} µs CPU/request"
    if any(target.receiver_cpu):
        text += f" + {middle(target.receiver_cpu):.1f} for the receiver"
    return target.name, text


def ratios(targets: list[Target]) -> list[tuple[str, str]]:
    logged, plain, dokku, kept, caddy_target = targets
    rows = []
    for ours, other, bar in (
        (logged, dokku, 2.0),
        (logged, caddy_target, 2.0),
        (logged, kept, 0.55),
        (plain, kept, 0.75),
    ):
        by_rate = statistics.median(ours.rates) / statistics.median(other.rates)
        by_cpu = statistics.median(other.cpu) / statistics.median(ours.cpu)
        rows.append(
            (f"{ours.name} / {other.name}", f"{by_rate:.2f}× req/s, {by_cpu:.2f}× by CPU per request (bar {bar:g}×)")
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="router-bench-", dir="/tmp")))
        to = stack.enter_context(backend(home))
        targets = [
            stack.enter_context(celadon(home, to, logging=True)),
            stack.enter_context(celadon(home, to, logging=False)),
            stack.enter_context(nginx_proxy(home, to, keep_alive=False)),
            stack.enter_context(nginx_proxy(home, to, keep_alive=True)),
            stack.enter_context(caddy(home, to)),
        ]
        for number in range(options.rounds):
            for target in targets[number % len(targets) :] + targets[: number % len(targets)]:
                measure(target, options.seconds, options.connections)
        common.table(
            f"Router: {options.connections} connections, {options.rounds} rounds of {options.seconds} s, one core for the proxy",
            [row(target) for target in targets] + ratios(targets),
        )


if __name__ == "__main__":
    main()
