"""How fast the Platform API answers with 1,000 apps and 50,000 releases in the store, to one client and to 32.

    .venv/bin/python bench/api.py [--store sqlite|postgresql] [--seconds 5]

Starts an api role of its own over a store in a temporary directory (PostgreSQL: a cluster of its own, needs root);
nothing is left behind. Each client asks again as soon as it has its answer, about an app at random. Prints a table and
exits 1 when a read is over the bars with one client: p50 5 ms, p99 20 ms.
"""

import argparse
import contextlib
import json
import multiprocessing
import random
import socket
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import api_role
import sqlalchemy as sa
from common import CHECKOUT, table

from celadon.actions import accounts, apps, authorizations, builds, config_vars, context, domains, dynos
from celadon.actions.builds import Compiled
from celadon.model.account import Actor
from celadon.platform.settings import Settings
from celadon.store import database, tables
from celadon.store import dynos as stored_dynos

sys.path.insert(0, str(CHECKOUT))
from tests import postgresql

P50_BAR, P99_BAR = 5.0, 20.0
APPS, RELEASES_OF_APP = 1000, 50
_CALLS = {
    "GET /apps": ("GET", "/apps"),
    "GET /apps/:id": ("GET", "/apps/{app}"),
    "GET /apps/:id/dynos": ("GET", "/apps/{app}/dynos"),
    "PATCH config-vars": ("PATCH", "/apps/{app}/config-vars"),
}
_CLIENTS = (1, 32)


def fill(settings: Settings) -> tuple[str, list[str]]:
    """A store with the apps of one account; returns a token of it and the ids of the apps."""
    database.migrate(settings)
    opened = context.connect(settings)
    accounts.create_operator(opened.database, email="bench@localhost", password="bench-password")
    actor = accounts.log_in(opened, "bench@localhost", "bench-password")
    _, token = authorizations.create(opened, actor)
    first = _app(opened, actor)
    ids = [first, *_copies(opened, first)]
    with opened.database.read() as tx:
        counted = sa.select(sa.func.count()).select_from(tables.releases)
        assert tx.connection.execute(counted).scalar_one() == APPS * RELEASES_OF_APP
    opened.database.close()
    return token, ids


