"""Attachments: an add-on becomes config vars of an app under a name."""

import random
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from celadon.actions import access, addon_services, attached_vars, releases
from celadon.actions.context import Context, now
from celadon.model import addon as rules
from celadon.model.account import Actor
from celadon.model.addon import AddOn, AddOnService, AddOnState, Attachment, Plan
from celadon.model.app import App
from celadon.model.errors import ConfirmationRequired, Conflict, InvalidParams, MultipleMatches, NotFound
from celadon.model.release import Release
from celadon.store import addons, apps, attachments, changes, configs, events, slugs
from celadon.store import releases as stored_releases
from celadon.store.database import Transaction

# Clients look for this kind of thing when they try another name.
_RESOURCE = "add_on attachment"
_USABLE = (AddOnState.PROVISIONING, AddOnState.PROVISIONED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """An attachment with its app, its add-on, that one's service and plan, and the app that owns it; `config_vars` are the
    names it gives.
    """

    attachment: Attachment
    app: App
    addon: AddOn
    service: AddOnService
    plan: Plan
    owner: App
    config_vars: tuple[str, ...]


def describe(tx: Transaction, found: Sequence[Attachment]) -> list[Described]:
    """In this order; what belongs to an app that is gone is left out."""
    by_id = addons.by_ids(tx, {attachment.addon_id for attachment in found})
    ids = {attachment.app_id for attachment in found} | {addon.app_id for addon in by_id.values()}
    present = {app.id: app for app in apps.by_ids(tx, ids)}
    given, catalogue = attached_vars.by_attachment(tx, list(found)), addon_services.catalogue(tx)
    return [
        Described(
            attachment=attachment,
            app=present[attachment.app_id],
            addon=addon,
            service=catalogue[addon.service],
            plan=addon_services.plan_of(catalogue[addon.service], addon),
            owner=present[addon.app_id],
            config_vars=tuple(given[attachment.id]),
        )
        for attachment in found
        if (addon := by_id[attachment.addon_id]).app_id in present and attachment.app_id in present
    ]


def list_visible(context: Context, actor: Actor) -> list[Described]:
    """Of all apps the actor sees."""
    access.require_read(actor)
    with context.database.read() as tx:
        return describe(tx, attachments.list_visible(tx, actor.account.id))


def list_of_app(context: Context, actor: Actor, app_name: str) -> list[Described]:
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "addon:read")
        return describe(tx, attachments.list_of_app(tx, app.id))


def list_of_addon(context: Context, actor: Actor, addon: AddOn) -> list[Described]:
    """Those in apps that the actor sees; the caller has found the add-on for the actor."""
    with context.database.read() as tx:
        found = attachments.list_of_addons(tx, [addon.id])
        seen = {app.id for app in access.visible_apps(tx, actor, {one.app_id for one in found})}
        return describe(tx, [one for one in found if one.app_id in seen])


def find(context: Context, actor: Actor, attachment_id: str) -> Described:
    """Raises NotFound."""
    with context.database.read() as tx:
        return _described(tx, _find(tx, actor, attachment_id, "addon:read"))


