"""The `api` role: the Platform API and the pages for people, on a Unix socket behind the router.

Wakes on requests, and on events that webhooks want to hear of; reads and writes the store by way of actions; survives
everything but the store's loss: it has no state but the buckets of its limits.
"""

from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from celadon.actions import context
from celadon.api import routes
from celadon.api.asgi import Application
from celadon.api.notifier import Notifier
from celadon.dashboard import routes as pages
from celadon.dashboard import terminal
from celadon.platform.settings import Settings

ROUTES = (*routes.ROUTES, *pages.ROUTES)

# Longer than the router keeps an idle connection: it is the router that closes.
_KEEP_ALIVE = 75
_LAST_REQUESTS = 5


def main(settings: Settings) -> None:
    """Serve until stopped; raises SecretsError."""
    opened = context.connect(settings)
    Notifier(opened).start()
    try:
        uvicorn.Server(configuration(settings.run / "api.sock", Application(opened, ROUTES))).run()
    finally:
        opened.database.close()


def configuration(socket: Path, application: ASGIApp) -> uvicorn.Config:
    """How the application is served on a Unix socket."""
    return uvicorn.Config(
        application,
        uds=str(socket),
        http="httptools",
        loop="uvloop",
        lifespan="off",
        ws="websockets-sansio",
        ws_max_size=terminal.MESSAGE,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_LAST_REQUESTS,
    )
