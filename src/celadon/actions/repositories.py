"""Repositories of apps: what is asked of the git role."""

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.errors import NotFound
from celadon.model.repository import Repository
from celadon.store import apps, changes, events, repositories


def find(context: Context, actor: Actor, app_name: str) -> tuple[App, Repository]:
    """Raises NotFound."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        return app, repositories.find(tx, app.id)


def reset(context: Context, actor: Actor, app_name: str) -> tuple[App, Repository]:
    """Ask the git role to empty the repository, once no push to it or clone of it runs; later ones wait for that.

    Releases, slugs and what is built stay. Raises NotFound, Forbidden.
    """
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "code:push")
        if apps.lock(tx, app.id) is None:
            raise NotFound("app")
        repositories.update(tx, app.id, reset_requested=True)
        line = f"Reset repository by user {actor.email}"
        events.insert(tx, "repository:reset", line=line, app_id=app.id, by=actor, resource_id=app.id)
        changes.record(tx, "repository", app.id)
        return app, repositories.find(tx, app.id)


def to_reset(context: Context) -> list[App]:
    """Apps whose repository is to be emptied."""
    with context.database.read() as tx:
        return repositories.list_to_reset(tx)


def waits_for_reset(context: Context, app_id: str) -> bool:
    with context.database.read() as tx:
        return repositories.find(tx, app_id).reset_requested


def emptied(context: Context, app_id: str) -> None:
    """The git role has emptied the repository."""
    with context.database.transaction() as tx:
        if apps.lock(tx, app_id) is None:
            return
        repositories.update(tx, app_id, reset_requested=False, pushes=0, pushed_at=None)
        apps.update(tx, app_id, now=now(), repo_size=None)
        changes.record(tx, "app", app_id)
