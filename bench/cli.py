"""How fast the command line starts: `celadon version`, and `celadon ps` against a running platform.

    .venv/bin/python bench/cli.py [--rounds 30]

Starts a platform of its own (root needed); nothing is left behind but Heroku's own client in its cache. Prints a table
with the interpreter's own start for comparison, and exits 1 when `version` takes more than 80 ms in the median, or `ps`
more than a third of what it takes by Heroku's own client.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable

from common import CHECKOUT, platform, summary, table, timed

BAR = 0.080
RATIO_BAR = 1 / 3
CELADON = str(CHECKOUT / "bin" / "celadon")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    with platform() as bench:
        bench.celadon("create", "bench-app", "--no-remote")

        def calling(*argv: str, **variables: str) -> Callable[[], object]:
            env = bench.env | variables
            return lambda: subprocess.run(argv, env=env, cwd=bench.directory, check=True, capture_output=True)

        # It finds the credentials where bin/up has put them: both clients read .netrc.
        theirs = json.loads(bench.celadon("client:env", "--json"))
        bench.celadon("plugins:link", str(CHECKOUT / "examples" / "plugin-hello"))
        none = {"XDG_DATA_HOME": str(bench.directory / "no-plugins")}
        calls = {
            "python -c pass": calling(sys.executable, "-c", "pass"),
            "celadon version": calling(CELADON, "version"),
            "celadon help": calling(CELADON, "help"),
            "celadon ps": calling(CELADON, "ps", "-a", "bench-app"),
            "celadon config": calling(CELADON, "config", "-a", "bench-app", **none),
            "celadon config, with a plugin": calling(CELADON, "config", "-a", "bench-app"),
            "celadon hello:world, of the plugin": calling(CELADON, "hello:world"),
            "heroku ps": calling(*official_cli(), "ps", "-a", "bench-app", **theirs),
        }
        # In turns, so that what else the machine does meets them all.
        for call in calls.values():
            call()
        seconds: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(rounds):
            for name, call in calls.items():
                seconds[name].append(timed(call) * 1000)
    table("Start-up of the command line", [(name, summary(values, "ms", 1)) for name, values in seconds.items()])
    ratio = statistics.median(seconds["celadon ps"]) / statistics.median(seconds["heroku ps"])
    print(f"\nceladon ps / heroku ps: {ratio:.2f} (bar: {RATIO_BAR:.2f})")
    return 0 if statistics.median(seconds["celadon version"]) <= BAR * 1000 and ratio <= RATIO_BAR else 1


def official_cli() -> list[str]:
    """The words that run Heroku's own client, the version that the tests use."""
    argv = [sys.executable, "-m", "tests.official_cli.install"]
    installed = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if installed.returncode:
        sys.exit(installed.stderr)
    return installed.stdout.split()


if __name__ == "__main__":
    sys.exit(main())
