"""Provisioning: what the `addons` role finds to do, and what it says came of it.

A provider's answer is written in one transaction: state, config, the config vars of every app with an attachment, their
releases. What comes when it is not waited for any more, changes nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from celadon.actions import addon_services, attachments, placing
from celadon.actions.context import Context, now
from celadon.model import addon as rules
from celadon.model import config as config_rules
from celadon.model.account import Actor
from celadon.model.addon import AddOn, AddOnState, Attachment, Work
from celadon.model.app import App
from celadon.model.errors import Conflict, InvalidParams
from celadon.store import accounts, apps, authorizations, changes
from celadon.store import addons as stored
from celadon.store import attachments as stored_attachments
from celadon.store.database import Transaction

_LONGEST_MESSAGE = 2000


def due(context: Context) -> list[AddOn]:
    """Add-ons with something to be done now."""
    with context.database.read() as tx:
        return stored.list_due(tx, now())


def find(context: Context, addon_id: str) -> AddOn | None:
    """As it is now."""
    with context.database.read() as tx:
        return stored.find_by_id(tx, addon_id)


def owner(context: Context, addon: AddOn) -> App | None:
    """The app it is for, also when that has been destroyed."""
    with context.database.read() as tx:
        return apps.find_any(tx, addon.app_id)


def options(context: Context, addon_id: str) -> dict[str, str]:
    """What the user told the provider."""
    with context.database.read() as tx:
        return stored.options(tx, addon_id)


def log_token(context: Context, addon_id: str) -> str:
    """By which the provider may write to the app's log."""
    return stored.log_token(context.database.secrets, addon_id)


def provisioned(
    context: Context, addon_id: str, *, provider_id: str, config: Mapping[str, str] | None, message: str = ""
) -> None:
    """The provider has made it, or, without a config, says later that it has. Raises InvalidParams for a config whose
    names cannot be config vars'.
    """
    _check_config(config or {})
    with context.database.transaction() as tx:
        addon = stored.lock(tx, addon_id)
        if addon is None or not addon.alive:
            return
        said = {"provider_id": provider_id, "message": message[:_LONGEST_MESSAGE]}
        if addon.state is not AddOnState.PROVISIONING:
            # Destroyed meanwhile, or finished already: it is known now by what name, and what was said with it.
            stored.update(tx, addon.id, now=now(), **said)
            return
        stored.update(tx, addon.id, now=now(), awaited=config is None, failures=0, retry_at=None, **said)
        if config is not None:
            stored.set_config(tx, addon.id, "", config)
            _finish(context, tx, addon)
        changes.record(tx, "addon", addon.app_id)


def finished(context: Context, addon_id: str) -> None:
    """The provider that said so later has given its config and is done; nothing for one that is not awaited."""
    with context.database.transaction() as tx:
        addon = stored.lock(tx, addon_id)
        if addon is not None and addon.state is AddOnState.PROVISIONING:
            _finish(context, tx, addon)
            changes.record(tx, "addon", addon.app_id)


def _finish(context: Context, tx: Transaction, addon: AddOn) -> None:
    done = {"state": AddOnState.PROVISIONED, "awaited": False, "failures": 0, "retry_at": None}
    stored.update(tx, addon.id, now=now(), **done)
    by = _author(tx, addon)
    for app, names in _apps_of(tx, addon):
        own = app.id == addon.app_id
        text = f"Add {addon.service}:{addon.plan} add-on" if own else attachments.description("Attach", names, addon)
        attachments.renew(context, tx, app, by, text)
    _tell(tx, "update", addon, {"state": addon.state})


