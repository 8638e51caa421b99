"""The Runtime port's contract, on crun and on runc."""

import concurrent.futures
import contextlib
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.runtime.running import Place, finish, output, run, until

from celadon.runtime import crun, etc, monitor, netlink, protocol

RUNNING, EXITED = protocol.ContainerState.RUNNING, protocol.ContainerState.EXITED
UNFINISHED, UNMONITORED = protocol.ContainerState.UNFINISHED, protocol.ContainerState.UNMONITORED
SLEEP = ("sleep", "1000")


def left_behind(place: Place, container_id: str) -> list[str]:
    """Everything on the host that still has to do with a container."""
    found = [str(path) for path in place.home.rglob(f"*{container_id}*") if path.suffix != ".log"]
    for pattern in ("", "*/"):
        found += [str(path) for path in Path("/sys/fs/cgroup").glob(f"{pattern}celadon{place.instance}/{container_id}")]
    found += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if container_id in line]
    found += [str(path) for path in Path(f"/run/celadon{place.instance}").rglob(f"*{container_id}*")]
    return found + [str(pid) for pid in monitor.strays(place.bundles / container_id)]


def test_the_output_and_the_exit_status_are_kept(place: Place, runtime: crun.CrunRuntime) -> None:
    assert run(runtime, place.spec("sh", "-c", "echo out; echo err >&2; exit 7")) == (7, "out\nerr\n")


def test_the_environment_arrives_as_it_is(place: Place, runtime: crun.CrunRuntime) -> None:
    values = {"A": "quote \" ' \\ $HOME `id`", "B": "two\nlines\tand tab", "C": "Größe ✓ 𝕏 \u2028", "D": "", "E": "x=y"}
    code = "import os, json; print(json.dumps([os.environ[name] for name in 'ABCDE']))"
    status, text = run(runtime, place.spec("python3", "-c", code, env={"PATH": "/usr/bin", **values}))
    assert (status, json.loads(text)) == (0, list(values.values()))


@pytest.mark.parametrize("env", [{"A": "nul\0"}, {"A=B": "x"}, {"": "x"}, {"A": "\udc80"}])
def test_an_impossible_environment_is_refused_and_leaves_nothing(place: Place, env: dict[str, str]) -> None:
    spec = place.spec("true", env=env)
    with pytest.raises(protocol.RuntimeFailure, match="cannot start"):
        place.runtime().start(spec)
    assert left_behind(place, spec.id) == []


def test_the_environment_is_readable_by_root_alone_and_in_no_command_line(place: Place) -> None:
    spec = place.spec(*SLEEP, env={"PATH": "/usr/bin:/bin", "SECRET": "hunter2-hunter2"})
    place.runtime().start(spec)
    assert spec.bundle.stat().st_mode & 0o777 == 0o700
    for directory in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(directory.name) != os.getpid():
                assert b"hunter2-hunter2" not in (directory / "cmdline").read_bytes()


def test_another_process_of_the_platform_finds_what_runs(place: Place, runtime: crun.CrunRuntime) -> None:
    spec = place.spec(*SLEEP, labels={"app": "a1"})
    started = runtime.start(spec)
    assert place.runtime().list() == {spec.id: started}
    assert (started.state, started.labels) == (RUNNING, {"app": "a1"})
    os.kill(started.pid or 0, signal.SIGKILL)
    until(lambda: spec.id in place.runtime().exits(), "the exit is recorded")
    found = place.runtime().inspect(spec.id)
    assert found and (found.state, found.exit_status, found.pid) == (EXITED, 137, None)


def test_a_signal_reaches_every_process_once(place: Place, runtime: crun.CrunRuntime) -> None:
    code = """
import os, signal, time
child = os.fork()
if child == 0: os.setsid()
got = []
signal.signal(signal.SIGTERM, lambda *_: got.append(1))
print("ready", flush=True)
while not got: time.sleep(0.01)
time.sleep(0.2)
print(("child" if child == 0 else "main"), len(got), flush=True)
if child: os.wait()
"""
    spec = place.spec("python3", "-c", code)
    runtime.start(spec)
    until(lambda: output(spec).count("ready") == 2, "both listen")
    runtime.signal(spec.id, signal.SIGTERM)
    status, text = finish(runtime, spec)
    assert (status, sorted(text.splitlines())) == (0, ["child 1", "main 1", "ready", "ready"])


def test_a_program_without_a_handler_ends_on_sigterm(place: Place, runtime: crun.CrunRuntime) -> None:
    spec = place.spec(*SLEEP)
    runtime.start(spec)
    runtime.signal(spec.id, signal.SIGTERM)
    assert finish(runtime, spec)[0] == 143


