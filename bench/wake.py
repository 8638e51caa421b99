"""Waking an app that sleeps: how much longer its first request takes than its dyno takes to boot.

    .venv/bin/python bench/wake.py [rounds]

The boot is what the app's log says: from `Starting process` to `State changed from starting to up`.
"""

import re
import sys
import time
from datetime import datetime

import common

SERVER = """import http.server, os
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"awake")
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Page).serve_forever()
"""
# Asleep after two seconds without a visit.
SIZES = "1X:512:1:5:5:0,Nap:128:1:0:3:2"
BOOT = re.compile(r"^(\S+) heroku\[web\.1\]: (Starting process|State changed from starting to up)", re.MULTILINE)


def sleeps(bench: common.Bench) -> None:
    deadline = time.monotonic() + 60
    while ": idle " not in bench.celadon("ps", "--app", "wake"):
        if time.monotonic() > deadline:
            sys.exit("it does not fall asleep")


def booted(bench: common.Bench, before: int) -> float:
    """Seconds of the boot after so many lines of boots."""
    deadline = time.monotonic() + 10
    while len(found := BOOT.findall(bench.celadon("logs", "-n", "1500", "--app", "wake"))) < before + 2:
        if time.monotonic() > deadline:
            sys.exit("the log does not tell of the boot")
    begun, ended = (datetime.fromisoformat(at) for at, _ in found[-2:])
    return (ended - begun).total_seconds()


def main(rounds: int) -> None:
    took: list[float] = []
    over: list[float] = []
    with common.platform("--set", f"dyno_sizes={SIZES}") as bench:
        checkout = bench.directory / "wake"
        checkout.mkdir()
        bench.run("git", "init", "-qb", "main", cwd=checkout)
        (checkout / "requirements.txt").write_text("")
        (checkout / "server.py").write_text(SERVER)
        (checkout / "Procfile").write_text("web: python3 server.py\n")
        bench.run("git", "add", "-A", cwd=checkout)
        bench.run("git", "commit", "-qm", "wake", cwd=checkout)
        bench.celadon("create", "wake", cwd=checkout)
        bench.run("git", "push", "-q", "celadon", "main", cwd=checkout)
        bench.celadon("ps:resize", "web=nap", "--app", "wake")
        for _ in range(rounds):
            sleeps(bench)
            before = len(BOOT.findall(bench.celadon("logs", "-n", "1500", "--app", "wake")))
            begun = time.perf_counter()
            if bench.get("wake")[1] != "awake":
                sys.exit("it does not answer")
            took.append(time.perf_counter() - begun)
            over.append(took[-1] - booted(bench, before))
    common.table(
        "Waking an app",
        [
            ("first request of an app that sleeps", common.summary(took)),
            ("of which beyond the dyno's boot", common.summary(over) + " (bar 150 ms)"),
        ],
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
