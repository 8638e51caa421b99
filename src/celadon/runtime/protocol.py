"""The Runtime port: how containers run. One contract test suite runs against every implementation.

A container belongs to nobody's process: it outlives the caller, and whoever comes next finds it again by its id.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol


class RuntimeFailure(Exception):
    """The runtime cannot do what was asked; the message says what and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """A host file or directory inside the container; what is mounted below it only when `recursive`."""

    source: Path
    target: str
    readonly: bool = True
    recursive: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """A writable view of read-only directories; what is written goes away with the container.

    At `/` it is the container's whole root, in the place of `ContainerSpec.root`; it has to have the first `lower` as that.

    `lower` is in overlayfs order: the first one wins. `scratch` is a directory on the host that is made, and removed
    with the container; `limit` is how many bytes may be written to it in all, None for as many as the disk has.
    """

    lower: tuple[Path, ...]
    scratch: Path
    target: str
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tmpfs:
    target: str
    size: int
    mode: str = "1777"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`memory` is enforced hard, in bytes; `swap` is memory and swap together; `cpu_shares` as cgroup v1 counts them
    (1024 = one share); `files` is how many a process may have open.
    """

    memory: int
    swap: int
    cpu_shares: int = 1024
    pids: int = 256
    files: int = 10_000


Mount = Bind | Overlay | Tmpfs


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """One container to run. `address` is its IPv4 address in the platform's subnet; None means the host's own network
    (engines such as HAProxy only, never code of users), or with `offline` none at all. `group` names what it may reach in that subnet (`app_12`: the
    engines of its app), see `Network.allow`. A `sheltered` one (a server of users' data) goes after all others when the
    machine runs out of memory. `bundle` is `<bundles directory of the runtime>/<id>`.

    Unless it is among the mounts, /tmp is on the scratch of the first Overlay; without one it is 64 MiB of memory. `home` and
    `shell` are what the container's /etc/passwd says of its user.
    """

    id: str
    root: Path
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    uid: int
    hostname: str
    limits: Limits
    bundle: Path
    log_path: Path
    address: str | None
    group: str | None = None
    offline: bool = False
    mounts: tuple[Mount, ...] = ()
    terminal: bool = False
    stdin: bool = False
    capabilities: tuple[str, ...] = ()
    log_limit: int | None = None
    sheltered: bool = False
    home: str = "/app"
    shell: str = "/bin/bash"
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecSpec:
    """A command to run beside a container's own, with its uid, limits and rights; `env` is added to its environment."""

    id: str
    container_id: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    terminal: bool


class ContainerState(StrEnum):
    # Somebody is inside start() for it right now.
    STARTING = "starting"
    # start() was interrupted for ever (its caller was killed): remove() it.
    UNFINISHED = "unfinished"
    RUNNING = "running"
    EXITED = "exited"
    # The container runs but its monitor is gone: its exit status and its output are lost.
    UNMONITORED = "unmonitored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """What the runtime sees of one container. `exit_status` is 128 + signal for a killed one, None while it runs or
    when it is unknown; `pid` is its first process on the host.
    """

    id: str
    state: ContainerState
    pid: int | None
    exit_status: int | None
    out_of_memory: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryUse:
    """Bytes (pages for pgpgin and pgpgout), as the cgroup counts them, children included."""

    rss: int
    cache: int
    swap: int
    pgpgin: int = 0
    pgpgout: int = 0

    @property
    def total(self) -> int:
        return self.rss + self.swap


class Execs(Protocol):
    """Commands beside containers, each with a terminal or pipes of its own; who attaches to one finds conmon there too."""

    def start(self, spec: ExecSpec, *, before_command: Callable[[Path], None]) -> None:
        """Run a command; returns when it runs. `before_command` is called with its attach socket before it does."""
        ...

    def list(self) -> Mapping[str, str]:
        """Id → container's id, of all that have been begun and not been ended."""
        ...

    def resize(self, exec_id: str, rows: int, columns: int) -> None: ...

    def signal(self, exec_id: str, signum: int) -> None:
        """Send a signal to all that the command has started; no error when it is gone already."""
        ...

    def alive(self, exec_id: str) -> bool:
        """Whether anything of it runs."""
        ...

    def end(self, exec_id: str) -> None:
        """SIGKILL all of it and forget it; no error when there is nothing."""
        ...


class Runtime(Protocol):
    """Containers on one machine. Every method may be called again after a crash of the caller; all raise RuntimeFailure."""

    @property
    def execs(self) -> Execs: ...

    def start(self, spec: ContainerSpec, *, before_command: Callable[[Path], None] | None = None) -> Container:
        """Create the container and run its command; returns when the command has been executed, not when it is ready.

        `before_command` is called with the attach socket when the container exists and its command does not run yet:
        who connects there misses nothing. Leaves nothing behind when it raises.
        """
        ...

    def list(self) -> dict[str, Container]:
        """Every container of this platform that has a bundle, running or exited, by id."""
        ...

    def inspect(self, container_id: str) -> Container | None:
        """One container, or None when no such container is known."""
        ...

    def signal(self, container_id: str, signum: int) -> None:
        """Send a signal to every process of the container; no error when it is gone already."""
        ...

    def kill(self, container_id: str) -> None:
        """SIGKILL everything in the container and wait until it is gone (bounded)."""
        ...

    def remove(self, container_id: str) -> None:
        """Kill if needed, then remove bundle, scratch, cgroup and network; no error when there is nothing."""
        ...

    def exits(self) -> set[str]:
        """Ids of containers whose exit has been recorded; cheap enough to ask 50 times a second."""
        ...

    def memory(self, container_id: str) -> MemoryUse | None:
        """What the container uses now; None when it is gone."""
        ...

    def refused_processes(self, container_id: str) -> bool:
        """Whether it was ever refused a process or thread, for it had `Limits.pids` of them; False when it is gone."""
        ...

    def active(self, container_id: str) -> int:
        """How many of its threads run, or want to, or wait for a disk: what the kernel's load average is made of."""
        ...

    def listening(self, container_id: str) -> tuple[tuple[str, int], ...]:
        """Address and port of everything the container listens at by TCP; empty when it is gone."""
        ...

    def swaps(self) -> bool:
        """Whether memory beyond `Limits.memory` goes to swap here, and is counted by `Limits.swap`."""
        ...

    def attach_socket(self, container_id: str) -> Path:
        """conmon's SOCK_SEQPACKET socket: each message out is one byte of stream id and the bytes; what is written is stdin."""
        ...

    def resize(self, container_id: str, rows: int, columns: int) -> None: ...

    def exec(self, container_id: str, argv: tuple[str, ...], env: Mapping[str, str]) -> int:
        """Run a command beside the container's own, with its uid and limits; returns the exit status. Output is discarded."""
        ...
