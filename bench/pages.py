"""How long pages of the dashboard take and how large they are: `bench/pages.py [--apps N] [--rounds N]`.

A store with so many apps of one account, each deployed, and the api's application asked in this process as the router
would ask it: the whole way of a request but for the sockets. The first view of a page is timed apart: templates are
compiled then.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.api.world import World, make_store, open_world
from tests.dashboard.test_logging_in import ask, cookie_of, log_in

from celadon.actions import apps
from celadon.platform.settings import Settings

PAGES = (
    "/dashboard",
    "/dashboard?q=shop-1",
    "/dashboard/apps/example",
    *(
        f"/dashboard/apps/example/{tab}"
        for tab in (
            "resources",
            "deploy",
            "metrics",
            "logs",
            "activity",
            "access",
            "settings",
            "code",
            "console",
            "check",
        )
    ),
    "/dashboard/pipelines",
    "/dashboard/databases",
    "/dashboard/addons",
    "/dashboard/addons/services/heroku-postgresql",
    "/dashboard/dataclips",
    "/dashboard/account",
    "/dashboard/operator",
    "/dashboard/help?q=H12",
    "/status",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--apps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pages-bench-") as directory:
        home = Path(directory)
        make_store(home, furnished=True)
        world = open_world(Settings(home=home, app_limit=10_000, rate_limit=1_000_000))
        for number in range(arguments.apps):
            apps.create(world.context, world.actor, name=f"shop-{number}")
            world.deploy(f"shop-{number}", {"web": "python server.py"})
        cookie = cookie_of(log_in(world))
        print(f"{arguments.apps} apps; milliseconds: first view, median, most; bytes")
        for page in PAGES:
            first, *rest = [view(world, page, cookie) for _ in range(arguments.rounds + 1)]
            times = [seconds * 1000 for seconds, _ in rest]
            median, most = statistics.median(times), max(times)
            print(f"{page:45} {first[0] * 1000:7.1f} {median:7.1f} {most:7.1f} {first[1]:8,}")
        world.context.database.close()
    return 0


def view(world: World, page: str, cookie: str) -> tuple[float, int]:
    """Seconds and bytes of one answer."""
    began = time.perf_counter()
    reply = ask(world, "GET", page, Cookie=cookie)
    seconds = time.perf_counter() - began
    if reply.status != 200:
        raise SystemExit(f"{page} answers {reply.status}: {reply.content[:200]!r}")
    return seconds, len(reply.content)


if __name__ == "__main__":
    sys.exit(main())
