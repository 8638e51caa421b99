"""What a push, a question and a killed API cost while another app's dynos burn all processors.

    .venv/bin/python bench/burning.py [--pushes 3]

A platform of its own, gone afterwards. The client, git and the CLI, has a real-time priority from the first measure on, as if
it were on another machine: what is measured is what the platform has left for roles and for a build.
"""

import argparse
import os
import signal
import time
from pathlib import Path

import common
import manifold

from celadon.platform import settings, supervise

_APP = "small"
_HOGS = 2 * (os.cpu_count() or 1)


def push(bench: common.Bench, checkout: Path, page: str) -> float:
    """Seconds until the app, of which only code has changed, shows the page."""
    (checkout / "server.py").write_text(manifold.SERVER.replace('ok"', f'{page}"'))
    bench.run("git", "commit", "-qam", page, cwd=checkout)

    def live() -> None:
        bench.run("git", "push", "-q", "celadon", "main", cwd=checkout)
        manifold.wait(f"{page} is shown", lambda: bench.get(_APP)[1] == page, 900)

    return common.timed(live)


def killed(bench: common.Bench) -> float:
    """Seconds until a question is answered that comes as the API is killed."""
    found = settings.load(bench.home)
    # runsv waits a second before it starts again what ran for less than one.
    time.sleep(2)
    os.kill(supervise.pids(found)["api"], signal.SIGKILL)
    return common.timed(lambda: bench.celadon("ps", "--app", _APP))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pushes", type=int, default=3)
    options = parser.parse_args()
    rows = []
    with common.platform() as bench:
        manifold.app(bench, "hog", {"Procfile": "web: sleep 36000\nspin: python3 -c 'while True: pass'\n"})
        files = {"Procfile": "web: python3 server.py\n", "server.py": manifold.SERVER, "requirements.txt": "flask\n"}
        manifold.app(bench, _APP, files)
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        for number, kind in enumerate(("quiet", "burning")):
            bench.celadon("ps:scale", f"spin={_HOGS * number}", "--app", "hog")
            pushes = [push(bench, bench.directory / _APP, f"{number}{one}") for one in range(options.pushes)]
            asked = [common.timed(lambda: bench.celadon("ps", "--app", _APP)) for _ in range(5)]
            back = [killed(bench) for _ in range(5)]
            found = {"code-only push": pushes, "celadon ps": asked, "after a SIGKILL of the API": back}
            rows.append((kind, "   ".join(f"{what} {common.summary(values)}" for what, values in found.items())))
    common.table(f"A push, a question and a killed API beside {_HOGS} dynos that spin", rows)


if __name__ == "__main__":
    main()
