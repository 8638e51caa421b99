"""How fast the command line starts, beside Heroku's own client: `--version` and `help`, and `ps` and `config` of a
running platform.

    .venv/bin/python bench/cli.py [--rounds 30]

Starts a platform of its own (root needed); nothing is left behind but Heroku's own client in its cache. Prints a table
with the interpreter's own start for comparison, and exits 1 when one of them takes more than a third of what it takes by
Heroku's own client in the median.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable

from common import CHECKOUT, platform, summary, table, timed

BAR = 1 / 3
COMMANDS = (("--version",), ("help",), ("ps", "-a", "bench-app"), ("config", "-a", "bench-app"))
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
        theirs = json.loads(bench.celadon("client:env", "--json")) | {"HEROKU_DISABLE_AUTOUPDATE": "1"}
        official = official_cli()
        bench.celadon("plugins:link", str(CHECKOUT / "examples" / "plugin-hello"))
        none = {"XDG_DATA_HOME": str(bench.directory / "no-plugins")}
        calls = {"python -c pass": calling(sys.executable, "-c", "pass")}
        for words in COMMANDS:
            calls[f"celadon {words[0]}"] = calling(CELADON, *words, **none)
            calls[f"heroku {words[0]}"] = calling(*official, *words, **theirs)
        calls["celadon config, with a plugin"] = calling(CELADON, "config", "-a", "bench-app")
        calls["celadon hello:world, of the plugin"] = calling(CELADON, "hello:world")
        # In turns, so that what else the machine does meets them all.
        for call in calls.values():
            call()
        seconds: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(rounds):
            for name, call in calls.items():
                seconds[name].append(timed(call) * 1000)
    table("Start-up of the command line", [(name, summary(values, "ms", 1)) for name, values in seconds.items()])
    slow = False
    for word, *_ in COMMANDS:
        ratio = statistics.median(seconds[f"celadon {word}"]) / statistics.median(seconds[f"heroku {word}"])
        print(f"celadon {word} / heroku {word}: {ratio:.3f} (bar: {BAR:.2f})")
        slow |= ratio > BAR
    return 1 if slow else 0


def official_cli() -> list[str]:
    """The words that run Heroku's own client, the version that the tests use."""
    argv = [sys.executable, "-m", "tests.official_cli.install"]
    installed = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if installed.returncode:
        sys.exit(installed.stderr)
    return installed.stdout.split()


if __name__ == "__main__":
    sys.exit(main())
