"""Builds: accepted, compiled, finished. Only the build role compiles."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from celadon.actions import access, placing, releases, sources
from celadon.actions.context import Context, now
from celadon.model import config
from celadon.model import image as images
from celadon.model import release as release_rules
from celadon.model import stack as stacks
from celadon.model.account import Account, Actor
from celadon.model.app import App
from celadon.model.build import Build, BuildStatus
from celadon.model.errors import CeladonError, Conflict, InvalidParams, NotFound
from celadon.model.image import Image
from celadon.model.release import Release
from celadon.model.slug import Slug
from celadon.store import accounts, apps, buildpacks, builds, changes, configs, events, repositories, secrets, slugs
from celadon.store import releases as stored_releases
from celadon.store.database import Transaction

# Why a build that was cancelled has failed.
CANCELLED = "the build was cancelled"
# What was different of a build before it finished.
_WAS_PENDING = {"previous": {"status": BuildStatus.PENDING}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be built, as whoever asks for it says; in the words of a Build. Without `buildpack_urls` it has the app's."""

    commit: str | None = None
    commit_description: str | None = None
    source_url: str | None = None
    source_checksum: str | None = None
    source_id: str | None = None
    buildpack_urls: tuple[str, ...] | None = None
    git_log: str | None = None
    image: str | None = None


def create(
    context: Context,
    actor: Actor,
    app_name: str,
    *,
    build_id: str | None = None,
    commit: str | None = None,
    commit_description: str | None = None,
    source_url: str | None = None,
    source_checksum: str | None = None,
    buildpack_urls: tuple[str, ...] | None = None,
    git_log: str | None = None,
) -> Build:
    """Accept a build. A door that has stored a source archive under an id of its own gives that id.

    Raises Conflict while another build of the app is pending, InvalidParams for a source that cannot be built.
    """
    wanted = Wanted(
        commit=commit,
        commit_description=commit_description,
        source_url=source_url,
        source_checksum=source_checksum,
        source_id=source_of(context, source_url, source_checksum),
        buildpack_urls=buildpack_urls,
        git_log=git_log,
    )
    permission = "code:push" if source_url is None else "build:create"
    return _accepted(context, actor, app_name, permission, wanted, build_id)


def create_import(
    context: Context,
    actor: Actor,
    app_name: str,
    image: str,
    *,
    source_url: str | None = None,
    source_checksum: str | None = None,
    login: Mapping[str, str] | None = None,
) -> Build:
    """Accept the import of an image: from its registry, with a `login` (username, password) where it needs one, or from an
    archive that was uploaded to this platform, when `image` is only what that is called.

    Raises Conflict while another build of the app is pending, InvalidParams.
    """
    source_id = source_of(context, source_url, source_checksum)
    if source_url is None:
        try:
            image = str(images.reference(image))
        except images.ImageError as error:
            raise InvalidParams(str(error)) from None
    elif source_id is None:
        raise InvalidParams("cannot import this archive: upload it to a source of this platform, and give its get_url")
    wanted = Wanted(
        source_url=source_url, source_checksum=source_checksum, source_id=source_id, buildpack_urls=(), image=image
    )
    return _accepted(context, actor, app_name, "build:create", wanted, login=login)


def _accepted(
    context: Context,
    actor: Actor,
    app_name: str,
    permission: str,
    wanted: Wanted,
    build_id: str | None = None,
    login: Mapping[str, str] | None = None,
) -> Build:
    try:
        with context.database.transaction() as tx:
            build = accept(tx, access.app_for(tx, actor, app_name, permission), actor, wanted, build_id)
            if login:
                builds.keep_login(tx, build.id, login)
            return build
    except sa.exc.IntegrityError:
        raise Conflict(
            f"cannot build {app_name}: another build of it is running; push again when it has finished, or cancel it "
            "with `celadon builds:cancel`"
        ) from None


def login_of(context: Context, build_id: str) -> dict[str, str]:
    """What an import that is not over fetches its image with; empty when its registry needs none."""
    with context.database.read() as tx:
        return builds.login_of(tx, build_id)


def source_of(context: Context, url: str | None, checksum: str | None) -> str | None:
    """The id of the source of this platform that is to be built, None for another; raises InvalidParams."""
    source = sources.of_url(context, url) if url else None
    if source and checksum and checksum.lower() != (source.checksum or "").lower():
        raise InvalidParams(f"cannot build this source: the checksum of what was uploaded is {source.checksum}")
    return source.id if source else None