def _app(opened: context.Context, actor: Actor) -> str:
    """An app as people have them: deploys, changes of config, a formation of two types, a domain, two dynos."""
    app = apps.create(opened, actor, name="app-0")
    for number in range((RELEASES_OF_APP - 2) // 2):
        config_vars.update(opened, actor, app.name, {f"NAME_{number}": "some value or other " * 2})
        release = _deploy(opened, actor, app.name, number)
    domains.add(opened, actor, app.name, "app-0.example.com")
    with opened.database.transaction() as tx:
        for process_type in ("web", "worker"):
            stored_dynos.insert(tx, dynos.new(app.id, release, process_type, 1, "python app.py", "1X"))
    return app.id


def _deploy(opened: context.Context, actor: Actor, app: str, number: int) -> str:
    build = builds.create(opened, actor, app, commit=f"{number:040x}")
    compiled = Compiled(
        slug_id=str(uuid.uuid4()),
        process_types={"web": "gunicorn app:app", "worker": "python work.py"},
        language="Python",
        checksum="SHA256:" + "0" * 64,
        size=2048,
        config_vars={},
    )
    release = builds.succeed(opened, build.id, compiled)
    assert release is not None
    return release.id


def _copies(opened: context.Context, app_id: str) -> Iterator[str]:
    """More apps with the rows of that one, under ids and names of their own; yields their ids."""
    of_app = [found for found in tables.metadata.sorted_tables if "app_id" in found.c and "seq" not in found.c]
    with opened.database.transaction() as tx:
        read = {
            found: tx.connection.execute(sa.select(found).where(found.c.app_id == app_id)).mappings().all()
            for found in of_app
        }
        read[tables.apps] = (
            tx.connection.execute(sa.select(tables.apps).where(tables.apps.c.id == app_id)).mappings().all()
        )
        for number in range(1, APPS):
            new = {row["id"]: str(uuid.uuid4()) for rows in read.values() for row in rows if "id" in row}
            for found in (tables.apps, *of_app):
                if read[found]:
                    tx.connection.execute(found.insert(), [_renamed(row, new, number) for row in read[found]])
            yield new[app_id]


def _renamed(row: sa.RowMapping, new: dict[str, str], number: int) -> dict[str, Any]:
    copy = {name: new.get(value, value) if isinstance(value, str) else value for name, value in row.items()}
    for unique in ("name", "hostname"):
        if unique in copy:
            copy[unique] = copy[unique].replace("app-0", f"app-{number}")
    if "number" in copy and "owner_id" in copy:
        copy["number"] += number
    return copy


class Caller:
    """One client: a connection that is kept open, and as little work as it takes, for it shares the processors."""

    def __init__(self, path: Path, token: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(str(path))
        self._headers = f"HTTP/1.1\r\nHost: localhost\r\nAccept: {api_role.ACCEPT}\r\nAuthorization: Bearer {token}\r\n"

    def call(self, method: str, path: str, body: str) -> float:
        """Milliseconds until the whole answer is there."""
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        sent = f"{method} {path} {self._headers}{length}\r\n{body}".encode()
        began = time.perf_counter()
        self._socket.sendall(sent)
        answer = self._socket.recv(1 << 20)
        head = answer.index(b"\r\n\r\n")
        at = answer.index(b"content-length: ") + 16
        missing = head + 4 + int(answer[at : answer.index(b"\r", at)]) - len(answer)
        while missing > 0:
            missing -= len(self._socket.recv(1 << 20))
        taken = (time.perf_counter() - began) * 1000
        assert answer[9:12] in (b"200", b"206"), answer[:1000]
        return taken


def _clients(path: Path, token: str, ids: list[str], call: str, count: int, seconds: float, told: Any) -> None:
    """Ask from `count` connections for so long; tells the milliseconds of each answer."""
    method, pattern = _CALLS[call]
    taken: list[list[float]] = []
    until = time.monotonic() + seconds

    def ask() -> None:
        caller, chosen, mine = Caller(path, token), random.Random(), []
        while time.monotonic() < until:
            body = json.dumps({"CHANGED": str(chosen.random())}) if method == "PATCH" else ""
            mine.append(caller.call(method, pattern.format(app=chosen.choice(ids)), body))
        # The first is a connection's start.
        taken.append(mine[1:])

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told.send([one for mine in taken for one in mine] if len(taken) == count else [])


def measure(path: Path, token: str, ids: list[str], call: str, count: int, seconds: float) -> list[float]:
    """The milliseconds of each answer; the clients have a process of their own."""
    heard, told = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=_clients, args=(path, token, ids, call, count, seconds, told))
    process.start()
    told.close()
    taken: list[float] = heard.recv()
    process.join()
    if not taken:
        raise SystemExit(f"cannot measure {call}: it was not answered; see above")
    return taken


@contextlib.contextmanager
def store(kind: str) -> Iterator[str]:
    """The URL of an empty store; "" is SQLite in the home."""
    if kind == "sqlite":
        yield ""
        return
    with postgresql.cluster(fsync=True) as template:
        yield postgresql.create(template, "bench")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    with store(options.store) as url, tempfile.TemporaryDirectory(prefix="celadon-bench") as directory:
        settings = Settings(home=Path(directory), store_url=url, rate_limit=10**9, dyno_limit=10**6)
        print("filling the store …", file=sys.stderr)
        token, ids = fill(settings)
        with api_role.serving(settings) as (path, _):
            return report(options, lambda call, count: measure(path, token, ids, call, count, options.seconds))


def report(options: argparse.Namespace, measured: Callable[[str, int], list[float]]) -> int:
    rows, missed = [], False
    for call in _CALLS:
        for count in _CLIENTS:
            taken = measured(call, count)
            p50, p99 = statistics.median(taken), statistics.quantiles(taken, n=100)[98]
            barred = count == 1 and call.startswith("GET")
            over = barred and (p50 > P50_BAR or p99 > P99_BAR)
            missed = missed or over
            rows.append(
                (
                    f"{call}, {count} client{'s' if count > 1 else ''}",
                    f"p50 {p50:6.2f} ms · p99 {p99:6.2f} ms · {len(taken) / options.seconds:6,.0f}/s"
                    + (f" · bars {P50_BAR:.0f}, {P99_BAR:.0f}{': missed' if over else ''}" if barred else ""),
                )
            )
    table(f"Platform API, {APPS:,} apps, {APPS * RELEASES_OF_APP:,} releases, {options.store}", rows)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
