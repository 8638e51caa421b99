"""Serving routes on the `addons` role's own socket, beside its work; the router sends their paths there."""

import logging
import os
import signal
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from celadon.actions.context import Context
from celadon.api.asgi import Application
from celadon.api.role import configuration
from celadon.api.route import Route

log = logging.getLogger(__name__)

# In the platform's `run`: the router knows it by the role's name.
SOCKET = "addons.sock"


class Paths:
    """Answers what begins so by an application of its own, and all else by the API."""

    def __init__(self, api: ASGIApp, files: Mapping[str, ASGIApp]) -> None:
        self._api = api
        self._files = files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        chosen = next((made for start, made in self._files.items() if path.startswith(start)), self._api)
        await chosen(scope, receive, send)


class Serving:
    """A server in a thread of its own. A role that cannot serve any more ends, and is started again."""

    def __init__(
        self, socket: Path, context: Context, routes: Iterable[Route], files: Mapping[str, ASGIApp] | None = None
    ) -> None:
        """`files` are applications of their own, by the beginning of their paths."""
        self._server = uvicorn.Server(configuration(socket, Paths(Application(context, routes), files or {})))
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
