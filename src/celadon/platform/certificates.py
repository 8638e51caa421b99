"""The platform's own certificate authority, and the server certificate for the API host and the apps."""

import datetime
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from celadon.platform.settings import Settings

# Clients refuse server certificates that live longer than 825 days.
SERVER_DAYS = 800
CA_DAYS = 3650
RENEW_BEFORE = datetime.timedelta(days=30)

_SKEW = datetime.timedelta(hours=1)


def names(settings: Settings) -> list[x509.GeneralName]:
    """Who the server certificate speaks for."""
    prefixes = ("", "api.") if names_apps(settings) else ("", "*.", "api.")
    hosts = ["localhost", *(f"{prefix}{settings.domain}" for prefix in prefixes)]
    addresses = ("127.0.0.1", "::1")
    return [
        *(x509.DNSName(host) for host in dict.fromkeys(hosts)),
        *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses),
    ]


def names_apps(settings: Settings) -> bool:
    """Whether the names of apps have certificates that list them, instead of a wildcard.

    Programs refuse a wildcard right below a top-level name, as `*.localhost` is.
    """
    return "." not in settings.domain


def for_hosts(settings: Settings, hosts: Sequence[str], now: datetime.datetime) -> str:
    """Key and chain of a new certificate for these names and addresses, from the platform's authority."""
    key, authority = _authority(settings, now)
    own = ec.generate_private_key(ec.SECP256R1())
    named = [_general_name(host) for host in hosts]
    certificate = _server_certificate(hosts[0], named, own, key, authority, now)
    return (_key_pem(own) + _pem(certificate) + _pem(authority)).decode("ascii")


def lasts(settings: Settings, chain: Path, key: Path, now: datetime.datetime) -> bool:
    """Whether these files fit each other, are from the present authority, and do not run out soon."""
    try:
        certificate, *issuers = x509.load_pem_x509_certificates(chain.read_bytes())
        own = serialization.load_pem_private_key(key.read_bytes(), None)
        authority = x509.load_pem_x509_certificate(settings.ca_file.read_bytes())
    except (OSError, ValueError):
        return False  # Not there, or cut short.
    return (
        isinstance(own, ec.EllipticCurvePrivateKey)
        and own.public_key() == certificate.public_key()
        and issuers == [authority]
        and certificate.not_valid_after_utc - RENEW_BEFORE > now
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def server_pem(settings: Settings) -> Path:
    """Key and chain in one file, as HAProxy reads them."""
    return settings.home / "router" / "certificates" / "platform.pem"


def issue(settings: Settings, now: datetime.datetime) -> bool:
    """Make what is missing, run out or no longer fits the domain; True when the server certificate is new.

    The authority is kept for as long as it is valid: people and programs trust it by its file.
    """
    key, authority = _authority(settings, now)
    path = server_pem(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file() and _fits(path.read_bytes(), settings, authority, now):
        return False
    server_key = ec.generate_private_key(ec.SECP256R1())
    certificate = _server_certificate(settings.domain, names(settings), server_key, key, authority, now)
    write_secret(path, _key_pem(server_key) + _pem(certificate) + _pem(authority))
    return True


def _authority(settings: Settings, now: datetime.datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    directory = settings.ca_file.parent
    key_path = directory / "ca.key"
    if settings.ca_file.is_file() and key_path.is_file():
        certificate = x509.load_pem_x509_certificate(settings.ca_file.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        if isinstance(key, ec.EllipticCurvePrivateKey) and certificate.not_valid_after_utc - RENEW_BEFORE > now:
            return key, certificate
    directory.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _authority_certificate(settings, key, now)
    write_secret(key_path, _key_pem(key))
    settings.ca_file.write_bytes(_pem(certificate))
    return key, certificate


def _authority_certificate(
    settings: Settings, key: ec.EllipticCurvePrivateKey, now: datetime.datetime
) -> x509.Certificate:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Celadon"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Celadon CA for {settings.domain}"[:64]),
        ]
    )
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + datetime.timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, hashes.SHA256())


def _server_certificate(
    common: str,
    alternatives: Sequence[x509.GeneralName],
    key: ec.EllipticCurvePrivateKey,
    ca_key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    now: datetime.datetime,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(min(now + datetime.timedelta(days=SERVER_DAYS), authority.not_valid_after_utc))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    return builder.sign(ca_key, hashes.SHA256())


def _fits(pem: bytes, settings: Settings, authority: x509.Certificate, now: datetime.datetime) -> bool:
    try:
        certificate, *chain = x509.load_pem_x509_certificates(pem)
    except ValueError:
        return False  # Cut short, by a power cut perhaps.
    spoken_for = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        chain == [authority]
        and set(spoken_for) == set(names(settings))
        and certificate.not_valid_after_utc - RENEW_BEFORE > now
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def partial_of(path: Path) -> Path:
    """What such a file is called until it is whole."""
    return path.with_suffix(".partial")


def write_secret(path: Path, content: bytes) -> None:
    """Write a file for its owner's eyes; a kill leaves the old one or the new one."""
    partial = partial_of(path)
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
