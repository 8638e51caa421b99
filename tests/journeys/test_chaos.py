"""Every role is killed, one after the other and all at once, while visitors ask and the owner works: nothing is lost."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from celadon.platform import runtimes, settings, supervise
from celadon.router import engine, haproxy
from tests import ports
from tests.journeys import sources
from tests.journeys.conftest import CELADON, App, Platform, wait_for
from tests.journeys.load import Load

ROLES = supervise.ROLES
REQUESTS = 10_000


# A line of the router about a request that was answered, and the mark of who sent it.
_VISIT = r'heroku\[router\]: at=info method=\w+ path="(?:/slow)?/(\d+-\d+)"'
# Seconds between two kills: a push must have a chance to get through between two deaths of the git role.
_PAUSE = 1.0


class Killer:
    """Kills roles in turn, one each second, when the one before is back; a context manager."""

    def __init__(self, platform: Platform) -> None:
        self.settings = settings.load(platform.home)
        self.killed: dict[str, int] = dict.fromkeys(ROLES, 0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="killer")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.wait_back()

    def _run(self) -> None:
        while not self._stop.is_set():
            for role in ROLES:
                if not self._stop.wait(_PAUSE):
                    self.kill(role)
                    self.wait_back(self._stop)

    def kill(self, *roles: str) -> None:
        present = supervise.pids(self.settings)
        for role in roles:
            if role in present:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(present[role], signal.SIGKILL)
                    self.killed[role] += 1

    def wait_back(self, stop: threading.Event | None = None) -> None:
        """Until every role runs again, and listens: a platform whose roles die before they are up serves nobody."""
        wait_for("every role is back", lambda: (stop is not None and stop.is_set()) or self._back())

    def _back(self) -> bool:
        there = set(supervise.pids(self.settings)) >= set(ROLES)
        return there and all(ports.listens(self.settings.run / f"{role}.sock") for role in haproxy.ROLES)


class Tail:
    """A user's `celadon logs --tail`, into a file."""

    def __init__(self, app: App, path: Path, *words: str) -> None:
        self.path = path
        argv = [str(CELADON), "logs", "--tail", "-n", "1500", "--app", app.name, *words]
        with path.open("wb") as output:
            self._program = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=app.platform.env
            )

    def text(self) -> str:
        return self.path.read_text("utf-8", "replace")

    def close(self) -> None:
        self._program.terminate()
        self._program.wait()


@contextlib.contextmanager
def tail(app: App, path: Path, *words: str) -> Iterator[Tail]:
    found = Tail(app, path, *words)
    try:
        yield found
    finally:
        found.close()


def releases(app: App) -> dict[str, str]:
    """Version → description."""
    return {f"v{entry['version']}": entry["description"] for entry in json.loads(owner(app, "releases", "--json"))}


def accepted(what: Callable[[], "subprocess.CompletedProcess[str]"]) -> str:
    """Ask until the platform accepts: a role that dies in the middle of a question may leave it without an answer."""
    last = ""

    def asked() -> bool:
        nonlocal last
        found = what()
        last = found.stdout
        return found.returncode == 0

    deadline = time.monotonic() + 60
    while not asked():
        assert time.monotonic() < deadline, f"the platform does not accept: {last}"
    return last


def owner(app: App, *words: str) -> str:
    return accepted(lambda: app.platform.run(CELADON, *words, "--app", app.name, check=False))


def deploy(app: App, version: str) -> None:
    """Push until there is a release of it: a push whose git role died has no answer, but what it began goes on."""
    app.write("version", f"{version}\n")
    app.commit(version)
    commit = app.platform.run("git", "rev-parse", "HEAD", cwd=app.checkout).stdout[:8]
    outputs: list[str] = []
    deadline = time.monotonic() + 60
    while not any(commit in description for description in releases(app).values()):
        assert time.monotonic() < deadline, f"no push of {version} gets through: {outputs}"
        outputs.append(app.push(check=False))
        wait_for("no build runs", lambda: '"pending"' not in owner(app, "builds", "--json"))


