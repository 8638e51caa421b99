"""Commands beside a container's own: in it, with its rights, and gone as a whole."""

import contextlib
import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.runtime.running import Place, until

from celadon.runtime import cgroups, crun, protocol

SLEEP = ("sleep", "1000")
NUMBERS = itertools.count()


@dataclass
class Client:
    """Attaches before the command runs, and hears what it says."""

    joined: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
    heard: str = ""

    def attach(self, path: Path) -> None:
        self.joined.connect(str(path))
        self.joined.settimeout(60)

    def say(self, text: str) -> None:
        self.joined.sendall(text.encode())

    def expect(self, text: str) -> None:
        while text not in self.heard:
            block = self.joined.recv(8193)
            assert block, f"{text!r} was never said, but {self.heard!r}"
            self.heard += block[1:].decode()

    def rest(self) -> str:
        while block := self.joined.recv(8193):
            self.heard += block[1:].decode()
        self.joined.close()
        return self.heard


@pytest.fixture
def container(place: Place, runtime: crun.CrunRuntime) -> protocol.ContainerSpec:
    env = {"PATH": "/usr/bin:/bin", "HOME": "/app", "OF_THE_CONTAINER": "here"}
    spec = place.spec(*SLEEP, env=env)
    runtime.start(spec)
    return spec


def beside(container: protocol.ContainerSpec, script: str, **changes: object) -> protocol.ExecSpec:
    values = {"argv": ("sh", "-c", script), "env": {"TERM": "xterm"}, "terminal": True, **changes}
    return protocol.ExecSpec(id=f"exec-{next(NUMBERS)}", container_id=container.id, **values)  # type: ignore[arg-type]


def started(runtime: crun.CrunRuntime, spec: protocol.ExecSpec) -> Client:
    client = Client()
    runtime.execs.start(spec, before_command=client.attach)
    return client


def name_of(pid: int) -> str:
    """Nothing of one that has gone meanwhile."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def left_behind(place: Place, runtime: crun.CrunRuntime, container: protocol.ContainerSpec) -> list[str]:
    """Everything but the container's own two processes."""
    groups = cgroups.Cgroups(root=place.cgroup, kind=cgroups.hierarchy())
    found = [str(path) for path in Path("/sys/fs/cgroup").glob(f"*/celadon{place.instance}/{container.id}/*exec*")]
    found += list(runtime.execs.list())
    living = [pid for pid in sorted(groups.pids(container.id)) if cgroups.state(pid) not in ("", "Z")]
    names = list(filter(None, map(name_of, living)))
    return found + [name for name in names if name not in ("init", "catatonit", "sleep")] + names[2:]


def test_it_has_the_containers_rights_and_no_more(
    place: Place, runtime: crun.CrunRuntime, container: protocol.ContainerSpec
) -> None:
    shown = "grep -hE '^(CapEff|NoNewPrivs|Seccomp):|SigBlk' /proc/self/status"
    script = f"id -u; pwd; echo $OF_THE_CONTAINER $TERM; tty; {shown}; cat /proc/self/oom_score_adj; ulimit -n"
    heard = started(runtime, beside(container, script)).rest().split()
    own, rights, scores = heard[:5], dict(zip(heard[5:13:2], heard[6:13:2], strict=True)), heard[13:]
    assert own == [str(place.uid), "/app", "here", "xterm", "/dev/pts/0"]
    assert rights == {"SigBlk:": "0" * 16, "CapEff:": "0" * 16, "NoNewPrivs:": "1", "Seccomp:": "2"}
    assert scores == ["500", "10000"]


def test_what_it_says_comes_whole_and_its_terminal_has_the_size_of_its_client(
    runtime: crun.CrunRuntime, container: protocol.ContainerSpec
) -> None:
    spec = beside(container, "until test \"$(stty size)\" = '41 121'; do sleep 0.01; done; seq 50000")
    client = started(runtime, spec)
    runtime.execs.resize(spec.id, 41, 121)
    assert client.rest() == "".join(f"{number}\r\n" for number in range(1, 50_001))


def test_without_a_terminal_its_input_is_a_pipe_that_ends(
    runtime: crun.CrunRuntime, container: protocol.ContainerSpec
) -> None:
    client = started(runtime, beside(container, "wc -c; echo err >&2", terminal=False))
    for _ in range(40):
        client.say("x" * 5000)
    client.joined.shutdown(socket.SHUT_WR)
    assert client.rest() == "200000\nerr\n"


