"""Programs under test: found or unpacked, pinned to a core, ended afterwards; and the CPU time they took."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

# The proxy has one core for itself; backend and clients share the other.
PROXY_CORE, OTHER_CORE = 1, 0
_UNPACKED = Path("/var/cache/celadon/bench")


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


def pinned(core: int, *argv: str) -> list[str]:
    return ["taskset", "--cpu-list", str(core), *argv]


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


def wait_for(port: int, log: Path) -> None:
    """Until a request is answered with 200; ends the benchmark when none is."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Host": "bench.localhost"})
        with contextlib.suppress(OSError), urllib.request.urlopen(request) as answer:
            if answer.status == 200:
                return
        time.sleep(0.05)
    sys.exit(f"nothing answers at port {port}: {log.read_text()}")


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
