"""A router's HTTPS as a client sees it, whatever the certificate."""

import contextlib
import socket
import ssl
from collections.abc import Iterator

from cryptography import x509
from cryptography.x509.oid import NameOID
from tests.router.mesh import Mesh


@contextlib.contextmanager
def connected(mesh: Mesh, name: str, *protocols: str) -> Iterator[ssl.SSLSocket]:
    context = ssl._create_unverified_context()
    context.set_alpn_protocols(list(protocols))
    with socket.create_connection(("127.0.0.1", mesh.settings.https_port), timeout=10) as raw:
        with context.wrap_socket(raw, server_hostname=name) as wrapped:
            yield wrapped


def certificate_of(mesh: Mesh, name: str) -> x509.Certificate | None:
    """What is presented to who asks for a name; None without an answer."""
    with contextlib.suppress(OSError), connected(mesh, name) as wrapped:
        der = wrapped.getpeercert(True)
        assert der is not None
        return x509.load_der_x509_certificate(der)
    return None


def presented(mesh: Mesh, name: str) -> str:
    """The common name of the certificate that is presented; "" without an answer."""
    found = certificate_of(mesh, name)
    return str(found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value) if found else ""
