"""SNI endpoints: certificates that people bring for their apps' domains, and those the platform gets for them.

A domain is served with one certificate. One that has none takes the first of its app that speaks for it, at once:
when a certificate comes, when the domain does, and when another certificate goes.
"""

import functools
import os
import random
import ssl
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from cryptography import x509

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.model import app as app_rules
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.domain import Domain
from celadon.model.errors import InvalidParams, NotFound
from celadon.model.sni_endpoint import SniEndpoint, covers
from celadon.platform import x509 as rules
from celadon.platform.settings import Settings
from celadon.platform.x509 import Pair
from celadon.store import apps, changes, domains, events, sni_endpoints
from celadon.store.database import Transaction

# Of one app: one for each domain it may have.
MOST = 1000
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Served:
    """An SNI endpoint of an app, and the domains it is served for."""

    app: App
    endpoint: SniEndpoint
    domains: tuple[Domain, ...]


def list_of(context: Context, actor: Actor, app_name: str) -> list[Served]:
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        of: dict[str | None, list[Domain]] = {}
        for domain in domains.list_of(tx, app.id):
            of.setdefault(domain.sni_endpoint_id, []).append(domain)
        found = sni_endpoints.list_of(tx, app.id)
    return [Served(app, endpoint, tuple(of.get(endpoint.id, ()))) for endpoint in found]


def find(context: Context, actor: Actor, app_name: str, id_or_name: str) -> Served:
    """Raises NotFound."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        return _served(tx, app, _find(tx, app, id_or_name))


def create(context: Context, actor: Actor, app_name: str, chain: str, key: str) -> Served:
    """Serve a certificate for the app's domains that it speaks for, from now on. Raises InvalidParams."""
    with context.database.read() as tx:
        access.app_for(tx, actor, app_name, "app:update")
    pair = _pair(context.settings, chain, key)
    for _ in range(_ATTEMPTS):
        try:
            with context.database.transaction() as tx:
                app = access.app_for(tx, actor, app_name, "app:update")
                return _create(tx, actor, app, pair)
        except sa.exc.IntegrityError:
            continue  # Another endpoint got the same name in this moment.
    raise InvalidParams("cannot find a free name for this certificate: try again")


def _create(tx: Transaction, actor: Actor, app: App, pair: Pair) -> Served:
    apps.lock(tx, app.id)
    if len(sni_endpoints.list_of(tx, app.id)) >= MOST:
        raise InvalidParams(f"cannot add a certificate: {app.name} has {MOST}, which is the most")
    custom = domains.list_of(tx, app.id)
    covered = [domain for domain in custom if covers(pair.names, domain.hostname)]
    if custom and not covered:
        raise InvalidParams(
            f"cannot use this certificate: it speaks for {_listed(pair.names)}, which {app.name} does not have. "
            "`celadon domains` lists its domains, `celadon domains:add` adds one"
        )
    endpoint = _endpoint(app, pair, acm=False)
    sni_endpoints.insert(tx, endpoint, pair.key)
    automatic = {found.id for found in sni_endpoints.list_of(tx, app.id) if found.acm}
    # What somebody brings goes before what the platform got.
    domains.attach(tx, [domain.id for domain in covered if domain.sni_endpoint_id in automatic], endpoint.id)
    settle(tx, app)
    _tell(tx, actor, app, endpoint, "create", f"Add {endpoint.name} certificate")
    return _served(tx, app, endpoint)


def update(context: Context, actor: Actor, app_name: str, id_or_name: str, chain: str, key: str) -> Served:
    """Another certificate in the place of one: on any error the old one stays. Raises InvalidParams, NotFound."""
    with context.database.read() as tx:
        _find(tx, access.app_for(tx, actor, app_name, "app:update"), id_or_name)
    pair = _pair(context.settings, chain, key)
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "app:update")
        apps.lock(tx, app.id)
        endpoint = _find(tx, app, id_or_name)
        if endpoint.acm:
            raise InvalidParams(
                f"cannot update {endpoint.name}: the platform renews it itself. "
                "`celadon certs:add` adds your own, which then is served instead"
            )
        lost = [found.hostname for found in _domains(tx, endpoint) if not covers(pair.names, found.hostname)]
        if lost:
            raise InvalidParams(
                f"cannot update {endpoint.name}: the new certificate speaks for {_listed(pair.names)} and not for "
                f"{_listed(lost)}, which the old one, that stays, is served for"
            )
        updated = _renewed(endpoint, pair)
        sni_endpoints.replace(tx, updated, pair.key)
        settle(tx, app)
        _tell(tx, actor, app, updated, "update", f"Update {updated.name} certificate")
        return _served(tx, app, updated)


