"""Webhooks: whom an app tells of what happens to it."""

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import replace

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.model import destination
from celadon.model import webhook as rules
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.errors import InvalidParams, NotFound
from celadon.model.webhook import Webhook
from celadon.platform.settings import Settings
from celadon.store import apps, changes, events, webhooks
from celadon.store.database import Transaction


def list_of(context: Context, actor: Actor, app_name: str) -> tuple[App, list[Webhook]]:
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "webhook:read")
        return app, webhooks.list_of(tx, app.id)


def find(context: Context, actor: Actor, app_name: str, webhook_id: str) -> tuple[App, Webhook]:
    """Raises NotFound."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "webhook:read")
        return app, _find(tx, app, webhook_id)


def _find(tx: Transaction, app: App, webhook_id: str) -> Webhook:
    found = webhooks.find(tx, app.id, webhook_id)
    if found is None:
        raise NotFound("webhook", f"Couldn't find that webhook: {app.name} has no {webhook_id[:40]!r}.")
    return found


def create(
    context: Context,
    actor: Actor,
    app_name: str,
    *,
    url: str,
    include: Sequence[str],
    level: str,
    secret: str | None = None,
    authorization: str | None = None,
) -> tuple[App, Webhook, str]:
    """Tell somebody from now on; returns the secret as well, made if none is given: nobody can read it again.

    Raises InvalidParams.
    """
    check_url(context.settings, url)
    chosen = rules.check_header("secret", secret) if secret else secrets.token_hex(30)
    webhook = Webhook(
        id=str(uuid.uuid4()),
        app_id="",
        url=url,
        include=rules.check_include(include),
        level=rules.check_level(level),
        created_at=now(),
        updated_at=now(),
    )
    header = rules.check_header("authorization", authorization) if authorization else None
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "webhook:update")
        apps.lock(tx, app.id)
        if len(webhooks.list_of(tx, app.id)) >= rules.MOST:
            raise InvalidParams(f"cannot add a webhook: {app.name} has {rules.MOST} already, the most an app may have")
        made = replace(webhook, app_id=app.id)
        webhooks.insert(tx, made, chosen, header)
        _tell(tx, actor, app, made, "create")
    return app, made, chosen


def update(
    context: Context,
    actor: Actor,
    app_name: str,
    webhook_id: str,
    *,
    url: str | None = None,
    include: Sequence[str] | None = None,
    level: str | None = None,
    secret: str | None = None,
    authorization: str | None = None,
    forget_authorization: bool = False,
) -> tuple[App, Webhook]:
    """Change what is given; the secret stays unless another one is. Raises InvalidParams, NotFound."""
    values: dict[str, object] = {}
    if url is not None:
        check_url(context.settings, url)
        values["url"] = url
    if include is not None:
        values["include"] = rules.check_include(include)
    if level is not None:
        values["level"] = rules.check_level(level)
    for name, header in (("secret", secret), ("authorization", authorization)):
        if header is not None:
            rules.check_header(name, header)
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "webhook:update")
        webhook = _find(tx, app, webhook_id)
        webhooks.update(tx, webhook.id, updated_at=now(), **values)
        if secret is not None:
            webhooks.set_secret(tx, webhook.id, secret)
        if authorization is not None or forget_authorization:
            webhooks.set_authorization(tx, webhook.id, authorization)
        _tell(tx, actor, app, webhook, "update")
        return app, _find(tx, app, webhook.id)


def remove(context: Context, actor: Actor, app_name: str, webhook_id: str) -> tuple[App, Webhook]:
    """Tell nobody any more; what is under way may still arrive. Raises NotFound."""
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "webhook:update")
        webhook = _find(tx, app, webhook_id)
        webhooks.delete(tx, webhook.id)
        _tell(tx, actor, app, webhook, "destroy")
        return app, webhook


def _tell(tx: Transaction, actor: Actor, app: App, webhook: Webhook, verb: str) -> None:
    # No URL: those of chats are secrets themselves.
    events.insert(tx, f"webhook:{verb}", app_id=app.id, by=actor, resource_id=webhook.id)
    changes.record(tx, "webhook", app.id)


def check_url(settings: Settings, url: str) -> None:
    """Raise InvalidParams for what nothing is ever sent to. What a name leads to is looked at with each delivery."""
    address = destination.parse(url).address
    if address is not None and not destination.allowed(address, destination.networks(settings.private_destinations)):
        raise InvalidParams(
            f"cannot send to {address}: it is no address of the internet; the operator can allow it by the setting "
            "private_destinations"
        )
