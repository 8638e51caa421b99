"""Whether a web dyno accepts connections on its port: then it is up."""

import errno
import select
import socket

from celadon.model.dyno import WEB, Dyno, DynoState

_PATIENCE = 0.01


class Listening:
    """Asks starting web dynos; a refused connection costs some 0.1 ms."""

    def __init__(self) -> None:
        self._waiting = False

    def waiting(self) -> bool:
        """Whether some dyno was still not listening at the last look."""
        return self._waiting

    def accepting(self, dynos: list[Dyno]) -> list[Dyno]:
        """Those of the starting web dynos that accept a connection now."""
        starting = [dyno for dyno in dynos if dyno.type == WEB and dyno.state is DynoState.STARTING and dyno.address]
        found = [dyno for dyno in starting if _accepts(dyno.address or "", dyno.port or 0)]
        self._waiting = len(found) < len(starting)
        return found


def _accepts(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        code = probe.connect_ex((address, port))
        if code == errno.EINPROGRESS and _writable(probe):
            code = probe.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return code == 0


def _writable(probe: socket.socket) -> bool:
    # Not select(): it knows no descriptors beyond 1023.
    poll = select.poll()
    poll.register(probe, select.POLLOUT)
    return bool(poll.poll(_PATIENCE * 1000))