def plan_changed(
    context: Context, addon_id: str, plan: str, *, config: Mapping[str, str] | None, message: str = ""
) -> None:
    """The provider has moved it to the plan; without a config, that stays as it is. Raises InvalidParams."""
    _check_config(config or {})
    with context.database.transaction() as tx:
        addon = stored.lock(tx, addon_id)
        if addon is None or addon.work is not Work.CHANGE_PLAN or addon.plan_wanted != plan:
            return
        done = {"plan": plan, "plan_wanted": None, "failures": 0, "retry_at": None}
        stored.update(tx, addon.id, now=now(), message=message[:_LONGEST_MESSAGE], **done)
        if config is not None:
            stored.set_config(tx, addon.id, "", config)
            _renew(context, tx, [addon], {(addon.id, "")})
        _tell(tx, "update", addon, {"plan": {"name": f"{addon.service}:{addon.plan}"}})
        changes.record(tx, "addon", addon.app_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A config of an add-on's; None for no more of its namespace."""

    addon_id: str
    namespace: str
    config: Mapping[str, str] | None = field(repr=False)


def config_changed(context: Context, addon_id: str, config: Mapping[str, str] | None, namespace: str = "") -> None:
    """The provider gives another config (None: no more, of a namespace); apps with it get a release. Raises InvalidParams."""
    with context.database.transaction() as tx:
        give(context, tx, [Given(addon_id=addon_id, namespace=namespace, config=config)])


def give(context: Context, tx: Transaction, given: Sequence[Given]) -> None:
    """A provider gives other configs, also of several add-ons: an app gets one release for all. Raises InvalidParams."""
    changed = []
    for one in given:
        _check_config(one.config or {})
    for addon_id in sorted({one.addon_id for one in given}):
        addon = stored.lock(tx, addon_id)
        if addon is None or addon.state not in (AddOnState.PROVISIONING, AddOnState.PROVISIONED):
            continue
        mine = [one for one in given if one.addon_id == addon_id]
        others = [one for one in mine if stored.config(tx, addon_id, one.namespace) != one.config]
        for one in others:
            stored.set_config(tx, addon_id, one.namespace, one.config)
        if others and addon.state is AddOnState.PROVISIONED:
            changed.append(addon)
        changes.record(tx, "addon", addon.app_id)
    _renew(context, tx, changed, {(one.addon_id, one.namespace) for one in given})
    for addon in changed:
        _tell(tx, "update", addon)


def patch_config(context: Context, addon: AddOn, entries: Mapping[str, str | None]) -> dict[str, str]:
    """Its provider changes some names of its config, and removes those with None; returns all. Raises InvalidParams."""
    begins = prefix(context, addon.service)
    for name in entries:
        if name != begins and not name.startswith(f"{begins}_"):
            raise InvalidParams(f"cannot set {name[:60]!r}: config vars of {addon.service} begin with {begins}")
    _check_config({name: value for name, value in entries.items() if value is not None})
    with context.database.transaction() as tx:
        locked = stored.lock(tx, addon.id)
        if locked is None or locked.state not in (AddOnState.PROVISIONING, AddOnState.PROVISIONED):
            raise Conflict(f"cannot change the config of {addon.name}: it is being destroyed")
        merged = {**(stored.config(tx, locked.id, "") or {}), **entries}
        config = {name: value for name, value in merged.items() if value is not None}
        give(context, tx, [Given(addon_id=locked.id, namespace="", config=config)])
    return config


def _renew(context: Context, tx: Transaction, addons: Sequence[AddOn], given: Collection[tuple[str, str]]) -> None:
    """Releases of the apps that have these add-ons, where these configs of theirs (add-on, namespace) are others now."""
    if not addons:
        return
    by, service = _author(tx, addons[0]), addons[0].service
    attached = stored_attachments.list_of_addons(tx, [addon.id for addon in addons])
    for app, names in _apps_with(tx, [one for one in attached if (one.addon_id, one.namespace or "") in given]):
        attachments.renew(context, tx, app, by, f"Update {', '.join(names)} by {service}", always=False)


def refused(context: Context, addon_id: str, message: str) -> None:
    """The provider will not: an add-on that was being made is gone, one that was being moved stays as it is."""
    with context.database.transaction() as tx:
        addon = stored.lock(tx, addon_id)
        work = addon.work if addon else None
        if addon is None or work not in (Work.PROVISION, Work.CHANGE_PLAN):
            return
        text = message[:_LONGEST_MESSAGE] or "its provider refused, and gave no reason"
        if work is Work.PROVISION:
            _end(tx, addon, text)
        else:
            stored.update(tx, addon.id, now=now(), plan_wanted=None, failures=0, retry_at=None, message=text)
        changes.record(tx, "addon", addon.app_id)


def failed(context: Context, addon_id: str, message: str, *, own: bool = False) -> None:
    """The provider did not do it this time: it is asked again later, and after a day no more.

    What it may have made without saying so is removed before an add-on that is given up is gone. What the platform's
    `own` provider has made is removed however long that takes: nobody else would ever look after it.
    """
    with context.database.transaction() as tx:
        addon = stored.lock(tx, addon_id)
        if addon is None or addon.work is None:
            return
        failures = addon.failures + 1
        for_ever = own and addon.work is Work.DEPROVISION
        retry_at = rules.next_try(addon.begun_at, failures, now(), for_ever=for_ever)
        if retry_at is not None:
            stored.update(tx, addon.id, now=now(), failures=failures, retry_at=retry_at)
            return
        text = f"given up after a day: {message}"[:_LONGEST_MESSAGE]
        begun = {"begun_at": now(), "failures": 0, "retry_at": None, "awaited": False, "message": text}
        match addon.work:
            case Work.PROVISION:
                _detach(tx, addon)
                stored.update(tx, addon.id, now=now(), state=AddOnState.DEPROVISIONING, **begun)
                _tell(tx, "destroy", addon)
            case Work.CHANGE_PLAN:
                stored.update(tx, addon.id, now=now(), plan_wanted=None, **begun)
            case Work.DEPROVISION:
                stored.update(tx, addon.id, now=now(), message=addon.message or text)
                _gone(tx, addon)
        changes.record(tx, "addon", addon.app_id)


def deprovisioned(context: Context, addon_id: str) -> None:
    """Nothing is left of it at its provider."""
    with context.database.transaction() as tx:
        addon = stored.lock(tx, addon_id)
        if addon is None or addon.state is not AddOnState.DEPROVISIONING:
            return
        _gone(tx, addon)
        changes.record(tx, "addon", addon.app_id)


def withdrawn(context: Context, addon_id: str) -> None:
    """The provider itself has removed it: one that was being made, or that was to be removed."""
    with context.database.transaction() as tx:
        addon = stored.lock(tx, addon_id)
        if addon is None or addon.state not in (AddOnState.PROVISIONING, AddOnState.DEPROVISIONING):
            return
        if addon.state is AddOnState.PROVISIONING:
            _end(tx, addon, addon.message or "its provider could not make it")
        else:
            _gone(tx, addon)
        changes.record(tx, "addon", addon.app_id)


def _end(tx: Transaction, addon: AddOn, message: str) -> None:
    """One that never was."""
    _detach(tx, addon)
    stored.update(tx, addon.id, now=now(), message=message)
    _gone(tx, addon)
    _tell(tx, "destroy", addon)


def _gone(tx: Transaction, addon: AddOn) -> None:
    stored.update(tx, addon.id, now=now(), state=AddOnState.DEPROVISIONED, awaited=False, retry_at=None)
    stored.forget(tx, addon.id)
    authorizations.delete_of_partner(tx, addon.id)


def _detach(tx: Transaction, addon: AddOn) -> None:
    """It gave nothing yet, so that no app has another config then."""
    attachments.delete(tx, _author(tx, addon), addon, stored_attachments.list_of_addons(tx, [addon.id]))


def _tell(tx: Transaction, verb: str, before: AddOn, previous: Mapping[str, object] | None = None) -> None:
    addon = stored.find_by_id(tx, before.id)
    assert addon is not None, "its row is locked"
    placing.tell(tx, verb, addon, previous=previous)


def _author(tx: Transaction, addon: AddOn) -> Actor:
    """Whose releases these are: of who asked for the add-on."""
    account = accounts.find(tx, addon.account_id)
    assert account is not None, "the row of an account is never deleted"
    return Actor(account=account)


def _apps_of(tx: Transaction, addon: AddOn) -> list[tuple[App, list[str]]]:
    """The apps that have it attached, locked, with the names it has there."""
    return _apps_with(tx, stored_attachments.list_of_addons(tx, [addon.id]))


def _apps_with(tx: Transaction, found: Collection[Attachment]) -> list[tuple[App, list[str]]]:
    """The apps of these attachments, locked, with their names there."""
    names: dict[str, list[str]] = {}
    for one in found:
        names.setdefault(one.app_id, []).append(one.name)
    locked = [(apps.lock(tx, app_id), some) for app_id, some in sorted(names.items())]
    return [(app, some) for app, some in locked if app is not None]


def _check_config(config: Mapping[str, str]) -> None:
    for name, value in config.items():
        config_rules.check(name, value)


def prefix(context: Context, service: str) -> str:
    """What the names of a service's config vars begin with."""
    with context.database.read() as tx:
        return addon_services.prefixes(tx)[service]
