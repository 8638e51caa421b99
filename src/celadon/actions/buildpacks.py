"""Buildpack installations of an app."""

from collections.abc import Sequence
from dataclasses import replace as replaced

from celadon.actions import access, buildpack_names
from celadon.actions.context import Context
from celadon.model import buildpack
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.app_json import MOST_BUILDPACKS
from celadon.model.build import BuildpackInstallation
from celadon.model.errors import InvalidParams
from celadon.store import buildpacks, changes, events
from celadon.store.database import Transaction


def list_of(context: Context, actor: Actor, app_name: str) -> tuple[App, list[BuildpackInstallation]]:
    """In order. A URL has its login only for who may see config vars."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        found = buildpacks.list_of(tx, app.id)
        if "config:read" not in access.allowed(tx, actor, app):
            found = [replaced(one, url=buildpack.shown(one.url)) for one in found]
        return app, found


def replace(
    context: Context, actor: Actor, app_name: str, urls: Sequence[str]
) -> tuple[App, list[BuildpackInstallation]]:
    """The app's buildpacks, in order; an empty list means detection. Raises InvalidParams."""
    if len(urls) > MOST_BUILDPACKS:
        raise InvalidParams(f"cannot set {len(urls)} buildpacks: at most {MOST_BUILDPACKS}")
    for url in urls:
        check(context, url)
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "buildpack:update")
        install(tx, app, actor, urls)
        return app, buildpacks.list_of(tx, app.id)


def install(tx: Transaction, app: App, by: Actor, urls: Sequence[str]) -> None:
    """As `replace`; the caller has checked the URLs and that it may."""
    buildpacks.replace(tx, app.id, urls)
    events.insert(
        tx, "buildpack:update", payload={"buildpacks": [buildpack.shown(url) for url in urls]}, app_id=app.id, by=by
    )
    changes.record(tx, "app", app.id)


def check(context: Context, url: str) -> None:
    """Raise InvalidParams unless it is a short name that leads somewhere here, or an http(s), git or ssh URL."""
    if buildpack.is_url(url):
        return
    if buildpack.is_short(url):
        buildpack.find(buildpack_names.known(context.settings.home), url)
    else:
        raise InvalidParams(
            f"cannot use {url[:80]!r} as buildpack: give a name such as heroku/python, a git URL (with #ref if you like) "
            "or the URL of a .tgz archive"
        )
