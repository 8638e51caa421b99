"""What dies comes back as it was asked for, whoever dies: a process of a dyno, its disk, the whole machine. Nothing leaks."""

import os
import random
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from celadon.platform import mounts, processes, runtimes, settings, supervise
from celadon.platform.settings import Settings
from celadon.runtime import cgroups, netlink
from celadon.runtime.protocol import Container, ContainerState
from tests.journeys import conftest, sources
from tests.journeys.conftest import CELADON, SETTINGS, App, Platform, wait_for
from tests.journeys.load import Load
from tests.journeys.test_chaos import steady

WORKER = {"Procfile": "web: python3 -u server.py\nworker: sleep 1000\n"}


def containers(app: App) -> dict[str, Container]:
    """Dyno → its container, of those that run."""
    found = runtimes.dynos(settings.load(app.platform.home)).list().values()
    return {
        one.labels["dyno"]: one
        for one in found
        if one.labels.get("app") == app.name and one.state is ContainerState.RUNNING
    }


def test_a_dyno_whose_first_process_is_killed_is_replaced_and_its_status_told(platform: Platform) -> None:
    app = platform.create(sources.web(**WORKER))
    app.push()
    app.celadon("ps:scale", "worker=1")
    steady(app)
    before = containers(app)
    for one in before.values():
        assert one.pid is not None
        os.kill(one.pid, signal.SIGKILL)

    def anew() -> bool:
        present = containers(app)
        return present.keys() == before.keys() and all(present[name].id != before[name].id for name in before)

    wait_for("both run anew", anew)
    lines = app.wait_for_log("heroku[web.1]: Process exited with status 137")
    assert "heroku[worker.1]: Process exited with status 137" in lines
    assert "heroku[worker.1]: State changed from up to crashed" in lines
    steady(app)


def test_a_dyno_whose_disk_is_full_hurts_nobody_else(platform: Platform) -> None:
    app = platform.create(sources.web())
    app.push()
    said = app.celadon("run", "--", "dd if=/dev/zero of=big bs=1M count=400 2>&1; stat -c %s big")
    assert "No space left on device" in said
    assert 200 << 20 < int(said.split()[-1]) < 256 << 20
    assert app.celadon("run", "--", "echo fits >/app/note && cat /app/note").endswith("fits\n")
    assert app.get().status == 200


SWITCHES = {
    "deploy": lambda app: (app.write("version", "two\n"), app.commit(), app.push()),
    "rollback": lambda app: app.celadon("rollback"),
    "config": lambda app: app.celadon("config:set", "MARK=marked"),
    "resize": lambda app: app.celadon("ps:resize", "web=2X"),
    "restart": lambda app: app.celadon("ps:restart", "web"),
}


def switched(platform: Platform, switch: str, requests: int) -> None:
    app = platform.create(sources.web())
    app.push()
    app.celadon("config:set", "MARK=before")
    app.celadon("ps:scale", "web=2")
    steady(app)
    before = {one.id for one in containers(app).values()}
    with Load(platform.ports["http-port"], app.host) as load:
        wait_for("the load has begun", lambda: load.answered > 200)
        SWITCHES[switch](app)

        def over() -> bool:
            present = containers(app)
            return set(present) == {"web.1", "web.2"} and not before & {one.id for one in present.values()}

        wait_for("two new dynos run and no old one", over, 60)
        steady(app)
        wait_for("so many requests", lambda: load.answered >= requests or load.failures, 120)
    assert load.failures[:5] == [], f"{len(load.failures)} of {load.answered} failed"


@pytest.mark.parametrize("switch", ["resize", "restart"])
def test_no_request_is_lost_in_a_switch(platform: Platform, switch: str) -> None:
    switched(platform, switch, 2000)


@pytest.mark.long
@pytest.mark.parametrize("switch", SWITCHES)
def test_of_ten_thousand_requests_none_is_lost_in_a_switch(platform: Platform, switch: str) -> None:
    switched(platform, switch, 10_000)


# Leaks


def things(found: Settings) -> Counter[str]:
    """What the platform has on this machine, by kind."""
    group = cgroups.Cgroups(root=found.cgroup, kind=cgroups.hierarchy())
    groups = {path.name for root in Path("/sys/fs/cgroup").glob(f"*/{found.name}/dynos") for path in root.iterdir()}
    everybody = [argv for _, argv in processes.command_lines()]
    return Counter(
        {
            "processes": len(group.pids("dynos")),
            "monitors": sum(
                argv[0].endswith("conmon") and f"{found.home}/dynos/" in " ".join(argv) for argv in everybody
            ),
            "mounts": len(mounts.below(found.home)) + len(mounts.below(found.run)),
            "links": len(netlink.links(runtimes.network(found).link_prefix)),
            "groups": sum(Path(f"/sys/fs/cgroup/memory{found.cgroup}/dynos/{name}").is_dir() for name in groups),
            "bundles": len([path for path in (found.home / "dynos").iterdir() if not path.name.startswith(".")]),
            "exits": len(list((found.home / "dynos" / ".exits").iterdir())),
            "namespaces": len(list(Path("/run/netns").glob(f"{found.name}*"))) if Path("/run/netns").is_dir() else 0,
        }
    )


def _settled(found: Settings, dynos: int) -> Counter[str] | None:
    """What there is while so many dynos run and none comes or goes; None otherwise."""
    seen = things(found)
    whole = (seen["monitors"], seen["bundles"], seen["exits"]) == (dynos, dynos, 0)
    return seen if whole and things(found) == seen else None


