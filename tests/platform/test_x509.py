"""What may be served as a certificate: whose key, which chain, for which names and how long."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests import certified

from celadon.platform import x509

ROOT = certified.root()
BETWEEN = certified.intermediate(ROOT)
LEAF = BETWEEN.issue("www.example.com", "www.example.com", "*.shop.example.com")
ROOTS = [ROOT.certificate]


def refused(chain: str, key: str) -> str:
    with pytest.raises(x509.Unusable) as caught:
        x509.pair(chain, key, ROOTS, certified.NOW)
    return caught.value.message


@pytest.mark.parametrize(
    "given", [LEAF.pem + BETWEEN.pem, BETWEEN.pem + LEAF.pem, ROOT.pem + LEAF.pem + BETWEEN.pem + LEAF.pem]
)
def test_a_chain_is_put_in_order(given: str) -> None:
    pair = x509.pair(given, LEAF.key, ROOTS, certified.NOW)
    assert pair.chain.startswith(LEAF.pem + BETWEEN.pem)
    assert pair.names == ("www.example.com", "*.shop.example.com")
    assert LEAF.key == pair.key
    assert "PRIVATE" not in repr(pair)


def test_text_around_the_certificates_is_left_out() -> None:
    pair = x509.pair(f"hello\n{LEAF.pem}\n# x\n\n{BETWEEN.pem}bye\n", LEAF.key, ROOTS, certified.NOW)
    assert pair.chain == LEAF.pem + BETWEEN.pem


def test_a_self_signed_one_is_no_error_and_not_trusted() -> None:
    own = certified.issue("www.example.com", ("www.example.com",))
    pair = x509.pair(own.pem, own.key, ROOTS, certified.NOW)
    details = x509.details(pair.chain, ROOTS, certified.NOW)
    assert (details.self_signed, details.trusted) == (True, False)


def test_one_from_a_known_root_is_trusted_for_as_long_as_it_is_valid() -> None:
    pair = x509.pair(LEAF.pem + BETWEEN.pem, LEAF.key, ROOTS, certified.NOW)
    details = x509.details(pair.chain, ROOTS, certified.NOW)
    assert (details.self_signed, details.trusted) == (False, True)
    assert (details.subject, details.issuer) == ("/CN=www.example.com", "/CN=Test Intermediate")
    assert not x509.details(pair.chain, ROOTS, certified.NOW + 100 * certified.DAY).trusted
    assert not x509.details(pair.chain, [], certified.NOW).trusted


def test_a_root_of_ones_own_may_stand_at_the_end() -> None:
    other = certified.root("Other Root")
    leaf = other.issue("www.example.com", "www.example.com")
    pair = x509.pair(leaf.pem + other.pem, leaf.key, ROOTS, certified.NOW)
    assert not x509.details(pair.chain, ROOTS, certified.NOW).trusted


EXPIRED = BETWEEN.issue("www.example.com", "www.example.com", days=(-90, -1))
FUTURE = BETWEEN.issue("www.example.com", "www.example.com", days=(1, 90))
OLD_BETWEEN = certified.issue("Old", (), ROOT, ca=True, days=(-90, -1))
UNDER_OLD = OLD_BETWEEN.issue("www.example.com", "www.example.com")
LONG = "-----BEGIN PRIVATE KEY-----\n" + "A" * 9000 + "\n-----END PRIVATE KEY-----\n"
SMALL = certified.issue("www.example.com", ("www.example.com",), key=rsa.generate_private_key(65537, 1024))
ODD = certified.issue("www.example.com", ("www.example.com",), key=ec.generate_private_key(ec.SECP256K1()))
NAMELESS = certified.issue("Nobody")
STRANGER = certified.root("Stranger")


@pytest.mark.parametrize(
    ("chain", "key", "words"),
    [
        ("nonsense", LEAF.key, "not PEM"),
        ("", LEAF.key, "not PEM"),
        (LEAF.pem.replace("MII", "AAA"), LEAF.key, "damaged"),
        (LEAF.pem, "nonsense", "cannot read the key"),
        (LEAF.pem, certified.key_pem(LEAF.private, "secret"), "protected by a passphrase"),
        (LEAF.pem + BETWEEN.pem, certified.key_pem(certified.ec_key()), "the key is not that of 'www.example.com'"),
        (LEAF.pem, LEAF.key, "That of 'Test Intermediate', which issued 'www.example.com', is missing"),
        (LEAF.pem + BETWEEN.pem + STRANGER.pem, LEAF.key, "'Stranger' does not belong"),
        (EXPIRED.pem + BETWEEN.pem, EXPIRED.key, "expired on"),
        (FUTURE.pem + BETWEEN.pem, FUTURE.key, "valid only from"),
        (UNDER_OLD.pem + OLD_BETWEEN.pem, UNDER_OLD.key, "'Old' expired on"),
        (SMALL.pem, SMALL.key, "at least 2048 bits"),
        (LEAF.pem, LONG, "longer than 8192 bytes"),
        (LEAF.pem * 11, LEAF.key, "more than 10"),
        (ODD.pem, ODD.key, "curves"),
        (NAMELESS.pem, NAMELESS.key, "no subjectAltName"),
        (certified.issue("a.example").pem, LEAF.key, "the key is not that of"),
        (LEAF.key, LEAF.key, "certificates go first"),
        (LEAF.pem, LEAF.pem, "the key goes last"),
        ("-----BEGIN CERTIFICATE REQUEST-----\n", LEAF.key, "signing request"),
    ],
)
def test_what_cannot_be_served_is_refused_in_words(chain: str, key: str, words: str) -> None:
    message = refused(chain, key)
    assert words in message
    assert not key or "\n" not in key or key.splitlines()[1] not in message


def test_a_chain_that_is_longer_than_haproxy_takes_is_refused() -> None:
    many = certified.issue("www.example.com", tuple(f"{'x' * 60}{n}.example.com" for n in range(200)))
    assert "longer than" in refused(many.pem, many.key)
