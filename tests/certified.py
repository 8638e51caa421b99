"""Certificates for tests: roots, intermediates and leaves, good and bad."""

import datetime
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its key, and what it takes to issue others."""

    certificate: x509.Certificate
    private: Key

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key(self) -> str:
        return key_pem(self.private)

    def issue(self, common: str, *names: str, **values: object) -> "Issued":
        return issue(common, names, self, **values)  # type: ignore[arg-type]


def key_pem(key: Key, password: str | None = None) -> str:
    how = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how).decode()


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def issue(
    common: str,
    names: tuple[str, ...] = (),
    issuer: Issued | None = None,
    *,
    ca: bool = False,
    key: Key | None = None,
    days: tuple[int, int] = (-1, 90),
) -> Issued:
    """A certificate valid from and to these days from now; self-signed without an issuer."""
    private = key or ec_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    signer = issuer.private if issuer else private
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + days[0] * DAY)
        .not_valid_after(NOW + days[1] * DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if ca:
        unused = "digital_signature content_commitment key_encipherment data_encipherment key_agreement".split()
        usage = dict.fromkeys([*unused, "encipher_only", "decipher_only"], False)
        builder = builder.add_extension(x509.KeyUsage(**usage, key_cert_sign=True, crl_sign=True), critical=True)
    elif issuer:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    if names:
        listed = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(listed, critical=False)
    return Issued(builder.sign(signer, hashes.SHA256()), private)


def root(common: str = "Test Root") -> Issued:
    return issue(common, ca=True)


def intermediate(of: Issued, common: str = "Test Intermediate") -> Issued:
    return issue(common, (), of, ca=True)
