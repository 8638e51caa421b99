"""Automatic certificate management of an app: on, off, try again. The clock role does the rest; see clock/acme.py."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from celadon.actions import access, sni_endpoints
from celadon.actions.context import Context, now
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.domain import AcmStatus, Domain
from celadon.model.errors import InvalidParams, NotFound
from celadon.platform.x509 import Pair
from celadon.store import acme_challenges, apps, changes, domains, events
from celadon.store import sni_endpoints as endpoints
from celadon.store.database import Transaction

_TRIES = 8
# Authorities count failures of a name by the hour.
_FIRST_PAUSE = timedelta(minutes=15)
_SOONEST = timedelta(hours=1)
_LOOKED_AT = 1000
_LONGEST_PAUSE = timedelta(days=1)
_REASON = 500


def enable(context: Context, actor: Actor, app_name: str) -> App:
    """Get a certificate for each domain of the app that DNS leads here, and renew it in time."""
    if not context.settings.acme_directory or not context.settings.acme_email:
        raise InvalidParams(
            "cannot enable automatic certificates: the operator of this platform has not switched them on; "
            "`bin/up --set acme_email=ADDRESS` does, and accepts the certificate authority's terms"
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
            if domain.acm_status in (AcmStatus.FAILING, AcmStatus.FAILED):
                # One try for each time it is asked for, and not before the authority may have forgotten the last.
                tries = min(domain.acm_tries, _TRIES - 1)
                again = max(now(), domain.updated_at + _FIRST_PAUSE / 3)
                domains.update(tx, domain.id, acm_status=AcmStatus.FAILING, acm_tries=tries, acm_next_at=again)
        changes.record(tx, "domain", app.id)
        return app


def _switch(context: Context, actor: Actor, app_name: str, *, on: bool) -> App:
    with context.database.transaction() as tx:
        app = apps.lock(tx, access.app_for(tx, actor, app_name, "app:update").id)
        if app is None:
            raise NotFound("app")
        if app.acm == on:
            return app
        apps.update(tx, app.id, now=now(), acm=on)
        if not on:
            for domain in domains.list_of(tx, app.id):
                # When it may be tried again stays: off and on is no way around it.
                domains.update(tx, domain.id, acm_status=None, acm_status_reason=None)
            automatic = [endpoint.id for endpoint in endpoints.list_of(tx, app.id) if endpoint.acm]
            endpoints.delete(tx, automatic)
            sni_endpoints.settle(tx, app)
        events.insert(
            tx,
            "acm:create" if on else "acm:destroy",
            line=f"{'Enable' if on else 'Disable'} automatic certificate management by user {actor.email}",
            app_id=app.id,
            by=actor,
            resource_id=app.id,
        )
        changes.record(tx, "domain", app.id)
        return replace(app, acm=on)


# What the clock role says of its work.


def due(context: Context, limit: int) -> list[Domain]:
    """Domains that want a certificate now: of apps with automatic ones, led here, without one or with one to be renewed.

    One of each owner, so that nobody waits for all of somebody else's.
    """
    with context.database.read() as tx:
        found = domains.list_for_acm(tx, now(), _LOOKED_AT)
    first: dict[str, Domain] = {}
    for domain, owner_id in found:
        first.setdefault(owner_id, domain)
    return list(first.values())[:limit]


def offer(context: Context, token: str, key_authorization: str) -> None:
    """Let the router answer a certificate authority."""
    with context.database.transaction() as tx:
        acme_challenges.insert(tx, token, key_authorization, now())
        changes.record(tx, "domain")


def withdraw(context: Context, tokens: Collection[str]) -> None:
    """The authority has asked what it wanted to."""
    if not tokens:
        return
    with context.database.transaction() as tx:
        for token in tokens:
            acme_challenges.delete(tx, token)
        changes.record(tx, "domain")


def begin(context: Context, domain: Domain) -> None:
    """The authority is asked for a certificate."""
    with context.database.transaction() as tx:
        if domain.sni_endpoint_id is None:
            domains.update(tx, domain.id, acm_status=AcmStatus.VERIFIED, updated_at=now())


def serve(context: Context, domain: Domain, pair: Pair) -> None:
    """Serve a domain's new certificate, if it is still wanted."""
    with context.database.transaction() as tx:
        app, present = _still(tx, domain)
        if app is None or present is None:
            return
        sni_endpoints.serve_automatic(tx, app, present, pair)
        domains.update(
            tx,
            domain.id,
            acm_status=AcmStatus.ISSUED,
            acm_status_reason=None,
            acm_tries=0,
            # Whatever its certificate says of its time: an authority is not asked again at once.
            acm_next_at=now() + _SOONEST,
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


def refuse(context: Context, domain: Domain, reason: str) -> None:
    """The domain does not get one: try again later, twice as late each time; after a while only when it is asked for."""
    status = AcmStatus.FAILED if domain.acm_tries + 1 >= _TRIES else AcmStatus.FAILING
    if domain.sni_endpoint_id is not None:
        # Its old one is served until it ends.
        status = AcmStatus.FAILING
    # A renewal may fail for months: what doubles each time must end somewhere.
    pause = _FIRST_PAUSE * 2 ** min(domain.acm_tries, _TRIES)
    _put_off(context, domain, status, reason, domain.acm_tries + 1, pause)


def postpone(context: Context, domain: Domain, reason: str) -> None:
    """The authority or this platform was not able to: that is not the domain's failure."""
    _put_off(context, domain, AcmStatus.FAILING, reason, domain.acm_tries, _FIRST_PAUSE)


def _put_off(context: Context, domain: Domain, status: AcmStatus, reason: str, tries: int, pause: timedelta) -> None:
    with context.database.transaction() as tx:
        app, present = _still(tx, domain)
        if app is None or present is None:
            return
        domains.update(
            tx,
            domain.id,
            acm_status=status,
            acm_status_reason=reason[:_REASON],
            acm_tries=tries,
            acm_next_at=now() + min(pause, _LONGEST_PAUSE),
            updated_at=now(),
        )
        changes.record(tx, "domain", domain.app_id)


def _still(tx: Transaction, domain: Domain) -> tuple[App | None, Domain | None]:
    """The app, locked, and the domain, if automatic certificates are still wanted for it."""
    app = apps.lock(tx, domain.app_id)
    return (app, domains.find(tx, domain.app_id, domain.id)) if app is not None and app.acm else (None, None)
