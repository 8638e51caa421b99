"""Favourites: apps that an account likes to see first. They are nobody else's business, so no event tells of them."""

import sqlalchemy as sa

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.store import favourites


def app_ids(context: Context, actor: Actor) -> frozenset[str]:
    """Ids of the actor's favourites, also of apps that they see no more."""
    access.require_read(actor)
    with context.database.read() as tx:
        return favourites.app_ids(tx, actor.account.id)


def list_of(context: Context, actor: Actor) -> list[App]:
    """By name, those that the actor sees."""
    access.require_read(actor)
    with context.database.read() as tx:
        return access.visible_apps(tx, actor, favourites.app_ids(tx, actor.account.id))


def is_one(context: Context, actor: Actor, app: App) -> bool:
    with context.database.read() as tx:
        return favourites.is_one(tx, actor.account.id, app.id)


def add(context: Context, actor: Actor, app_name: str) -> App:
    """Once more changes nothing. Raises NotFound."""
    access.require_write(actor)
    try:
        with context.database.transaction() as tx:
            app = access.app_for(tx, actor, app_name, "app:read")
            favourites.insert(tx, actor.account.id, app.id, now())
    except sa.exc.IntegrityError:
        # It is one already, perhaps since a moment.
        with context.database.read() as tx:
            return access.app_for(tx, actor, app_name, "app:read")
    return app


def remove(context: Context, actor: Actor, app_name: str) -> App:
    """Of one that is none, it changes nothing. Raises NotFound."""
    access.require_write(actor)
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        favourites.delete(tx, actor.account.id, app.id)
    return app
