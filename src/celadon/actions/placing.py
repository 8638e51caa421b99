"""Placing add-ons: what an app may have, and the row by which its provider is asked for one."""

import random
import uuid
from collections.abc import Mapping

from celadon.actions import access, addon_services, allowed_addon_services, attachments
from celadon.actions.context import Context, now
from celadon.model import addon as rules
from celadon.model.account import Actor
from celadon.model.addon import AddOn, AddOnService, AddOnState, Plan
from celadon.model.app import App
from celadon.model.errors import InvalidParams
from celadon.store import addons, changes, events
from celadon.store.database import Transaction

_ATTEMPTS = 20


def add(context: Context, tx: Transaction, actor: Actor, app: App, plan: str) -> AddOn | None:
    """As `place`; None when the app has one of that service."""
    service, _ = addon_services.plan_for(tx, plan)
    if any(addon.service == service.name for addon in addons.list_about_app(tx, app.id)):
        return None
    return place(context, tx, actor, app, plan)


def place(
    context: Context,
    tx: Transaction,
    actor: Actor,
    app: App,
    plan: str,
    *,
    name: str | None = None,
    attachment: str | None = None,
    options: Mapping[str, str] | None = None,
    confirm: str | None = None,
) -> AddOn:
    """Give an app an add-on, see `addons.create`; the caller has locked the app, and has checked that it may be changed.

    Nothing is written before it raises InvalidParams, Forbidden, ConfirmationRequired.
    """
    rules.check_options(options or {})
    service, chosen = addon_services.plan_for(tx, plan)
    check_paid(tx, actor, app, chosen)
    allowed_addon_services.check(tx, actor, app, service.name)
    _check_room(tx, app, service)
    given = rules.check_name(name) if name is not None else _free_name(tx, service)
    names = attachments.names_for(context, tx, actor, app, service, attachment, confirm)
    addon = _insert(tx, actor, app, service, chosen, given, options or {})
    for one in names:
        attachments.insert(tx, actor, addon, app, one, None)
    changes.record(tx, "addon", app.id)
    return addon


def _free_name(tx: Transaction, service: AddOnService) -> str:
    for _ in range(_ATTEMPTS):
        name = rules.random_name(service.name, random.SystemRandom())
        if addons.find(tx, name) is None:
            return name
    raise InvalidParams("cannot find a free name: give one yourself")


def check_paid(tx: Transaction, actor: Actor, app: App, *plans: Plan) -> None:
    if any(plan.cents for plan in plans):
        access.app_for(tx, actor, app.id, "addon:pay")


def _check_room(tx: Transaction, app: App, service: AddOnService) -> None:
    present = addons.list_of_app(tx, app.id)
    if len(present) >= rules.MOST:
        raise InvalidParams(f"cannot add {service.name}: {app.name} has {rules.MOST} add-ons, the most an app may have")
    same = [addon for addon in present if addon.service == service.name]
    if same and not service.many:
        raise InvalidParams(f"cannot add {service.name}: {app.name} has {same[0].name} already and needs but one")
    if service.regions and app.region not in service.regions:
        raise InvalidParams(
            f"cannot add {service.name} to {app.name}: it is not offered in the region {app.region}, only in "
            f"{', '.join(service.regions)}, and would be too far away"
        )


def _insert(
    tx: Transaction,
    actor: Actor,
    app: App,
    service: AddOnService,
    plan: Plan,
    name: str,
    options: Mapping[str, str],
) -> AddOn:
    addon = AddOn(
        id=str(uuid.uuid4()),
        app_id=app.id,
        name=name,
        service=service.name,
        plan=plan.name,
        state=AddOnState.PROVISIONING,
        provider_id=None,
        message="",
        failures=0,
        retry_at=None,
        created_at=now(),
        updated_at=now(),
        account_id=actor.account.id,
        begun_at=now(),
    )
    addons.insert(tx, addon, options)
    tell(tx, "create", addon, by=actor)
    return addon


def tell(
    tx: Transaction,
    verb: str,
    addon: AddOn,
    *,
    by: Actor | None = None,
    previous: Mapping[str, object] | None = None,
) -> None:
    """An event of the add-on, of the app that owns it; `previous` is what was different before."""
    payload: dict[str, object] = {
        "name": addon.name,
        "plan": {"name": f"{addon.service}:{addon.plan}"},
        "state": addon.state,
    }
    if previous:
        payload["previous"] = previous
    events.insert(tx, f"addon:{verb}", app_id=addon.app_id, by=by, resource_id=addon.id, payload=payload)
