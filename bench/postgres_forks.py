"""How long a fork takes against dumping and restoring the same rows, and how far a follower is behind under load.

    .venv/bin/python bench/postgres_forks.py [--megabytes 100] [--rounds 3] [--seconds 20] [--clients 4]

Makes databases as the `addons` role does, on a platform of its own without the other roles (needs root; 1,000 megabytes
need 10 GB of disk and a machine that nobody else uses); nothing is left behind. Exits 1 when a row is not visible on the
follower within a second, or, from 500 megabytes on, a fork takes longer than `pg_dump | pg_restore` in the median: a small
one spends its time on the thousand files that each cluster has.
"""

import argparse
import statistics
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime

import psycopg
from common import CHECKOUT, summary, table

sys.path.insert(0, str(CHECKOUT))
from tests.postgres import place
from tests.postgres.place import Place, wanted

from celadon.addons.provider import Provided, Wanted
from celadon.platform import certificates
from celadon.postgres.provider import PostgresProvider

Made = tuple[Wanted, Provided]
# pgbench makes about 15 MB for each unit of its scale.
_SCALE = 15
_LARGE = 500


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--clients", type=int, default=4)
    options = parser.parse_args()
    with place.opened() as found:
        certificates.issue(found.settings, datetime.now(UTC))
        provider = PostgresProvider(found.context, found.pairs, resolve=lambda word, _: word)
        source = _make(provider)
        _pgbench(provider, source, "--initialize", "--quiet", f"--scale={max(1, options.megabytes // _SCALE)}")
        provider.archive.ensure()
        forks, dumps = [], []
        # In turns, so that what else the machine does meets both.
        for _ in range(options.rounds):
            forks.append(_fork(found, provider, source))
            dumps.append(_dump(provider, source))
        visible = _follow(found, provider, source, options.seconds, options.clients)
    rows = [
        (f"{options.megabytes} MB: fork to first connection", summary(forks, "s", 2)),
        (f"{options.megabytes} MB: pg_dump | pg_restore", summary(dumps, "s", 2)),
        (f"written to visible on a follower, pgbench -c{options.clients}", summary(visible, "ms", 1)),
    ]
    table("Copies of PostgreSQL", rows)
    slow = options.megabytes >= _LARGE and statistics.median(forks) > statistics.median(dumps)
    return 1 if slow or max(visible) >= 1000 else 0


def _make(provider: PostgresProvider, **options: str) -> Made:
    order = wanted("standard-0", **options)
    return order, provider.provision(order)


def _fork(found: Place, provider: PostgresProvider, source: Made) -> float:
    began = time.perf_counter()
    made = _make(provider, fork=source[0].addon_id)
    with found.connect(made[1]) as connection:
        connection.execute("select count(*) from pgbench_branches")
    taken = time.perf_counter() - began
    provider.deprovision(made[0].addon_id, None)
    return taken


def _dump(provider: PostgresProvider, source: Made) -> float:
    """Into an empty database, as its owner would; making that one is not counted."""
    target = _make(provider)
    began = time.perf_counter()
    dump = _program(provider, "pg_dump", "--format=custom", "--compress=0", _url(source))
    restore = _program(provider, "pg_restore", "--no-owner", "--no-acl", f"--dbname={_url(target)}")
    with subprocess.Popen(dump, stdout=subprocess.PIPE) as dumping:
        subprocess.run(restore, stdin=dumping.stdout, check=False, stderr=subprocess.DEVNULL)
    taken = time.perf_counter() - began
    assert dumping.returncode == 0
    with psycopg.connect(_url(target)) as connection:
        assert connection.execute("select count(*) > 0 from pgbench_accounts").fetchone() == (True,)
    provider.deprovision(target[0].addon_id, None)
    return taken


def _url(made: Made) -> str:
    assert made[1].config is not None
    return made[1].config["HEROKU_POSTGRESQL_URL"]


def _program(provider: PostgresProvider, name: str, *words: str) -> list[str]:
    """A program of the image's PostgreSQL, on the host: it may have another version or none."""
    clusters = provider.clusters
    return ["chroot", str(clusters.engines.root), f"/usr/lib/postgresql/{clusters.version}/bin/{name}", *words]


def _pgbench(provider: PostgresProvider, made: Made, *options: str) -> None:
    subprocess.run(_program(provider, "pgbench", *options, _url(made)), check=True, capture_output=True)


def _follow(found: Place, provider: PostgresProvider, source: Made, seconds: int, clients: int) -> list[float]:
    """Milliseconds from a commit until the follower shows it, many times under load."""
    follower = _make(provider, follow=source[0].addon_id)
    load = threading.Thread(
        target=_pgbench, args=(provider, source, f"--client={clients}", f"--time={seconds}", "--no-vacuum")
    )
    visible: list[float] = []
    with found.connect(source[1]) as leader, found.connect(follower[1]) as reader:
        leader.execute("create table seen (n int)")
        load.start()
        while load.is_alive():
            leader.execute("insert into seen values (%s)", [len(visible)])
            began = time.perf_counter()
            while (reader.execute("select to_regclass('seen')").fetchone() or (None,))[0] is None:
                pass
            while (reader.execute("select max(n) from seen").fetchone() or (None,))[0] != len(visible):
                pass
            visible.append((time.perf_counter() - began) * 1000)
    load.join()
    return visible


if __name__ == "__main__":
    sys.exit(main())
