"""Containers run by crun (or runc) and watched by conmon, on one machine.

What is true about a container is on disk, so that any process of the platform can find it again: its bundle
(`<bundles>/<id>/`: config.json, record.json, conmon.pid, pid, started), its exit status (`<bundles>/.exits/<id>`) and
its control groups. Nothing is remembered in memory.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from celadon.runtime import bundle, cgroups, etc, execs, loops, monitor, network, protocol, scratch, seccomp, sockets

_EXITS = ".exits"
_CREATE_TIMEOUT = 30.0
_COMMAND_TIMEOUT = 10.0
_KILL_TIMEOUT = 10.0
# A program may take seconds to start where a disk is slow; what is left of the time above is for killing.
_CLAIM_TIMEOUT = 5.0
_PAUSE = 0.001

# crun refuses hybrid hosts while the v2 mount still owns a controller; it does not look further when that is not
# mounted. The private mount namespace is crun's alone: the container gets one of its own.
_WRAPPER = """#!/bin/sh
exec unshare -m --propagation slave sh -c 'umount /sys/fs/cgroup/unified; exec {crun} "$@"' crun "$@"
"""


class CrunRuntime:
    """The Runtime port on crun and conmon; safe to use from many threads.

    `bundles` is a directory of this object's own kind of containers (list() shows those in it), `run` a directory on a
    tmpfs; `cgroup` the group all containers live under, such as `/celadon0`. `network` may be None when no container
    with an address is started. `program` is crun or runc.
    """

    def __init__(
        self,
        *,
        bundles: Path,
        run: Path,
        cgroup: str,
        network: network.Network | None = None,
        program: str = "crun",
        conmon: str = "conmon",
        init: str = "catatonit",
    ) -> None:
        self._bundles = bundles
        self._run = run
        self._network = network
        self._network_ready = False
        self._lock = threading.Lock()
        self._cgroups = cgroups.Cgroups(root=cgroup, kind=cgroups.hierarchy())
        self._init = _found(init)
        self._program = _found(program)
        self._is_crun = Path(program).name.startswith("crun")
        self._state = run / self._program.name
        self._configs = run / "configs"
        for directory in (bundles, self.exits_directory, run, self._state):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        arguments = ("--root", str(self._state), *(("--cgroup-manager=cgroupfs",) if self._is_crun else ()))
        self._monitor = monitor.Monitor(
            conmon=_found(conmon), runtime=self._wrapper(), runtime_arguments=arguments, exits=self.exits_directory
        )

    @property
    def exits_directory(self) -> Path:
        """Where a file named by the container's id appears when its exit is recorded; made to be watched by inotify."""
        return self._bundles / _EXITS

    def _wrapper(self) -> Path:
        """The program conmon calls: crun itself, or on hybrid hosts crun without the v2 mount."""
        if not self._is_crun or self._cgroups.kind is not cgroups.Hierarchy.HYBRID:
            return self._program
        path = self._run / "crun-v1"
        text = _WRAPPER.format(crun=self._program)
        if not path.exists() or path.read_text() != text:
            with tempfile.NamedTemporaryFile("w", dir=self._run, delete=False) as file:
                file.write(text)
            Path(file.name).chmod(0o700)
            Path(file.name).rename(path)
        return path

    def start(
        self, spec: protocol.ContainerSpec, *, before_command: Callable[[Path], None] | None = None
    ) -> protocol.Container:
        _check(spec, self._bundles)
        try:
            spec.bundle.mkdir(mode=0o700)
        except FileExistsError:
            raise protocol.RuntimeFailure(f"cannot start {spec.id}: there is a container of this id") from None
        try:
            with _claimed(spec.bundle):
                return self._start(spec, before_command)
        except BaseException as error:
            self.remove(spec.id)
            if isinstance(error, OSError):
                raise protocol.RuntimeFailure(f"cannot start {spec.id}: {error}") from error
            raise

    def _start(self, spec: protocol.ContainerSpec, before_command: Callable[[Path], None] | None) -> protocol.Container:
        self._write_bundle(spec)
        pid = self._monitor.create(spec, time.monotonic() + _CREATE_TIMEOUT)
        watcher = monitor.pid_of(spec.bundle, spec.id)
        if watcher is not None:
            self._cgroups.keep_monitor(watcher)
        if spec.address is not None:
            ready = self._ready_network(spec.id)
            ready.connect(pid, spec.address)
            if spec.group is not None:
                ready.attach(spec.address, spec.group)
        if before_command is not None:
            before_command(self.attach_socket(spec.id))
        self._run_command(spec.id)
        self._wait_for_command(spec.id, pid)
        (spec.bundle / "started").touch()
        return protocol.Container(
            id=spec.id, state=protocol.ContainerState.RUNNING, pid=pid, exit_status=None, labels=dict(spec.labels)
        )

    def _ready_network(self, container_id: str) -> network.Network:
        """The network with its rules in place: no container is ever connected to one that is not filtered."""
        if self._network is None:
            raise protocol.RuntimeFailure(f"cannot start {container_id}: this runtime has no network")
        with self._lock:
            if not self._network_ready:
                self._network.ensure()
                self._network_ready = True
        return self._network

    def _write_bundle(self, spec: protocol.ContainerSpec) -> None:
        layers = [mount for mount in spec.mounts if isinstance(mount, protocol.Overlay)]
        # First of all: whoever removes an unfinished container must know what belongs to it.
        record: dict[str, object] = {"labels": dict(spec.labels), "address": spec.address, "group": spec.group}
        record["scratch"] = [str(layer.scratch) for layer in layers]
        (spec.bundle / "record.json").write_text(json.dumps(record), "utf-8")
        for layer in layers:
            scratch.create(layer.scratch, spec.uid, limit=layer.limit, templates=self._bundles)
        if (root := bundle.root_of(spec)) is not None:
            scratch.mount_root(root, spec.bundle / bundle.ROOT)
        etc = spec.bundle / "etc"
        etc.mkdir()
        for name, text in self._etc_files(spec).items():
            (etc / name).write_text(text, "utf-8")
        host = bundle.Host(
            cgroup=self._cgroups.path(spec.id),
            init=self._init,
            etc=etc,
            seccomp_bpf=seccomp.bpf(self._run) if self._is_crun else None,
            seccomp=None if self._is_crun else seccomp.oci(),
            counts_swap=self._cgroups.counts_swap,
            ipv6=Path("/proc/sys/net/ipv6").exists(),
        )
        text = json.dumps(bundle.config(spec, host), ensure_ascii=False)
        # It holds config vars, which are encrypted wherever they reach a disk: so it is on the tmpfs.
        self._configs.mkdir(mode=0o700, exist_ok=True)
        (self._configs / spec.id).write_text(text, "utf-8")
        (spec.bundle / "config.json").symlink_to(self._configs / spec.id)

    def _etc_files(self, spec: protocol.ContainerSpec) -> dict[str, str]:
        engine = spec.address is None
        resolvers = self._network.resolvers if self._network and not engine else network.host_resolvers()
        return bundle.etc_files(
            spec,
            passwd=etc.read(spec.root, "passwd"),
            group=etc.read(spec.root, "group"),
            resolvers=resolvers,
            hosts=etc.of_host("hosts") if engine else None,
        )

    def list(self) -> dict[str, protocol.Container]:
        found = {}
        for directory in sorted(self._bundles.iterdir()):
            container = None if directory.name.startswith(".") else self.inspect(directory.name)
            if container is not None:
                found[directory.name] = container
        return found

    def inspect(self, container_id: str) -> protocol.Container | None:
        directory = self._bundles / container_id
        if not directory.is_dir():
            return None
        pid = monitor.read_number(directory / "pid")
        state, status = self._state_of(container_id, pid)
        alive = state in (protocol.ContainerState.RUNNING, protocol.ContainerState.UNMONITORED)
        labels = _record(directory).get("labels", {})
        return protocol.Container(
            id=container_id,
            state=state,
            pid=pid if alive else None,
            exit_status=status,
            out_of_memory=(directory / "oom").exists(),
            labels=labels if isinstance(labels, dict) else {},
        )

    def _state_of(self, container_id: str, pid: int | None) -> tuple[protocol.ContainerState, int | None]:
        directory = self._bundles / container_id
        if not (directory / "started").exists():
            claimed = _is_claimed(directory)
            # It may have finished between the two looks.
            if not (directory / "started").exists() and not (not claimed and self._adopt(container_id, pid)):
                state = protocol.ContainerState.STARTING if claimed else protocol.ContainerState.UNFINISHED
                return state, None
        # The order matters: the monitor writes the exit status, then it ends.
        watched = monitor.pid_of(directory, container_id) is not None
        status = monitor.read_number(self.exits_directory / container_id)
        if status is not None:
            return protocol.ContainerState.EXITED, status
        if watched:
            return protocol.ContainerState.RUNNING, None
        if pid is not None and self._cgroups.holds(container_id, pid):
            return protocol.ContainerState.UNMONITORED, None
        return protocol.ContainerState.EXITED, None

    def _adopt(self, container_id: str, pid: int | None) -> bool:
        """Finish a start whose caller was killed after the command had been executed: it may serve requests by now."""
        directory = self._bundles / container_id
        if pid is None or monitor.pid_of(directory, container_id) is None:
            return False
        if not self._cgroups.holds(container_id, pid) or self._cgroups.pids(container_id) <= {pid}:
            return False
        (directory / "started").touch()
        return True

    def signal(self, container_id: str, signum: int) -> None:
        # The first process is our init, which hands signals on to its child: without the exception that gets two.
        first = monitor.read_number(self._bundles / container_id / "pid")
        self._cgroups.signal(container_id, signum, except_pid=first)

    def kill(self, container_id: str) -> None:
        deadline = time.monotonic() + _KILL_TIMEOUT
        directory = self._bundles / container_id
        pid = monitor.read_number(directory / "pid")
        if pid is not None and self._cgroups.holds(container_id, pid):
            # All others in its process namespace die with the first.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            monitor.wait_gone(pid, deadline)
        self._cgroups.kill(container_id, deadline)
        watcher = monitor.pid_of(directory, container_id)
        # It ends when it has written the exit status; a stuck one would keep the bundle for ever.
        if watcher is not None and not monitor.wait_gone(watcher, deadline):
            monitor.kill_strays(directory, time.monotonic() + 1)

    def remove(self, container_id: str) -> None:
        directory = self._bundles / container_id
        deadline = time.monotonic() + _KILL_TIMEOUT
        if directory.is_dir() and not (directory / "started").exists():
            self._stop_unfinished(container_id, deadline)
        self.kill(container_id)
        # That may have taken all of its time: the kernel needs some more for the groups.
        self._cgroups.remove(container_id, time.monotonic() + _KILL_TIMEOUT)
        record = _record(directory)
        if self._network is not None and record.get("group"):
            # Whoever has the address next is somebody else.
            self._network.detach(str(record["address"]))
        while loops.unmount(directory / bundle.ROOT):
            pass
        layers = record.get("scratch", [])
        for path in layers if isinstance(layers, list) else []:
            scratch.remove(Path(str(path)))
        shutil.rmtree(self._state / container_id, ignore_errors=True)
        (self.exits_directory / container_id).unlink(missing_ok=True)
        (self._configs / container_id).unlink(missing_ok=True)
        # The bundle last: as long as it is there, somebody will come back to finish this.
        shutil.rmtree(directory, ignore_errors=True)

    def _stop_unfinished(self, container_id: str, deadline: float) -> None:
        """Kill a monitor, a runtime and a container that its killed caller left half-made.

        The claim of a killed caller lives on for a moment in a child that is not its monitor yet: wait for that.
        """
        patience = time.monotonic() + _CLAIM_TIMEOUT
        while _is_claimed(self._bundles / container_id) and time.monotonic() < patience:
            time.sleep(_PAUSE)
        while monitor.kill_strays(self._bundles / container_id, deadline) or self._cgroups.alive(container_id):
            self._cgroups.signal(container_id, signal.SIGKILL)
            if time.monotonic() > deadline:
                raise protocol.RuntimeFailure(f"cannot remove {container_id}: its monitor does not go away")
            time.sleep(_PAUSE)

    def exits(self) -> set[str]:
        return {path.name for path in self.exits_directory.iterdir()}

    def memory(self, container_id: str) -> protocol.MemoryUse | None:
        return self._cgroups.memory(container_id)

    def refused_processes(self, container_id: str) -> bool:
        return self._cgroups.refused_processes(container_id)

    def active(self, container_id: str) -> int:
        return self._cgroups.active(container_id)

    def listening(self, container_id: str) -> tuple[tuple[str, int], ...]:
        pid = monitor.read_number(self._bundles / container_id / "pid")
        return sockets.listening(pid) if pid is not None and self._cgroups.holds(container_id, pid) else ()

    def swaps(self) -> bool:
        return self._cgroups.counts_swap and cgroups.swap_total() > 0

    def attach_socket(self, container_id: str) -> Path:
        return self._bundles / container_id / "attach"

    def resize(self, container_id: str, rows: int, columns: int) -> None:
        monitor.resize(self._bundles / container_id, rows, columns)

    @property
    def execs(self) -> execs.Execs:
        return execs.Execs(
            directory=self._run / "execs", bundles=self._bundles, monitor=self._monitor, cgroups=self._cgroups
        )

    def exec(self, container_id: str, argv: tuple[str, ...], env: Mapping[str, str]) -> int:
        directory = self._bundles / container_id
        try:
            process = json.loads((directory / "config.json").read_text("utf-8"))["process"]
        except FileNotFoundError:
            raise protocol.RuntimeFailure(f"cannot run {argv[0]} in {container_id}: no such container") from None
        process |= {"args": list(argv), "terminal": False}
        process["env"] += [f"{name}={value}" for name, value in env.items()]
        with tempfile.NamedTemporaryFile("w", dir=directory, prefix="exec-", encoding="utf-8") as file:
            json.dump(process, file, ensure_ascii=False)
            file.flush()
            return self._runtime(self._monitor.runtime, "exec", "--process", file.name, container_id).returncode

    def _run_command(self, container_id: str) -> None:
        """Let the created container go on to its command; crun looks at no control groups here: no wrapper needed."""
        found = self._runtime(self._program, "start", container_id)
        if found.returncode != 0:
            reason = found.stderr.decode("utf-8", "replace").strip()
            raise protocol.RuntimeFailure(f"cannot start {container_id}: {reason}")

    def _wait_for_command(self, container_id: str, pid: int) -> None:
        """Wait until our init has made the command's process: before that it would lose a signal."""
        deadline = time.monotonic() + _COMMAND_TIMEOUT
        while self._cgroups.holds(container_id, pid) and self._cgroups.pids(container_id) <= {pid}:
            if time.monotonic() > deadline:
                raise protocol.RuntimeFailure(f"cannot start {container_id}: its init does not run the command")
            time.sleep(_PAUSE)

    def _runtime(self, program: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
        argv = [str(program), *self._monitor.runtime_arguments, *arguments]
        return subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
        )


def _found(program: str) -> Path:
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin:/usr/local/bin")
    if path is None:
        raise protocol.RuntimeFailure(f"cannot run containers: {program} is missing: apt-get install {program}")
    return Path(path)


def _check(spec: protocol.ContainerSpec, bundles: Path) -> None:
    if spec.bundle != bundles / spec.id or spec.id.startswith("."):
        raise protocol.RuntimeFailure(f"cannot start {spec.id!r}: its bundle must be {bundles}/<id>")
    for name, value in spec.env.items():
        if not name or "=" in name or "\0" in name + value:
            raise protocol.RuntimeFailure(f"cannot start {spec.id}: {name!r} cannot be in an environment")
        try:
            (name + value).encode()
        except UnicodeEncodeError:
            raise protocol.RuntimeFailure(f"cannot start {spec.id}: {name!r} is not Unicode text") from None


@contextlib.contextmanager
def _claimed(directory: Path) -> Iterator[None]:
    """Mark a bundle as being worked on, until the end of the block or of this process."""
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_claimed(directory: Path) -> bool:
    try:
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _record(directory: Path) -> dict[str, object]:
    try:
        found = json.loads((directory / "record.json").read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