def leaves_nothing(platform: Platform, operations: int, seed: int) -> None:
    found = settings.load(platform.home)
    app = platform.create(sources.web(**WORKER))
    app.push()
    app.celadon("ps:scale", "web=1", "worker=1")
    steady(app)
    chance = random.Random(seed)
    # Apps that other tests have destroyed still end, and a dyno that is old is replaced: neither is half done.
    before = wait_for("two dynos and nothing else are there", lambda: _settled(found, 2), 60)
    assert before is not None
    for _ in range(operations):
        operation = chance.choice(
            ["scale", "scale", "restart", "stop", "run", "detached", "config", "kill dyno", "kill role"]
        )
        if operation == "scale":
            app.celadon("ps:scale", f"web={chance.randint(0, 3)}", f"worker={chance.randint(0, 3)}")
        elif operation == "restart":
            app.celadon("ps:restart")
        elif operation == "stop":
            app.celadon("ps:stop", chance.choice(["web", "worker"]))
        elif operation == "run":
            app.celadon("run", "--no-tty", "--", f"exit {chance.randint(0, 3)}", check=False)
        elif operation == "detached":
            app.celadon("run:detached", "--", f"sleep {chance.randint(0, 3)}", check=False)
        elif operation == "config":
            app.celadon("config:set", f"MARK={chance.random()}")
        elif operation == "kill dyno" and (running := list(containers(app).values())):
            # One that was told to end may be faster than we are.
            if with_pid := [one.pid for one in running if one.pid is not None]:
                processes.send(chance.choice(with_pid), signal.SIGKILL)
        elif role := supervise.pids(found).get("dynos"):
            processes.send(role, signal.SIGKILL)
    app.celadon("ps:scale", "web=1", "worker=1")
    app.celadon("ps:restart")
    wait_for("one-offs are over", lambda: "run." not in app.celadon("ps"))
    steady(app)
    # Dynos that are soon old come and go meanwhile, and what nobody wants any more is looked for each half minute only
    # where a look takes long.
    wait_for(f"all is as before ({before})", lambda: things(found) == before or None, 120)
    assert "Error R99" not in app.logs("--source", "heroku")


def test_random_operations_leave_nothing_behind(brief: Platform) -> None:
    # Nobody else uses this platform meanwhile: tests of one process run one after the other.
    leaves_nothing(brief, 25, 5)


@pytest.mark.long
def test_two_hundred_random_operations_leave_nothing_behind(brief: Platform) -> None:
    leaves_nothing(brief, 200, 6)


# The machine goes down


@pytest.fixture
def doomed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that nobody else uses."""
    with conftest._platform("d", tmp_path_factory, SETTINGS) as found:
        yield found


def crash(found: Settings) -> None:
    """Every process of the platform is gone at once, in no order; what only the kernel and the disk know stays."""
    group = cgroups.Cgroups(root=found.cgroup, kind=cgroups.hierarchy())
    words = (str(found.home), supervise.tree(found).name)
    for _ in range(3):
        mine = [
            pid
            for pid, argv in processes.command_lines()
            if words[0] in " ".join(argv) and pid != os.getpid() and "pytest" not in " ".join(argv)
        ]
        mine += [pid for pid, argv in processes.command_lines() if processes.cwd(pid).is_relative_to(found.home)]
        for pid in [*mine, *group.pids("")]:
            processes.send(pid, signal.SIGKILL)
        processes.wait_gone(mine, 5)


@pytest.mark.parametrize("reboot", [False, True], ids=["leftovers stay", "as after a reboot"])
def test_after_a_crash_of_the_machine_everything_runs_as_it_was_asked_for(doomed: Platform, reboot: bool) -> None:
    found = settings.load(doomed.home)
    apps = [doomed.create(sources.web(**WORKER)) for _ in range(2)]
    for app in apps:
        app.push()
        app.celadon("ps:scale", "web=2", "worker=1")
        steady(app)
    bundles = sorted(path for path in (found.home / "dynos").iterdir() if not path.name.startswith("."))
    crash(found)
    assert supervise.pids(found) == {}
    with subprocess.Popen(["sleep", "1000"]) as bystander:
        # The numbers of before belong to somebody else now.
        for bundle in bundles:
            for name in ("pid", "conmon.pid"):
                (bundle / name).write_text(str(bystander.pid))
        if reboot:
            mounts.unmount_below(found.home)
            mounts.unmount_below(found.run)
            subprocess.run(["rm", "-rf", str(found.run)], check=True)
            subprocess.run(["nft", "delete", "table", "inet", found.nft_table], check=False, capture_output=True)
            subprocess.run(["ip", "link", "delete", found.bridge], check=False, capture_output=True)
        conftest._up(doomed, SETTINGS)
        for app in apps:
            wait_for(f"{app.name} answers", lambda app=app: _answers(app), 60)  # type: ignore[misc]
            steady(app)
            assert sorted(containers(app)) == ["web.1", "web.2", "worker.1"]
            assert re.search(r"heroku\[web\.1\]: (Error R99|Process exited with status 137)", app.logs())
        assert bystander.poll() is None, "a process of somebody else was killed"
        bystander.kill()
    left = {path.name for path in (found.home / "dynos").iterdir()} & {path.name for path in bundles}
    assert not left
    assert things(found)["monitors"] == 6
    assert things(found)["bundles"] == 6


def _answers(app: App) -> bool:
    try:
        return app.get().status == 200
    except OSError:
        return False


def test_the_command_says_what_to_do_when_the_platform_is_down(doomed: Platform) -> None:
    crash(settings.load(doomed.home))
    said = doomed.run(CELADON, "apps", check=False)
    assert said.returncode == 1
    assert "bin/up" in said.stdout
