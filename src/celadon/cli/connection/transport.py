"""Connections to a platform. Nothing here asks DNS for `*.localhost`: Python resolves no such names."""

import http.client
import select
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from celadon.cli.connection.platforms import Platform, is_loopback
from celadon.cli.failure import Failure

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 60.0
# OpenSSL's words: a host name or an address that the certificate does not have; not valid yet, expired.
_ANOTHER_HOST = frozenset({62, 64})
_OUT_OF_TIME = frozenset({9, 10})


def context(ca_file: Path | None) -> ssl.SSLContext:
    """Trust in the platform's own CA where it has one, in the system's otherwise. Raises Failure."""
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise Failure(f"cannot trust the platform: its CA file {ca_file} cannot be read ({error})") from None


def open_socket(platform: Platform, host: str, port: int, *, tls: bool) -> socket.socket:
    """A connection to a host of the platform; raises OSError, Failure."""
    local = platform.address if host == platform.hostname else "127.0.0.1" if is_loopback(host) else None
    connected = _loopback(local, port) if local else socket.create_connection((host, port), timeout=CONNECT_SECONDS)
    try:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.settimeout(ANSWER_SECONDS)
        return context(platform.ca_file).wrap_socket(connected, server_hostname=host) if tls else connected
    except BaseException:
        connected.close()
        raise


def _loopback(address: str, port: int) -> socket.socket:
    """Like create_connection, without the tables of international names that it loads: they cost milliseconds."""
    made = socket.socket(socket.AF_INET)
    made.settimeout(CONNECT_SECONDS)
    try:
        made.connect((address, port))
    except BaseException:
        made.close()
        raise
    return made


def open_connection(platform: Platform, url: str) -> tuple[http.client.HTTPConnection, str]:
    """An HTTP connection to an URL's host, and the path to ask it for; raises OSError, Failure."""
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if tls else 80)
    connection = http.client.HTTPConnection(host, port, timeout=ANSWER_SECONDS)
    # HTTPConnection names this port in the Host header unless it is HTTP's own.
    if tls and port == 443:
        connection.default_port = port
    connection.sock = open_socket(platform, host, port, tls=tls)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return connection, path


def is_idle(connection: http.client.HTTPConnection) -> bool:
    """Whether a connection that was kept is still open: one that has something to tell without being asked is not."""
    return connection.sock is not None and not select.select([connection.sock], [], [], 0)[0]


def failure(platform: Platform, error: OSError | http.client.HTTPException, *, changing: bool = False) -> Failure:
    """What is wrong with a platform that cannot be reached, and what to do about it. `changing`: more was asked for
    than to be told something, so that asking again may do it twice.
    """
    url = platform.api_url
    again = "What you asked for may have been done: look, before you try again." if changing else "Try again."
    if isinstance(error, ssl.SSLError):
        return Failure(*_distrust(url, platform.hostname, error))
    if isinstance(error, TimeoutError):
        return Failure(f"cannot reach {url}: no answer in time", f"Check your network. {again}")
    if isinstance(error, ConnectionRefusedError):
        start = "bin/up starts it" if platform.address else "is it running, and is this its port?"
        return Failure(f"cannot reach {url}: nothing listens there ({start})")
    if isinstance(error, socket.gaierror):
        if error.errno == socket.EAI_AGAIN:
            return Failure(f"cannot reach {url}: no name server answers", "Check your network. Try again.")
        return Failure(
            f"cannot reach {url}: the name {platform.hostname} is not known",
            "Check its spelling; --platform, CELADON_HOST and the last `celadon login` say which platform is asked.",
        )
    # RemoteDisconnected is both a ConnectionResetError and a BadStatusLine.
    if isinstance(error, ConnectionError | http.client.IncompleteRead):
        return Failure(f"cannot read the answer of {url}: the connection broke off", again)
    if isinstance(error, http.client.HTTPException):
        return Failure(
            f"cannot understand the answer of {url}: it is no HTTP",
            "Is this the address of a platform's API, and not that of something else?",
        )
    return Failure(f"cannot reach {url}: {error.strerror or error}", f"Check your network. {again}")


def _distrust(url: str, hostname: str, error: ssl.SSLError) -> tuple[str, str]:
    """What is wrong with the other side's TLS, and what to do."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"cannot speak TLS with {url}: {(error.reason or 'it broke off').replace('_', ' ').lower()}",
            "Is this the address of a platform's API, and does its URL begin with https?",
        )
    if error.verify_code in _ANOTHER_HOST:
        return (
            f"cannot trust {url}: its certificate is for other names than {hostname}",
            "Use the name that the platform's operator gave you, by --platform or CELADON_HOST.",
        )
    if error.verify_code in _OUT_OF_TIME:
        return (
            f"cannot trust {url}: {error.verify_message}",
            "Check this machine's clock; if it is right, tell the platform's operator.",
        )
    return (
        f"cannot trust {url}: {error.verify_message}",
        "Set CELADON_CA_FILE to the platform's CA file if it has a CA of its own (its operator prints it by `celadon platform:ca`).",
    )
