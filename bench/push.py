"""`git push` of a small Flask app until the new version answers: cold, dependency change, code-only change.

    .venv/bin/python bench/push.py [rounds]

*Cold* is the first push of a new app. The clock runs from the start of `git push` until the router answers with the text
of the new version; the push itself ends when its release serves.
"""

import sys
import time
from pathlib import Path

import common

APP = """import os
from flask import Flask
app = Flask(__name__)
@app.get("/")
def page():
    return "version {version}"
"""


def write(checkout: Path, version: str, *, packages: str = "flask\ngunicorn\n") -> None:
    (checkout / "requirements.txt").write_text(packages)
    (checkout / "Procfile").write_text("web: gunicorn app:app\n")
    (checkout / "app.py").write_text(APP.format(version=version))


def push(bench: common.Bench, name: str, checkout: Path, version: str) -> tuple[float, float]:
    """Seconds until the push ended, and until the new version answered."""
    bench.run("git", "add", "-A", cwd=checkout)
    bench.run("git", "commit", "-qm", version, cwd=checkout)
    begun = time.perf_counter()
    bench.run("git", "push", "-q", "celadon", "main", cwd=checkout)
    pushed = time.perf_counter() - begun
    while f"version {version}" not in bench.get(name)[1]:
        if time.perf_counter() - begun > 60:
            sys.exit(f"version {version} never answered")
    return pushed, time.perf_counter() - begun


def main(rounds: int) -> None:
    live: dict[str, list[float]] = {"cold": [], "dependency change": [], "code-only change": []}
    with common.platform() as bench:
        for number in range(rounds):
            name = f"bench-{number}"
            checkout = bench.directory / name
            checkout.mkdir()
            bench.run("git", "init", "-qb", "main", cwd=checkout)
            bench.celadon("create", name, cwd=checkout)
            write(checkout, f"{number}-cold")
            live["cold"].append(push(bench, name, checkout, f"{number}-cold")[1])
            write(checkout, f"{number}-deps", packages="flask\ngunicorn\nidna\n")
            live["dependency change"].append(push(bench, name, checkout, f"{number}-deps")[1])
            for change in range(2):
                write(checkout, f"{number}-code{change}", packages="flask\ngunicorn\nidna\n")
                live["code-only change"].append(push(bench, name, checkout, f"{number}-code{change}")[1])
            bench.celadon("destroy", name, "--confirm", name)
    common.table(
        "git push to live (small Flask app)", [(name, common.summary(values)) for name, values in live.items()]
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
