"""How containers run: the Runtime port (protocol.py), crun behind it, and what belongs to it on the host."""

from celadon.platform.settings import Settings
from celadon.runtime.crun import CrunRuntime
from celadon.runtime.network import Network, host_resolvers


def platform_network(settings: Settings) -> Network:
    """The network of a platform's dynos, as its settings name it."""
    return Network(
        name=settings.name,
        bridge=settings.bridge,
        subnet=settings.subnet,
        nft_table=settings.nft_table,
        resolvers=host_resolvers(),
        open_ports=(settings.http_port, settings.https_port),
    )


def platform_runtime(settings: Settings, bundles: str = "dynos") -> CrunRuntime:
    """The runtime for one kind of a platform's containers, whose bundles are in `home/<bundles>`."""
    return CrunRuntime(
        bundles=settings.home / bundles, run=settings.run, cgroup=settings.cgroup, network=platform_network(settings)
    )
