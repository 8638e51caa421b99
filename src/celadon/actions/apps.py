"""Apps: create, rename, destroy."""

import random
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence

import sqlalchemy as sa

from celadon.actions import access, addons, releases
from celadon.actions.context import Context, now
from celadon.model import app as rules
from celadon.model import release as release_rules
from celadon.model import stack as stacks
from celadon.model.account import Account, Actor
from celadon.model.app import App, Collaborator, Permission
from celadon.model.dyno import DynoRequest
from celadon.model.errors import Forbidden, InvalidParams
from celadon.model.range import Range
from celadon.model.release import ReleaseStatus
from celadon.model.team import Team
from celadon.store import (
    accounts,
    apps,
    builds,
    changes,
    configs,
    domains,
    dynos,
    events,
    pipelines,
    promotions,
    sni_endpoints,
)
from celadon.store.database import Transaction

STACK = stacks.CURRENT
REGION = "us"
# An app, its owner, and the team whose account that is.
Owned = tuple[App, Account, Team | None]
_BY_NAME = Range(attribute="name")
_ATTEMPTS = 20


def create(
    context: Context,
    actor: Actor,
    *,
    name: str | None = None,
    region: str | None = None,
    stack: str | None = None,
    team: str | None = None,
    locked: bool = False,
    also: Callable[[Transaction, App], None] | None = None,
) -> App:
    """Make an app with its first two releases, for the actor or a team; a random name when none is given.

    `also` writes what is to be there from the app's first moment on. Raises InvalidParams, Forbidden, NotFound for a team.
    """
    access.require_write(actor)
    if name is not None:
        rules.check_name(name)
    if region not in (None, REGION):
        raise InvalidParams(f"cannot create an app in region {region[:40]!r}: the only region here is {REGION}")
    stacks.check(stack, "create an app on")
    for _ in range(_ATTEMPTS):
        try:
            with context.database.transaction() as tx:
                owner_id = access.team_for(tx, actor, team, "team:create-app").account_id if team else actor.account.id
                chosen = name or rules.random_name(random.SystemRandom())
                app = _insert(context, tx, actor, chosen, owner_id, locked=locked)
                if also is not None:
                    also(tx, app)
                return app
        except sa.exc.IntegrityError:
            # The name is taken, or another app got the same number in this moment.
            with context.database.read() as tx:
                taken = name is not None and apps.find(tx, name) is not None
            if taken:
                raise InvalidParams(f"Name {name} is already taken") from None
    raise InvalidParams("cannot find a free name: give one yourself")


def _insert(context: Context, tx: Transaction, actor: Actor, name: str, owner_id: str, *, locked: bool) -> App:
    check_limit(context, tx, owner_id, f"create {name}")
    app = App(
        id=str(uuid.uuid4()),
        name=name,
        number=apps.next_number(tx),
        owner_id=owner_id,
        stack=STACK,
        region=REGION,
        maintenance=False,
        buildpack_provided_description=None,
        repo_size=None,
        slug_size=None,
        created_at=now(),
        updated_at=now(),
        locked=locked,
    )
    apps.insert(tx, app)
    if owner_id != actor.account.id:
        give_everything(tx, app.id, actor.account.id)
    config_id = configs.insert(tx, app.id, {}, now())
    for description in (release_rules.INITIAL, release_rules.ENABLE_LOGPLEX):
        releases.insert(tx, app, actor.account.id, None, config_id, description, ReleaseStatus.SUCCEEDED)
    events.insert(tx, "app:create", app_id=app.id, by=actor, resource_id=app.id)
    changes.record(tx, "app", app.id)
    return app


def check_limit(context: Context, tx: Transaction, owner_id: str, intent: str) -> None:
    """Raises Forbidden when an owner has all the apps there may be; the owner's row stays locked."""
    limit = context.settings.app_limit
    accounts.lock(tx, owner_id)
    if apps.count_owned(tx, owner_id) >= limit:
        raise Forbidden(f"cannot {intent}: its owner has {limit} apps already, which is the limit; destroy one first")


def give_everything(tx: Transaction, app_id: str, account_id: str) -> None:
    """Who brings an app into a team keeps all permissions on it, whatever they are in the team."""
    given = Collaborator(app_id=app_id, account_id=account_id, created_at=now(), permissions=tuple(Permission))
    apps.delete_collaborators(tx, app_id=app_id, account_ids=[account_id])
    apps.add_collaborator(tx, given)


def list_visible(context: Context, actor: Actor, wanted: Range = _BY_NAME, *, shared_only: bool = False) -> list[Owned]:
    """The actor's own apps and those shared with them that are within the bounds, and one more than is wanted.

    `shared_only` leaves those out that the actor sees only as a member of a team.
    """
    access.require_read(actor)
    with context.database.read() as tx:
        return _owned(tx, apps.page_visible(tx, actor.account.id, wanted, shared_only=shared_only))


