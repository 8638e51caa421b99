"""How long it takes from asking for a database until it takes a connection, and how long nobody writes in a failover.

    .venv/bin/python bench/postgres.py [--rounds 9] [--failovers 3]

Makes databases as the `addons` role does, on a platform of its own without the other roles (needs root); nothing is left
behind. What the API and the change feed add is bench/api.py's. Exits 1 when a median is over its bar: 0.5 s shared, 1 s
with a server of its own.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable

from common import CHECKOUT, table

sys.path.insert(0, str(CHECKOUT))
from tests.postgres import failing, place

BARS = {"mini": 0.5, "standard-0": 1.0}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--failovers", type=int, default=3)
    options = parser.parse_args()
    rows, missed = [], False
    with place.opened() as found:
        for plan, bar in BARS.items():
            taken = [_provision(found, plan) for _ in range(options.rounds)]
            median = statistics.median(taken)
            missed = missed or median > bar
            text = f"median {median * 1000:6.0f} ms · {min(taken) * 1000:.0f} to {max(taken) * 1000:.0f} · bar {bar * 1000:.0f}"
            rows.append((f"{plan}: asked for to first connection", text))
        for what, kill in failing.KILLS.items():
            rows.append((f"premium-0: {what}", _failovers(found, kill, options.failovers)))
    table("PostgreSQL", rows)
    return 1 if missed else 0


def _provision(found: place.Place, plan: str) -> float:
    found.manager.keep_spare()
    began = time.perf_counter()
    order, made = found.provision(plan)
    with found.connect(made) as connection:
        connection.execute("select 1")
    taken = time.perf_counter() - began
    found.provider.deprovision(order.addon_id, None)
    return taken


def _failovers(found: place.Place, kill: Callable[[failing.Pair], None], rounds: int) -> str:
    gaps, lost, acknowledged = [], 0, 0
    with failing.pair(found) as pair:
        for _ in range(rounds):
            writer = failing.Writer(pair)
            with writer:
                kill(pair)
                writer.wait_for_more(50)
            gaps.append(writer.gap)
            lost += len(writer.lost())
            acknowledged += len(writer.acknowledged)
            failing.wait_for("there is a standby again", pair.available)
    return f"median gap {statistics.median(gaps):.2f} s ({min(gaps):.2f} to {max(gaps):.2f}) · {lost} of {acknowledged:,} lost"


if __name__ == "__main__":
    sys.exit(main())
