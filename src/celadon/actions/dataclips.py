"""Dataclips: kept queries of an app's databases, and who may see what they answer.

Whoever may read the config vars of the app that owns a database, its URL among them, may do everything with its clips.
Whoever has a link that has not been revoked may read the result of one, and needs no account.
"""

import re
import secrets
import uuid
from dataclasses import dataclass, replace

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.model import dataclip as rules
from celadon.model.account import Account, Actor
from celadon.model.addon import AddOn, AddOnState
from celadon.model.app import App
from celadon.model.dataclip import Dataclip, Result, Version
from celadon.model.errors import Forbidden, InvalidParams, NotFound
from celadon.model.postgres_database import SERVICE
from celadon.store import accounts, addons, apps, attachments, dataclips, events
from celadon.store.database import Transaction

# 128 bits, as 22 characters.
_LINK_BYTES = 16
_LINK = re.compile(r"[A-Za-z0-9_-]{22}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A clip with the app it was asked for in, its database and who made it."""

    dataclip: Dataclip
    app: App
    addon: AddOn
    account: Account


def list_of(context: Context, actor: Actor, app_name: str) -> list[Described]:
    """Of all databases of the app, oldest first."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "dataclip:read")
        databases = {addon.id: addon for addon in _databases(tx, actor, app, "dataclip:read")}
        found = dataclips.list_of_addons(tx, databases)
        return [_described(tx, app, databases[dataclip.addon_id], dataclip) for dataclip in found]


def list_visible(context: Context, actor: Actor) -> list[Described]:
    """Of all databases whose clips the actor may read, in the apps that own them; oldest first."""
    access.require_read_secrets(actor)
    with context.database.read() as tx:
        found = [addon for addon in addons.list_visible(tx, actor.account.id) if addon.service == SERVICE]
        allowed = {app_id for app_id in {addon.app_id for addon in found} if _may(tx, actor, app_id, "dataclip:read")}
        databases = {addon.id: addon for addon in found if addon.app_id in allowed}
        by_id = {app.id: app for app in apps.by_ids(tx, allowed)}
        clips = dataclips.list_of_addons(tx, databases)
        people = accounts.by_ids(tx, {dataclip.account_id for dataclip in clips})
    return [
        Described(
            dataclip=dataclip,
            app=by_id[databases[dataclip.addon_id].app_id],
            addon=databases[dataclip.addon_id],
            account=people[dataclip.account_id],
        )
        for dataclip in clips
    ]


def find(context: Context, actor: Actor, app_name: str, dataclip_id: str) -> Described:
    """Raises NotFound."""
    with context.database.read() as tx:
        return _find(tx, actor, app_name, dataclip_id, "dataclip:read")


def versions(context: Context, actor: Actor, app_name: str, dataclip_id: str) -> list[tuple[Version, Account]]:
    """Newest first, with who made each. Raises NotFound."""
    with context.database.read() as tx:
        dataclip = _find(tx, actor, app_name, dataclip_id, "dataclip:read").dataclip
        found = dataclips.versions(tx, dataclip.id)
        people = {account_id: _account(tx, account_id) for account_id in {version.account_id for version in found}}
        return [(version, people[version.account_id]) for version in found]


def _find(tx: Transaction, actor: Actor, app_name: str, dataclip_id: str, permission: str) -> Described:
    app = access.app_for(tx, actor, app_name, permission)
    found = dataclips.find(tx, dataclip_id) if permission == "dataclip:read" else dataclips.lock(tx, dataclip_id)
    databases = {addon.id: addon for addon in _databases(tx, actor, app, permission)}
    if found is None or found.addon_id not in databases:
        raise NotFound("dataclip", f"Couldn't find that dataclip: {app.name} has no {dataclip_id[:40]!r}.")
    return _described(tx, app, databases[found.addon_id], found)


def _databases(tx: Transaction, actor: Actor, app: App, permission: str) -> list[AddOn]:
    """Those that the app owns or has attached, of apps in which the actor may do this."""
    found = [addon for addon in addons.list_about_app(tx, app.id) if addon.service == SERVICE]
    return [addon for addon in found if addon.app_id == app.id or _may(tx, actor, addon.app_id, permission)]


def _may(tx: Transaction, actor: Actor, app_id: str, permission: str) -> bool:
    try:
        access.app_for(tx, actor, app_id, permission)
    except (Forbidden, NotFound):
        return False
    return True


def _described(tx: Transaction, app: App, addon: AddOn, dataclip: Dataclip) -> Described:
    return Described(dataclip=dataclip, app=app, addon=addon, account=_account(tx, dataclip.account_id))


def _account(tx: Transaction, account_id: str) -> Account:
    found = accounts.find(tx, account_id)
    assert found is not None, "accounts keep their rows"
    return found


def create(
    context: Context, actor: Actor, app_name: str, *, query: str, title: str = "", database: str | None = None
) -> Described:
    """Keep a query of a database, by the name of an attachment or add-on; of DATABASE_URL's if none is given.

    Raises InvalidParams, NotFound.
    """
    checked, named = rules.check_query(query), rules.check_title(title)
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "dataclip:update")
        addon = _database(tx, actor, app, database)
        addons.lock(tx, addon.id)
        _check_room(tx, addon)
        at = now()
        dataclip = Dataclip(
            id=str(uuid.uuid4()),
            addon_id=addon.id,
            account_id=actor.account.id,
            title=named,
            query=checked,
            version=1,
            created_at=at,
            updated_at=at,
        )
        dataclips.insert(tx, dataclip)
        dataclips.insert_version(tx, _version(actor, dataclip))
        _tell(tx, actor, app, dataclip, "create")
        return _described(tx, app, addon, dataclip)


def _database(tx: Transaction, actor: Actor, app: App, named: str | None) -> AddOn:
    """Raises NotFound, InvalidParams."""
    found = _databases(tx, actor, app, "dataclip:update")
    wanted = named or "DATABASE_URL"
    attached = {attachment.name: attachment.addon_id for attachment in attachments.list_of_app(tx, app.id)}
    addon_id = attached.get(wanted.upper().removesuffix("_URL"))
    chosen = [addon for addon in found if addon_id == addon.id or wanted in (addon.name, addon.id)]
    if not chosen and named is None and len(found) == 1:
        chosen = found
    if not chosen:
        raise NotFound("add_on", f"Couldn't find that database: {app.name} has no {wanted[:60]!r} of {SERVICE}.")
    if chosen[0].state is not AddOnState.PROVISIONED:
        raise InvalidParams(f"cannot keep a dataclip of {chosen[0].name}: it is {chosen[0].state}")
    return chosen[0]


def _destination(tx: Transaction, actor: Actor, found: Described, named: str) -> AddOn:
    """The database that a clip is moved to: of its app, or any that the actor may keep clips of, by its add-on. Raises
    NotFound, InvalidParams."""
    elsewhere = addons.find(tx, named)
    if elsewhere is not None and elsewhere.service == SERVICE and _may(tx, actor, elsewhere.app_id, "dataclip:update"):
        if elsewhere.state is not AddOnState.PROVISIONED:
            raise InvalidParams(f"cannot move a dataclip to {elsewhere.name}: it is {elsewhere.state}")
        addon = elsewhere
    else:
        addon = _database(tx, actor, found.app, named)
    if addon.id != found.dataclip.addon_id:
        addons.lock(tx, addon.id)
        _check_room(tx, addon)
    return addon


def _check_room(tx: Transaction, addon: AddOn) -> None:
    if dataclips.count_of_addon(tx, addon.id) >= rules.MOST:
        raise InvalidParams(f"cannot keep another dataclip: {addon.name} has {rules.MOST} already, the most it may")


def _version(actor: Actor, dataclip: Dataclip) -> Version:
    return Version(
        id=str(uuid.uuid4()),
        dataclip_id=dataclip.id,
        version=dataclip.version,
        account_id=actor.account.id,
        title=dataclip.title,
        query=dataclip.query,
        created_at=dataclip.updated_at,
    )


def update(
    context: Context,
    actor: Actor,
    app_name: str,
    dataclip_id: str,
    *,
    query: str | None = None,
    title: str | None = None,
    database: str | None = None,
) -> Described:
    """Another version, with what is given changed; the one before is kept. In another database, which is named as for
    `create`, it has no link: who has one was to see that database's rows. Raises InvalidParams, NotFound.
    """
    with context.database.transaction() as tx:
        found = _find(tx, actor, app_name, dataclip_id, "dataclip:update")
        before = found.dataclip
        addon = found.addon if database is None else _destination(tx, actor, found, database)
        changed = replace(
            before,
            addon_id=addon.id,
            query=before.query if query is None else rules.check_query(query),
            title=before.title if title is None else rules.check_title(title),
        )
        if changed == before:
            return found
        after = replace(changed, version=before.version + 1, updated_at=now())
        dataclips.update(
            tx, after.id, now=after.updated_at, title=after.title, query=after.query, version=after.version
        )
        dataclips.insert_version(tx, _version(actor, after))
        if after.addon_id != before.addon_id:
            dataclips.move(tx, after.id, after.addon_id)
            if after.link is not None:
                dataclips.revoke(tx, after.id, after.updated_at)
                after = replace(after, link=None, revoked_at=after.updated_at)
        _tell(tx, actor, found.app, after, "update")
        app = found.app if addon.id == found.addon.id else access.app_for(tx, actor, addon.app_id, "dataclip:update")
        return replace(found, dataclip=after, app=app, addon=addon)


def remove(context: Context, actor: Actor, app_name: str, dataclip_id: str) -> Described:
    """With its versions, its result and its link. Raises NotFound."""
    with context.database.transaction() as tx:
        found = _find(tx, actor, app_name, dataclip_id, "dataclip:update")
        dataclips.delete(tx, found.dataclip.id)
        _tell(tx, actor, found.app, found.dataclip, "destroy")
        return found


def share(context: Context, actor: Actor, app_name: str, dataclip_id: str) -> Described:
    """Give it a link, unless it has one. Raises NotFound."""
    with context.database.transaction() as tx:
        found = _find(tx, actor, app_name, dataclip_id, "dataclip:update")
        if found.dataclip.link is not None:
            return found
        link, at = secrets.token_urlsafe(_LINK_BYTES), now()
        dataclips.share(tx, found.dataclip.id, link, at)
        _tell(tx, actor, found.app, found.dataclip, "share")
        return replace(found, dataclip=replace(found.dataclip, link=link, shared_at=at, updated_at=at))


def revoke(context: Context, actor: Actor, app_name: str, dataclip_id: str) -> Described:
    """Its link leads nowhere any more, and never again; another one can be made. Raises NotFound."""
    with context.database.transaction() as tx:
        found = _find(tx, actor, app_name, dataclip_id, "dataclip:update")
        if found.dataclip.link is None:
            return found
        at = now()
        dataclips.revoke(tx, found.dataclip.id, at)
        _tell(tx, actor, found.app, found.dataclip, "revoke")
        return replace(found, dataclip=replace(found.dataclip, link=None, revoked_at=at, updated_at=at))


def find_shared(context: Context, link: str) -> Dataclip:
    """Raises NotFound, for a link that was revoked as for one that never was."""
    if _LINK.match(link):
        with context.database.read() as tx:
            found = dataclips.find_by_link(tx, link)
            addon = addons.find_by_id(tx, found.addon_id) if found else None
            if found is not None and addon is not None and addon.state is AddOnState.PROVISIONED:
                return found
    raise NotFound("dataclip", "There is no such dataclip: its link has a typing error, or it is shared no longer.")


def result(context: Context, dataclip: Dataclip) -> Result | None:
    """What this version of the clip answered last. The caller has seen to it that the reader may know."""
    with context.database.read() as tx:
        found = dataclips.result(tx, dataclip.id)
        return found if found is not None and found.version == dataclip.version else None


def keep_result(context: Context, found: Result) -> None:
    """Keep what a version answered, unless the clip is gone or is another by now."""
    with context.database.transaction() as tx:
        dataclip = dataclips.lock(tx, found.dataclip_id)
        if dataclip is not None and dataclip.version == found.version:
            dataclips.set_result(tx, found)


def _tell(tx: Transaction, actor: Actor, app: App, dataclip: Dataclip, verb: str) -> None:
    # Neither query nor title, which may say what nobody else is to know.
    events.insert(tx, f"dataclip:{verb}", app_id=app.id, by=actor, resource_id=dataclip.id)
