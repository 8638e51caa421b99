"""A role that is killed in the middle of one piece of work: the work goes on, or ends with a word."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

from celadon.platform import runtimes, settings, supervise
from celadon.runtime.protocol import ContainerState
from tests.journeys import sources
from tests.journeys.conftest import App, Platform, wait_for
from tests.journeys.test_buildpacks import operators
from tests.journeys.test_builds import pending

# Takes its time.
SLOW = {
    "bin/detect": "#!/bin/sh\necho Slow\n",
    "bin/compile": '#!/bin/sh\necho "compiling $SOURCE_VERSION"\nsleep 2\necho compiled\n',
}


def held(platform: Platform) -> tuple[str, Path]:
    """A buildpack that compiles until there is a file, and that file's path: the test says when the build goes on."""
    name = operators(platform, SLOW)
    directory = platform.home / "buildpacks" / name
    (directory / "bin" / "compile").write_text(
        f"#!/bin/sh\necho compiling\nuntil [ -e /celadon/buildpacks/{name}/go ]; do sleep 0.1; done\necho compiled\n"
    )
    return name, directory / "go"


def kill(platform: Platform, role: str) -> None:
    """SIGKILL, and wait until another process of the role is there."""
    found = settings.load(platform.home)
    pid = wait_for(f"{role} runs", lambda: supervise.pids(found).get(role, 0))
    os.kill(pid, signal.SIGKILL)
    wait_for(f"{role} is back", lambda: supervise.pids(found).get(role, pid) != pid)


class Pushing:
    """A push that goes on while the test does something else."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.output = ""
        self._lines: list[str] = []
        self._program = subprocess.Popen(
            ["git", "push", "celadon", "main"],
            cwd=app.checkout,
            env=app.platform.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._program.stdout is not None
        for line in self._program.stdout:
            self.output += line

    def wait_for(self, text: str) -> None:
        wait_for(f"the push says {text!r}", lambda: text in self.output)

    def end(self) -> int:
        self._reader.join(180)
        return self._program.wait(5)


def containers(app: App) -> list[tuple[str, ContainerState]]:
    """Dyno and state of each of the app's containers; two of one dyno that run fail the test."""
    runtime = runtimes.dynos(settings.load(app.platform.home))
    found = [one for one in runtime.list().values() if one.labels.get("app") == app.name]
    names = Counter(one.labels["dyno"] for one in found if one.state is ContainerState.RUNNING)
    # While they are listed one may end and the next begin: two are two if both still run when both have been seen.
    running = [one for one in found if one.state is ContainerState.RUNNING and names[one.labels["dyno"]] > 1]
    still = [one for one in running if (now := runtime.inspect(one.id)) and now.state is ContainerState.RUNNING]
    assert len(still) == len({one.labels["dyno"] for one in still}), still
    return sorted((one.labels["dyno"], one.state) for one in found)


def test_the_dynos_role_killed_while_dynos_start(platform: Platform) -> None:
    app = platform.create(sources.web(Procfile="web: python3 -u server.py\nworker: sleep 1000\n"))
    app.push()
    wanted = 0
    for round_ in range(6):
        wanted = 4 if wanted == 0 else 0
        app.celadon("ps:scale", f"worker={wanted}")
        # Each round in another moment of the starts and stops.
        deadline = time.monotonic() + round_ * 0.03
        wait_for("the moment", lambda deadline=deadline: time.monotonic() >= deadline)  # type: ignore[misc]
        kill(platform, "dynos")
    app.celadon("ps:scale", "worker=4")
    expected = [(name, ContainerState.RUNNING) for name in ("web.1", *(f"worker.{number}" for number in range(1, 5)))]
    wait_for("exactly the dynos that were asked for run", lambda: containers(app) == expected)
    wait_for("ps agrees", lambda: app.celadon("ps").count(": up ") == 5)
    assert "crashed" not in app.logs("--source", "heroku")
    app.celadon("ps:scale", "worker=0")
    wait_for("they are gone", lambda: containers(app) == expected[:1])


def test_the_build_role_killed_in_the_middle_of_a_build(platform: Platform) -> None:
    buildpack, go = held(platform)
    app = platform.create(sources.web(), "--buildpack", buildpack)
    pushing = Pushing(app)
    pushing.wait_for("compiling")
    kill(platform, "build")
    pushing.wait_for("The build was interrupted and starts again")
    go.touch()
    assert pushing.end() == 0, pushing.output
    assert "done, v3" in pushing.output
    assert app.get().status == 200
    assert not runtimes.builds(settings.load(platform.home)).list()


def test_the_git_role_killed_in_the_middle_of_a_push(platform: Platform) -> None:
    buildpack, go = held(platform)
    app = platform.create(sources.web(), "--buildpack", buildpack)
    pushing = Pushing(app)
    pushing.wait_for("compiling")
    kill(platform, "git")
    assert pushing.end() != 0
    go.touch()
    assert re.search("hung up|unexpected disconnect|HTTP 50|RPC failed|role has stopped", pushing.output), (
        pushing.output
    )
    # What it had accepted goes on to its end.
    wait_for("the build has ended", lambda: not pending(app))
    wait_for("it serves", lambda: app.get().status == 200)
    build = json.loads(app.celadon("builds", "--json"))[0]
    assert build["status"] == "succeeded"
    # The same push again is no work lost.
    assert "done, v4" in app.push()


def test_every_role_killed_while_the_release_command_runs(platform: Platform) -> None:
    app = platform.create(
        sources.web(
            Procfile="web: python3 -u server.py\nrelease: sh release.sh\n",
            **{"release.sh": "echo begun\nsleep 2\necho ended\n"},
        )
    )
    pushing = Pushing(app)
    pushing.wait_for("begun")
    for role in supervise.ROLES:
        kill(platform, role)
    pushing.end()
    wait_for("it serves", lambda: app.get().status == 200)
    assert app.celadon("releases:output", "v3").count("begun") == 1
    assert "ended" in app.celadon("releases:output", "v3")


def test_a_dyno_whose_monitor_is_killed_is_replaced(platform: Platform) -> None:
    app = platform.create(sources.web())
    app.push()
    found = settings.load(platform.home)
    runtime = runtimes.dynos(found)
    before = next(one for one in runtime.list().values() if one.labels.get("app") == app.name)
    watcher = int((Path(found.home) / "dynos" / before.id / "conmon.pid").read_text())
    os.kill(watcher, signal.SIGKILL)

    def replaced() -> bool:
        present = [one for one in runtime.list().values() if one.labels.get("app") == app.name]
        return [one.state for one in present] == [ContainerState.RUNNING] and present[0].id != before.id

    wait_for("another runs", replaced)
    wait_for("it answers", lambda: app.get().status == 200)
