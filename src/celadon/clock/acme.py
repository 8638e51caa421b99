"""Automatic certificates (RFC 8555): asks a certificate authority for each domain that wants one, and proves that it leads here.

The authority reads the proof (HTTP-01) at the domain; the router answers it from the store, at whatever app the domain
is. Killed anywhere, it begins the domain's order anew; an authority keeps what has been proved.
"""

import functools
import hashlib
import http.client
import logging
import os
import threading
import time
from datetime import datetime, timedelta

import josepy
import requests
from acme import challenges, client, crypto_util, errors, messages
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from celadon.actions import acm
from celadon.actions.context import Context, now
from celadon.model.domain import Domain
from celadon.platform import x509
from celadon.platform.settings import Settings

# Of one round; others wait for the next.
_ROUND = 20
# Certificates of ninety days are renewed after sixty; shorter ones after two thirds of their time, too.
RENEW_WITHIN = timedelta(days=30)
_ORDER_SECONDS = 90
_ROUTER_SECONDS = 30.0
_LOOK = 0.1

log = logging.getLogger(__name__)


class Refused(Exception):
    """There is no certificate; the message says why, for the owner of the domain."""


class Authority:
    """One certificate authority, and the account of this platform at it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settings = context.settings

    def ensure(self) -> int:
        """One round over the domains that want a certificate; returns how many got one."""
        if not self._settings.acme_directory:
            return 0
        issued = 0
        for domain in acm.due(self._context, RENEW_WITHIN, _ROUND):
            acm.asked(self._context, domain)
            try:
                pair = self._order(domain)
            except Refused as error:
                log.warning("at=acme domain=%s error=%r", domain.hostname, str(error))
                acm.refused(self._context, domain, str(error))
                continue
            acm.issued(self._context, domain, pair)
            log.info("at=acme domain=%s until=%s", domain.hostname, pair.expires_at.isoformat())
            issued += 1
        return issued

    def _order(self, domain: Domain) -> x509.Pair:
        private = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        try:
            made = self._certificate(domain.hostname, crypto_util.make_csr(private, [domain.hostname]))
            return x509.pair(made, private.decode("ascii"), None, now())
        except errors.ValidationError as error:
            raise Refused(_why(error)) from error
        except messages.Error as error:
            raise Refused(f"the certificate authority refuses: {error.detail or error.typ}") from error
        except errors.TimeoutError as error:
            raise Refused(f"the certificate authority did not answer within {_ORDER_SECONDS} s") from error
        except (errors.Error, requests.RequestException) as error:
            raise Refused(f"cannot reach the certificate authority: {type(error).__name__}") from error
        except x509.Unusable as error:
            raise Refused(f"the certificate authority's certificate cannot be used: {error.message}") from error

    def _certificate(self, hostname: str, request: bytes) -> str:
        found = self._client
        order = found.new_order(request)
        tokens: list[str] = []
        try:
            for authorization in order.authorizations:
                if authorization.body.status != messages.STATUS_VALID:
                    self._prove(found, hostname, authorization, tokens)
            deadline = datetime.now() + timedelta(seconds=_ORDER_SECONDS)
            return str(found.poll_and_finalize(order, deadline).fullchain_pem)
        finally:
            acm.answered(self._context, tokens)

    def _prove(
        self, found: client.ClientV2, hostname: str, authorization: messages.AuthorizationResource, tokens: list[str]
    ) -> None:
        body = next((one for one in authorization.body.challenges if isinstance(one.chall, challenges.HTTP01)), None)
        if body is None:
            raise Refused("the certificate authority does not offer to look at the domain by HTTP")
        response, proof = body.response_and_validation(found.net.key)
        token = body.chall.encode("token")
        tokens.append(token)
        acm.challenge(self._context, token, proof)
        self._wait_for_router(hostname, body.chall.path, proof)
        found.answer_challenge(body, response)

    def _wait_for_router(self, hostname: str, path: str, proof: str) -> None:
        """Until the router answers as the authority is to be answered; raises Refused."""
        pause, deadline = threading.Event(), time.monotonic() + _ROUTER_SECONDS
        while self._answer(hostname, path) != proof:
            if time.monotonic() > deadline:
                raise Refused("the router of this platform does not answer yet: it is tried again")
            pause.wait(_LOOK)

    def _answer(self, hostname: str, path: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self._settings.http_port, timeout=5)
        try:
            connection.request("GET", path, headers={"Host": hostname})
            return connection.getresponse().read(1000).decode("ascii", "replace")
        except (OSError, http.client.HTTPException):
            return ""
        finally:
            connection.close()

    @functools.cached_property
    def _client(self) -> client.ClientV2:
        """A client with the account of this platform, made at its first use."""
        key = josepy.jwk.JWKEC(key=_account_key(self._settings))
        net = client.ClientNetwork(
            key,
            alg=josepy.jwa.ES256,
            user_agent="celadon",
            # requests, below, takes a bundle's path as well.
            verify_ssl=str(self._settings.acme_ca_bundle),  # type: ignore[arg-type]
        )
        directory = client.ClientV2.get_directory(self._settings.acme_directory, net)
        found = client.ClientV2(directory, net)
        email = self._settings.acme_email or None
        wanted = messages.NewRegistration.from_data(email=email, terms_of_service_agreed=True)
        try:
            found.new_account(wanted)
        except errors.ConflictError as known:
            found.query_registration(messages.RegistrationResource(uri=known.location, body=messages.Registration()))
        return found


def _account_key(settings: Settings) -> ec.EllipticCurvePrivateKey:
    """The key of this platform's account at an authority, made once: another key is another account."""
    name = hashlib.sha256(settings.acme_directory.encode()).hexdigest()[:16]
    path = settings.home / "acme" / f"{name}.pem"
    if path.is_file():
        found = serialization.load_pem_private_key(path.read_bytes(), None)
        if isinstance(found, ec.EllipticCurvePrivateKey):
            return found
    path.parent.mkdir(mode=0o700, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)
    fresh.rename(path)
    return key


def _why(error: errors.ValidationError) -> str:
    """What the authority saw when it looked at the domain."""
    for authorization in error.failed_authzrs:
        for body in authorization.body.challenges:
            if body.error is not None and body.error.detail:
                return f"the certificate authority looked and says: {body.error.detail}"
    return "the certificate authority could not see that the domain leads here"
