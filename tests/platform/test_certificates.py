"""The platform's authority and server certificate, checked by a real TLS handshake."""

import datetime
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509

from celadon.platform import certificates
from celadon.platform.settings import Settings

NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, domain="apps.example.com")


def handshake(settings: Settings, host: str) -> None:
    """Connect as a client that trusts our authority alone and wants `host`."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificates.server_pem(settings))
    client = ssl.create_default_context(cafile=str(settings.ca_file))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    ours, theirs = socket.socketpair()

    def answer() -> None:
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except (ssl.SSLError, OSError):
            theirs.close()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        client.wrap_socket(ours, server_hostname=host).close()
    finally:
        ours.close()
        thread.join()


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "::1", "apps.example.com", "api.apps.example.com", "shop.apps.example.com"]
)
def test_clients_that_trust_the_authority_accept_the_server(settings: Settings, host: str) -> None:
    certificates.issue(settings, NOW)
    handshake(settings, host)


def test_other_names_are_refused(settings: Settings) -> None:
    certificates.issue(settings, NOW)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(settings, "shop.example.org")


def test_second_issue_changes_nothing(settings: Settings) -> None:
    assert certificates.issue(settings, NOW)
    before = certificates.server_pem(settings).read_bytes(), settings.ca_file.read_bytes()
    assert not certificates.issue(settings, NOW)
    assert (certificates.server_pem(settings).read_bytes(), settings.ca_file.read_bytes()) == before


def test_new_domain_gets_a_new_certificate_of_the_same_authority(settings: Settings, tmp_path: Path) -> None:
    certificates.issue(settings, NOW)
    authority = settings.ca_file.read_bytes()
    moved = Settings(home=tmp_path, domain="other.example.com")
    assert certificates.issue(moved, NOW)
    assert moved.ca_file.read_bytes() == authority
    handshake(moved, "shop.other.example.com")


def test_certificate_is_renewed_a_month_before_its_end(settings: Settings) -> None:
    certificates.issue(settings, NOW)
    end = x509.load_pem_x509_certificate(certificates.server_pem(settings).read_bytes()).not_valid_after_utc
    assert not certificates.issue(settings, end - datetime.timedelta(days=31))
    assert certificates.issue(settings, end - datetime.timedelta(days=29))


def test_keys_are_for_their_owner_alone(settings: Settings) -> None:
    certificates.issue(settings, NOW)
    modes = [path.stat().st_mode & 0o777 for path in (settings.home / "ca/ca.key", certificates.server_pem(settings))]
    assert modes == [0o600, 0o600]