def remove(context: Context, actor: Actor, app_name: str, id_or_name: str) -> Served:
    """Serve it no more; its domains take another of the app's, or the platform's own. Raises NotFound."""
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "app:update")
        apps.lock(tx, app.id)
        endpoint = _find(tx, app, id_or_name)
        served = _served(tx, app, endpoint)
        domains.attach(tx, [domain.id for domain in served.domains], None)
        sni_endpoints.delete(tx, [endpoint.id])
        settle(tx, app)
        _tell(tx, actor, app, endpoint, "destroy", f"Remove {endpoint.name} certificate")
        return served


def attach(
    context: Context, actor: Actor, app_name: str, domain_name: str, id_or_name: str | None
) -> tuple[App, Domain, SniEndpoint | None]:
    """Choose the certificate of a domain, or none. Raises InvalidParams when it does not speak for it, NotFound."""
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "app:update")
        apps.lock(tx, app.id)
        domain = domains.find(tx, app.id, domain_name)
        if domain is None:
            raise NotFound("domain", f"Couldn't find that domain: {app.name} has no {domain_name[:80]}.")
        endpoint = choose(tx, app, domain, id_or_name)
        events.insert(
            tx,
            "domain:update",
            line=f"Set certificate of {domain.hostname} to {endpoint.name if endpoint else 'none'} by user {actor.email}",
            app_id=app.id,
            by=actor,
            resource_id=domain.id,
        )
        changes.record(tx, "domain", app.id)
        return app, replace(domain, sni_endpoint_id=endpoint.id if endpoint else None), endpoint


def choose(tx: Transaction, app: App, domain: Domain, id_or_name: str | None) -> SniEndpoint | None:
    """Serve a domain with this certificate, or with none of the app's. Raises InvalidParams, NotFound."""
    endpoint = _find(tx, app, id_or_name) if id_or_name else None
    if endpoint and not covers(endpoint.names, domain.hostname):
        raise InvalidParams(
            f"cannot serve {endpoint.name} for {domain.hostname}: it speaks for {_listed(endpoint.names)}"
        )
    domains.attach(tx, [domain.id], endpoint.id if endpoint else None)
    return endpoint


def settle(tx: Transaction, app: App) -> None:
    """Give every domain without a certificate one that speaks for it; forget automatic ones that no domain has."""
    found = sni_endpoints.list_of(tx, app.id)
    # One that somebody brought first, then what is valid longest.
    ranked = sorted(found, key=lambda endpoint: (endpoint.acm, -endpoint.expires_at.timestamp()))
    known = {endpoint.id for endpoint in found}
    used = set()
    for domain in domains.list_of(tx, app.id):
        chosen = domain.sni_endpoint_id
        if chosen not in known:
            chosen = next((one.id for one in ranked if covers(one.names, domain.hostname)), None)
            if chosen != domain.sni_endpoint_id:
                domains.attach(tx, [domain.id], chosen)
        used.add(chosen)
    sni_endpoints.delete(tx, [endpoint.id for endpoint in found if endpoint.acm and endpoint.id not in used])


def serve_automatic(tx: Transaction, app: App, domain: Domain, pair: Pair) -> None:
    """A certificate that the platform got for a domain: in the place of the one it renews, or as a new one.

    One that somebody has brought in the meantime stays.
    """
    present = sni_endpoints.find(tx, app.id, domain.sni_endpoint_id) if domain.sni_endpoint_id else None
    if present and present.acm:
        renewed = replace(_renewed(present, pair), renew_at=_renew_at(pair))
        sni_endpoints.replace(tx, renewed, pair.key)
    elif present is None:
        endpoint = replace(
            _endpoint(app, pair, acm=True), renew_at=_renew_at(pair), name=f"acm-{uuid.uuid4().hex[:16]}"
        )
        sni_endpoints.insert(tx, endpoint, pair.key)
        domains.attach(tx, [domain.id], endpoint.id)