def test_kill_ends_a_tree_that_ignores_everything(place: Place, runtime: crun.CrunRuntime) -> None:
    script = "trap '' TERM INT HUP; for i in 1 2 3 4; do setsid sleep 1000 & done; echo ready; wait"
    spec = place.spec("sh", "-c", script)
    runtime.start(spec)
    until(lambda: "ready" in output(spec), "the tree is there")
    runtime.kill(spec.id)
    found = runtime.inspect(spec.id)
    assert found and (found.state, found.exit_status) == (EXITED, 137)


def test_remove_leaves_nothing_but_the_log(place: Place, runtime: crun.CrunRuntime) -> None:
    overlay = protocol.Overlay(lower=(place.home / "slug",), scratch=place.home / "rw", target="/app", limit=64 << 20)
    spec = place.spec("sh", "-c", "echo x > /app/file; echo y > /tmp/file; echo ready; sleep 1000", mounts=(overlay,))
    runtime.start(spec)
    until(lambda: "ready" in output(spec), "files are written")
    runtime.remove(spec.id)
    runtime.remove(spec.id)
    assert left_behind(place, spec.id) == []
    assert sorted(path.name for path in place.home.iterdir()) == sorted(["dynos", spec.log_path.name, "slug"])
    assert (runtime.list(), runtime.exits()) == ({}, set())
    until(lambda: netlink.links(place.network.link_prefix) == [], "the link is gone")


def test_a_start_that_fails_says_why_and_leaves_nothing(place: Place, runtime: crun.CrunRuntime) -> None:
    spec = place.spec(*SLEEP, root=place.home / "missing")
    with pytest.raises(protocol.RuntimeFailure, match="missing"):
        runtime.start(spec)
    assert left_behind(place, spec.id) == []
    wrong = place.spec(*SLEEP, address="192.168.1.1")
    with pytest.raises(protocol.RuntimeFailure, match="not in"):
        runtime.start(wrong)
    assert left_behind(place, wrong.id) == []


def test_an_id_is_used_once(place: Place) -> None:
    runtime, spec = place.runtime(), place.spec(*SLEEP)
    runtime.start(spec)
    with pytest.raises(protocol.RuntimeFailure, match="there is a container of this id"):
        runtime.start(spec)
    found = runtime.inspect(spec.id)
    assert found and found.state is RUNNING


def test_a_whole_root_is_written_to_and_stays_as_it_was(place: Place, runtime: crun.CrunRuntime) -> None:
    scratch = place.home / "rw"
    layer = protocol.Overlay(lower=(place.root,), scratch=scratch, target="/", limit=16 << 20)
    script = "echo x > /new && cat /new; echo y > /tmp/y && cat /tmp/y; tail -n 1 /etc/passwd; rm -rf /usr/bin/bash"
    spec = place.spec("sh", "-c", script, mounts=(layer,), cwd="/", home="/srv/app")
    _, text = run(runtime, spec)
    own = f"dyno:x:{place.uid}:{place.uid}:dyno:/srv/app:/bin/bash"
    assert text.splitlines()[:3] == ["x", "y", own]
    runtime.remove(spec.id)
    assert not (place.root / "new").exists() and (place.root / "usr/bin/bash").exists()
    assert left_behind(place, spec.id) == [] and not scratch.exists()
    assert str(spec.bundle) not in Path("/proc/self/mountinfo").read_text()


def test_a_root_of_strangers_leads_to_no_file_of_the_host(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").symlink_to("/etc/shadow")
    os.mkfifo(tmp_path / "etc" / "group")
    assert etc.read(tmp_path, "passwd") == etc.read(tmp_path, "group") == etc.read(tmp_path, "hosts") == ""
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "etc").symlink_to("/etc")
    assert etc.read(tmp_path / "linked", "passwd") == ""


def test_what_is_written_stays_in_the_containers_layer(place: Place, runtime: crun.CrunRuntime) -> None:
    (place.home / "slug" / "old").write_text("from the slug\n")
    os.chown(place.home / "slug" / "old", place.uid, place.uid)
    status, text = run(runtime, place.spec("sh", "-c", "cat old; echo new > old; cat old; rm old; echo x > other; ls"))
    assert (status, text) == (0, "from the slug\nnew\nother\n")
    assert (place.home / "slug" / "old").read_text() == "from the slug\n"


