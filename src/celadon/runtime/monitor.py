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
        bundle = spec.bundle
        argv = [str(self.conmon), "--api-version", "1", "-c", spec.id, "-u", spec.id, "-n", spec.id]
        argv += ["-r", str(self.runtime), "-b", str(bundle), "-p", str(bundle / "pid"), "-P", str(pid_file(bundle))]
        argv += ["-l", f"k8s-file:{spec.log_path}", "--exit-dir", str(self.exits), "--persist-dir", str(bundle)]
        argv += ["--full-attach", "--no-sync-log", "--log-level", "error"]
        if spec.log_limit is not None:
            argv += ["--log-size-max", str(spec.log_limit)]
        if spec.terminal:
            argv += ["-t", "-i", "--leave-stdin-open"]
        elif spec.stdin:
            argv += ["-i"]
        for argument in self.runtime_arguments:
            argv += ["--runtime-arg", argument]
        return argv

    def create(self, spec: protocol.ContainerSpec, deadline: float) -> int:
        """Create the container (its command does not run yet) and return its first process's id.

        Raises RuntimeFailure with what the runtime said, or when nothing was said until `deadline`.
        """
        reader, writer = os.pipe()
        try:
            program = self._started(spec, writer)
            try:
                return _pid(spec.id, _answer(reader, deadline))
            finally:
                # It forks and leaves at once, what goes on is its child; one that did not leave is no use.
                program.kill()
                program.wait()
        finally:
            os.close(reader)

    def _started(self, spec: protocol.ContainerSpec, writer: int) -> "subprocess.Popen[bytes]":
        try:
            return subprocess.Popen(
                self.start_argv(spec),
                env={"_OCI_SYNCPIPE": str(writer), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TZ": "UTC"},
                pass_fds=(writer,),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
            )
        except OSError as error:
            raise protocol.RuntimeFailure(f"cannot start {self.conmon}: {error.strerror}") from error
        finally:
            os.close(writer)


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
    found = set()
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit() and int(directory.name) != os.getpid():
            arguments = _settled_command_line(int(directory.name))
            if wanted in arguments and {b"-b", b"--bundle"} & set(arguments):
                found.add(int(directory.name))
    return found


def kill_strays(bundle: Path, deadline: float) -> bool:
    """SIGKILL them and wait until they are gone; False when there were none."""
    found = strays(bundle)
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in found:
        wait_gone(pid, deadline)
    return bool(found)


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


def _settled_command_line(pid: int) -> list[bytes]:
    """The command line of a process that may be between two programs, when it has none for a moment."""
    for _ in range(_LOOKS):
        arguments = _command_line(pid)
        # Kernel threads and zombies have neither.
        if arguments != [b""] or not _has_program(pid):
            return arguments
        time.sleep(_PAUSE)
    return []


def _has_program(pid: int) -> bool:
    try:
        Path(f"/proc/{pid}/exe").readlink()
    except OSError:
        return False
    return True
