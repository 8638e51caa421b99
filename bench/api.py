"""How fast the Platform API answers reads: p50 and p99 with 1,000 apps in the store, through the running role.

    .venv/bin/python bench/api.py [--apps 1000] [--requests 300] [--clients 1]

Starts an api role of its own over a store in a temporary directory; nothing is left behind. Prints a table and exits 1
when a p50 is over the bar (5 ms with one client).
"""

import argparse
import http.client
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from celadon.actions import accounts, apps, authorizations, builds, context, dynos
from celadon.actions.builds import Compiled
from celadon.model.account import Actor
from celadon.platform import settings as platform_settings
from celadon.platform.settings import Settings
from celadon.store import database
from celadon.store import dynos as stored_dynos

BAR_MS = 5.0
_ACCEPT = "application/vnd.heroku+json; version=3"
_READS = (
    "/account",
    "/apps",
    "/apps/app-500",
    "/apps/app-500/config-vars",
    "/apps/app-500/dynos",
    "/apps/app-500/formation",
    "/apps/app-500/releases",
    "/apps/app-500/builds",
    "/apps/app-500/domains",
    "/apps/app-500/collaborators",
    "/account/rate-limits",
)


class Client(http.client.HTTPConnection):
    """HTTP over the role's Unix socket; one connection, kept open."""

    def __init__(self, path: Path, token: str) -> None:
        super().__init__("localhost")
        self._path = path
        self._headers = {"Accept": _ACCEPT, "Authorization": f"Bearer {token}"}

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(self._path))

    def get(self, path: str) -> int:
        self.request("GET", path, headers=self._headers)
        answer = self.getresponse()
        answer.read()
        return answer.status


def free_instance() -> int:
    return next(number for number in range(39, -1, -1) if not Path(f"/run/celadon{number}").exists())


def fill(settings: Settings, count: int) -> str:
    """A store with `count` apps of one account, each with releases, a formation and a dyno; returns a token."""
    database.migrate(settings)
    # Only while it is filled: nothing here needs to outlive a power cut.
    opened = context.connect(settings)
    accounts.create_operator(opened.database, email="bench@localhost", password="bench-password")
    actor = accounts.log_in(opened, "bench@localhost", "bench-password")
    for number in range(count):
        _deployed_app(opened, actor, f"app-{number}")
    _, token = authorizations.create(opened, actor)
    opened.database.close()
    return token


def _deployed_app(opened: context.Context, actor: Actor, name: str) -> None:
    apps.create(opened, actor, name=name)
    build = builds.create(opened, actor, name, commit="3063626" + "0" * 33)
    compiled = Compiled(
        slug_id=str(uuid.uuid4()),
        process_types={"web": "gunicorn app:app", "worker": "python work.py"},
        language="Python",
        checksum="SHA256:" + "0" * 64,
        size=2048,
        config_vars={"A": "1", "B": "2"},
    )
    release = builds.succeed(opened, build.id, compiled)
    assert release is not None
    with opened.database.transaction() as tx:
        stored_dynos.insert(tx, dynos.new(release.app_id, release.id, "web", 1, "gunicorn app:app", "1X"))


def time_one(connection: Client, path: str) -> float:
    began = time.perf_counter()
    status = connection.get(path)
    taken = (time.perf_counter() - began) * 1000
    assert status in (200, 206), f"{path} answers {status}"
    return taken


def measure(new_client: Callable[[], Client], path: str, requests: int, clients: int) -> list[float]:
    """Milliseconds of each request, from `clients` connections at once."""
    taken: list[float] = []

    def ask() -> None:
        connection = new_client()
        time_one(connection, path)
        taken.extend(time_one(connection, path) for _ in range(requests // clients))
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


def wait_for(path: Path, role: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and role.poll() is None:
        try:
            if Client(path, "none").get("/health") == 200:
                return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("cannot measure: the api role did not start")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--apps", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--clients", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="celadon-bench") as directory:
        settings = Settings(home=Path(directory), instance=free_instance(), app_limit=options.apps, rate_limit=10**9)
        platform_settings.save(settings)
        print(f"filling a store with {options.apps} apps …", file=sys.stderr)
        token = fill(replace(settings), options.apps)
        argv = [sys.executable, "-m", "celadon", "role", "api", "--home", directory]
        role = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
        try:
            return report(settings, token, role, options)
        finally:
            os.kill(role.pid, signal.SIGTERM)
            role.wait(timeout=10)
            for left in settings.run.iterdir():
                left.unlink()
            settings.run.rmdir()


def report(settings: Settings, token: str, role: subprocess.Popen[bytes], options: argparse.Namespace) -> int:
    path = settings.run / "api.sock"
    wait_for(path, role)
    print(f"{options.apps} apps, {options.requests} requests each, {options.clients} client(s)")
    print(f"{'GET':34} {'p50 ms':>8} {'p99 ms':>8}")
    slow = 0
    for read in _READS:
        taken = measure(lambda: Client(path, token), read, options.requests, options.clients)
        p50, p99 = statistics.median(taken), statistics.quantiles(taken, n=100)[98]
        slow += options.clients == 1 and p50 > BAR_MS
        print(f"{read:34} {p50:8.2f} {p99:8.2f}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
