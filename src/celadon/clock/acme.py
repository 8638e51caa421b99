"""Automatic certificates (RFC 8555): asks a certificate authority for each domain that wants one, and proves that it leads here.

The authority reads the proof (HTTP-01) at the domain; the router answers it from the store, at whatever app the domain
is. Killed anywhere, it begins the domain's order anew; an authority keeps what has been proved.
"""

import functools
import hashlib
import http.client
import logging
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
from celadon.platform import certificates, x509
from celadon.platform.settings import Settings

# Of one round; others wait for the next.
_ROUND = 20
_ORDER_SECONDS = 90
_ROUTER_SECONDS = 30.0
_LOOK = 0.1

log = logging.getLogger(__name__)


class NotIssued(Exception):
    """The domain does not get a certificate; the message says why, for its owner."""


class Unable(Exception):
    """The authority or this platform was not able to: nothing is said of the domain by that."""


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
        for domain in acm.due(self._context, _ROUND):
            acm.begin(self._context, domain)
            try:
                pair = self._order(domain)
            except NotIssued as error:
                log.warning("at=acme domain=%s refused=%r", domain.hostname, str(error))
                acm.refuse(self._context, domain, str(error))
                continue
            except Unable as error:
                log.warning("at=acme domain=%s error=%r", domain.hostname, str(error))
                acm.postpone(self._context, domain, str(error))
                continue
            acm.serve(self._context, domain, pair)
            log.info("at=acme domain=%s until=%s", domain.hostname, pair.expires_at.isoformat())
            issued += 1
        return issued

    def _order(self, domain: Domain) -> x509.Pair:
        private = x509.key_pem(ec.generate_private_key(ec.SECP256R1()))
        try:
            made = self._certificate(domain.hostname, crypto_util.make_csr(private.encode(), [domain.hostname]))
            return x509.pair(made, private, None, now())
        except errors.ValidationError as error:
            raise NotIssued(_why(error)) from error
        except messages.Error as error:
            said = f"the certificate authority says: {error.detail or error.typ}"
            raise (Unable if error.code in ("rateLimited", "serverInternal") else NotIssued)(said) from error
        except x509.Unusable as error:
            raise NotIssued(f"the certificate authority's certificate cannot be used: {error.message}") from error
        except errors.TimeoutError as error:
            raise Unable(f"the certificate authority did not answer within {_ORDER_SECONDS} s") from error
        except errors.IssuanceError as error:
            raise Unable(f"the certificate authority could not issue it: {error.error.detail}") from error
        except (requests.RequestException, OSError) as error:
            raise Unable(f"cannot reach the certificate authority: {type(error).__name__}") from error
        except (errors.Error, josepy.errors.Error, KeyError, TypeError, ValueError, AttributeError) as error:
            # Somebody else's server may answer anything.
            raise Unable(f"cannot understand the certificate authority: {type(error).__name__}") from error

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
            acm.withdraw(self._context, tokens)

    def _prove(
        self, found: client.ClientV2, hostname: str, authorization: messages.AuthorizationResource, tokens: list[str]
    ) -> None:
        body = next((one for one in authorization.body.challenges if isinstance(one.chall, challenges.HTTP01)), None)
        if body is None:
            raise NotIssued("the certificate authority does not offer to look at the domain by HTTP")
        response, proof = body.response_and_validation(found.net.key)
        token = body.chall.encode("token")
        tokens.append(token)
        acm.offer(self._context, token, proof)
        self._wait_for_router(hostname, body.chall.path, proof)
        found.answer_challenge(body, response)

    def _wait_for_router(self, hostname: str, path: str, proof: str) -> None:
        """Until the router answers as the authority is to be answered; raises Unable."""
        pause, deadline = threading.Event(), time.monotonic() + _ROUTER_SECONDS
        while self._answer(hostname, path) != proof:
            if time.monotonic() > deadline:
                raise Unable("the router of this platform does not answer yet")
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
    certificates.write_secret(path, x509.key_pem(key).encode())
    return key


def _why(error: errors.ValidationError) -> str:
    """What the authority saw when it looked at the domain."""
    for authorization in error.failed_authzrs:
        for body in authorization.body.challenges:
            if body.error is not None and body.error.detail:
                return f"the certificate authority looked and says: {body.error.detail}"
    return "the certificate authority could not see that the domain leads here"
