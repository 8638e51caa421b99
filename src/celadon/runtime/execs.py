"""Commands beside a container's own, each with a terminal or pipes: somebody looks into what runs.

Each has a conmon, as containers have, and belongs to nobody's process either. What is true about one is in
`<directory>/<id>/`: process.json, container, conmon.pid, pid, attach, ctl. The directory is on a tmpfs, for process.json
has the container's config vars. All that it starts is in a control group of its own below the container's: so it
is counted there, and ends as a whole.
"""

import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from celadon.runtime import cgroups, monitor, protocol

_START_TIMEOUT = 30.0
_END_TIMEOUT = 10.0
# What else runs in the container may keep it from ever getting there. Two programs start until it is there, each of
# which may take seconds where much else wants the processors.
_GATE_TIMEOUT = 10.0
_PAUSE = 0.002
# It stops until it is in its control group: what it starts before would be in none.
_GATE = ("/bin/sh", "-c", 'kill -STOP $$; exec "$@"', "sh")


@dataclass(frozen=True, slots=True, kw_only=True)
class Execs:
    """The commands beside containers of one runtime. `bundles` are the containers'."""

    directory: Path
    bundles: Path
    monitor: monitor.Monitor
    cgroups: cgroups.Cgroups

    def start(self, spec: protocol.ExecSpec, *, before_command: Callable[[Path], None]) -> None:
        """Run a command with the uid, limits and rights of its container; returns when it runs.

        `before_command` is called with its attach socket before it does. Leaves nothing behind when it raises.
        """
        directory = self.directory / spec.id
        try:
            directory.mkdir(mode=0o700, parents=True)
        except FileExistsError:
            raise protocol.RuntimeFailure(f"cannot run {spec.id}: there is a command of this id") from None
        try:
            process = self._write(spec, directory)
            with self.monitor.beside(spec, directory, time.monotonic() + _START_TIMEOUT) as starting:
                before_command(self.attach_socket(spec.id))
                pid = starting.go()
            if (watcher := monitor.pid_of(directory, spec.container_id)) is not None:
                self.cgroups.keep_monitor(watcher)
            self._contain(spec, pid, process)
        except BaseException as error:
            self.end(spec.id)
            if isinstance(error, OSError):
                raise protocol.RuntimeFailure(f"cannot run a command in {spec.container_id}: {error}") from error
            raise

    def _write(self, spec: protocol.ExecSpec, directory: Path) -> dict[str, object]:
        """The container's own process with another command, as a file; returns it."""
        try:
            text = (self.bundles / spec.container_id / "config.json").read_text("utf-8")
        except FileNotFoundError:
            raise protocol.RuntimeFailure(f"cannot run a command in {spec.container_id}: no such container") from None
        # First of all: whoever ends an unfinished one must know where it is.
        (directory / "container").write_text(spec.container_id, "utf-8")
        process: dict[str, object] = json.loads(text)["process"]
        own = process["env"]
        assert isinstance(own, list), "a list in every config.json"
        added = [f"{name}={value}" for name, value in spec.env.items()]
        process |= {"args": [*_GATE, *spec.argv], "terminal": spec.terminal, "env": [*own, *added]}
        (directory / "process.json").write_text(json.dumps(process, ensure_ascii=False), "utf-8")
        return process

    def _contain(self, spec: protocol.ExecSpec, pid: int, process: dict[str, object]) -> None:
        """Put the command, which has stopped at its gate, into its group, and let it go on."""
        deadline = time.monotonic() + _GATE_TIMEOUT
        while not (stopped := cgroups.state(pid) == "T") or not self.cgroups.holds(spec.container_id, pid):
            if stopped or not cgroups.state(pid):
                raise protocol.RuntimeFailure(f"cannot run a command in {spec.container_id}: it ended at once")
            if time.monotonic() > deadline:
                raise protocol.RuntimeFailure(
                    f"cannot run a command in {spec.container_id}: it does not start within {_GATE_TIMEOUT:g} s"
                )
            time.sleep(_PAUSE)
        # crun sets it for containers only.
        if (score := process.get("oomScoreAdj")) is not None:
            Path(f"/proc/{pid}/oom_score_adj").write_text(str(score))
        self.cgroups.join(self._group(spec.container_id, spec.id), pid)
        os.kill(pid, signal.SIGCONT)

    def list(self) -> dict[str, str]:
        """Id → container's id, of all that have been begun and not been ended."""
        if not self.directory.is_dir():
            return {}
        return {path.name: self._container(path.name) for path in sorted(self.directory.iterdir())}

    def attach_socket(self, exec_id: str) -> Path:
        """As Runtime.attach_socket."""
        return self.directory / exec_id / "attach"

    def resize(self, exec_id: str, rows: int, columns: int) -> None:
        monitor.resize(self.directory / exec_id, rows, columns)

    def signal(self, exec_id: str, signum: int) -> None:
        """Send a signal to all that the command has started; no error when it is gone already."""
        self.cgroups.signal(self._group(self._container(exec_id), exec_id), signum)

    def alive(self, exec_id: str) -> bool:
        """Whether anything of it runs."""
        return self.cgroups.alive(self._group(self._container(exec_id), exec_id))

    def end(self, exec_id: str) -> None:
        """SIGKILL all of it, wait until it is gone, and forget it; no error when there is nothing."""
        directory = self.directory / exec_id
        container_id = self._container(exec_id)
        deadline = time.monotonic() + _END_TIMEOUT
        # Who began it may have been killed: its monitor and crun are let go on until there is something to kill.
        while monitor.read_number(directory / "pid") is None and monitor.strays(directory):
            if time.monotonic() > deadline:
                monitor.kill_strays(directory, deadline)
            time.sleep(_PAUSE)
        # First a crun that is about to become the command: it would be it after we have looked.
        monitor.kill_strays(directory, deadline)
        pid = monitor.read_number(directory / "pid")
        if container_id and pid is not None and self.cgroups.holds(container_id, pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if container_id:
            self.cgroups.remove(self._group(container_id, exec_id), deadline)
        # The directory last: as long as it is there, somebody will come back to finish this.
        shutil.rmtree(directory, ignore_errors=True)

    def _container(self, exec_id: str) -> str:
        """Empty when it was hardly begun, or is gone."""
        try:
            return (self.directory / exec_id / "container").read_text("utf-8")
        except FileNotFoundError:
            return ""

    def _group(self, container_id: str, exec_id: str) -> str:
        return f"{container_id}/{exec_id}"
