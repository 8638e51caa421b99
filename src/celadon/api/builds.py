"""Builds."""

import re
from urllib.parse import urlsplit, urlunsplit

from celadon.actions import builds
from celadon.actions.context import Context
from celadon.api import buildpacks, shapes
from celadon.api.answer import BY_TIME, Answer, Listing
from celadon.api.body import Body
from celadon.api.request import Call
from celadon.model import buildpack
from celadon.model.account import Account
from celadon.model.app import App
from celadon.model.build import Build
from celadon.model.errors import InvalidParams

_SOURCE = re.compile(r"^https?://[A-Za-z0-9\[][^\s\x00-\x1f]{0,3000}\Z")
_CHECKSUM = re.compile(r"^SHA256:[0-9a-f]{64}$", re.IGNORECASE)


def create(call: Call) -> Answer:
    body = call.body()
    source = body.entry("source_blob")
    if source is None:
        raise InvalidParams("cannot build without a source: give `source_blob` with the `url` of a .tar.gz archive")
    build = builds.create(
        call.context,
        call.actor,
        call.app,
        commit=source.text("version", 200) or None,
        commit_description=source.text("version_description", 2000),
        source_url=source_url(source),
        source_checksum=checksum(source),
        buildpack_urls=_buildpacks(call.context, body),
    )
    app, build = builds.find(call.context, call.actor, call.app, build.id)
    return answer(call, app, build, 201)


def source_url(source: Body) -> str:
    """Where an archive of code is; raises InvalidParams."""
    url = source.needed_text("url")
    if not _SOURCE.match(url):
        raise InvalidParams(f"cannot fetch the source from {url[:80]!r}: it must be an http or https URL")
    return url


def checksum(body: Body) -> str | None:
    """The checksum of an archive; raises InvalidParams."""
    found = body.text("checksum", 200)
    if found is not None and not _CHECKSUM.match(found):
        raise InvalidParams("cannot check the archive: write its checksum as SHA256: and 64 hexadecimal digits")
    return found


def _buildpacks(context: Context, body: Body) -> tuple[str, ...] | None:
    given = body.entries("buildpacks")
    if given is None:
        return None
    return tuple(buildpacks.checked(context, entry.text("url") or entry.text("name")) for entry in given)


def list_of(call: Call) -> Listing:
    app, found = builds.list_of(call.context, call.actor, call.app)
    authors = builds.authors(call.context, found)
    return Listing(
        items=found, attributes=BY_TIME, shape=lambda build: shape(call, app, build, authors[build.account_id])
    )


def show(call: Call) -> Answer:
    return answer(call, *builds.find(call.context, call.actor, call.app, call.params["build"]))


def cancel(call: Call) -> Answer:
    """Asked for at once, done by the build role when it sees it: the build is pending until then."""
    app, _ = builds.find(call.context, call.actor, call.app, call.params["build"])
    return answer(call, app, builds.cancel(call.context, call.actor, app.id, call.params["build"]))


def purge_cache(call: Call) -> Answer:
    """Asked for at once, done by the build role when no build of the app runs."""
    builds.purge_cache(call.context, call.actor, call.app)
    return Answer(value={}, status=202)


def answer(call: Call, app: App, build: Build, status: int = 200) -> Answer:
    author = builds.authors(call.context, [build])[build.account_id]
    return Answer(value=shape(call, app, build, author), status=status, changed_at=build.updated_at)


def output_stream_url(call: Call, build: Build) -> str:
    """Where the build role serves what the build writes."""
    return f"{call.api_url}/builds-output/{build.output_key}"


def _source_of(build: Build) -> str | None:
    """Where a source came from: an image by its name in a registry; a URL without what lets one read it: user, query, and the key of an upload of ours."""
    if build.source_url is None:
        return f"docker://{build.image}" if build.image else None
    parts = urlsplit(build.source_url)
    path = parts.path.rpartition("/")[0] if build.source_id else parts.path
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, "", ""))


def shape(call: Call, app: App, build: Build, author: Account) -> dict[str, object]:
    return {
        "app": {"id": app.id},
        "buildpacks": [buildpacks.reference(buildpack.shown(url)) for url in build.buildpacks],
        "created_at": shapes.instant(build.created_at),
        "error": build.error,
        "generation": "cedar",
        "id": build.id,
        "image": build.image,
        "output_stream_url": output_stream_url(call, build),
        "release": {"id": build.release_id} if build.release_id else None,
        "slug": {"id": build.slug_id} if build.slug_id else None,
        "source_blob": {
            "checksum": build.source_checksum,
            # Of a push, the archive is the platform's own: its repository is where the source can be had.
            "url": _source_of(build) or call.settings.git_url(app.name),
            "version": build.commit,
            "version_description": build.commit_description,
        },
        "stack": build.stack,
        "status": build.status,
        "updated_at": shapes.instant(build.updated_at),
        "user": shapes.user(author),
    }