def accept(tx: Transaction, app: App, by: Actor, wanted: Wanted, build_id: str | None = None) -> Build:
    """As `create`; the caller has checked that it may. Raises IntegrityError while another build of the app is pending."""
    installed = tuple(entry.url for entry in buildpacks.list_of(tx, app.id))
    image = wanted.image
    build = Build(
        id=build_id or str(uuid.uuid4()),
        app_id=app.id,
        account_id=by.account.id,
        status=BuildStatus.PENDING,
        commit=wanted.commit,
        commit_description=wanted.commit_description,
        source_url=wanted.source_url,
        source_checksum=wanted.source_checksum,
        stack=stacks.CONTAINER if image else stacks.CURRENT,
        buildpacks=installed if wanted.buildpack_urls is None else wanted.buildpack_urls,
        created_at=now(),
        updated_at=now(),
        output_key=secrets.random_token(),
        source_id=wanted.source_id,
        git_log=wanted.git_log,
        source_path=None if image else repositories.find(tx, app.id).source_path,
        image=image,
    )
    builds.insert(tx, build)
    line = f"Import of {image} started by user {by.email}" if image else f"Build started by user {by.email}"
    events.insert(tx, "build:create", line=line, app_id=app.id, by=by, resource_id=build.id)
    changes.record(tx, "build", app.id)
    return build


def begin(context: Context, build_id: str) -> Build | None:
    """The build role takes a build up (again, after a crash); None when it is over already."""
    with context.database.transaction() as tx:
        build = builds.find_by_id(tx, build_id)
        if build is None or build.status is not BuildStatus.PENDING:
            return None
        builds.update(tx, build.id, now=now(), started_at=now(), attempts=build.attempts + 1)
        return replace(build, attempts=build.attempts + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """What a successful build has made: the slug is packed and in its place. `config_vars` and `addons` are the buildpack's
    defaults; of an image that was imported, `image` is what it said of itself.
    """

    slug_id: str
    process_types: Mapping[str, str]
    language: str
    checksum: str
    size: int
    config_vars: Mapping[str, str]
    addons: tuple[str, ...] = ()
    image: Image | None = None


def succeed(context: Context, build_id: str, compiled: Compiled) -> Release | None:
    """Keep the slug, make its release, end the build: in one transaction. None when the build is over already.

    Raises InvalidParams when it was cancelled.
    """
    with context.database.transaction() as tx:
        found = builds.find_by_id(tx, build_id)
        app = apps.lock(tx, found.app_id) if found else None
        # Anew: whoever cancels it has the same lock.
        build = builds.find_by_id(tx, build_id)
        if build is None or app is None or build.status is not BuildStatus.PENDING:
            return None
        if build.cancel_requested:
            raise InvalidParams(CANCELLED)
        account = accounts.find(tx, build.account_id)
        assert account is not None, "the row of an account is never deleted"
        by = Actor(account=account)
        slug = _slug(build, compiled)
        slugs.insert(tx, slug)
        first = not _deployed_before(tx, app.id)
        if first and compiled.config_vars:
            _add_config(context, tx, app, by, compiled.config_vars)
        description = release_rules.deploy_description(build.commit)
        if compiled.image is not None:
            description = release_rules.import_description(compiled.image.pinned)
        config_id = releases.config_of(tx, app.id)
        release = releases.deploy(tx, app, by, slug, config_id, description, description, context.settings.sizes)
        if first:
            _add_addons(context, tx, app, by, compiled.addons)
        _end(tx, build, "Build succeeded", status=BuildStatus.SUCCEEDED, slug_id=slug.id, release_id=release.id)
        return release


def _slug(build: Build, compiled: Compiled) -> Slug:
    return Slug(
        id=compiled.slug_id,
        app_id=build.app_id,
        process_types=compiled.process_types,
        commit=build.commit,
        commit_description=build.commit_description,
        buildpack_provided_description=compiled.language,
        checksum=compiled.checksum,
        size=compiled.size,
        stack=build.stack,
        created_at=now(),
        updated_at=now(),
        image=compiled.image,
    )


def _add_config(context: Context, tx: Transaction, app: App, by: Actor, defaults: Mapping[str, str]) -> None:
    """What a buildpack would have its apps find in their environment, where they have not set it themselves."""
    config_id = releases.config_of(tx, app.id)
    old = configs.find(tx, config_id)
    merged = config.merge({**defaults, **old}, {}, context.settings.config_limit)
    if merged != old:
        added = f"Add {', '.join(sorted(set(merged) - set(old)))} config"
        config_id = configs.insert(tx, app.id, merged, now(), configs.attached(tx, config_id))
        releases.deploy(tx, app, by, None, config_id, added, added, context.settings.sizes)


def _add_addons(context: Context, tx: Transaction, app: App, by: Actor, plans: Sequence[str]) -> None:
    """What a buildpack would have its apps have; what cannot be is said in the app's log, and the build stands."""
    for plan in plans:
        try:
            placing.add(context, tx, by, app, plan)
        except CeladonError as error:
            line = f"Add-on {ascii(plan[:80])[1:-1]} of the buildpack was not added -- {error.message}"
            events.insert(tx, "addon:refuse", line=line, app_id=app.id, by=by)


def _deployed_before(tx: Transaction, app_id: str) -> bool:
    return any(release.slug_id for release in stored_releases.list_of(tx, app_id))


def fail(context: Context, build_id: str, reason: str) -> None:
    """End a build that made nothing; `reason` says which step failed and why, and holds no secret."""
    with context.database.transaction() as tx:
        build = builds.find_by_id(tx, build_id)
        if build is None or build.status is not BuildStatus.PENDING:
            return
        _end(tx, build, f"Build failed -- {reason}", status=BuildStatus.FAILED, error=reason)


def _end(tx: Transaction, build: Build, line: str, **values: object) -> None:
    builds.update(tx, build.id, now=now(), finished_at=now(), **values)
    builds.forget_login(tx, build.id)
    events.insert(tx, "build:finish", app_id=build.app_id, resource_id=build.id, line=line, payload=_WAS_PENDING)
    changes.record(tx, "build", build.app_id)


def cancel(context: Context, actor: Actor, app_name: str, build_id: str | None = None) -> Build:
    """Ask the build role to stop a build (the app's pending one when none is named); raises NotFound, InvalidParams."""
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "build:create")
        apps.lock(tx, app.id)
        build = builds.find(tx, app.id, build_id) if build_id else builds.pending_of(tx, app.id)
        if build is None:
            raise NotFound("build")
        if build.status is not BuildStatus.PENDING:
            raise InvalidParams(f"cannot cancel that build: it has {build.status} already")
        builds.update(tx, build.id, now=now(), cancel_requested=True)
        events.insert(
            tx,
            "build:cancel",
            line=f"Build cancelled by user {actor.email}",
            app_id=app.id,
            by=actor,
            resource_id=build.id,
        )
        changes.record(tx, "build", app.id)
    return build


