"""Looks each minute at whether the parts of the platform live: by their supervisor, their sockets, and the front door."""

import contextlib
import socket

from celadon.actions import roles, status
from celadon.actions.context import Context, now
from celadon.model.status import COMPONENTS, Component, Health, look, minute_of

# Seconds that the front door has to take a connection.
_PATIENCE = 2.0


class Watch:
    """One look a minute, however often it is asked for."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def ensure(self) -> int:
        """Returns how many components were found dead, 0 when it is too early for another look."""
        at, before = now(), status.states(self._context)
        if before and all(minute_of(one.looked_at) >= minute_of(at) for one in before.values()):
            return 0
        lives = roles.lives(self._context)
        if not lives:
            # Nobody supervises roles here, as in a test.
            return 0
        seen = [
            look(
                component,
                lives.get(component.role),
                socket=component.socket is None or roles.listens(self._context, component.socket),
                reached=self._reached(component),
                before=before[component.name].pid if component.name in before else None,
            )
            for component in COMPONENTS
        ]
        status.keep(self._context, seen, at)
        return sum(one.health is Health.RED for one in seen)

    def _reached(self, component: Component) -> bool:
        """Routing has its door where everybody knocks."""
        if component.name != "router":
            return True
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self._context.settings.http_port), _PATIENCE).close()
            return True
        return False
