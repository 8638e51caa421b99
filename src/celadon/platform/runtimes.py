"""The runtimes of one platform: dynos, builds and engines each have bundles of their own, and one network."""

import contextlib
import os
from pathlib import Path

from celadon.platform.settings import Settings
from celadon.runtime import cgroups
from celadon.runtime.crun import CrunRuntime
from celadon.runtime.network import Network, host_resolvers
from celadon.runtime.protocol import RuntimeFailure


def network(settings: Settings) -> Network:
    """What dynos and builds are connected to."""
    return Network(
        name=settings.name,
        bridge=settings.bridge,
        subnet=settings.subnet,
        nft_table=settings.nft_table,
        resolvers=host_resolvers(),
        open_ports=(settings.http_port, settings.https_port),
        public=settings.public,
    )


# Of the processors and disks, relative to an ordinary process; then within the platform, relative to all dynos together.
# Git has more than builds: it takes moments, and somebody watches.
_PLATFORM = 8.0
_PARTS = {"roles": 1.0, "engines": 4.0, "addons": 2.0, "dynos": 1.0, "git": 0.5, "build-dynos": 0.1}
# Of the processors builds have less, unless they starve: a dyno that wakes up meets one as often as builds are worth of it.
_BUILDS = 0.01
# Beside the roles, where they share one group (v2).
_NICE = 10


def weigh(settings: Settings) -> None:
    """Give the platform and its parts their shares (docs/decisions/0014). Raises OSError, RuntimeFailure."""
    kind = cgroups.hierarchy()
    cgroups.weigh(settings.cgroup, _PLATFORM, kind)
    for part, share in _PARTS.items():
        cgroups.weigh(f"{settings.cgroup}/{part}", share, kind)
    weigh_builds(settings, starving=False)


def weigh_builds(settings: Settings, *, starving: bool) -> None:
    """Give all builds together their share of the processors: the larger one when they starve. Raises OSError."""
    share = _PARTS["build-dynos"] if starving else _BUILDS
    cgroups.weigh_processors(f"{settings.cgroup}/build-dynos", share, cgroups.hierarchy())


def use_by_builds(settings: Settings) -> cgroups.ProcessorUse:
    """What all builds together have had of the processors, and want of them."""
    return cgroups.processor_use(f"{settings.cgroup}/build-dynos", cgroups.hierarchy())


def role_groups(settings: Settings) -> list[Path]:
    """Where a role writes its process id to have its part of the processors from the roles', as far as they are there."""
    return cgroups.processor_members(f"{settings.cgroup}/roles")


def demote(settings: Settings, part: str, pid: int) -> None:
    """Let a program that a role runs for a user have its part of the processors from `part`'s, not from the roles'."""
    # Where it cannot be, everything works; it is only less fair. The program may have ended by now.
    with contextlib.suppress(OSError, RuntimeFailure):
        cgroups.join(f"{settings.cgroup}/{part}", pid, cgroups.hierarchy())
        os.setpriority(os.PRIO_PROCESS, pid, _NICE)


def dynos(settings: Settings) -> CrunRuntime:
    """Runs dynos. Raises RuntimeFailure when a program it needs is missing."""
    return _runtime(settings, "dynos")


def builds(settings: Settings) -> CrunRuntime:
    """Runs build dynos. Raises RuntimeFailure."""
    return _runtime(settings, "build-dynos")


def addons(settings: Settings) -> CrunRuntime:
    """Runs the engines of add-ons, each with an address of its own. Raises RuntimeFailure."""
    return _runtime(settings, "addons")


def engines(settings: Settings) -> CrunRuntime:
    """Runs HAProxy, which has the host's own network. Raises RuntimeFailure."""
    return _runtime(settings, "engines")


def _runtime(settings: Settings, kind: str) -> CrunRuntime:
    return CrunRuntime(
        bundles=settings.home / kind,
        run=settings.run / kind,
        cgroup=f"{settings.cgroup}/{kind}",
        network=None if kind == "engines" else network(settings),
    )
