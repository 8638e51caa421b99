"""Large answers through the router, nginx and Caddy: MiB per second, and CPU per request of 1 MiB of the proxy.

    .venv/bin/python bench/router_bodies.py [--rounds N] [--seconds N] [--connections N]

As bench/router.py, but that the backend sends a file of 1 MiB.
"""

import os
import tempfile
from pathlib import Path

import common
import proxies
import rounds

# One request a MiB: their rate is that of the MiB.
_SIZE = 1 << 20


def main() -> None:
    options = rounds.options(__doc__, connections=16)
    with tempfile.TemporaryDirectory(prefix="router-bench-", dir="/tmp") as name:
        home = Path(name)
        (home / "www").mkdir()
        (home / "www" / "body").write_bytes(os.urandom(_SIZE))
        body = f"root {home}/www; index body; sendfile on; tcp_nopush on;"
        with proxies.backend(home, body) as to, proxies.everyone(home, to) as targets:
            series = rounds.in_turn(
                targets,
                options.rounds,
                lambda target: rounds.wrk(target.port, options.seconds, options.connections),
            )
    logged, _, *others = series
    common.table(
        f"Bodies of 1 MiB: {options.connections} connections, {options.rounds} rounds of {options.seconds} s, one core for the proxy",
        [rounds.row(found, "MiB/s") for found in series] + [rounds.ratio(logged, other, "MiB/s") for other in others],
    )


if __name__ == "__main__":
    main()
