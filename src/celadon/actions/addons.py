"""Add-ons: what is asked for. What is done about it is written by `provisioning.py`, for the role that asks providers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from celadon.actions import access, addon_services, attached_vars, attachments, placing
from celadon.actions.context import Context, now
from celadon.model import addon as rules
from celadon.model.account import Actor
from celadon.model.addon import AddOn, AddOnService, AddOnState, Attachment, Plan
from celadon.model.app import App
from celadon.model.errors import Conflict, InvalidParams, MultipleMatches, NotFound
from celadon.store import addons, apps, changes
from celadon.store import attachments as stored_attachments
from celadon.store.database import Transaction

_ATTEMPTS = 20
_RESOURCE = "add_on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """An add-on with the app that owns it, its service and plan; `config_vars` are the names it gives to that app."""

    addon: AddOn
    app: App
    service: AddOnService
    plan: Plan
    config_vars: tuple[str, ...]


def describe(tx: Transaction, found: Sequence[AddOn]) -> list[Described]:
    """In this order; those of destroyed apps are left out."""
    catalogue = addon_services.catalogue(tx)
    present = {app.id: app for app in apps.by_ids(tx, {addon.app_id for addon in found})}
    attached = stored_attachments.list_of_addons(tx, {addon.id for addon in found})
    given = attached_vars.by_attachment(tx, attached)
    names: dict[str, dict[str, None]] = {}
    for one in attached:
        names.setdefault(f"{one.addon_id}/{one.app_id}", {}).update(dict.fromkeys(given[one.id]))
    described = []
    for addon in found:
        service = catalogue[addon.service]
        plan = addon_services.plan_of(service, addon)
        if addon.app_id in present:
            vars_of = tuple(names.get(f"{addon.id}/{addon.app_id}", ()))
            app = present[addon.app_id]
            described.append(Described(addon=addon, app=app, service=service, plan=plan, config_vars=vars_of))
    return described


def list_visible(context: Context, actor: Actor) -> list[Described]:
    """Those of all apps the actor sees."""
    access.require_read(actor)
    with context.database.read() as tx:
        return describe(tx, addons.list_visible(tx, actor.account.id))


def list_owned(context: Context, actor: Actor, owner_id: str) -> list[Described]:
    """Those of all apps of an owner that the actor sees."""
    access.require_read(actor)
    with context.database.read() as tx:
        found = addons.list_owned(tx, owner_id)
        seen = {app.id for app in access.visible_apps(tx, actor, {addon.app_id for addon in found})}
        return describe(tx, [addon for addon in found if addon.app_id in seen])


def list_of_app(context: Context, actor: Actor, app_name: str) -> list[Described]:
    """Those an app owns, and those of others that it has attached."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "addon:read")
        return describe(tx, addons.list_about_app(tx, app.id))