def find_in_app(context: Context, actor: Actor, app_name: str, name_or_id: str) -> Described:
    """Raises NotFound."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "addon:read")
        found = [one for one in attachments.list_of_app(tx, app.id) if name_or_id in (one.name, one.id)]
        if not found:
            raise NotFound(_RESOURCE, f"Couldn't find that add on attachment: {app.name} has no {name_or_id[:60]!r}.")
        return _described(tx, found[0])


def _find(tx: Transaction, actor: Actor, attachment_id: str, permission: str) -> Attachment:
    found = attachments.find(tx, attachment_id)
    if found is None:
        raise NotFound(_RESOURCE)
    try:
        access.app_for(tx, actor, found.app_id, permission)
    except NotFound:
        raise NotFound(_RESOURCE) from None
    return found


def _described(tx: Transaction, found: Attachment) -> Described:
    (described,) = describe(tx, [found])
    return described


def resolve(
    context: Context, actor: Actor, named: str, app_name: str | None = None, service: str | None = None
) -> list[Described]:
    """Which attachment somebody means: by id, by name or by the config var it gives, in an app (`app::NAME` names one), or
    by the name of an add-on that is attached there. Raises NotFound, MultipleMatches.
    """
    if "::" in named:
        app_name, _, named = named.partition("::")
    with context.database.read() as tx:
        if app_name is None:
            listed = attachments.list_visible(tx, actor.account.id)
        else:
            listed = attachments.list_of_app(tx, access.app_for(tx, actor, app_name, "addon:read").id)
        some = [one for one in describe(tx, listed) if service in (None, one.addon.service)]
    found = [one for one in some if one.attachment.id == named]
    found = found or [one for one in some if one.attachment.name == named.upper()]
    found = found or [one for one in some if one.attachment.name == named.upper().removesuffix("_URL")]
    found = found or [one for one in some if named in one.config_vars][:1]
    if not found:
        # Of those with the same config one is as good as the others.
        of_addon = [one for one in some if named in (one.addon.name, one.addon.id)]
        by_namespace = {one.attachment.namespace or "": one for one in reversed(of_addon)}
        if not of_addon:
            raise NotFound(_RESOURCE)
        return [by_namespace[namespace] for namespace in sorted(by_namespace)]
    if len(found) > 1:
        names = ", ".join(f"{one.app.name}::{one.attachment.name}" for one in found[:10])
        raise MultipleMatches(f"Ambiguous identifier; multiple matching attachments found: {names}.")
    return found


def _given(tx: Transaction, actor: Actor, addon: str) -> tuple[AddOn, App]:
    """An add-on that may be attached elsewhere, and the app that owns it; raises NotFound."""
    found = addons.find(tx, addon.rpartition("::")[2])
    if found is None or found.state not in _USABLE:
        raise NotFound("add_on")
    try:
        return found, access.app_for(tx, actor, found.app_id, "addon:config")
    except NotFound:
        raise NotFound("add_on") from None


def create(
    context: Context,
    actor: Actor,
    *,
    addon: str,
    app: str,
    name: str | None = None,
    namespace: str | None = None,
    confirm: str | None = None,
) -> Described:
    """Attach an add-on to an app under a name, in place of another attachment when `confirm` is the app's name.

    Raises NotFound, Forbidden, InvalidParams, ConfirmationRequired, Conflict.
    """
    with context.database.transaction() as tx:
        found, owner = _given(tx, actor, addon)
        target = access.app_for(tx, actor, app, "addon:update")
        locked = addons.lock(tx, found.id)
        if apps.lock(tx, target.id) is None:
            raise NotFound("app")
        if locked is None or locked.state not in _USABLE:
            raise Conflict(f"cannot attach {found.name}: it is being destroyed")
        service = addon_services.catalogue(tx)[locked.service]
        if target.id != owner.id and not service.sharable:
            raise InvalidParams(
                f"cannot attach {locked.name} to {target.name}: {service.human_name} is for one app alone"
            )
        if namespace and addons.config(tx, locked.id, rules.check_namespace(namespace)) is None:
            raise InvalidParams(f"cannot attach {locked.name} with {namespace}: it has no such credential")
        names = names_for(context, tx, actor, target, service, name, confirm)
        attachment = insert(tx, actor, locked, target, names[0], namespace or None)
        if locked.state is AddOnState.PROVISIONED:
            renew(context, tx, target, actor, description("Attach", [attachment.name], locked))
        changes.record(tx, "addon", target.id)
        return _described(tx, attachment)


def names_for(
    context: Context,
    tx: Transaction,
    actor: Actor,
    app: App,
    service: AddOnService,
    name: str | None,
    confirm: str | None,
) -> tuple[str, ...]:
    """What an attachment in this app, which is locked, is called; one that has this name already is taken away when that
    is confirmed. Raises InvalidParams, ConfirmationRequired.
    """
    present = attachments.list_of_app(tx, app.id)
    config_id = releases.config_of(tx, app.id)
    own = set(configs.find(tx, config_id)) - configs.attached(tx, config_id)
    if not name:
        return rules.attachment_names(service, {one.name for one in present} | own, random.SystemRandom())
    rules.check_attachment_name(name)
    clash = own & {name, f"{name}_URL"}
    if clash:
        raise InvalidParams(
            f"cannot attach as {name}: {app.name} has a config var {min(clash)} already; unset it, or attach as another name"
        )
    for old in present:
        if old.name == name:
            _replace(context, tx, actor, app, old, confirm)
    return (name,)


def _replace(context: Context, tx: Transaction, actor: Actor, app: App, old: Attachment, confirm: str | None) -> None:
    addon = addons.find_by_id(tx, old.addon_id)
    assert addon is not None, "attachments go with their add-on"
    if confirm != app.name:
        raise ConfirmationRequired(
            f"Adding {old.name} to app {app.name} would overwrite existing vars {old.name}_URL of {addon.name}; "
            f"confirm it by the app's name"
        )
    _check_last(tx, addon, old)
    delete(tx, actor, addon, [old])


def insert(tx: Transaction, actor: Actor, addon: AddOn, app: App, name: str, namespace: str | None) -> Attachment:
    attachment = Attachment(
        id=str(uuid.uuid4()),
        addon_id=addon.id,
        app_id=app.id,
        name=name,
        namespace=namespace,
        created_at=now(),
        updated_at=now(),
    )
    attachments.insert(tx, attachment)
    _tell(tx, actor, addon, attachment, "create")
    return attachment


def destroy(context: Context, actor: Actor, attachment_id: str) -> Described:
    """Detach; raises NotFound, Forbidden, InvalidParams for the last one of the app that owns the add-on."""
    with context.database.transaction() as tx:
        found = _find(tx, actor, attachment_id, "addon:update")
        app = apps.lock(tx, found.app_id)
        again = attachments.find(tx, attachment_id)
        if app is None or again is None:
            raise NotFound(_RESOURCE)
        described = _described(tx, again)
        _check_last(tx, described.addon, again)
        delete(tx, actor, described.addon, [again])
        renew(context, tx, app, actor, description("Detach", [again.name], described.addon))
        changes.record(tx, "addon", app.id)
        return described


def _check_last(tx: Transaction, addon: AddOn, attachment: Attachment) -> None:
    of_owner = [one for one in attachments.list_of_addons(tx, [addon.id]) if one.app_id == addon.app_id]
    if [one.id for one in of_owner] == [attachment.id]:
        raise InvalidParams(
            f"Cannot destroy last attachment to billing app for addon {addon.name}. "
            f"Attach it by another name first, or destroy it by `celadon addons:destroy {addon.name}`."
        )


def delete(tx: Transaction, by: Actor, addon: AddOn, gone: Collection[Attachment]) -> None:
    attachments.delete(tx, [one.id for one in gone])
    for one in gone:
        _tell(tx, by, addon, one, "destroy")


def _tell(tx: Transaction, by: Actor, addon: AddOn, attachment: Attachment, verb: str) -> None:
    payload = {
        "addon": {"id": addon.id, "name": addon.name},
        "created_at": attachment.created_at.isoformat(timespec="seconds"),
        "name": attachment.name,
        "namespace": attachment.namespace,
    }
    events.insert(
        tx,
        f"addon-attachment:{verb}",
        app_id=attachment.app_id,
        by=by,
        resource_id=attachment.id,
        payload=payload,
    )


def description(verb: str, names: Sequence[str], addon: AddOn) -> str:
    """`Attach DATABASE (@ref:postgresql-clear-12345)`."""
    return f"{verb} {', '.join(names)} (@ref:{addon.name})"


def renew(context: Context, tx: Transaction, app: App, by: Actor, text: str, *, always: bool = True) -> Release | None:
    """A release with what attachments give now; the caller has locked the app. Not `always`: only if that is different."""
    newest = stored_releases.newest(tx, app.id)
    assert newest is not None, "every app has its first release from the start"
    config_id = attached_vars.renewed(tx, app.id, newest.config_id)
    if config_id == newest.config_id and not always:
        return None
    slug = slugs.find(tx, newest.slug_id) if newest.slug_id else None
    return releases.deploy(tx, app, by, slug, config_id, text[:200], text[:200], context.settings.sizes)
