"""HAProxy as an engine: a container of its own on the host's network, that outlives every role.

Wakes on nothing: the router's ensure() asks `running` and calls `start`.
"""

import logging
import resource
import time
from pathlib import Path
from typing import Protocol

from celadon.platform import images, runtimes
from celadon.platform.settings import Settings
from celadon.router import admin, haproxy
from celadon.runtime.protocol import Bind, ContainerSpec, ContainerState, Limits, Runtime, RuntimeFailure

NAME = "haproxy"
MASTER_SOCKET = "haproxy-master.sock"

_START_TIMEOUT = 20.0
_LOOK = 0.01
# 10,000 apps take 200 MB, a reload twice that for a moment.
_MEMORY = 2 << 30
_FILES = 100_000

log = logging.getLogger(__name__)


class EngineError(Exception):
    """HAProxy does not start, or refuses its files; the message says why."""


class Engine(Protocol):
    """Where HAProxy runs."""

    @property
    def master(self) -> Path:
        """The master process's socket."""
        ...

    def running(self) -> bool:
        """Whether HAProxy is there; cheap enough for every look."""
        ...

    def start(self) -> None:
        """Start it from the files that are there and wait until it answers. Raises EngineError."""
        ...

    def check(self, config: Path) -> None:
        """Raise EngineError when HAProxy would not take this file."""
        ...

    def renew(self) -> None:
        """Have the master begin anew and the files be read again, without a conversation; no request is lost. Raises
        EngineError.
        """
        ...


def argv(files: Path, run: Path) -> tuple[str, ...]:
    """Master and worker, so that a reload keeps the listening sockets."""
    return ("haproxy", "-W", "-S", f"{run / MASTER_SOCKET},mode,600", "-f", str(files / haproxy.CONFIG))


def wait_ready(sockets: tuple[Path, Path], alive: "Alive", timeout: float = _START_TIMEOUT) -> None:
    """Wait until both sockets answer; raises EngineError when HAProxy ends before, or takes too long."""
    deadline = time.monotonic() + timeout
    worker, master = sockets
    while True:
        try:
            with admin.Admin(worker) as conversation:
                conversation.ask("show version")
            admin.ask_master(master, "show version")
            return
        except admin.AdminError as error:
            if not alive():
                raise EngineError("cannot start HAProxy: it ended at once, its log says why") from None
            if time.monotonic() > deadline:
                raise EngineError(f"cannot start HAProxy: not ready after {timeout:g} s: {error}") from None
        time.sleep(_LOOK)


class Alive(Protocol):
    def __call__(self) -> bool: ...


class ContainerEngine:
    """HAProxy from the `services` image, run by the Runtime; adopted when it runs already."""

    def __init__(self, settings: Settings, runtime: Runtime | None = None) -> None:
        self._settings = settings
        self._runtime: Runtime = runtime or runtimes.engines(settings)
        self._files = settings.home / "router"
        self._log = settings.home / "log" / NAME / "current"

    @property
    def master(self) -> Path:
        return self._settings.run / MASTER_SOCKET

    def running(self) -> bool:
        container = self._runtime.inspect(NAME)
        return container is not None and container.state in (ContainerState.RUNNING, ContainerState.UNMONITORED)

    def start(self) -> None:
        try:
            # What is left of one that died, its monitor and its groups.
            self._runtime.remove(NAME)
            for name in (MASTER_SOCKET, haproxy.ADMIN_SOCKET):
                (self._settings.run / name).unlink(missing_ok=True)
            self._log.parent.mkdir(parents=True, exist_ok=True)
            self._runtime.start(self._spec())
        except RuntimeFailure as error:
            raise EngineError(f"cannot start HAProxy: {error}") from error
        wait_ready((self._settings.run / haproxy.ADMIN_SOCKET, self.master), self.running)

    def check(self, config: Path) -> None:
        try:
            status = self._runtime.exec(NAME, ("haproxy", "-c", "-q", "-f", str(config)), {})
        except RuntimeFailure as error:
            raise EngineError(f"cannot check HAProxy's configuration: {error}") from error
        if status:
            raise EngineError(f"cannot use {config}: HAProxy refuses it (status {status}), {self._log} says why")

    def renew(self) -> None:
        try:
            # The master alone, which is the first process: its workers know other signals.
            status = self._runtime.exec(NAME, ("kill", "-USR2", "1"), {})
        except RuntimeFailure as error:
            raise EngineError(f"cannot renew HAProxy: {error}") from error
        if status:
            raise EngineError(f"cannot renew HAProxy: kill ended with status {status}")

    def _spec(self) -> ContainerSpec:
        run, files = self._settings.run, self._files
        return ContainerSpec(
            id=NAME,
            root=images.path(self._settings, "services"),
            argv=argv(files, run),
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            cwd="/",
            # Root without capabilities: it owns its files and the roles' sockets, and nothing else.
            uid=0,
            hostname=self._settings.name,
            limits=Limits(memory=_MEMORY, swap=_MEMORY, pids=64, files=_files_limit()),
            bundle=self._settings.home / "engines" / NAME,
            log_path=self._log,
            address=None,
            mounts=(
                Bind(source=files, target=str(files)),
                # Not what is mounted below: a slug in there could never be unmounted again.
                Bind(source=run, target=str(run), readonly=False, recursive=False),
            ),
            capabilities=("NET_BIND_SERVICE",),
            log_limit=1 << 20,
        )


def _files_limit() -> int:
    """Two for each connection; where even root may not raise its own limit, as many as we have."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