def serves(app: App, word: str) -> None:
    wait_for(f"{word} serves", lambda: word in app.get("/").text.split())


def steady(app: App) -> None:
    """Until the dynos that the API tells are those that run, and those that were asked for."""
    found = settings.load(app.platform.home)
    runtime = runtimes.dynos(found)

    def agree() -> bool:
        told = sorted((dyno["name"], dyno["state"]) for dyno in json.loads(owner(app, "ps", "--json")))
        run = sorted(one.labels["dyno"] for one in runtime.list().values() if one.labels.get("app") == app.name)
        return [name for name, _ in told] == run and all(state == "up" for _, state in told)

    wait_for(f"the dynos of {app.name} are up and agree with the containers", agree, 60)


def check_lines(text: str) -> int:
    """Each run's lines are all there, once and in order; returns how many lines there were."""
    total = 0
    runs: dict[str, list[int]] = {}
    # Up to its line's end: the worker goes on, and the last line may be there by half, with a part of its number.
    for run, number in re.findall(r"app\[worker\.\d+\]: run (\w+) line (\d+)\n", text):
        runs.setdefault(run, []).append(int(number))
    ends = dict(re.findall(r"app\[worker\.\d+\]: run (\w+) end (\d+)\n", text))
    for run, numbers in runs.items():
        missing = sorted(set(range(1, numbers[-1] + 1)) - set(numbers))
        assert not missing, f"lines of run {run} are lost: {missing[:10]} ({len(missing)} of {numbers[-1]})"
        assert numbers == sorted(set(numbers)), f"lines of run {run} came twice or out of order"
        assert run not in ends or int(ends[run]) == numbers[-1], f"the end of run {run} is lost"
        total += len(numbers)
    return total


def check_platform_lines(app: App, text: str) -> None:
    """What the API, the builds, the manifold and the router had to say is all there."""
    builds = json.loads(owner(app, "builds", "--json"))
    # The first two come with the app.
    for version in releases(app).keys() - {"v1", "v2"}:
        assert len(re.findall(rf"app\[api\]: Release {version} created by user", text)) == 1, version
    assert text.count("app[api]: Build started by user") == len(builds)
    assert text.count("app[api]: Build succeeded") == sum(build["status"] == "succeeded" for build in builds)
    assert text.count("heroku[slugc]: Slug compilation finished") >= len(builds)
    # A manager that is killed between its words and its deed says them again.
    ended = len(re.findall(r"app\[worker\.\d+\]: run \w+ end \d+$", text, re.MULTILINE))
    assert len(re.findall(r"heroku\[worker\.\d+\]: Process exited with status 0", text)) >= ended
    started = len(set(re.findall(r"app\[worker\.\d+\]: run (\w+) line", text)))
    assert len(re.findall(r"heroku\[worker\.\d+\]: State changed from created to starting", text)) >= started


def visits(text: str) -> set[str]:
    """Those that the router has told of."""
    return set(re.findall(_VISIT, text))


def check_requests(text: str, answered: int) -> None:
    """Each visit has its line from the router; twice only those that were being written when the role was killed."""
    paths, seen = re.findall(_VISIT, text), visits(text)
    assert len(paths) - len(seen) < 100, f"{len(paths) - len(seen)} request lines came twice"
    assert len(seen) >= answered, f"{answered - len(seen)} of {answered} request lines are lost"


def channel(app: App) -> str:
    """All that Logplex keeps of the app's lines."""
    found = json.loads(app.celadon("info", "--json"))
    directory = app.platform.home / "logplex" / str(found.get("app", found)["id"])
    return "".join(path.read_text("utf-8", "replace") for path in sorted(directory.glob("channel.*.log")))


