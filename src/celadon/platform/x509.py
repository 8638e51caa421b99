"""Certificates in PEM (RFC 7468): read, put in order, proved to be fit for serving (X.509, RFC 5280)."""

import hashlib
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509 import verification
from cryptography.x509.oid import NameOID

from celadon.model.errors import InvalidParams

# Of chain and key together: the router hands them to HAProxy in one command, whose buffer is 16 KiB.
LONGEST = 14_000
_SMALLEST_RSA = 2048
_LONGEST_KEY = 8 << 10
_MOST = 10
_HOST = re.compile(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_CERTIFICATE = "-----BEGIN CERTIFICATE-----"
_WEAK = (hashes.MD5, hashes.SHA1)

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Unusable(InvalidParams):
    """A certificate or a key that cannot be read or cannot be served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A chain in order, the served certificate first, and its key: PEM without anything around."""

    chain: str
    key: str = field(repr=False)
    names: tuple[str, ...]
    starts_at: datetime
    expires_at: datetime

    @property
    def fingerprint(self) -> str:
        """Another one for every other chain."""
        return hashlib.sha256(self.chain.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What people want to know of a certificate. `trusted`: browsers take it without being told to."""

    names: tuple[str, ...]
    issuer: str
    subject: str
    starts_at: datetime
    expires_at: datetime
    self_signed: bool
    trusted: bool


def pair(chain: str, key: str, roots: Iterable[x509.Certificate] | None, now: datetime) -> Pair:
    """The chain mended and proved to belong to the key; raises Unusable with what is wrong and how to mend it.

    Without `roots` a chain may end anywhere.
    """
    try:
        return _pair(chain, key, roots, now)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.UnsupportedGeneralNameType) as error:
        # What can be wrong within a certificate is found wherever it is first looked at.
        raise Unusable(f"cannot use this certificate: a part of it cannot be read ({type(error).__name__})") from None


def _pair(chain: str, key: str, roots: Iterable[x509.Certificate] | None, now: datetime) -> Pair:
    private = _read_key(key)
    ordered = order(read(chain), private, roots)
    first = ordered[0]
    for certificate in ordered:
        _check_times(certificate, now)
    _check_strength(ordered, private)
    found = names(first)
    if not found:
        raise Unusable(
            "cannot use this certificate: it has no subjectAltName, which browsers require; with openssl req: "
            "-addext subjectAltName=DNS:www.example.com"
        )
    text = "".join(pem(certificate) for certificate in ordered)
    encoded = key_pem(private)
    if len(text) + len(encoded) > LONGEST:
        raise Unusable(f"cannot use this certificate: chain and key are longer than {LONGEST} bytes of PEM")
    return Pair(
        chain=text,
        key=encoded,
        names=found,
        starts_at=first.not_valid_before_utc,
        expires_at=first.not_valid_after_utc,
    )


def read(text: str) -> list[x509.Certificate]:
    """Certificates of PEM text in their order, each once; raises Unusable."""
    # A chain has three or four; each is tried against each other one.
    if text.count(_CERTIFICATE) > _MOST:
        raise Unusable(f"cannot read the certificate: there are more than {_MOST} in it; give it and its issuers only")
    try:
        found = x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        raise Unusable(f"cannot read the certificate: {_what_else(text)}") from None
    return list({certificate.fingerprint(hashes.SHA256()): certificate for certificate in found}.values())


def _what_else(text: str) -> str:
    """What a text is that cannot be read, as far as it says so itself."""
    if "-----BEGIN CERTIFICATE REQUEST-----" in text or "-----BEGIN NEW CERTIFICATE REQUEST-----" in text:
        return "it is a signing request, which an authority makes a certificate of"
    if _CERTIFICATE in text or ("-----BEGIN" in text and "PRIVATE KEY-----" in text):
        return "it is damaged, or a certificate is where the key should be: certificates go first, the key last"
    return "it is not PEM, which has lines such as -----BEGIN CERTIFICATE----- and -----BEGIN PRIVATE KEY-----"


def order(
    certificates: Sequence[x509.Certificate], key: Key | None, roots: Iterable[x509.Certificate] | None
) -> list[x509.Certificate]:
    """From the certificate of this key (or the one that issued none of the others) to the one nearest to a root.

    Raises Unusable when there is none of this key, one is missing in between or one does not belong.
    """
    leaf = _leaf(certificates, key)
    chain, rest = [leaf], [certificate for certificate in certificates if certificate != leaf]
    while not _issued(chain[-1], chain[-1]):
        issuer = next((other for other in rest if _issued(other, chain[-1])), None)
        if issuer is None:
            break
        chain.append(issuer)
        rest.remove(issuer)
    last = chain[-1]
    known = roots is None or any(_issued(root, last) for root in roots if root.subject == last.issuer)
    if not known and not _issued(last, last):
        raise Unusable(
            f"cannot use this certificate: its chain is incomplete. That of {_named(last.issuer)}, which issued "
            f"{_named(last.subject)}, is missing: give it behind your own (your issuer calls it intermediate or bundle; a root of your own belongs there too)"
        )
    # One authority may have two certificates, its own and one from an older authority: one is enough.
    strangers = [other for other in rest if other.subject not in {certificate.subject for certificate in chain}]
    if strangers:
        raise Unusable(
            f"cannot use this certificate: that of {_named(strangers[0].subject)} does not belong to its chain"
        )
    return chain


def _leaf(certificates: Sequence[x509.Certificate], key: Key | None) -> x509.Certificate:
    if key is not None:
        public = _public_bytes(key.public_key())
        for certificate in certificates:
            if _public_bytes(certificate.public_key()) == public:
                return certificate
        raise Unusable(
            f"cannot use this certificate: the key is not that of {_named(certificates[0].subject)}. "
            "Give the key that its signing request was made with"
        )
    issuers = {certificate.issuer for certificate in certificates if certificate.issuer != certificate.subject}
    return next((found for found in certificates if found.subject not in issuers), certificates[0])


def names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Host names it speaks for, in lower case: those in its subjectAltName, browsers look at no other."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        listed = found.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        listed = []
    except ValueError:
        raise Unusable("cannot use this certificate: its extensions cannot be read") from None
    return tuple(dict.fromkeys(name.lower() for name in listed if _HOST.fullmatch(name)))


def belongs(certificates: Iterable[x509.Certificate], key: str) -> bool:
    """Whether a key is that of one of these certificates; raises Unusable when it cannot be read."""
    public = _public_bytes(_read_key(key).public_key())
    return any(_public_bytes(certificate.public_key()) == public for certificate in certificates)


def roots(bundle: Path) -> list[x509.Certificate]:
    """The authorities in a bundle, as those of `/etc/ssl/certs`."""
    with warnings.catch_warnings():
        # Of a root with an odd serial number, which is no business of ours.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        return x509.load_pem_x509_certificates(bundle.read_bytes())


@dataclass(frozen=True, slots=True)
class Generated:
    """A new private key, and with it a self-signed certificate or a request for one, all PEM."""

    key: str = field(repr=False)
    text: str


def generate(
    domain: str,
    *,
    selfsigned: bool,
    rsa_bits: int | None = None,
    owner: str = "",
    country: str = "",
    area: str = "",
    city: str = "",
) -> Generated:
    """Make a key for a domain (EC P-256, or RSA of so many bits), and what is signed with it; raises Unusable."""
    key: Key = rsa.generate_private_key(65537, rsa_bits) if rsa_bits else ec.generate_private_key(ec.SECP256R1())
    parts = {
        NameOID.COUNTRY_NAME: country,
        NameOID.STATE_OR_PROVINCE_NAME: area,
        NameOID.LOCALITY_NAME: city,
        NameOID.ORGANIZATION_NAME: owner,
        NameOID.COMMON_NAME: domain[:64],
    }
    try:
        subject = x509.Name([x509.NameAttribute(name, value) for name, value in parts.items() if value])
        listed = x509.SubjectAlternativeName([x509.DNSName(domain)])
    except ValueError as error:
        raise Unusable(f"cannot make a certificate: {error}") from None
    if not selfsigned:
        request = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(listed, critical=False)
        text = request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode("ascii")
        return Generated(key_pem(key), text)
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(listed, critical=False)
    )
    return Generated(key_pem(key), pem(builder.sign(key, hashes.SHA256())))


def details(chain: str, roots: Iterable[x509.Certificate], now: datetime) -> Details:
    """What there is to say of a chain that was taken once."""
    first, *rest = read(chain)
    return Details(
        names=names(first),
        issuer=_slashed(first.issuer),
        subject=_slashed(first.subject),
        starts_at=first.not_valid_before_utc,
        expires_at=first.not_valid_after_utc,
        self_signed=_issued(first, first),
        trusted=_trusted(first, rest, roots, now),
    )


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _trusted(
    first: x509.Certificate, rest: Sequence[x509.Certificate], roots: Iterable[x509.Certificate], now: datetime
) -> bool:
    known = list(roots)
    if not known:
        return False
    host = names(first)[0].replace("*", "x", 1)
    policy = (
        verification.PolicyBuilder().store(verification.Store(known)).time(now.astimezone(UTC).replace(tzinfo=None))
    )
    try:
        policy.build_server_verifier(x509.DNSName(host)).verify(first, list(rest))
    except (verification.VerificationError, ValueError):
        return False
    return True


def _read_key(text: str) -> Key:
    if len(text) > _LONGEST_KEY:
        raise Unusable(f"cannot read the key: it is longer than {_LONGEST_KEY} bytes of PEM")
    try:
        # Proving that an RSA key is made of primes takes a minute for a long one, and holds up everything meanwhile.
        found = serialization.load_pem_private_key(text.encode(), None, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        raise Unusable(
            "cannot read the key: it is protected by a passphrase; `openssl pkey -in KEY -out PLAIN_KEY` takes it off"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        said = "it is a certificate; the key goes last" if _CERTIFICATE in text else _what_else(text)
        raise Unusable(f"cannot read the key: {said}") from None
    if not isinstance(found, Key):
        raise Unusable("cannot use this key: it is of a kind that browsers do not take; make an RSA or an EC one")
    return found


def key_pem(key: Key) -> str:
    """A private key as PEM (PKCS #8), not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode("ascii")


def _check_times(certificate: x509.Certificate, now: datetime) -> None:
    if certificate.not_valid_after_utc <= now:
        raise Unusable(
            f"cannot use this certificate: that of {_named(certificate.subject)} expired on "
            f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
        )
    if certificate.not_valid_before_utc > now:
        raise Unusable(
            f"cannot use this certificate: that of {_named(certificate.subject)} is valid only from "
            f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on"
        )


def _check_strength(chain: Sequence[x509.Certificate], key: Key) -> None:
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < _SMALLEST_RSA:
        raise Unusable(
            f"cannot use this key: an RSA key has at least {_SMALLEST_RSA} bits, this one has {key.key_size}"
        )
    if isinstance(key, ec.EllipticCurvePrivateKey) and not isinstance(
        key.curve, (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
    ):
        raise Unusable("cannot use this key: browsers take the curves P-256, P-384 and P-521 only")
    for certificate in chain:
        # A root is trusted by being known: its signature says nothing.
        if isinstance(certificate.signature_hash_algorithm, _WEAK) and not _issued(certificate, certificate):
            raise Unusable(
                f"cannot use this certificate: that of {_named(certificate.subject)} is signed with SHA-1 or MD5, "
                "which no browser takes"
            )


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _public_bytes(key: object) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined,no-any-return]


def _named(name: x509.Name) -> str:
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return repr(str(common[0].value) if common else name.rfc4514_string())


def _slashed(name: x509.Name) -> str:
    """`/C=US/O=Example/CN=example.com`, as certificates are shown by the toolbelt."""
    text = "".join(f"/{attribute.rfc4514_attribute_name}={attribute.value!s}" for attribute in name)
    # It is shown on terminals.
    return "".join(letter if letter.isprintable() else "?" for letter in text)
