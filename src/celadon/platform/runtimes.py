"""The runtimes of one platform: dynos, builds and engines each have bundles of their own, and one network."""

from celadon.platform.settings import Settings
from celadon.runtime.crun import CrunRuntime
from celadon.runtime.network import Network, host_resolvers


def network(settings: Settings) -> Network:
    """What dynos and builds are connected to."""
    return Network(
        name=settings.name,
        bridge=settings.bridge,
        subnet=settings.subnet,
        nft_table=settings.nft_table,
        resolvers=host_resolvers(),
        open_ports=(settings.http_port, settings.https_port),
    )


def dynos(settings: Settings) -> CrunRuntime:
    """Runs dynos. Raises RuntimeFailure when a program it needs is missing."""
    return _runtime(settings, "dynos")


def builds(settings: Settings) -> CrunRuntime:
    """Runs build dynos. Raises RuntimeFailure."""
    return _runtime(settings, "build-dynos")


def engines(settings: Settings) -> CrunRuntime:
    """Runs HAProxy and the like, which have the host's own network. Raises RuntimeFailure."""
    return _runtime(settings, "engines")


def _runtime(settings: Settings, kind: str) -> CrunRuntime:
    return CrunRuntime(
        bundles=settings.home / kind,
        run=settings.run / kind,
        cgroup=f"{settings.cgroup}/{kind}",
        network=None if kind == "engines" else network(settings),
    )
