"""conmon, the monitor that every container has: it creates the container, writes its output to a file, keeps its exit
status and lets people attach. It belongs to nobody: it goes on when whoever started it is gone.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from celadon.runtime import protocol

_ANSWER_LIMIT = 1 << 20
_LOOKS, _PAUSE = 100, 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """How to start monitors: the programs and the directories they share."""

    conmon: Path
    runtime: Path
    runtime_arguments: tuple[str, ...]
    exits: Path

    def start_argv(self, spec: protocol.ContainerSpec) -> list[str]:
        """conmon's command line; nothing secret is in it, the environment is in config.json."""
        argv = self._argv(spec.id, spec.bundle, terminal=spec.terminal, stdin=spec.stdin)
        argv += ["-l", f"k8s-file:{spec.log_path}", "--exit-dir", str(self.exits)]
        if spec.log_limit is not None:
            argv += ["--log-size-max", str(spec.log_limit)]
        return argv + (["--leave-stdin-open"] if spec.terminal else [])

    def exec_argv(self, spec: protocol.ExecSpec, directory: Path) -> list[str]:
        """The same for a command beside a container's own; its environment is in process.json."""
        argv = self._argv(spec.container_id, directory, terminal=spec.terminal, stdin=True)
        argv += ["-l", "off:", "--exit-dir", str(directory)]
        return [*argv, "-e", "--exec-attach", "--exec-process-spec", str(directory / "process.json")]

    def _argv(self, container_id: str, bundle: Path, *, terminal: bool, stdin: bool) -> list[str]:
        argv = [str(self.conmon), "--api-version", "1", "-c", container_id, "-u", container_id, "-n", container_id]
        argv += ["-r", str(self.runtime), "-b", str(bundle), "-p", str(bundle / "pid"), "-P", str(pid_file(bundle))]
        argv += ["--persist-dir", str(bundle), "--full-attach", "--no-sync-log", "--log-level", "error"]
        argv += ["-t"] if terminal else []
        argv += ["-i"] if terminal or stdin else []
        for argument in self.runtime_arguments:
            argv += ["--runtime-arg", argument]
        return argv

    def create(self, spec: protocol.ContainerSpec, deadline: float) -> int:
        """Create the container (its command does not run yet) and return its first process's id.

        Raises RuntimeFailure with what the runtime said, or when nothing was said until `deadline`.
        """
        reader, writer = os.pipe()
        try:
            with self._started(self.start_argv(spec), _OCI_SYNCPIPE=writer):
                return _pid(spec.id, _answer(reader, deadline))
        finally:
            os.close(reader)

    @contextlib.contextmanager
    def beside(self, spec: protocol.ExecSpec, directory: Path, deadline: float) -> Iterator["Starting"]:
        """A monitor for a command beside a container's own: who wants to be there from its beginning attaches now.

        Raises RuntimeFailure when nothing was said until `deadline`.
        """
        (said, telling), (ready, attaching), (waiting, go) = os.pipe(), os.pipe(), os.pipe()
        try:
            pipes = {"_OCI_SYNCPIPE": telling, "_OCI_ATTACHPIPE": attaching, "_OCI_STARTPIPE": waiting}
            with self._started(self.exec_argv(spec, directory), **pipes):
                starting = Starting(spec.container_id, said, go, deadline)
                # The first time it only has been started itself.
                starting.tell()
                _answer(ready, deadline)
                yield starting
        finally:
            for descriptor in (said, ready, go):
                os.close(descriptor)

    @contextlib.contextmanager
    def _started(self, argv: list[str], **pipes: int) -> Iterator[None]:
        """conmon while it forks; `pipes` are its ends, by the names it knows them by, and closed here."""
        try:
            program = subprocess.Popen(
                argv,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TZ": "UTC"}
                | {name: str(descriptor) for name, descriptor in pipes.items()},
                pass_fds=tuple(pipes.values()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
            )
        except OSError as error:
            raise protocol.RuntimeFailure(f"cannot start {self.conmon}: {error.strerror}") from error
        finally:
            for descriptor in pipes.values():
                os.close(descriptor)
        try:
            yield
        finally:
            # It forks and leaves at once, what goes on is its child; one that did not leave is no use.
            program.kill()
            program.wait()


@dataclass(frozen=True, slots=True)
class Starting:
    """A command that waits for our word; the descriptors are ours and end with the block that gave them."""

    container_id: str
    said: int
    start: int
    deadline: float

    def tell(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(self.start, b"1")

    def go(self) -> int:
        """Let it run; returns its process id. Raises RuntimeFailure with what the runtime said."""
        self.tell()
        return _pid(self.container_id, _answer(self.said, self.deadline))


def _answer(reader: int, deadline: float) -> bytes:
    """One line, or all that came before the other side closed."""
    found = b""
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    while b"\n" not in found and len(found) < _ANSWER_LIMIT:
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise protocol.RuntimeFailure("cannot create the container: the monitor did not answer in time")
        block = os.read(reader, 65536)
        if not block:
            break
        found += block
    return found


def _pid(container_id: str, answer: bytes) -> int:
    try:
        found = json.loads(answer)
    except ValueError:
        raise protocol.RuntimeFailure(
            f"cannot create container {container_id}: its monitor said {answer.decode('utf-8', 'replace')[:500]!r}"
        ) from None
    pid = int(found.get("data", found.get("pid", -1)))
    if pid <= 0:
        raise protocol.RuntimeFailure(f"cannot create container {container_id}: {found.get('message', 'no reason')}")
    return pid


def pid_file(bundle: Path) -> Path:
    return bundle / "conmon.pid"


def pid_of(bundle: Path, container_id: str) -> int | None:
    """The process id of a container's monitor, or None when it does not run (any more)."""
    pid = read_number(pid_file(bundle))
    if pid is None:
        return None
    arguments = _command_line(pid)
    with contextlib.suppress(ValueError, IndexError):
        # The number may belong to somebody else by now.
        if arguments[arguments.index(b"-c") + 1] == container_id.encode():
            return pid
    return None


def strays(bundle: Path) -> set[int]:
    """Programs that still work on a bundle: a monitor or a runtime whose caller was killed."""
    wanted = os.fsencode(bundle)
    found: set[int] = set()
    doubtful = {int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()} - {os.getpid()}
    for _ in range(_LOOKS):
        seen = {pid: _command_line(pid) for pid in doubtful}
        found |= {pid for pid, arguments in seen.items() if _works_on(arguments, wanted)}
        # All of them get the same time to settle: nobody waits the longer the more there are.
        doubtful = {pid for pid, arguments in seen.items() if arguments == [b""] and _is_between_programs(pid)}
        if not doubtful:
            break
        time.sleep(_PAUSE)
    return found


def _works_on(arguments: list[bytes], bundle: bytes) -> bool:
    named = any(argument == bundle or argument.startswith(bundle + b"/") for argument in arguments)
    return named and bool({b"-b", b"--bundle", b"--process"} & set(arguments))


def kill_strays(bundle: Path, deadline: float) -> bool:
    """SIGKILL them and wait until they are gone; False when there were none."""
    found = strays(bundle)
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in found:
        wait_gone(pid, deadline)
    return bool(found)


def resize(bundle: Path, rows: int, columns: int) -> None:
    """Give the terminal that this monitor holds another size; raises RuntimeFailure."""
    try:
        # Non-blocking: a monitor that is gone must not hold the caller.
        descriptor = os.open(bundle / "ctl", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise protocol.RuntimeFailure(f"cannot resize the terminal of {bundle.name}: {error.strerror}") from error
    try:
        os.write(descriptor, f"1 {rows} {columns}\n".encode())
    finally:
        os.close(descriptor)


def wait_gone(pid: int, deadline: float) -> bool:
    """Wait until a process has ended; False when it has not by `deadline` (time.monotonic)."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))
    finally:
        os.close(descriptor)


def read_number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def _command_line(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []


def _is_between_programs(pid: int) -> bool:
    """Whether one without a command line may be a monitor or a runtime in a moment: those are root's.

    What runs in a container is not, and may have none for as long as it likes. Who owns its directory in /proc would
    tell nothing: any process can have root own that.
    """
    directory = Path(f"/proc/{pid}")
    try:
        # Kernel threads and zombies have none.
        (directory / "exe").readlink()
        status = (directory / "status").read_text("ascii", "replace")
    except OSError:
        return False
    return any(line.startswith("Uid:") and line.split()[2] == "0" for line in status.splitlines())
