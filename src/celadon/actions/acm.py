"""Automatic certificate management of an app: on, off, try again. The clock role does the rest; see clock/acme.py."""

from celadon.actions import access, sni_endpoints
from celadon.actions.context import Context, now
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.errors import InvalidParams
from celadon.store import apps, changes, domains, events
from celadon.store import sni_endpoints as endpoints


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
