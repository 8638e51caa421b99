"""Slugs of an app, and how one comes without a build: created, uploaded by a secret in a URL, packed by the build role."""

import hmac
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.model import procfile
from celadon.model import stack as stacks
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.errors import Conflict, InvalidParams, NotFound, RateLimited
from celadon.model.slug import LIFETIME, MOST_AWAITED, Slug, SlugStatus
from celadon.store import apps, changes, events, slugs
from celadon.store.database import Transaction

# Where the build role serves them, below the API's URL.
PATH = "/blobs/slugs"


def find(context: Context, actor: Actor, app_name: str, slug_id: str) -> tuple[App, Slug]:
    """Raises NotFound."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "code:read")
        slug = slugs.find_of(tx, app.id, slug_id)
    if slug is None:
        raise NotFound("slug")
    return app, slug


def create(
    context: Context,
    actor: Actor,
    app_name: str,
    process_types: Mapping[str, str],
    *,
    commit: str | None = None,
    commit_description: str | None = None,
    buildpack_provided_description: str | None = None,
    checksum: str | None = None,
) -> Slug:
    """A slug whose bytes are to be uploaded within an hour. Raises InvalidParams, RateLimited."""
    try:
        procfile.check(process_types)
    except procfile.ProcfileError as error:
        raise InvalidParams(f"cannot make this slug: {error}") from None
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "build:create")
        apps.lock(tx, app.id)
        if slugs.count_awaited(tx, app.id, now() - LIFETIME) >= MOST_AWAITED:
            raise RateLimited(f"cannot make this slug: {MOST_AWAITED} of {app.name} wait for their bytes already")
        slug = Slug(
            id=str(uuid.uuid4()),
            app_id=app.id,
            process_types=process_types,
            commit=commit,
            commit_description=commit_description,
            buildpack_provided_description=buildpack_provided_description,
            archive_checksum=checksum,
            stack=stacks.CURRENT,
            created_at=now(),
            updated_at=now(),
            status=SlugStatus.CREATED,
        )
        slugs.insert(tx, slug)
        line = f"Slug created by user {actor.email}"
        events.insert(tx, "slug:create", line=line, app_id=app.id, by=actor, resource_id=slug.id)
        changes.record(tx, "slug", app.id)
    return slug


def put_path(context: Context, slug: Slug) -> str:
    """The path by which a slug's bytes are uploaded."""
    return f"{PATH}/{slug.id}/{_key(context, 'put', slug.id, '')}"


def get_path(context: Context, slug: Slug) -> str:
    """The path by which it is read for an hour or two."""
    hour = int(LIFETIME.total_seconds())
    until = str((int(now().timestamp()) // hour + 2) * hour)
    return f"{PATH}/{slug.id}/{until}-{_key(context, 'get', slug.id, until)}"


def _key(context: Context, verb: str, slug_id: str, until: str) -> str:
    return context.database.secrets.sign(f"slug-{verb}", f"{slug_id} {until}")


def to_write(context: Context, slug_id: str, key: str) -> Slug:
    """The slug that this key lets one upload; raises NotFound."""
    with context.database.read() as tx:
        slug = slugs.find(tx, slug_id)
        known = slug is not None and apps.find(tx, slug.app_id) is not None
    right = hmac.compare_digest(key.encode(), _key(context, "put", slug_id, "").encode())
    if slug is None or not known or not right or slug.created_at < now() - LIFETIME:
        raise _no_slug()
    return slug


def to_read(context: Context, slug_id: str, key: str) -> tuple[App, Slug]:
    """The slug that this key lets one read; raises NotFound."""
    until, _, signature = key.partition("-")
    with context.database.read() as tx:
        slug = slugs.find(tx, slug_id)
        app = apps.find(tx, slug.app_id) if slug else None
    right = hmac.compare_digest(signature.encode(), _key(context, "get", slug_id, until).encode())
    if slug is None or app is None or not right or int(until) < now().timestamp():
        raise _no_slug()
    if slug.image is not None:
        raise NotFound(
            "slug", f"Couldn't find the bytes of that slug: it is the image {slug.image.pinned}, have those."
        )
    if slug.status is not SlugStatus.READY:
        raise NotFound("slug", "Couldn't find the bytes of that slug: they have not been uploaded.")
    return app, slug


def _no_slug() -> NotFound:
    return NotFound("slug", "Couldn't find that slug: its URL is not whole or too old, or its app is gone.")


def uploaded(context: Context, slug: Slug, part: Path, checksum: str) -> None:
    """Its bytes have come, as the file `part`: the build role is to pack them. Raises InvalidParams, Conflict, NotFound.

    Who was not told how an upload ended, because the role died meanwhile, sends the same again: then there is nothing to do.
    """
    announced = slug.archive_checksum
    if announced is not None and announced.lower() != checksum.lower():
        raise InvalidParams(f"cannot use this upload: its checksum is {checksum}, {announced} was announced")
    with context.database.transaction() as tx:
        app = apps.lock(tx, slug.app_id)
        present = slugs.find(tx, slug.id)
        if app is None or present is None:
            raise _no_slug()
        if present.status in (SlugStatus.UPLOADED, SlugStatus.READY):
            if present.uploaded_checksum == checksum:
                return
            raise Conflict("cannot upload this slug: it has other bytes already; create another one")
        came = {"status": SlugStatus.UPLOADED, "uploaded_checksum": checksum}
        slugs.update(tx, slug.id, now=now(), error=None, attempts=0, **came)
        part.replace(context.blobs.upload(slug.id))
        changes.record(tx, "slug", slug.app_id)


def waiting(context: Context) -> list[Slug]:
    """Those that are to be packed."""
    with context.database.read() as tx:
        return slugs.list_uploaded(tx)


def begin(context: Context, slug_id: str) -> Slug | None:
    """The build role takes a slug up (again, after a crash); None when it is over already."""
    with context.database.transaction() as tx:
        slug = _uploaded(tx, slug_id)
        if slug is None:
            return None
        slugs.update(tx, slug.id, now=now(), attempts=slug.attempts + 1)
        return replace(slug, attempts=slug.attempts + 1)


def packed(context: Context, slug_id: str, checksum: str, size: int) -> None:
    """The slug is packed and in its place."""
    with context.database.transaction() as tx:
        slug = _uploaded(tx, slug_id)
        if slug is not None:
            ready = {"status": SlugStatus.READY, "size": size, "checksum": checksum}
            slugs.update(tx, slug.id, now=now(), **ready)
            changes.record(tx, "slug", slug.app_id)
    # Only now: whoever is killed before begins again with it.
    context.blobs.upload(slug_id).unlink(missing_ok=True)


def refuse(context: Context, slug_id: str, reason: str) -> None:
    """What was uploaded is no slug; `reason` is for its owner."""
    with context.database.transaction() as tx:
        slug = _uploaded(tx, slug_id)
        if slug is not None:
            slugs.update(tx, slug.id, now=now(), status=SlugStatus.FAILED, error=reason)
            # Not later: once this is known, another file may come in its place.
            context.blobs.upload(slug_id).unlink(missing_ok=True)
            changes.record(tx, "slug", slug.app_id)


def _uploaded(tx: Transaction, slug_id: str) -> Slug | None:
    slug = slugs.find(tx, slug_id)
    return slug if slug is not None and slug.status is SlugStatus.UPLOADED else None
