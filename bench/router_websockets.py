"""WebSocket messages through the router, nginx and Caddy: messages per second, and CPU per message of the proxy.

    .venv/bin/python bench/router_websockets.py [--rounds N] [--seconds N] [--connections N]

A message is a frame of 62 bytes and its echo: it passes the proxy twice. The proxy on one core, the client (this
process) and the echo (see echo.py) on the other. Those two are nearly as busy as the proxy: the CPU per message tells
more than the rate.
"""

import os
import tempfile
from pathlib import Path

import common
import echo
import proxies
import rounds
from processes import OTHER_CORE


def main() -> None:
    options = rounds.options(__doc__, connections=32)
    with tempfile.TemporaryDirectory(prefix="router-bench-", dir="/tmp") as name:
        home = Path(name)
        with echo.backend() as to, proxies.everyone(home, to) as targets:
            os.sched_setaffinity(0, {OTHER_CORE})
            series = rounds.in_turn(
                targets,
                options.rounds,
                lambda target: echo.ask(target.port, options.seconds, options.connections),
            )
    logged, _, *others = series
    common.table(
        f"WebSockets: {options.connections} connections, {options.rounds} rounds of {options.seconds} s, one core for the proxy",
        [rounds.row(found, "messages/s", "message") for found in series]
        + [rounds.ratio(logged, other, "messages/s", "message") for other in others],
    )


if __name__ == "__main__":
    main()
