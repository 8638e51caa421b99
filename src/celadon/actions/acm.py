"""Automatic certificate management of an app: on, off, try again. The clock role does the rest; see clock/acme.py."""

from collections.abc import Collection
from datetime import timedelta

from celadon.actions import access, sni_endpoints
from celadon.actions.context import Context, now
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.domain import AcmStatus, Domain
from celadon.model.errors import InvalidParams
from celadon.platform.x509 import Pair
from celadon.store import acme_challenges, apps, changes, domains, events
from celadon.store import sni_endpoints as endpoints

_TRIES = 8
_FIRST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(days=1)
_REASON = 500


def enable(context: Context, actor: Actor, app_name: str) -> App:
    """Get a certificate for each domain of the app that DNS leads here, and renew it in time."""
    if not context.settings.acme_directory:
        raise InvalidParams(
            "cannot enable automatic certificates: this platform has no certificate authority; "
            "its operator can set acme_directory"
        )
    return _switch(context, actor, app_name, on=True)


def disable(context: Context, actor: Actor, app_name: str) -> App:
    """Serve the certificates that the platform got for the app no more."""
    return _switch(context, actor, app_name, on=False)


def refresh(context: Context, actor: Actor, app_name: str) -> App:
    """Try again now what did not work. Raises InvalidParams when automatic certificates are off."""
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "app:update")
        if not app.acm:
            raise InvalidParams(
                f"cannot refresh: automatic certificates are off for {app.name}; `celadon certs:auto:enable`"
            )
        for domain in domains.list_of(tx, app.id):
            domains.update(tx, domain.id, acm_status=None, acm_status_reason=None, acm_tries=0, acm_next_at=None)
        changes.record(tx, "domain", app.id)
        return app


def _switch(context: Context, actor: Actor, app_name: str, *, on: bool) -> App:
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "app:update")
        apps.lock(tx, app.id)
        apps.update(tx, app.id, now=now(), acm=on)
        for domain in domains.list_of(tx, app.id):
            domains.update(tx, domain.id, acm_status=None, acm_status_reason=None, acm_tries=0, acm_next_at=None)
        if not on:
            automatic = [endpoint.id for endpoint in endpoints.list_of(tx, app.id) if endpoint.acm]
            endpoints.delete(tx, automatic)
            sni_endpoints.settle(tx, app)
        events.insert(
            tx,
            "acm:create" if on else "acm:destroy",
            line=f"{'Enable' if on else 'Disable'} automatic certificate management by user {actor.email}",
            app_id=app.id,
            account_id=actor.account.id,
            resource_id=app.id,
        )
        changes.record(tx, "domain", app.id)
        updated = apps.find(tx, app.id)
    assert updated is not None
    return updated


# What the clock role says of its work.


def due(context: Context, renew_within: timedelta, limit: int) -> list[Domain]:
    """Domains that want a certificate now: of apps with automatic ones, led here, without one or with one that ends soon."""
    with context.database.read() as tx:
        return domains.list_for_acm(tx, now(), now() + renew_within, limit)


def challenge(context: Context, token: str, key_authorization: str) -> None:
    """Let the router answer a certificate authority."""
    with context.database.transaction() as tx:
        acme_challenges.insert(tx, token, key_authorization, now())
        changes.record(tx, "domain")


def answered(context: Context, tokens: Collection[str]) -> None:
    """The authority has asked what it wanted to."""
    with context.database.transaction() as tx:
        for token in tokens:
            acme_challenges.delete(tx, token)
        changes.record(tx, "domain")


def asked(context: Context, domain: Domain) -> None:
    """The authority has been asked for a certificate."""
    with context.database.transaction() as tx:
        if domain.sni_endpoint_id is None:
            domains.update(tx, domain.id, acm_status=AcmStatus.VERIFIED, updated_at=now())


def issued(context: Context, domain: Domain, pair: Pair) -> None:
    """Serve a domain's new certificate, if it is still wanted."""
    with context.database.transaction() as tx:
        app = apps.lock(tx, domain.app_id)
        present = domains.find(tx, domain.app_id, domain.id)
        if app is None or not app.acm or present is None:
            return
        sni_endpoints.serve_automatic(tx, app, present, pair)
        domains.update(
            tx,
            domain.id,
            acm_status=AcmStatus.ISSUED,
            acm_status_reason=None,
            acm_tries=0,
            acm_next_at=None,
            updated_at=now(),
        )
        events.insert(
            tx,
            "acm:issue",
            line=f"Automatic certificate for {domain.hostname}, valid until {pair.expires_at:%Y-%m-%d}",
            app_id=app.id,
            resource_id=domain.id,
        )
        changes.record(tx, "domain", app.id)


def refused(context: Context, domain: Domain, reason: str) -> None:
    """It did not work: try again later, twice as late each time; after a while only when it is asked for."""
    tries = domain.acm_tries + 1
    status = AcmStatus.FAILED if tries >= _TRIES and domain.sni_endpoint_id is None else AcmStatus.FAILING
    with context.database.transaction() as tx:
        domains.update(
            tx,
            domain.id,
            acm_status=status,
            acm_status_reason=reason[:_REASON],
            acm_tries=tries,
            acm_next_at=now() + min(_FIRST_PAUSE * 2**domain.acm_tries, _LONGEST_PAUSE),
            updated_at=now(),
        )
        changes.record(tx, "domain", domain.app_id)
