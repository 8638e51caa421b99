"""Serving routes on the `addons` role's own socket, beside its work; the router sends their paths there."""

import logging
import os
import signal
import threading
from collections.abc import Iterable
from pathlib import Path

import uvicorn

from celadon.actions.context import Context
from celadon.api.asgi import Application
from celadon.api.role import configuration
from celadon.api.route import Route

log = logging.getLogger(__name__)

# In the platform's `run`: the router knows it by the role's name.
SOCKET = "addons.sock"


class Serving:
    """A server in a thread of its own. A role that cannot serve any more ends, and is started again."""

    def __init__(self, socket: Path, context: Context, routes: Iterable[Route]) -> None:
        self._server = uvicorn.Server(configuration(socket, Application(context, routes)))
        self._thread = threading.Thread(target=self._run, name="serving", daemon=True)
        self._stopping = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Answer the last requests, and end."""
        self._stopping = True
        self._server.should_exit = True
        self._thread.join()

    def _run(self) -> None:
        try:
            self._server.run()
        except BaseException:
            log.exception("at=crash")
        if not self._stopping:
            os.kill(os.getpid(), signal.SIGTERM)
