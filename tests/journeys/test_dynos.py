"""What the manifold does with dynos, and says of it: bad binds, memory, metrics, sleep, age, features."""

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from celadon.platform import runtimes, settings
from tests.journeys import sources
from tests.journeys.conftest import App, Platform, wait_for
from tests.journeys.load import Load

# Takes what it is told to take, in MiB, and keeps it.
HUNGRY = """\
import http.server, os, sys, time
kept = b"x" * (int(sys.argv[1]) << 20)
print("ate", flush=True)
time.sleep(1000)
"""


def web_dynos(app: App) -> dict[str, str]:
    """Name → state."""
    return {dyno["name"]: dyno["state"] for dyno in json.loads(app.celadon("ps", "--json")) if dyno["type"] == "web"}


def test_listening_at_another_port_is_r11(platform: Platform) -> None:
    app = platform.create({"Procfile": "web: python3 -m http.server 4567 --bind 127.0.0.1\n", "a": "a"})
    output = app.push()
    lines = app.wait_for_log("Error R11 (Bad bind) -> Process bound to 127.0.0.1:4567 and not to 0.0.0.0:")
    assert "heroku[web.1]: Stopping process with SIGKILL" in lines
    assert "R10" not in lines
    assert "web.1 of v3 crashed" in output


def test_memory_over_the_quota_is_told_while_it_lasts_and_ended_at_its_multiple(platform: Platform) -> None:
    app = platform.create(
        sources.web(
            Procfile="web: python3 -u server.py\nhungry: python3 hungry.py 80\nstarved: python3 hungry.py 200\n",
            **{"hungry.py": HUNGRY},
        )
    )
    app.push()
    app.celadon("ps:scale", "hungry=1:tiny", "starved=1:tiny")
    app.wait_for_log("heroku[hungry.1]: Error R14 (Memory quota exceeded)")
    app.wait_for_log("app[hungry.1]: ate")
    wait_for("it is told again", lambda: app.logs("--ps", "hungry").count("Error R14") >= 3)

    def used() -> tuple[int, int]:
        lines = app.logs("--ps", "hungry")
        told = re.findall(r"heroku\[hungry\.1\]: Process running mem=(\d+)M\((\d+)\.\d%\)", lines)
        return int(told[-1][0]), int(told[-1][1])

    # Who looks while it still eats is told of less.
    wait_for("all of it is told", lambda: used()[0] >= 80)
    assert used()[0] < 128 and 120 < used()[1] < 200
    assert json.loads(app.celadon("ps", "hungry", "--json"))[0]["state"] == "up"
    lines = app.wait_for_log("heroku[starved.1]: Error R15 (Memory quota vastly exceeded)")
    assert "heroku[starved.1]: Process running mem=128M(200.0%)" in lines
    app.wait_for_log("heroku[starved.1]: State changed from up to crashed")
    assert "Error R14" not in app.logs("--ps", "web")
    app.celadon("ps:scale", "hungry=0", "starved=0")


def test_a_child_that_is_killed_for_memory_ends_the_dyno_with_r15(platform: Platform) -> None:
    """The dyno's first process lives on: without a look nobody would know."""
    app = platform.create(sources.web(**{"hungry.py": HUNGRY}))
    app.push()
    said = app.celadon(
        "run:detached", "--size", "tiny", "--", "(python3 hungry.py 200; true); echo still here; sleep 60"
    )
    name = said.split("up, ")[-1].split()[0]
    lines = app.wait_for_log(f"heroku[{name}]: Process exited with status 137")
    assert f"heroku[{name}]: Error R15 (Memory quota vastly exceeded)" in lines


def test_runtime_metrics_are_what_the_kernel_counts(platform: Platform) -> None:
    app = platform.create(
        sources.web(
            Procfile="web: python3 -u server.py\nbusy: python3 -c 'while True: pass'\n", **{"hungry.py": HUNGRY}
        )
    )
    app.push()
    app.celadon("ps:scale", "busy=1")
    assert "log-runtime-metrics" in app.celadon("labs")
    app.celadon("labs:enable", "log-runtime-metrics")
    pattern = (
        r"heroku\[web\.1\]: source=web\.1 dyno=heroku\.\S+ sample#memory_total=([\d.]+)MB sample#memory_rss=([\d.]+)MB"
    )
    found = wait_for("memory is told", lambda: re.findall(pattern, app.logs()))
    runtime = runtimes.dynos(settings.load(platform.home))
    mine = next(one for one in runtime.list().values() if one.labels == {"app": app.name, "dyno": "web.1"})
    group = next(Path("/sys/fs/cgroup").glob(f"memory/*/dynos/{mine.id}"), Path("/sys/fs/cgroup/none"))
    if group.exists():
        counted = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        assert float(found[-1][1]) == pytest.approx(int(counted["total_rss"]) / (1 << 20), rel=0.05)
    assert re.search(r"sample#memory_quota=512\.00MB", app.logs("--ps", "web"))
    load = r"heroku\[busy\.1\]: .* sample#load_avg_1m=([\d.]+) sample#load_avg_5m=[\d.]+ sample#load_avg_15m=[\d.]+$"
    wait_for("its load grows", lambda: [v for v in re.findall(load, app.logs(), re.MULTILINE) if float(v) > 0.05])
    # Other tests want the processor.
    app.celadon("ps:scale", "busy=0")
    app.celadon("labs:disable", "log-runtime-metrics")
    assert "[ ] log-runtime-metrics" in app.celadon("features")