def test_it_is_counted_in_the_container_and_ends_as_a_whole(
    place: Place, runtime: crun.CrunRuntime, container: protocol.ContainerSpec
) -> None:
    spec = beside(container, "trap '' HUP; setsid sh -c 'sleep 1000 & sleep 1000' & echo up; sleep 1000 & wait")
    client = started(runtime, spec)
    client.expect("up")
    groups = cgroups.Cgroups(root=place.cgroup, kind=cgroups.hierarchy())
    until(lambda: len(groups.pids(f"{container.id}/{spec.id}")) == 5, "all of it is in its group")
    assert len(groups.pids(container.id)) == 7
    runtime.execs.signal(spec.id, signal.SIGHUP)
    assert runtime.execs.alive(spec.id), "the shell does not heed that"
    runtime.execs.end(spec.id)
    assert left_behind(place, runtime, container) == []
    found = runtime.inspect(container.id)
    assert found and found.state is protocol.ContainerState.RUNNING
    runtime.execs.end(spec.id)


def test_what_it_leaves_behind_does_not_keep_its_client(
    place: Place, runtime: crun.CrunRuntime, container: protocol.ContainerSpec
) -> None:
    spec = beside(container, "trap '' HUP; sleep 1000 & echo done")
    assert started(runtime, spec).rest() == "done\r\n"
    runtime.execs.end(spec.id)
    assert left_behind(place, runtime, container) == []


def test_it_ends_with_its_container(place: Place, runtime: crun.CrunRuntime, container: protocol.ContainerSpec) -> None:
    spec = beside(container, "echo up; sleep 1000")
    client = started(runtime, spec)
    client.expect("up")
    runtime.remove(container.id)
    client.rest()
    runtime.execs.end(spec.id)
    assert runtime.execs.list() == {}


def test_what_cannot_be_run_says_so_and_leaves_nothing(
    place: Place, runtime: crun.CrunRuntime, container: protocol.ContainerSpec
) -> None:
    nowhere = protocol.ExecSpec(id="x", container_id="nobody", argv=SLEEP, env={}, terminal=True)
    with pytest.raises(protocol.RuntimeFailure, match="no such container"):
        started(runtime, nowhere)
    with pytest.raises(ZeroDivisionError):
        runtime.execs.start(beside(container, "true"), before_command=lambda _: 1 / 0)  # type: ignore[arg-type, return-value]
    assert left_behind(place, runtime, container) == []


CHILD = """
import sys
from pathlib import Path
from celadon.runtime import protocol
from tests.runtime.conftest import network_of
from tests.runtime.running import Place
home, root, instance, container = sys.argv[1:]
place = Place(home=Path(home), root=Path(root), instance=int(instance), network=network_of(int(instance)))
execs = place.runtime().execs
print("ready", flush=True)
sys.stdin.readline()
spec = protocol.ExecSpec(id="exec-killed", container_id=container, argv=("sh", "-c", "trap '' HUP; sleep 99 & wait"),
                         env={}, terminal=True)
while True:
    execs.start(spec, before_command=lambda _: None)
    execs.end(spec.id)
    print("done", flush=True)
"""


def test_a_killed_caller_leaves_nothing_that_cannot_be_ended(place: Place) -> None:
    runtime, chance = place.runtime(), random.Random(7)
    container = place.spec(*SLEEP)
    runtime.start(container)
    unfinished, took = 0, 0.0
    for number in range(7):
        argv = [sys.executable, "-c", CHILD, str(place.home), str(place.root), str(place.instance), container.id]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdin and child.stdout
            assert child.stdout.readline() == b"ready\n"
            child.stdin.write(b"\n")
            child.stdin.flush()
            if number == 0:
                # Of the first: how long it takes here. Where it took much longer than the next ones, some of these follow.
                began = time.monotonic()
                assert child.stdout.readline() == b"done\n"
                took = time.monotonic() - began
            time.sleep(chance.uniform(0.0, took))
            os.kill(child.pid, signal.SIGKILL)
        unfinished += len(runtime.execs.list())
        for exec_id in runtime.execs.list():
            runtime.execs.end(exec_id)
        assert left_behind(place, runtime, container) == []
    assert unfinished
