"""What every benchmark here shares: a platform of its own, medians, and one form of table."""

import contextlib
import http.client
import os
import platform as machine
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
_PORTS = ("http-port", "https-port", "ssh-port", "rendezvous-port")


@dataclass(frozen=True)
class Bench:
    """A platform that was started for one benchmark; `directory` is its user's."""

    home: Path
    directory: Path
    ports: dict[str, int]

    @property
    def env(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("CELADON_", "GIT_"))}
        author = {f"GIT_{who}_{what}": "Bench" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        return {**clean, "HOME": str(self.directory), "CELADON_HOME": str(self.home), **author}

    def run(self, *argv: str | Path, cwd: Path | None = None) -> str:
        found = subprocess.run(
            [str(word) for word in argv],
            cwd=cwd or self.directory,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        if found.returncode:
            sys.exit(f"{' '.join(str(word) for word in argv)} failed:\n{found.stdout}{found.stderr}")
        return found.stdout + found.stderr

    def celadon(self, *words: str, cwd: Path | None = None) -> str:
        return self.run(CHECKOUT / "bin" / "celadon", *words, cwd=cwd)

    def get(self, app: str, path: str = "/") -> tuple[int, str]:
        """One request through the router; status 0 when it did not answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["http-port"], timeout=30)
        try:
            connection.request("GET", path, headers={"Host": f"{app}.localhost"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        except OSError:
            return 0, ""
        finally:
            connection.close()


@contextlib.contextmanager
def platform(*flags: str) -> Iterator[Bench]:
    """A platform with ports and a home of its own, gone afterwards."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in _PORTS]
    ports = {name: listener.getsockname()[1] for name, listener in zip(_PORTS, held, strict=True)}
    for listener in held:
        listener.close()
    home = Path(f"/var/lib/celadon-bench-{os.getpid()}")
    directory = Path(tempfile.mkdtemp(prefix="celadon-bench-"))
    environment = {**os.environ, "HOME": str(directory)}
    words = [word for name, port in ports.items() for word in (f"--{name}", str(port))]
    up = [sys.executable, "-m", "celadon", "up", "--home", str(home), "--no-sample", *words, *flags]
    try:
        started = subprocess.run(up, env=environment, capture_output=True, text=True, check=False)
        if started.returncode:
            sys.exit(started.stdout + started.stderr)
        yield Bench(home, directory, ports)
    finally:
        down = [sys.executable, "-m", "celadon", "down", "--home", str(home), "--purge"]
        subprocess.run(down, env=environment, capture_output=True, check=False)
        shutil.rmtree(directory, ignore_errors=True)


def timed(step: Callable[[], object]) -> float:
    """Seconds that a step takes."""
    begun = time.perf_counter()
    step()
    return time.perf_counter() - begun


def summary(values: Sequence[float], unit: str = "s", digits: int = 2) -> str:
    """`median (min–max, n)`."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} {unit} ({low:.{digits}f}–{high:.{digits}f}, n={len(values)})"


def table(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Print results as docs/benchmarks.md keeps them."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        "?",
    )
    load = os.getloadavg()[0]
    print(
        f"\n{title}\n{time.strftime('%Y-%m-%d')} · {os.cpu_count()} cores, {model}, Linux {machine.release()} · load {load:.1f}\n"
    )
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name.ljust(width)}  {value}")