def list_of(context: Context, actor: Actor, ids: Collection[str]) -> list[App]:
    """Those of these apps that the actor sees, by name."""
    access.require_read(actor)
    with context.database.read() as tx:
        return access.visible_apps(tx, actor, ids)


def find(context: Context, actor: Actor, name_or_id: str, permission: str = "app:read") -> App:
    """Raises NotFound, Forbidden."""
    with context.database.read() as tx:
        return access.app_for(tx, actor, name_or_id, permission)


def allowed(context: Context, actor: Actor, name_or_id: str) -> frozenset[str]:
    """What the actor may do to the app, in the words of `access.PERMISSIONS`; raises NotFound."""
    with context.database.read() as tx:
        return access.allowed(tx, actor, access.app_for(tx, actor, name_or_id, "app:read"))


def owned(context: Context, found: Sequence[App]) -> list[Owned]:
    """These apps with whose they are."""
    with context.database.read() as tx:
        return _owned(tx, found)


def _owned(tx: Transaction, found: Sequence[App]) -> list[Owned]:
    owners = accounts.owners(tx, {app.owner_id for app in found})
    return [(app, *owners[app.owner_id]) for app in found]


def collaborators(context: Context, actor: Actor, name_or_id: str) -> list[tuple[Account, str]]:
    """Who has access and as what: the owner first, then the collaborators."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, name_or_id, "app:read")
        people = [app.owner_id] + [entry.account_id for entry in apps.collaborators(tx, app.id)]
        found = accounts.by_ids(tx, set(people))
    return [(found[person], "owner" if person == app.owner_id else "collaborator") for person in people]


def update(
    context: Context,
    actor: Actor,
    name_or_id: str,
    *,
    name: str | None = None,
    maintenance: bool | None = None,
    repository_url: str | None = None,
) -> App:
    """Rename an app (it answers at its new host name at once), switch maintenance, or say where its code can be looked at
    (nowhere when that is empty); raises InvalidParams, Forbidden.
    """
    values: dict[str, object] = {}
    if repository_url is not None:
        values["repository_url"] = rules.check_repository_url(repository_url)
    try:
        with context.database.transaction() as tx:
            app = access.app_for(tx, actor, name_or_id, "app:rename" if name is not None else "app:update")
            if name is not None and name != app.name:
                values["name"] = rules.check_name(name)
            if maintenance is not None:
                values["maintenance"] = maintenance
            apps.update(tx, app.id, now=now(), **values)
            events.insert(
                tx,
                "app:update",
                payload={**values, "previous": {name: getattr(app, name) for name in values}},
                line=_told(app, actor, values),
                app_id=app.id,
                by=actor,
                resource_id=app.id,
            )
            changes.record(tx, "app", app.id)
            updated = apps.find(tx, app.id)
    except sa.exc.IntegrityError:
        raise InvalidParams(f"Name {name} is already taken") from None
    assert updated is not None
    return updated


def _told(app: App, by: Actor, values: Mapping[str, object]) -> str | None:
    """What the app's log says of an update with these values."""
    if "maintenance" in values:
        return f"Maintenance mode {'enabled' if values['maintenance'] else 'disabled'} by user {by.email}"
    if "name" in values:
        return f"Renamed from {app.name} to {values['name']} by user {by.email}"
    if "repository_url" in values:
        return f"Repository link {'set' if values['repository_url'] else 'removed'} by user {by.email}"
    return None


def destroy(context: Context, actor: Actor, name_or_id: str) -> App:
    """Take the app away: its name is free, its dynos stop, its host answers no more. Raises NotFound, Forbidden."""
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, name_or_id, "app:destroy")
        remove(context, tx, app, actor)
    return app


def remove(context: Context, tx: Transaction, app: App, by: Actor) -> None:
    """As `destroy`; the caller has checked that it may. Its add-ons go, too: their role tells their providers."""
    addons.remove_all(context, tx, app, by)
    apps.lock(tx, app.id)
    # Those that were asked for until then: add-ons are locked before their apps everywhere.
    addons.remove_all(context, tx, app, by)
    apps.update(tx, app.id, now=now(), deleted_at=now())
    domains.delete(tx, [domain.id for domain in domains.list_of(tx, app.id)])
    sni_endpoints.delete(tx, [endpoint.id for endpoint in sni_endpoints.list_of(tx, app.id)])
    pipelines.delete_coupling(tx, app.id)
    promotions.fail_all(tx, app.id, now=now(), error="The app was destroyed")
    dynos.request(tx, [dyno.id for dyno in dynos.list_of(tx, app.id)], DynoRequest.STOP)
    if pending := builds.pending_of(tx, app.id):
        builds.update(tx, pending.id, now=now(), cancel_requested=True)
    events.insert(tx, "app:destroy", app_id=app.id, by=by, resource_id=app.id)
    changes.record(tx, "app", app.id)
