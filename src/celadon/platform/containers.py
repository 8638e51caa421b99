"""All containers of a platform at once, whichever role started them: how bin/down ends them, and what engines run."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from celadon.platform import processes, runtimes
from celadon.platform.settings import Settings
from celadon.runtime import cgroups, protocol
from celadon.runtime.crun import CrunRuntime

# In the order in which they are asked to end: what uses others first.
_KINDS = {
    "dynos": runtimes.dynos,
    "build-dynos": runtimes.builds,
    "addons": runtimes.addons,
    "engines": runtimes.engines,
}
_LOOK = 0.05
_KILL_SECONDS = 10.0


def engines(settings: Settings) -> dict[str, int]:
    """Engine → process id of its first process, of those that run. Seen from the control groups: needs no rights."""
    top = f"{settings.cgroup}/engines/"
    groups: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                text = (entry / "cgroup").read_text("utf-8", errors="replace")
                if top in text:
                    groups[int(entry.name)] = text.split(top, 1)[1].split("\n", 1)[0].split("/", 1)[0]
    # The monitors, which have a group of their own beside the engines, are none.
    first = {pid: name for pid, name in sorted(groups.items()) if groups.get(processes.parent(pid)) != name}
    return {name: pid for pid, name in first.items() if name != "monitors" and processes.alive(pid)}


def stop_all(settings: Settings, seconds: float, tell: Callable[[str], None]) -> int:
    """Ask every container to end, wait at most `seconds`, then kill and remove them all; returns how many there were.

    Raises RuntimeFailure when one does not go away.
    """
    found = [
        runtime for kind, make in _KINDS.items() if (settings.home / kind).is_dir() for runtime in (make(settings),)
    ]
    for runtime in found:
        for container in _running(runtime):
            tell(f"stopping {container}")
            with contextlib.suppress(protocol.RuntimeFailure):
                runtime.signal(container, signal.SIGTERM)
    _wait_for_exits(found, seconds)
    count = 0
    for runtime in found:
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


def _running(runtime: CrunRuntime) -> Iterator[str]:
    for name, container in runtime.list().items():
        if container.state in (protocol.ContainerState.RUNNING, protocol.ContainerState.UNMONITORED):
            yield name


def _wait_for_exits(found: list[CrunRuntime], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(True for runtime in found for _ in _running(runtime)):
        time.sleep(_LOOK)
