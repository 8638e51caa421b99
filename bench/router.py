"""The router against nginx and Caddy: requests per second, latency, and CPU per request of the proxy.

    .venv/bin/python bench/router.py [--rounds N] [--seconds N] [--connections N]

All in one run, in turn: the proxy on one core, wrk and the backend (nginx, a short static answer) on the other.
"""

import tempfile
from pathlib import Path

import common
import proxies
import rounds


def ratios(series: list[rounds.Series]) -> list[tuple[str, str]]:
    logged, plain, dokku, kept, caddy = series
    pairs = ((logged, dokku, 2.0), (logged, caddy, 2.0), (logged, kept, 0.55), (plain, kept, 0.75))
    found = [(rounds.ratio(ours, other), bar) for ours, other, bar in pairs]
    return [(name, f"{text} (bar {bar:g}×)") for (name, text), bar in found]


def main() -> None:
    options = rounds.options(__doc__, connections=64)
    with tempfile.TemporaryDirectory(prefix="router-bench-", dir="/tmp") as name:
        home = Path(name)
        with proxies.backend(home) as to, proxies.everyone(home, to) as targets:
            series = rounds.in_turn(
                targets,
                options.rounds,
                lambda target: rounds.wrk(target.port, options.seconds, options.connections),
            )
    common.table(
        f"Router: {options.connections} connections, {options.rounds} rounds of {options.seconds} s, one core for the proxy",
        [rounds.row(found) for found in series] + ratios(series),
    )


if __name__ == "__main__":
    main()