def test_a_full_layer_is_the_containers_problem(place: Place) -> None:
    overlay = protocol.Overlay(lower=(place.home / "slug",), scratch=place.home / "rw", target="/app", limit=16 << 20)
    script = "head -c 64M /dev/zero > /tmp/big || echo full; echo small > /app/small || echo full"
    _, text = run(place.runtime(), place.spec("sh", "-c", script, mounts=(overlay,)))
    assert "No space left on device" in text
    assert "full" in text


def test_a_command_beside_runs_in_the_container_without_new_rights(place: Place, runtime: crun.CrunRuntime) -> None:
    spec = place.spec(*SLEEP)
    runtime.start(spec)
    script = 'test "$(id -u)" = "$WANTED" && test "$HOME" = /app && grep -q "NoNewPrivs:.1" /proc/self/status && exit 5'
    assert runtime.exec(spec.id, ("sh", "-c", script), {"WANTED": str(spec.uid)}) == 5
    with pytest.raises(protocol.RuntimeFailure, match="no such container"):
        runtime.exec("nobody", ("true",), {})


def test_memory_is_what_the_program_holds(place: Place, runtime: crun.CrunRuntime) -> None:
    spec = place.spec("python3", "-c", "b = b'x' * (50 << 20); print('ready', flush=True); import time; time.sleep(99)")
    runtime.start(spec)
    until(lambda: spec.log_path.stat().st_size > 0, "memory is taken")
    used = runtime.memory(spec.id)
    assert used is not None
    assert 50 << 20 <= used.total <= 70 << 20
    assert runtime.memory("nobody") is None


@pytest.fixture
def swap(tmp_path: Path) -> Iterator[None]:
    """The machine has swap for the time of one test."""
    file = tmp_path / "swap"
    subprocess.run(["fallocate", "-l", "600M", str(file)], check=True)
    file.chmod(0o600)
    subprocess.run(["mkswap", "-q", str(file)], check=True)
    if subprocess.run(["swapon", str(file)], check=False).returncode:
        pytest.skip("this machine lets nobody add swap")
    try:
        yield
    finally:
        subprocess.run(["swapoff", str(file)], check=True)


@pytest.mark.long
def test_with_swap_a_dyno_goes_on_beyond_its_memory_and_ends_at_the_limit_of_both(
    place: Place, runtime: crun.CrunRuntime, swap: None
) -> None:
    assert runtime.swaps()
    limits = protocol.Limits(memory=64 << 20, swap=192 << 20)
    code = "import sys, time; kept = b'x' * (int(sys.argv[1]) << 20); print('ate', flush=True); time.sleep(1000)"
    spec = place.spec("python3", "-c", code, "120", limits=limits)
    runtime.start(spec)
    until(lambda: "ate" in output(spec), "it has more than its memory", 60)
    used = runtime.memory(spec.id)
    assert used is not None and used.swap > 40 << 20 and used.rss <= 64 << 20
    # What R14 compares with the quota.
    assert 120 << 20 <= used.total < 160 << 20
    runtime.kill(spec.id)
    greedy = place.spec("python3", "-c", code, "250", limits=limits)
    status, _ = run(runtime, greedy, 60)
    found = runtime.inspect(greedy.id)
    assert (status, found and found.out_of_memory) == (137, True)


def test_too_much_memory_is_the_end_and_says_so(place: Place, runtime: crun.CrunRuntime) -> None:
    limits = protocol.Limits(memory=64 << 20, swap=64 << 20)
    spec = place.spec("python3", "-c", "b = b'x' * (200 << 20)", limits=limits)
    status, _ = run(runtime, spec)
    found = runtime.inspect(spec.id)
    assert (status, found and found.out_of_memory) == (137, True)


def test_the_kernel_keeps_the_control_groups_of_what_runs(place: Place, runtime: crun.CrunRuntime) -> None:
    spec = place.spec(*SLEEP)
    runtime.start(spec)
    found = [path for path in Path("/sys/fs/cgroup").glob(f"*{place.cgroup}/**/{spec.id}") if path.is_dir()]
    assert found
    for group in found:
        with pytest.raises(OSError, match="busy"):
            group.rmdir()
    assert runtime.list()[spec.id].state is RUNNING


