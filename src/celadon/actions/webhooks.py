"""Webhooks: whom an app tells of what happens to it."""

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from celadon.actions import access, partners
from celadon.actions.context import Context, now
from celadon.model import destination
from celadon.model import webhook as rules
from celadon.model.account import Actor
from celadon.model.addon import AddOn
from celadon.model.app import App
from celadon.model.errors import InvalidParams, NotFound
from celadon.model.webhook import Webhook
from celadon.platform.settings import Settings
from celadon.store import apps, changes, events, webhooks
from celadon.store.database import Transaction


@dataclass(frozen=True, slots=True)
class OfAddOn:
    """Webhooks of the provider of the add-on of this name or id: for nobody else."""

    named: str


# Whose webhooks: an app's, by its name or id, or a provider's.
Whose = str | OfAddOn


def subject(tx: Transaction, actor: Actor, whose: Whose, permission: str) -> App | AddOn:
    """What they are about, if the actor may do this. Raises NotFound, Forbidden."""
    if isinstance(whose, OfAddOn):
        return partners.find_for(tx, actor, whose.named)
    return access.app_for(tx, actor, whose, permission)


def ids(of: App | AddOn) -> tuple[str, str | None]:
    """The app's, and the add-on's where it is one."""
    return (of.app_id, of.id) if isinstance(of, AddOn) else (of.id, None)


def list_of(context: Context, actor: Actor, whose: Whose) -> tuple[App | AddOn, list[Webhook]]:
    with context.database.read() as tx:
        of = subject(tx, actor, whose, "webhook:read")
        return of, webhooks.list_of(tx, *ids(of))


def find(context: Context, actor: Actor, whose: Whose, webhook_id: str) -> tuple[App | AddOn, Webhook]:
    """Raises NotFound."""
    with context.database.read() as tx:
        of = subject(tx, actor, whose, "webhook:read")
        return of, _find(tx, of, webhook_id)


def _find(tx: Transaction, of: App | AddOn, webhook_id: str) -> Webhook:
    app_id, addon_id = ids(of)
    found = webhooks.find(tx, app_id, webhook_id)
    if found is None or found.addon_id != addon_id:
        raise NotFound("webhook", f"Couldn't find that webhook: {of.name} has no {webhook_id[:40]!r}.")
    return found


def _entities(whose: Whose) -> tuple[str, ...]:
    return rules.OF_PROVIDER if isinstance(whose, OfAddOn) else rules.ENTITIES


def create(
    context: Context,
    actor: Actor,
    whose: Whose,
    *,
    url: str,
    include: Sequence[str],
    level: str,
    secret: str | None = None,
    authorization: str | None = None,
) -> tuple[App | AddOn, Webhook, str]:
    """Tell somebody from now on; returns the secret as well, made if none is given: nobody can read it again.

    Raises InvalidParams.
    """
    check_url(context.settings, url)
    chosen = rules.check_header("secret", secret) if secret else secrets.token_hex(30)
    header = rules.check_header("authorization", authorization) if authorization else None
    wanted, chosen_level = rules.check_include(include, _entities(whose)), rules.check_level(level)
    with context.database.transaction() as tx:
        of = subject(tx, actor, whose, "webhook:update")
        app_id, addon_id = ids(of)
        apps.lock(tx, app_id)
        if len(webhooks.list_of(tx, app_id, addon_id)) >= rules.MOST:
            raise InvalidParams(f"cannot add a webhook: {of.name} has {rules.MOST} already, the most there may be")
        made = Webhook(
            id=str(uuid.uuid4()),
            app_id=app_id,
            url=url,
            include=wanted,
            level=chosen_level,
            created_at=now(),
            updated_at=now(),
            addon_id=addon_id,
        )
        webhooks.insert(tx, made, chosen, header)
        _tell(tx, actor, made, "create")
    return of, made, chosen


def update(
    context: Context,
    actor: Actor,
    whose: Whose,
    webhook_id: str,
    *,
    url: str | None = None,
    include: Sequence[str] | None = None,
    level: str | None = None,
    secret: str | None = None,
    authorization: str | None = None,
    forget_authorization: bool = False,
) -> tuple[App | AddOn, Webhook]:
    """Change what is given; the secret stays unless another one is. Raises InvalidParams, NotFound."""
    values: dict[str, object] = {}
    if url is not None:
        check_url(context.settings, url)
        values["url"] = url
    if include is not None:
        values["include"] = rules.check_include(include, _entities(whose))
    if level is not None:
        values["level"] = rules.check_level(level)
    for name, header in (("secret", secret), ("authorization", authorization)):
        if header is not None:
            rules.check_header(name, header)
    with context.database.transaction() as tx:
        of = subject(tx, actor, whose, "webhook:update")
        webhook = _find(tx, of, webhook_id)
        webhooks.update(tx, webhook.id, updated_at=now(), **values)
        if secret is not None:
            webhooks.set_secret(tx, webhook.id, secret)
        if authorization is not None or forget_authorization:
            webhooks.set_authorization(tx, webhook.id, authorization)
        _tell(tx, actor, webhook, "update")
        return of, _find(tx, of, webhook.id)


def remove(context: Context, actor: Actor, whose: Whose, webhook_id: str) -> tuple[App | AddOn, Webhook]:
    """Tell nobody any more; what is under way may still arrive. Raises NotFound."""
    with context.database.transaction() as tx:
        of = subject(tx, actor, whose, "webhook:update")
        webhook = _find(tx, of, webhook_id)
        webhooks.delete(tx, webhook.id)
        _tell(tx, actor, webhook, "destroy")
        return of, webhook


def _tell(tx: Transaction, actor: Actor, webhook: Webhook, verb: str) -> None:
    # No URL: those of chats are secrets themselves. What a provider does, the account whose token it has has not done.
    by = None if webhook.addon_id else actor
    events.insert(tx, f"webhook:{verb}", app_id=webhook.app_id, by=by, resource_id=webhook.id)
    changes.record(tx, "webhook", webhook.app_id)


def check_url(settings: Settings, url: str) -> None:
    """Raise InvalidParams for what nothing is ever sent to. What a name leads to is looked at with each delivery."""
    address = destination.parse(url).address
    if address is not None and not destination.allowed(address, settings.private_networks):
        raise InvalidParams(
            f"cannot send to {address}: it is no address of the internet; the operator can allow it by the setting "
            "private_destinations"
        )
