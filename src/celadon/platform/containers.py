"""Every container of a platform, whichever role started it: found by the records that the runtime keeps in `home`."""

import contextlib
import json
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from celadon.platform import processes
from celadon.platform.settings import Settings
from celadon.runtime import cgroups, crun, network, protocol

_RECORD = "record.json"
# Bundles are `home/<what>/<container id>`, or one directory deeper.
_DEPTHS = ("*/*/", "*/*/*/")
_LOOK = 0.05
_KILL_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One container's bundle; an engine (HAProxy and the like) has no address of its own."""

    id: str
    bundle: Path
    engine: bool
    pid: int | None


def find(settings: Settings) -> list[Found]:
    """Containers that have a bundle in the home, running or not."""
    return [_found(path.parent) for depth in _DEPTHS for path in sorted(settings.home.glob(f"{depth}{_RECORD}"))]


def engines(settings: Settings) -> dict[str, int]:
    """Engine → process id, of those that run."""
    return {found.id: found.pid for found in find(settings) if found.engine and found.pid is not None}


def network_of(settings: Settings) -> network.Network:
    """The platform's network, enough of it to take it down."""
    return network.Network(
        name=settings.name,
        bridge=settings.bridge,
        subnet=settings.subnet,
        nft_table=settings.nft_table,
        resolvers=(),
        open_ports=(),
    )


def stop_all(settings: Settings, seconds: float, tell: Callable[[str], None]) -> int:
    """Ask every container to end, wait at most `seconds`, then kill and remove them all; returns how many there were.

    Raises RuntimeFailure when one does not go away.
    """
    bundles = sorted({found.bundle.parent for found in find(settings)})
    runtimes = [
        crun.CrunRuntime(bundles=path, run=settings.run, cgroup=settings.cgroup, network=network_of(settings))
        for path in bundles
    ]
    ids = [(runtime, container) for runtime in runtimes for container in _running(runtime)]
    for runtime, container in ids:
        tell(f"stopping {container}")
        with contextlib.suppress(protocol.RuntimeFailure):
            runtime.signal(container, signal.SIGTERM)
    _wait_for_exits(runtimes, seconds)
    count = 0
    for runtime in runtimes:
        for container in runtime.list():
            tell(f"removing {container}")
            runtime.remove(container)
            count += 1
    return count


def remove_groups(settings: Settings) -> None:
    """Kill what is left in the platform's control groups, and remove them."""
    groups = cgroups.Cgroups(root=settings.cgroup, kind=cgroups.hierarchy())
    groups.kill("", time.monotonic() + _KILL_SECONDS)
    groups.remove_root()


def _running(runtime: crun.CrunRuntime) -> Iterator[str]:
    for name, container in runtime.list().items():
        if container.state in (protocol.ContainerState.RUNNING, protocol.ContainerState.UNMONITORED):
            yield name


def _wait_for_exits(runtimes: list[crun.CrunRuntime], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(True for runtime in runtimes for _ in _running(runtime)):
        time.sleep(_LOOK)


def _found(bundle: Path) -> Found:
    try:
        record = json.loads((bundle / _RECORD).read_text("utf-8"))
        address = record.get("address")
    except (OSError, ValueError, AttributeError):
        address = None
    try:
        pid: int | None = int((bundle / "pid").read_text("ascii"))
    except (OSError, ValueError):
        pid = None
    if pid is not None and not processes.alive(pid):
        pid = None
    return Found(id=bundle.name, bundle=bundle, engine=address is None, pid=pid)