def purge_cache(context: Context, actor: Actor, app_name: str) -> App:
    """Ask the build role to remove what builds of the app keep for the next ones: once no build runs, before the next."""
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "build:create")
        apps.update(tx, app.id, now=now(), cache_purge_requested=True)
        events.insert(
            tx,
            "build-cache:destroy",
            line=f"Purge build cache by user {actor.email}",
            app_id=app.id,
            by=actor,
            resource_id=app.id,
        )
        changes.record(tx, "build", app.id)
    return app


def caches_to_purge(context: Context) -> list[App]:
    """Apps whose build cache is to be removed."""
    with context.database.read() as tx:
        return apps.list_to_purge(tx)


def cache_purged(context: Context, app_id: str) -> None:
    """The build role has removed the app's build cache."""
    with context.database.transaction() as tx:
        apps.update(tx, app_id, now=now(), cache_purge_requested=False)
        changes.record(tx, "app", app_id)


def list_of(context: Context, actor: Actor, app_name: str) -> tuple[App, list[Build]]:
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        return app, builds.list_of(tx, app.id)


def find(context: Context, actor: Actor, app_name: str, build_id: str) -> tuple[App, Build]:
    """Raises NotFound."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        build = builds.find(tx, app.id, build_id)
    if build is None:
        raise NotFound("build")
    return app, build


def authors(context: Context, found: list[Build]) -> dict[str, Account]:
    """Account id → account, for those who asked for these builds."""
    with context.database.read() as tx:
        return accounts.by_ids(tx, {build.account_id for build in found})