def monthly_cents(context: Context, actor: Actor, app_name: str) -> int:
    """What an app's add-ons would cost a month."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "addon:read")
        return rules.monthly_cents(one.plan for one in describe(tx, addons.list_of_app(tx, app.id)))


def find(context: Context, actor: Actor, named: str, app_name: str | None = None) -> Described:
    """By name or id, `app::name`, or within an app; raises NotFound."""
    with context.database.read() as tx:
        return described(tx, find_for(tx, actor, named, "addon:read", app_name))


def described(tx: Transaction, addon: AddOn) -> Described:
    (one,) = describe(tx, [addon])
    return one


def find_for(tx: Transaction, actor: Actor, named: str, permission: str, app_name: str | None = None) -> AddOn:
    """The add-on, if the actor may do this to the app that owns it; who sees an app it is attached to may read it.

    Raises NotFound, Forbidden.
    """
    if "::" in named:
        app_name, _, named = named.partition("::")
    app = access.app_for(tx, actor, app_name, "app:read") if app_name is not None else None
    found = addons.find(tx, named) or (_attached_as(tx, app, named) if app else None)
    if found is None or (app is not None and found.app_id != app.id and not _is_attached(tx, app, found)):
        raise NotFound(_RESOURCE)
    try:
        access.app_for(tx, actor, found.app_id, permission)
    except NotFound:
        of_others = {one.app_id for one in stored_attachments.list_of_addons(tx, [found.id])}
        if permission != "addon:read" or not access.visible_apps(tx, actor, of_others):
            raise NotFound(_RESOURCE) from None
        access.require_read(actor)
    return found


def _attached_as(tx: Transaction, app: App, name: str) -> AddOn | None:
    for one in stored_attachments.list_of_app(tx, app.id):
        if one.name == name:
            return addons.find_by_id(tx, one.addon_id)
    return None


def _is_attached(tx: Transaction, app: App, addon: AddOn) -> bool:
    return any(one.app_id == app.id for one in stored_attachments.list_of_addons(tx, [addon.id]))


def resolve(
    context: Context, actor: Actor, named: str, app_name: str | None = None, service: str | None = None
) -> list[Described]:
    """Which add-on somebody means: as `find`, or by its service in an app. Raises NotFound, MultipleMatches."""
    with context.database.read() as tx:
        if app_name is not None and "::" not in named:
            app = access.app_for(tx, actor, app_name, "addon:read")
            of_service = [one for one in addons.list_about_app(tx, app.id) if named == one.service]
            if len(of_service) > 1:
                names = ", ".join(addon.name for addon in of_service[:10])
                raise MultipleMatches(f"Ambiguous identifier; multiple matching add-ons found: {names}.")
            if of_service:
                return describe(tx, of_service)
        addon = find_for(tx, actor, named, "addon:read", app_name)
        if service not in (None, addon.service):
            raise NotFound(_RESOURCE)
        return describe(tx, [addon])


def create(
    context: Context,
    actor: Actor,
    app_name: str,
    *,
    plan: str,
    name: str | None = None,
    attachment: str | None = None,
    options: Mapping[str, str] | None = None,
    confirm: str | None = None,
) -> Described:
    """Ask for an add-on; it is there when its provider has made it.

    `plan` is `service:plan` or a service, whose default plan is taken then. `attachment` and `confirm` are as those of
    `attachments.create`. Raises NotFound, Forbidden, InvalidParams, ConfirmationRequired.
    """
    for _ in range(_ATTEMPTS):
        try:
            with context.database.transaction() as tx:
                app = access.app_for(tx, actor, app_name, "addon:update")
                if apps.lock(tx, app.id) is None:
                    raise NotFound("app")
                addon = placing.place(
                    context, tx, actor, app, plan, name=name, attachment=attachment, options=options, confirm=confirm
                )
                return described(tx, addon)
        except sa.exc.IntegrityError:
            if name is not None:
                raise InvalidParams(f"Name {name} is already taken") from None
    raise InvalidParams("cannot find a free name: give one yourself")


def rename(context: Context, actor: Actor, named: str, name: str, app_name: str | None = None) -> Described:
    """Raises NotFound, Forbidden, InvalidParams."""
    rules.check_name(name)
    try:
        with context.database.transaction() as tx:
            found = find_for(tx, actor, named, "addon:update", app_name)
            addon = _lock(tx, found)
            if addon.name != name:
                addons.update(tx, addon.id, now=now(), name=name)
                placing.tell(tx, "update", addon, by=actor, previous={"name": addon.name})
                changes.record(tx, "addon", addon.app_id)
            return _again(tx, addon)
    except sa.exc.IntegrityError:
        raise InvalidParams(f"Name {name} is already taken") from None


def change_plan(context: Context, actor: Actor, named: str, plan: str, app_name: str | None = None) -> Described:
    """Ask the provider to move an add-on to another plan of its service. Raises NotFound, Forbidden, InvalidParams,
    Conflict for one that is not at rest.
    """
    with context.database.transaction() as tx:
        found = find_for(tx, actor, named, "addon:update", app_name)
        wanted = plan if ":" in plan else f"{found.service}:{plan}"
        service, chosen = addon_services.plan_for(tx, wanted)
        if service.name != found.service:
            raise InvalidParams(f"cannot move {found.name} to {wanted[:60]}: it is an add-on of {found.service}")
        app = access.app_for(tx, actor, found.app_id, "addon:update")
        placing.check_paid(tx, actor, app, chosen, *filter(None, [service.plan(found.plan)]))
        addon = _lock(tx, found)
        if addon.state is not AddOnState.PROVISIONED or addon.plan_wanted not in (None, chosen.name):
            raise Conflict(
                f"cannot change the plan of {addon.name} now: it is {_busy(addon)}; try again when it is done"
            )
        if addon.plan != chosen.name:
            begun = {"begun_at": now(), "failures": 0, "retry_at": None, "message": ""}
            addons.update(tx, addon.id, now=now(), plan_wanted=chosen.name, **begun)
            changes.record(tx, "addon", addon.app_id)
        return _again(tx, addon)


def _busy(addon: AddOn) -> str:
    return f"moving to {addon.plan_wanted}" if addon.plan_wanted else addon.state


def destroy(
    context: Context, actor: Actor, named: str, app_name: str | None = None, *, force: bool = False
) -> Described:
    """Take an add-on away: its config vars at once, it itself when its provider has removed it.

    Raises NotFound, Forbidden, InvalidParams for one that other apps have attached, unless `force`.
    """
    with context.database.transaction() as tx:
        found = find_for(tx, actor, named, "addon:update", app_name)
        app = access.app_for(tx, actor, found.app_id, "addon:update")
        if app_name is not None and app_name not in (app.name, app.id):
            raise InvalidParams(f"cannot destroy {found.name} on {app_name}: it belongs to {app.name}")
        shown = described(tx, found)
        placing.check_paid(tx, actor, app, shown.plan)
        addon = _lock(tx, found)
        if addon.state not in (AddOnState.PROVISIONING, AddOnState.PROVISIONED):
            return _again(tx, addon)
        attached = stored_attachments.list_of_addons(tx, [addon.id])
        elsewhere = sorted({one.app.name for one in attachments.describe(tx, attached) if one.app.id != app.id})
        if elsewhere and not force:
            raise InvalidParams(
                f"cannot destroy {addon.name}: {', '.join(elsewhere)} has it attached as well; detach it there, or say --force"
            )
        _remove(context, tx, addon, actor, attached)
        changes.record(tx, "addon", app.id)
        return _again(tx, addon)


def remove_all(context: Context, tx: Transaction, app: App, by: Actor) -> None:
    """With an app go its add-ons, and its attachments of others'; the caller has checked that it may."""
    for found in addons.list_of_app(tx, app.id):
        addon = _lock(tx, found)
        if addon.state in (AddOnState.PROVISIONING, AddOnState.PROVISIONED):
            attached = stored_attachments.list_of_addons(tx, [addon.id])
            _remove(context, tx, addon, by, attached, without_release=app.id)
    left = stored_attachments.list_of_app(tx, app.id)
    stored_attachments.delete(tx, [one.id for one in left])


