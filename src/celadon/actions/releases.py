"""Releases: what makes one, rollback, the end of a release phase."""

import uuid

from celadon.actions import access, attached_vars, deploy_hooks, formations
from celadon.actions.context import Context, now
from celadon.model import release as rules
from celadon.model.account import Account, Actor
from celadon.model.app import App
from celadon.model.dyno import RELEASE
from celadon.model.errors import InvalidParams, NotFound
from celadon.model.promotion import RELEASE_FAILED, TargetStatus
from celadon.model.release import Release, ReleaseStatus
from celadon.model.size import Sizes
from celadon.model.slug import KEPT, REACH, Slug, SlugStatus
from celadon.store import accounts, apps, changes, configs, events, promotions, releases, slugs
from celadon.store.database import Transaction


def insert(
    tx: Transaction,
    app: App,
    account_id: str,
    slug_id: str | None,
    config_id: str,
    description: str,
    status: ReleaseStatus,
) -> Release:
    """The next version; the caller has locked the app."""
    newest = releases.newest(tx, app.id)
    release = Release(
        id=str(uuid.uuid4()),
        app_id=app.id,
        version=newest.version + 1 if newest else 1,
        status=status,
        description=description,
        account_id=account_id,
        slug_id=slug_id,
        config_id=config_id,
        created_at=now(),
        updated_at=now(),
    )
    releases.insert(tx, release)
    return release


def deploy(
    tx: Transaction,
    app: App,
    by: Actor,
    slug: Slug | None,
    config_id: str,
    description: str,
    line: str,
    sizes: Sizes,
) -> Release:
    """Make a release of this slug and config. With a `release` process type it is pending until that has run."""
    phase = slug is not None and RELEASE in slug.process_types
    status = ReleaseStatus.PENDING if phase else ReleaseStatus.SUCCEEDED
    release = insert(tx, app, by.account.id, slug.id if slug else None, config_id, description, status)
    payload = {"version": release.version, "description": description}
    events.insert(
        tx,
        "release:create",
        payload=payload,
        line=f"{line} by user {by.email}",
        app_id=app.id,
        by=by,
        resource_id=release.id,
    )
    events.insert(
        tx,
        "release:name",
        line=f"Release {release.name} created by user {by.email}",
        app_id=app.id,
        by=by,
        resource_id=release.id,
    )
    if status is ReleaseStatus.SUCCEEDED:
        _succeed(tx, app, release, slug, sizes)
    changes.record(tx, "release", app.id)
    return release


def _succeed(tx: Transaction, app: App, release: Release, slug: Slug | None, sizes: Sizes) -> None:
    values: dict[str, object] = {"released_at": now()}
    if slug is not None:
        values["slug_size"] = slug.size
        values["buildpack_provided_description"] = slug.buildpack_provided_description
        values["stack"] = slug.stack
        formations.adopt(tx, app.id, slug.process_types, sizes)
    apps.update(tx, app.id, now=now(), **values)
    deploy_hooks.schedule(tx, release)


def finish(context: Context, release_id: str, *, succeeded: bool) -> None:
    """The release phase has ended; does nothing when that is known already."""
    with context.database.transaction() as tx:
        release = releases.find_by_id(tx, release_id)
        app = apps.lock(tx, release.app_id) if release else None
        if release is None or app is None or release.status is not ReleaseStatus.PENDING:
            return
        status = ReleaseStatus.SUCCEEDED if succeeded else ReleaseStatus.FAILED
        releases.update(tx, release.id, now=now(), status=status)
        if succeeded:
            slug = slugs.find(tx, release.slug_id) if release.slug_id else None
            _succeed(tx, app, release, slug, context.settings.sizes)
        ended = (TargetStatus.SUCCEEDED, None) if succeeded else (TargetStatus.FAILED, RELEASE_FAILED)
        promotions.finish(tx, release.id, now=now(), status=ended[0], error=ended[1])
        line = f"Release {release.name} command {'succeeded' if succeeded else 'failed'}"
        payload = {"previous": {"status": ReleaseStatus.PENDING}}
        events.insert(tx, "release:finish", app_id=app.id, resource_id=release.id, line=line, payload=payload)
        changes.record(tx, "release", app.id)