def _renew_at(pair: Pair) -> datetime:
    """After two thirds of its time: thirty days before the end of ninety."""
    return pair.starts_at + (pair.expires_at - pair.starts_at) * 2 / 3


def details(settings: Settings, chain: str) -> rules.Details:
    """What there is to say of a stored chain; whether it is trusted is looked at once an hour."""
    path = settings.ca_bundle
    version = path.stat().st_mtime_ns if path.is_file() else 0
    return _details(path, version, chain, now().replace(minute=0, second=0, microsecond=0))


@functools.lru_cache(maxsize=4096)
def _details(path: Path, version: int, chain: str, at: datetime) -> rules.Details:
    return rules.details(chain, _roots(path, version) if version else [], at)


def roots(settings: Settings) -> list[x509.Certificate]:
    """The authorities that this machine trusts, as its browsers would."""
    path = settings.ca_bundle
    return _roots(path, path.stat().st_mtime_ns) if path.is_file() else []


@functools.lru_cache(maxsize=1)
def _roots(path: Path, version: int) -> list[x509.Certificate]:
    return rules.roots(path)


def _pair(settings: Settings, chain: str, key: str) -> Pair:
    found = rules.pair(chain, key, roots(settings), now())
    _try(found)
    return found


def _try(pair: Pair) -> None:
    """Raise InvalidParams when OpenSSL, which HAProxy serves with, would not take it."""
    # In memory: a key that is only tried must not reach a disk.
    with os.fdopen(os.memfd_create("certificate", os.MFD_CLOEXEC), "wb") as file:
        file.write((pair.key + pair.chain).encode())
        file.flush()
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(f"/proc/self/fd/{file.fileno()}")
        except ssl.SSLError as error:
            raise InvalidParams(f"cannot use this certificate: OpenSSL refuses it ({error.reason})") from None


def _endpoint(app: App, pair: Pair, *, acm: bool) -> SniEndpoint:
    return SniEndpoint(
        id=str(uuid.uuid4()),
        app_id=app.id,
        name=app_rules.random_name(random.SystemRandom()),
        certificate_chain=pair.chain,
        names=pair.names,
        expires_at=pair.expires_at,
        fingerprint=pair.fingerprint,
        acm=acm,
        created_at=now(),
        updated_at=now(),
    )


def _renewed(endpoint: SniEndpoint, pair: Pair) -> SniEndpoint:
    return replace(
        endpoint,
        certificate_chain=pair.chain,
        names=pair.names,
        expires_at=pair.expires_at,
        fingerprint=pair.fingerprint,
        updated_at=now(),
    )


def _find(tx: Transaction, app: App, id_or_name: str) -> SniEndpoint:
    found = sni_endpoints.find(tx, app.id, id_or_name)
    if found is None:
        raise NotFound(
            "sni_endpoint", f"Couldn't find that SNI endpoint: {app.name} has no certificate {id_or_name[:80]}."
        )
    return found


def _domains(tx: Transaction, endpoint: SniEndpoint) -> list[Domain]:
    return [domain for domain in domains.list_of(tx, endpoint.app_id) if domain.sni_endpoint_id == endpoint.id]


def _served(tx: Transaction, app: App, endpoint: SniEndpoint) -> Served:
    return Served(app, endpoint, tuple(_domains(tx, endpoint)))


def _tell(tx: Transaction, actor: Actor, app: App, endpoint: SniEndpoint, verb: str, line: str) -> None:
    events.insert(
        tx,
        f"sni-endpoint:{verb}",
        line=f"{line} by user {actor.email}",
        app_id=app.id,
        by=actor,
        resource_id=endpoint.id,
        # What is destroyed has no row any more: who is told of it by a webhook learns here what it was.
        payload=_left(endpoint) if verb == "destroy" else None,
    )
    changes.record(tx, "domain", app.id)


def _left(endpoint: SniEndpoint) -> dict[str, object]:
    """What the API shows of a certificate, and nothing secret."""
    return {
        "name": endpoint.name,
        "certificate_chain": endpoint.certificate_chain,
        "acm": endpoint.acm,
        "created_at": endpoint.created_at.isoformat(),
    }


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
