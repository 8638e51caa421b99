"""Ports that stay a test's own, also while nobody listens there yet, or not any more."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path


def reserved(address: str = "127.0.0.1") -> socket.socket:
    """Has a port of this address until it is closed: who connects there is refused.

    A server with SO_REUSEADDR, as they all set it, may listen there all the same. The kernel gives the port to nobody
    else: neither to who asks for any that is free nor to who connects to another one.
    """
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((address, 0))
    return found


@contextlib.contextmanager
def held(count: int = 1) -> Iterator[list[int]]:
    """So many of them while the block runs."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(reserved()).getsockname()[1] for _ in range(count)]


def listens(at: int | Path) -> bool:
    """Whether somebody takes connections at this port of 127.0.0.1, or this socket: it is there before."""
    family, address = (socket.AF_INET, ("127.0.0.1", at)) if isinstance(at, int) else (socket.AF_UNIX, str(at))
    with socket.socket(family) as tried:
        return tried.connect_ex(address) == 0