def rollback(context: Context, actor: Actor, app_name: str, to: str | None = None) -> Release:
    """A new release with the slug and config of an old one; the one before the current when none is named. What add-ons
    give is as it is now.

    Raises NotFound for an unknown release, InvalidParams for one that cannot be gone back to.
    """
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "release:create")
        apps.lock(tx, app.id)
        old = _target(tx, app, to)
        if old.slug_id is None:
            raise InvalidParams(f"cannot roll back to {old.name}: nothing had been deployed then; name a later release")
        if old.status is ReleaseStatus.FAILED:
            raise InvalidParams(f"cannot roll back to {old.name}: its release command failed; name another release")
        if old.slug_id not in slugs.ids_to_keep(tx, REACH, now(), app_id=app.id):
            raise InvalidParams(
                f"cannot roll back to {old.name}: only the last {REACH} releases keep their code; push it again"
            )
        description = rules.rollback_description(old.version)
        slug = slugs.find(tx, old.slug_id)
        config_id = attached_vars.renewed(tx, app.id, old.config_id)
        return deploy(tx, app, actor, slug, config_id, description, description, context.settings.sizes)


def _target(tx: Transaction, app: App, to: str | None) -> Release:
    if to is not None:
        found = releases.find(tx, app.id, to)
        if found is None:
            raise NotFound(
                "release", f"Couldn't find that release: {app.name} has no {to[:40]}; see `celadon releases`."
            )
        return found
    current = releases.current(tx, app.id)
    earlier = [
        release
        for release in releases.list_of(tx, app.id)
        if current
        and release.version < current.version
        and release.slug_id
        and release.status is ReleaseStatus.SUCCEEDED
    ]
    if not earlier:
        raise InvalidParams(f"cannot roll back {app.name}: there is no earlier release with code to go back to")
    return earlier[-1]


def create_from_slug(
    context: Context, actor: Actor, app_name: str, slug_id: str, description: str | None = None
) -> Release:
    """A release of a slug the app has already; raises NotFound, InvalidParams for a slug whose bytes have not come."""
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "release:create")
        apps.lock(tx, app.id)
        slug = slugs.find_of(tx, app.id, slug_id)
        if slug is None:
            raise NotFound("slug")
        if slug.status is not SlugStatus.READY:
            raise InvalidParams(f"cannot release that slug: {slug.error or 'it has not been uploaded and packed yet'}")
        if slug.id not in slugs.ids_to_keep(tx, KEPT, now(), app_id=app.id):
            raise InvalidParams(f"cannot release that slug: its code is gone, only the last {KEPT} are kept")
        text = description or rules.deploy_description(slug.commit)
        config_id, sizes = config_of(tx, app.id), context.settings.sizes
        return deploy(tx, app, actor, slug, config_id, text[:200], text[:200], sizes)


def config_of(tx: Transaction, app_id: str) -> str:
    """The id of the config a new release starts from."""
    newest = releases.newest(tx, app_id)
    assert newest is not None, "every app has its first release from the start"
    return newest.config_id


def list_of(context: Context, actor: Actor, app_name: str) -> tuple[App, list[Release], Release | None]:
    """The app, its releases by version, and the one that serves."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        return app, releases.list_of(tx, app.id), releases.current(tx, app.id)


def find(context: Context, actor: Actor, app_name: str, release_id: str) -> tuple[App, Release, Release | None]:
    """The app, one release, and the one that serves; raises NotFound."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        release = releases.find(tx, app.id, release_id)
        if release is None:
            raise NotFound("release")
        return app, release, releases.current(tx, app.id)


def config_vars(context: Context, actor: Actor, app_name: str, release_id: str) -> dict[str, str]:
    """The config vars a release runs with; raises NotFound."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "config:read")
        release = releases.find(tx, app.id, release_id)
        if release is None:
            raise NotFound("release")
        return configs.find(tx, release.config_id)


def output_key(context: Context, release_id: str) -> str:
    """The secret of the URL that a release phase's output is read by."""
    return context.database.secrets.sign("release-output", release_id)


def authors(context: Context, found: list[Release]) -> dict[str, Account]:
    """Account id → account, for those who made these releases."""
    with context.database.read() as tx:
        return accounts.by_ids(tx, {release.account_id for release in found})


def with_phase(context: Context, found: list[Release]) -> set[str]:
    """Ids of those of these releases whose slug has a release command."""
    with context.database.read() as tx:
        used = slugs.by_ids(tx, {release.slug_id for release in found if release.slug_id})
    return {release.id for release in found if release.slug_id and RELEASE in used[release.slug_id].process_types}
