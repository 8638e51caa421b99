"""One request to a stranger's server: to an address that was looked at, within some seconds, without following anything.

The name is resolved once and the connection goes to what was found, so that nobody can answer a second time with an
address of our own network.
"""

import contextlib
import http.client
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from celadon.clock import names
from celadon.model import destination
from celadon.model.destination import Address, Destination
from celadon.model.webhook import Told
from celadon.platform.settings import Settings

# For all of it: the name, the connection, the answer's first lines.
SECONDS = 10.0
_NAME_SECONDS = 3.0


class NameNotFound(OSError):
    """Nobody knows an address of the name."""


class DestinationNotAllowed(OSError):
    """An address of it is not of the internet, or is this machine's own."""


class AnswerTooLong(OSError):
    """It answers with more bytes than anybody needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An HTTP status with the body that came with it."""

    code: int
    content: bytes = field(repr=False)


def trust(settings: Settings) -> ssl.SSLContext:
    """The authorities of the host, and the platform's own: apps of it may be told, too."""
    found = ssl.create_default_context(cafile=str(settings.ca_bundle) if settings.ca_bundle.is_file() else None)
    if settings.ca_file.is_file():
        found.load_verify_locations(settings.ca_file)
    return found


def post(
    settings: Settings,
    tls: ssl.SSLContext,
    to: Destination,
    content: bytes,
    headers: Mapping[str, str],
    seconds: float = SECONDS,
) -> Told:
    """The status that is answered; nothing else of the answer is read. What goes wrong is told by its class."""
    try:
        return Told(code=ask(settings, tls, "POST", to, content, headers, seconds, limit=0).code)
    except ERRORS as error:
        return Told(error_class=type(error).__name__)


# What TLS and HTTP libraries say of somebody else's bytes; ValueError is a name that cannot be asked for by TLS.
ERRORS = (OSError, http.client.HTTPException, ValueError)


def ask(
    settings: Settings,
    tls: ssl.SSLContext,
    method: str,
    to: Destination,
    content: bytes,
    headers: Mapping[str, str],
    seconds: float,
    limit: int,
) -> Answered:
    """What is answered, with a body of at most `limit` bytes; none is read for 0. Raises ERRORS."""
    deadline = time.monotonic() + seconds
    with contextlib.closing(connect(settings, to, deadline)) as plain:
        plain.settimeout(left(deadline))
        wire = tls.wrap_socket(plain, server_hostname=to.host) if to.secure else plain
        return _exchange(_Wire(wire, deadline), method, to, content, headers, limit)


@contextlib.contextmanager
def connected(settings: Settings, to: Destination, deadline: float) -> Iterator["_Wire"]:
    """What http.client takes for a socket, to an address that was looked at; its every wait ends at the deadline (of
    `time.monotonic`). Raises ERRORS.
    """
    with contextlib.closing(connect(settings, to, deadline)) as plain:
        plain.settimeout(left(deadline))
        yield _Wire(trust(settings).wrap_socket(plain, server_hostname=to.host) if to.secure else plain, deadline)


def left(deadline: float) -> float:
    """Seconds until this moment of the monotonic clock; raises TimeoutError after it."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def connect(settings: Settings, to: Destination, deadline: float) -> socket.socket:
    """A connection to the first address that takes one and that may be sent to; raises OSError."""
    *others, last = addresses(settings, to, left(deadline))
    for address in others:
        with contextlib.suppress(OSError):
            return _connected(address, to.port, left(deadline) / 2)
    return _connected(last, to.port, left(deadline))


def _connected(address: Address, port: int, seconds: float) -> socket.socket:
    made = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6)
    try:
        made.settimeout(seconds)
        made.connect((str(address), port))
    except BaseException:
        made.close()
        raise
    return made


def addresses(settings: Settings, to: Destination, seconds: float) -> list[Address]:
    """Where it may be sent to, IPv4 first. Raises NameNotFound, and DestinationNotAllowed if one of them may not be."""
    if to.address is not None:
        found: list[Address] = [to.address]
    else:
        lifetime = min(_NAME_SECONDS, seconds / 2)
        known = names.addresses(names.resolver_of(settings), to.host.rstrip("."), lifetime)
        found = [ipaddress.ip_address(text) for text in sorted(known or ())]
    if not found:
        raise NameNotFound
    private = settings.private_networks
    for address in found:
        if not destination.allowed(address, private) or own_door_closed(settings, address, to.port, private):
            raise DestinationNotAllowed
    return sorted(found, key=lambda address: address.version)


def own_door_closed(settings: Settings, address: Address, port: int, private: Sequence[destination.Network]) -> bool:
    """Whether it is this machine itself, but for what anybody reaches there: the router's ports."""
    if destination.within(address, private) or port in (settings.http_port, settings.https_port):
        return False
    # No packet is sent: the kernel says from which address it would be. To itself a machine speaks as itself.
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), port))
            return ipaddress.ip_address(probe.getsockname()[0]) == address
    except OSError:
        # No way leads there: connecting says so in its own words.
        return False


class _Wire(io.RawIOBase):
    """A socket for http.client whose every wait ends at the deadline, however slowly the other side writes."""

    def __init__(self, wire: socket.socket, deadline: float) -> None:
        self._wire = wire
        self._deadline = deadline

    def sendall(self, content: bytes) -> None:
        self._wire.settimeout(left(self._deadline))
        self._wire.sendall(content)

    def makefile(self, _mode: str) -> io.BufferedReader:
        # One of its own: a connection that is to be closed closes itself when the headers have come, before the body.
        return io.BufferedReader(_Wire(self._wire, self._deadline))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._wire.settimeout(left(self._deadline))
        return self._wire.recv_into(buffer)


def _exchange(
    wire: _Wire, method: str, to: Destination, content: bytes, headers: Mapping[str, str], limit: int
) -> Answered:
    """Send the request, read the answer's status and headers, and its body up to the limit; raises OSError, HTTPException."""
    connection = http.client.HTTPConnection(to.host, to.port)
    connection.sock = wire
    connection.request(method, to.path, content, {"Host": to.authority, "Connection": "close", **headers})
    response = connection.getresponse()
    if not limit:
        return Answered(code=response.status, content=b"")
    read = response.read(limit + 1)
    if len(read) > limit:
        raise AnswerTooLong
    # A read of a number of bytes says nothing when less came than was promised.
    if response.length:
        raise http.client.IncompleteRead(read, response.length)
    return Answered(code=response.status, content=read)