def test_an_app_nobody_visits_sleeps_and_every_request_that_wakes_it_is_answered(platform: Platform) -> None:
    app = platform.create(sources.web())
    app.push()
    app.celadon("ps:resize", "web=nap")
    wait_for("it sleeps", lambda: web_dynos(app) == {"web.1": "idle"}, 60)
    lines = app.logs("--ps", "web.1")
    assert re.search(r"Idling\n.*Stopping all processes with SIGTERM\n", lines)
    assert "State changed from up to idle" in lines

    def ask(number: int) -> bool:
        if number % 2:
            return app.get(f"/{number}").text.startswith(f"/{number} one")
        body = f"body-{number}-" + "x" * 200_000
        return body in app.get(f"/{number}", method="POST", body=body.encode()).text

    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(ask, range(20)))
    lines = app.wait_for_log("heroku[web.1]: Unidling")
    assert lines.count("Unidling") == 1
    assert re.search(
        r"Unidling\n.*Starting process.*\n.*State changed from idle to starting\n",
        app.logs("--ps", "web.1", "--source", "heroku"),
    )
    # Somebody who stays keeps it awake; a second dyno has company.
    with Load(platform.ports["http-port"], app.host, clients=1, pause=0.3):
        app.celadon("ps:scale", "web=2")
        wait_for("both are up", lambda: web_dynos(app) == {"web.1": "up", "web.2": "up"})
    quiet = threading.Event()
    assert not quiet.wait(4)
    assert web_dynos(app) == {"web.1": "up", "web.2": "up"}


def test_a_deploy_wakes_who_sleeps(platform: Platform) -> None:
    app = platform.create(sources.web())
    app.push()
    app.celadon("ps:resize", "web=nap")
    wait_for("it sleeps", lambda: web_dynos(app) == {"web.1": "idle"}, 60)
    app.write("version", "two\n")
    app.commit()
    app.push()
    assert " two " in app.get().text


def test_dynos_are_replaced_when_they_are_old_and_nobody_notices(brief: Platform) -> None:
    app = brief.create(sources.web())
    app.push()
    app.celadon("ps:scale", "web=2")
    with Load(brief.ports["http-port"], app.host, clients=8) as load:
        wait_for("both were cycled", lambda: {"web.1", "web.2"} <= cycled(app))
        # On a slow machine visitors are slow, too.
        wait_for("visitors have asked", lambda: load.answered > 100 or load.failures)
    assert load.failures == []
    assert load.answered > 100
    # Its dynos would come and go for as long as the platform is there.
    app.celadon("destroy", "--confirm", app.name)


def cycled(app: App) -> set[str]:
    return set(re.findall(r"heroku\[(web\.\d)\]: Cycling", app.logs()))


def test_a_one_off_ends_when_its_day_is_over(brief: Platform) -> None:
    app = brief.create(sources.web())
    app.push()
    name = app.celadon("run:detached", "--", "sleep 1000").split("up, ")[-1].split()[0]
    lines = app.wait_for_log(f"heroku[{name}]: Process exited with status 143")
    assert f"heroku[{name}]: Stopping all processes with SIGTERM" in lines
    app.celadon("destroy", "--confirm", app.name)


def test_without_preboot_the_old_dyno_goes_first(platform: Platform) -> None:
    app = platform.create(sources.web())
    app.push()
    app.celadon("features:disable", "preboot")
    app.celadon("ps:restart")
    lines = wait_for(
        "it restarts", lambda: re.search(r"Restarting\n(?s:.*)State changed from starting to up", after(app))
    )
    told = [line.partition("]: ")[2] for line in lines[0].splitlines()]
    assert told.index("Stopping all processes with SIGTERM") < told.index("State changed from created to starting")
    app.celadon("features:enable", "preboot")
    assert "[+] preboot" in app.celadon("features")


def after(app: App) -> str:
    """What the manifold has said since the feature was switched."""
    return app.logs("--source", "heroku").partition("State changed from starting to up\n")[2]


def test_what_cannot_be_asked_of_a_formation_is_refused_whole(platform: Platform) -> None:
    app = platform.create(sources.web(Procfile="web: python3 -u server.py\nworker: sleep 1000\n"))
    app.push()
    before = app.celadon("ps:scale")
    for words, named in (
        (("web=2", "wroker=1"), "process types are web, worker"),
        (("web=2", "worker=101"), "from 0 to 100"),
        (("web=2", "worker-5"), "from 0 to 100"),
        (("web=2", "worker=1:4XL"), "1X, 2X, PX, Free"),
        (("web=2", "worker=99999999"), "a number"),
    ):
        assert named in app.celadon("ps:scale", *words, check=False)
        assert app.celadon("ps:scale") == before
    assert "process types are web, worker" in app.celadon("ps:resize", "wbe=2X", check=False)
    assert "has no web.7" in app.celadon("ps:stop", "web.7", check=False)
