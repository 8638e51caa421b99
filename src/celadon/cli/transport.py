"""Connections to a platform. Nothing here asks DNS for `*.localhost`: Python resolves no such names."""

import http.client
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from celadon.cli.failure import Failure
from celadon.cli.platforms import Platform, is_loopback

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 60.0


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


def failure(platform: Platform, error: OSError | http.client.HTTPException) -> Failure:
    """One sentence about a platform that cannot be reached."""
    url = platform.api_url
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failure(
            f"cannot trust {url}: {error.verify_message}",
            "Set CELADON_CA_FILE to the platform's CA file if it has a CA of its own.",
        )
    if isinstance(error, TimeoutError):
        return Failure(f"cannot reach {url}: no answer in time")
    if isinstance(error, ConnectionRefusedError):
        start = "bin/up starts it" if platform.address else "is it running?"
        return Failure(f"cannot reach {url}: nothing listens there ({start})")
    if isinstance(error, socket.gaierror):
        return Failure(f"cannot reach {url}: the name {platform.hostname} is not known")
    if isinstance(error, http.client.HTTPException):
        return Failure(f"cannot understand the answer of {url}: {type(error).__name__} {error}".rstrip())
    return Failure(f"cannot reach {url}: {error.strerror or error}")