def test_nothing_is_lost_while_every_role_is_killed_again_and_again(platform: Platform, tmp_path: Path) -> None:
    app = platform.create(
        sources.web(
            Procfile="web: python3 -u server.py\nworker: python3 counter.py\n", **{"counter.py": sources.COUNTER}
        )
    )
    app.push()
    app.celadon("ps:scale", "web=2", "worker=1")
    steady(app)
    times: dict[str, float] = {}
    began = time.monotonic()

    def lap(name: str) -> None:
        nonlocal began
        times[name], began = round(time.monotonic() - began, 1), time.monotonic()

    with (
        tail(app, tmp_path / "tail", "--ps", "worker") as followed,
        Load(platform.ports["http-port"], app.host) as load,
    ):
        wait_for("the tail shows lines", lambda: " line " in followed.text())
        killer = Killer(platform)
        for role in ROLES:
            killer.kill(role)
            killer.wait_back()
        lap("each in turn")
        killer.kill(*ROLES)
        killer.wait_back()
        lap("all at once")
        with killer:
            deploy(app, "two")
            serves(app, "two")
            lap("deploy")
            owner(app, "ps:scale", "web=3")
            owner(app, "ps:scale", "web=2")
            lap("scale")
            owner(app, "config:set", "MARK=marked")
            serves(app, "marked")
            lap("config")
            owner(app, "rollback", "v3")
            serves(app, "one")
            lap("rollback")
            deploy(app, "three")
            killer.kill(*ROLES)
            serves(app, "three")
            lap("deploy, all killed")
            # On a fast machine the owner is done before the killer has been round.
            wait_for("each role has died three times", lambda: min(killer.killed.values()) >= 3, 180)
            lap("each three times")
        steady(app)
        lap("steady")
        wait_for(f"{REQUESTS} requests", lambda: load.answered >= REQUESTS or len(load.failures) > 100, 180)
        lap("requests")
        last = re.findall(r"run \w+ line \d+$", app.celadon("logs", "-n", "1500", "--ps", "worker"), re.MULTILINE)[-1]
        print(times, killer.killed, load.answered, load.slowest, load.seen, load.failures[:10])
        wait_for("the tail has come so far", lambda: f"{last}\n" in followed.text())
        found = followed.text()
    assert load.failures[:10] == [], f"{len(load.failures)} of {load.answered} requests failed; {times}"
    descriptions = list(releases(app).values())
    assert sum(text.startswith("Deploy") for text in descriptions) >= 3
    assert {"Set MARK config vars", "Rollback to v3"} <= set(descriptions)
    assert "L1" not in re.sub(r"app\[.*", "", found), "lines were dropped"
    assert check_lines(found) > 1000
    # What HAProxy says of the last visits is on its way for a moment.
    wait_for("each visit is in the log", lambda: len(visits(channel(app))) >= load.answered)
    kept = channel(app)
    assert check_lines(kept) > 1000
    check_platform_lines(app, kept)
    check_requests(kept, load.answered)


def test_haproxy_is_back_within_a_second(platform: Platform) -> None:
    app = platform.create(sources.web())
    app.push()
    serves(app, "one")
    waits = []
    pid = wait_for("HAProxy runs", lambda: _haproxy(platform, 0))
    for _ in range(3):
        os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        wait_for("pages come again", lambda: _answers(app))
        lasted = time.monotonic() - killed
        # A process of the killed one may have answered with its last breath.
        pid = wait_for("another HAProxy runs", lambda before=pid: _haproxy(platform, before))  # type: ignore[misc]
        # How long it takes to start the programs of a container is a matter of the machine.
        waits.append(lasted - _start_took(platform))
    assert min(waits) <= 1.0, waits
    assert max(waits) <= 5.0, waits
    steady(app)


def _haproxy(platform: Platform, before: int) -> int:
    """The process id of the HAProxy that runs, 0 while it is still the one of before. Nobody else is asked: the way to the
    API leads through it.
    """
    found = runtimes.engines(settings.load(platform.home)).inspect(engine.NAME)
    return found.pid if found is not None and found.pid is not None and found.pid != before else 0


def _start_took(platform: Platform) -> float:
    """Seconds from the first file of HAProxy's container to the one that says that its command runs."""
    bundle = platform.home / "engines" / engine.NAME
    return (bundle / "started").stat().st_mtime - (bundle / "record.json").stat().st_mtime


def _answers(app: App) -> bool:
    try:
        return app.get().status == 200
    except (OSError, http.client.HTTPException):
        return False
