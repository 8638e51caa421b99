"""Repositories of apps: what is asked of the git role."""

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.errors import NotFound
from celadon.model.repository import Repository, check_source_path, packing_due
from celadon.store import apps, builds, changes, events, repositories
from celadon.store.database import Transaction


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


def set_source_path(context: Context, actor: Actor, app_name: str, path: str) -> tuple[App, Repository]:
    """Have later builds take one folder of the source as all of it; all of it again when the path is empty.

    Raises NotFound, Forbidden, InvalidParams.
    """
    wanted = check_source_path(path)
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "buildpack:update")
        if apps.lock(tx, app.id) is None:
            raise NotFound("app")
        before = repositories.find(tx, app.id).source_path
        repositories.update(tx, app.id, source_path=wanted)
        line = (
            f"Set source path to {wanted} by user {actor.email}"
            if wanted
            else f"Clear source path by user {actor.email}"
        )
        payload = {"source_path": wanted, "previous": {"source_path": before}}
        events.insert(tx, "repository:update", line=line, payload=payload, app_id=app.id, by=actor, resource_id=app.id)
        changes.record(tx, "repository", app.id)
        return app, repositories.find(tx, app.id)


def source_path(context: Context, app_id: str) -> str | None:
    """The folder that builds of the app take, None for all of the source."""
    with context.database.read() as tx:
        return repositories.find(tx, app_id).source_path


def to_reset(context: Context) -> list[App]:
    """Apps whose repository is to be reset."""
    with context.database.read() as tx:
        return repositories.list_to_reset(tx)


def waits_for_reset(context: Context, app_id: str) -> bool:
    with context.database.read() as tx:
        return repositories.find(tx, app_id).reset_requested


def reset_done(context: Context, app_id: str) -> None:
    """The git role has reset the repository: it is empty."""
    with context.database.transaction() as tx:
        if apps.lock(tx, app_id) is None:
            return
        repositories.update(tx, app_id, reset_requested=False, gc_requested=False, pushes=0, pushed_at=None)
        apps.update(tx, app_id, now=now(), repo_size=None)
        changes.record(tx, "app", app_id)


def pushed(context: Context, app_id: str, size: int) -> None:
    """Refs have moved: the repository now has so many bytes."""
    with context.database.transaction() as tx:
        if apps.lock(tx, app_id) is None:
            return
        repositories.update(tx, app_id, pushes=repositories.find(tx, app_id).pushes + 1, pushed_at=now())
        apps.update(tx, app_id, now=now(), repo_size=size)
        changes.record(tx, "app", app_id)


def ask_to_pack(context: Context) -> int:
    """Ask the git role to pack one repository for which it is time; how many were asked for. At most one is, at a time."""
    with context.database.read() as tx:
        found = None if repositories.list_to_pack(tx) else _due(tx)
    if found is None:
        return 0
    with context.database.transaction() as tx:
        if apps.lock(tx, found.app_id) is None:
            return 0
        repositories.update(tx, found.app_id, gc_requested=True)
        changes.record(tx, "repository", found.app_id)
    return 1


def _due(tx: Transaction) -> Repository | None:
    quiet = not builds.list_pending(tx)
    return next((found for found in repositories.list_pushed(tx) if packing_due(found, now(), quiet=quiet)), None)


def to_pack(context: Context) -> tuple[App, Repository] | None:
    """An app whose repository is to be packed."""
    with context.database.read() as tx:
        found = repositories.list_to_pack(tx)
        return (found[0], repositories.find(tx, found[0].id)) if found else None


def packed(context: Context, app_id: str, *, pushes: int, size: int) -> None:
    """The git role has packed a repository, or tried: so many pushes were in it, and it now has so many bytes."""
    with context.database.transaction() as tx:
        if apps.lock(tx, app_id) is None:
            return
        left = max(0, repositories.find(tx, app_id).pushes - pushes)
        repositories.update(tx, app_id, gc_requested=False, gc_at=now(), pushes=left)
        apps.update(tx, app_id, now=now(), repo_size=size or None)
        changes.record(tx, "app", app_id)
