"""What `celadon platform:info` says: answered from the home, whether the platform runs or not."""

from typing import Any

import celadon
from celadon.platform import containers, images, recipes, supervise
from celadon.platform.settings import Settings


def info(settings: Settings) -> dict[str, Any]:
    """The facts of one platform. `pids` is role → process id, `engines` engine → process id, `images` name → root
    filesystem (null when it has not been built).
    """
    return {
        "version": celadon.__version__,
        "running": supervise.running(settings),
        "home": str(settings.home),
        "instance": settings.instance,
        "domain": settings.domain,
        "api_url": settings.api_url,
        "api_https_url": settings.api_https_url,
        "dashboard_url": None,
        "git_ssh": settings.git_ssh_url("").removesuffix("/.git"),
        "http_port": settings.http_port,
        "https_port": settings.https_port,
        "ssh_port": settings.ssh_port,
        "rendezvous_port": settings.rendezvous_port,
        "ca_file": str(settings.ca_file),
        "pids": supervise.pids(settings),
        "engines": containers.engines(settings),
        "images": {
            name: str(images.path(settings, name)) if images.present(settings, name) else None
            for name in recipes.RECIPES
        },
    }
