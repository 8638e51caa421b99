"""Whoever starts containers may be killed at any moment: nothing it left may be lost or in the way."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.runtime.running import Place, until

from celadon.runtime import cgroups, monitor, netlink, protocol

CHILD = """
import sys
from pathlib import Path
from celadon.runtime import protocol
from tests.runtime.running import Place
from celadon.runtime.network import Network
home, root, instance, resolvers = sys.argv[1:]
name = f"celadon{instance}"
place = Place(home=Path(home), root=Path(root), instance=int(instance), network=Network(name=name, bridge=f"{name}br",
              subnet=f"10.{200 + int(instance)}.0.0/16", nft_table=name, resolvers=(), open_ports=()))
runtime = place.runtime()
print("ready", flush=True)
sys.stdin.readline()
while True:
    spec = place.spec("sleep", "1000")
    scratch = spec.bundle / "scratch"
    overlay = protocol.Overlay(lower=(place.home / "slug",), scratch=scratch, target="/app", limit=16 << 20)
    spec = place.spec("sleep", "1000", mounts=(overlay,), id=spec.id, bundle=spec.bundle, log_path=spec.log_path)
    runtime.start(spec)
    print(spec.id, flush=True)
    runtime.remove(spec.id)
"""


def traces(place: Place) -> list[str]:
    """Processes, groups, mounts, links, bundles and layers of this platform."""
    name = f"celadon{place.instance}"
    groups = cgroups.Cgroups(root=place.cgroup, kind=cgroups.hierarchy())
    found = [str(pid) for pid in groups.pids("")]
    found += [str(path) for path in Path("/sys/fs/cgroup").glob(f"*/{name}/test-*")]
    found += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(place.home) in line]
    found += [path.name for path in place.bundles.glob("test-*")]
    found += [str(path) for path in (place.bundles / ".exits").iterdir()]
    return found + [str(path) for path in Path(f"/run/{name}/crun").glob("*")]


def devices(place: Place) -> list[str]:
    """Loop devices of this platform. One of a layer that is gone may be there for as long as a container that is being
    started elsewhere on the machine has its copy of all mounts.
    """
    loops = subprocess.run(["losetup", "-a"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in loops if str(place.home) in line]


@pytest.mark.parametrize("rounds", [30])
def test_a_killed_caller_leaves_nothing_that_cannot_be_removed(place: Place, rounds: int) -> None:
    runtime = place.runtime()
    chance = random.Random(7)
    states, took = set(), 0.0
    for number in range(rounds):
        argv = [sys.executable, "-c", CHILD, str(place.home), str(place.root), str(place.instance), ""]
        child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert child.stdin and child.stdout
        assert child.stdout.readline() == b"ready\n"
        child.stdin.write(b"\n")
        child.stdin.flush()
        if number == 0:
            # How long a start, a removal and another start take here.
            began = time.monotonic()
            assert child.stdout.readline() and child.stdout.readline()
            took = time.monotonic() - began
        # Anywhere in them.
        time.sleep(chance.uniform(0.0, took))
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        for container_id, container in runtime.list().items():
            states.add(container.state)
            runtime.remove(container_id)
        assert traces(place) == []
        until(lambda: netlink.links(place.network.link_prefix) == [], "links are gone")
        until(lambda: devices(place) == [], "devices are gone")
    assert states & {protocol.ContainerState.UNFINISHED, protocol.ContainerState.STARTING}, (
        "no round hit the middle of a start"
    )
    assert not any(monitor.strays(path) for path in place.bundles.iterdir())