def connected(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.settimeout(60)
    # Test directories are longer than a socket's path may be.
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        client.connect(f"/proc/self/fd/{directory}/{path.name}")
    finally:
        os.close(directory)
    return client


def heard(client: socket.socket, wanted: bytes) -> bytes:
    found = b""
    while wanted not in found:
        block = client.recv(65536)
        assert block, f"the other side closed after {found!r}"
        found += block[1:]
    return found


def test_who_attaches_before_the_command_misses_nothing(place: Place, runtime: crun.CrunRuntime) -> None:
    clients: list[socket.socket] = []
    spec = place.spec("echo", "the first line", stdin=True)
    runtime.start(spec, before_command=lambda path: clients.append(connected(path)))
    with clients[0] as client:
        assert heard(client, b"line") == b"the first line\n"
    assert finish(runtime, spec)[0] == 0


def test_a_plain_input_ends_when_the_client_says_so(place: Place, runtime: crun.CrunRuntime) -> None:
    spec = place.spec("sh", "-c", "cat; exit 3", stdin=True)
    runtime.start(spec)
    with connected(runtime.attach_socket(spec.id)) as client:
        client.send(b"\0\xff bytes")
        client.shutdown(socket.SHUT_WR)
        assert heard(client, b"bytes") == b"\0\xff bytes"
    assert finish(runtime, spec)[0] == 3


def test_a_terminal_has_a_size_and_outlives_its_client(place: Place, runtime: crun.CrunRuntime) -> None:
    spec = place.spec("sh", terminal=True, env={"PATH": "/usr/bin:/bin", "PS1": "> ", "TERM": "xterm"})
    runtime.start(spec)
    with connected(runtime.attach_socket(spec.id)) as client:
        runtime.resize(spec.id, 33, 111)
        # The monitor hears of the size in its own time.
        client.send(b'until [ "$(stty size)" = "33 111" ]; do sleep 0.01; done; tty\n')
        heard(client, b"/dev/pts/0")
    with connected(runtime.attach_socket(spec.id)) as client:
        client.send(b"exit 42\n")
        assert finish(runtime, spec)[0] == 42


def test_a_container_whose_monitor_was_killed_is_seen_and_removed(place: Place, runtime: crun.CrunRuntime) -> None:
    spec = place.spec(*SLEEP)
    runtime.start(spec)
    watcher = monitor.pid_of(spec.bundle, spec.id)
    assert watcher is not None
    os.kill(watcher, signal.SIGKILL)
    assert monitor.wait_gone(watcher, time.monotonic() + 5)
    found = runtime.inspect(spec.id)
    assert found and (found.state, found.exit_status) == (UNMONITORED, None)
    runtime.remove(spec.id)
    assert left_behind(place, spec.id) == []


def test_a_start_that_was_cut_off_before_its_command_is_unfinished_until_removed(place: Place) -> None:
    runtime, spec = place.runtime(), place.spec(*SLEEP)
    # A process of its own, for it dies in the middle of the start.
    child = multiprocessing.get_context("fork").Process(
        target=lambda: runtime.start(spec, before_command=lambda _: os.kill(os.getpid(), signal.SIGKILL))
    )
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    until(lambda: runtime.list()[spec.id].state is UNFINISHED, "it is unfinished")
    assert runtime.list()[spec.id].pid is None
    runtime.remove(spec.id)
    assert left_behind(place, spec.id) == []


def test_a_start_that_was_cut_off_after_its_command_runs_is_adopted(place: Place) -> None:
    """It may serve requests already: whoever looks next must not take it for a failure."""
    runtime, spec = place.runtime(), place.spec(*SLEEP)
    pid = runtime.start(spec).pid
    (spec.bundle / "started").unlink()
    found = runtime.list()[spec.id]
    assert (found.state, found.pid) == (RUNNING, pid)
    runtime.kill(spec.id)
    assert finish(runtime, spec)[0] == 128 + signal.SIGKILL
    runtime.remove(spec.id)
    assert left_behind(place, spec.id) == []


def test_forty_at_once_all_run_and_all_go(place: Place) -> None:
    runtime = place.runtime()
    specs = [place.spec("sh", "-c", "echo up; exec sleep 1000") for _ in range(40)]
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        list(pool.map(runtime.start, specs))
        until(lambda: all("up" in output(spec) for spec in specs), "all have written")
        assert {found.state for found in runtime.list().values()} == {RUNNING}
        list(pool.map(lambda spec: runtime.remove(spec.id), specs))
    assert [line for spec in specs for line in left_behind(place, spec.id)] == []
    until(lambda: netlink.links(place.network.link_prefix) == [], "all links are gone")


def test_an_engine_is_on_the_hosts_network_with_its_capability(place: Place, runtime: crun.CrunRuntime) -> None:
    code = "import socket; s = socket.socket(); s.bind(('127.0.0.9', 81)); print(socket.gethostname())"
    spec = place.spec("python3", "-c", code, address=None, capabilities=("NET_BIND_SERVICE",), hostname="haproxy")
    assert run(runtime, spec) == (0, "haproxy\n")
