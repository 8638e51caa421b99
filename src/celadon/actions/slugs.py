"""Slugs of an app."""

from celadon.actions import access
from celadon.actions.context import Context
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.errors import NotFound
from celadon.model.slug import Slug
from celadon.store import slugs


def find(context: Context, actor: Actor, app_name: str, slug_id: str) -> tuple[App, Slug]:
    """Raises NotFound."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        slug = slugs.find_of(tx, app.id, slug_id)
    if slug is None:
        raise NotFound("slug")
    return app, slug