def _remove(
    context: Context,
    tx: Transaction,
    addon: AddOn,
    by: Actor,
    attached: Collection[Attachment],
    without_release: str = "",
) -> None:
    attachments.delete(tx, by, addon, attached)
    begun = {"begun_at": now(), "failures": 0, "retry_at": None, "awaited": False, "message": "", "plan_wanted": None}
    addons.update(tx, addon.id, now=now(), state=AddOnState.DEPROVISIONING, **begun)
    placing.tell(tx, "destroy", addon, by=by)
    gave_nothing = addon.state is AddOnState.PROVISIONING
    for app_id in sorted({one.app_id for one in attached} - {without_release}):
        names = [one.name for one in attached if one.app_id == app_id]
        app = apps.lock(tx, app_id)
        if app is not None and not gave_nothing:
            attachments.renew(context, tx, app, by, attachments.description("Detach", names, addon))


def _lock(tx: Transaction, addon: AddOn) -> AddOn:
    """As it is now; raises NotFound when it is gone."""
    locked = addons.lock(tx, addon.id)
    if locked is None:
        raise NotFound(_RESOURCE)
    return locked


def _again(tx: Transaction, addon: AddOn) -> Described:
    again = addons.find_by_id(tx, addon.id)
    assert again is not None, "its row is locked"
    return described(tx, again)


def by_id(context: Context, addon_id: str) -> Described | None:
    """Whatever has become of an add-on that somebody has changed; None when there is nothing left of it."""
    with context.database.read() as tx:
        found = addons.find_by_id(tx, addon_id)
        return next(iter(describe(tx, [found])), None) if found else None
