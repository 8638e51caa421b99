"""Buildpack installations of an app."""

import re
from collections.abc import Sequence

from celadon.actions import access
from celadon.actions.context import Context
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.build import BuildpackInstallation
from celadon.model.errors import InvalidParams
from celadon.store import buildpacks, changes, events
from celadon.store.database import Transaction

_SHORT = re.compile(r"^(?:[a-z0-9][a-z0-9_.-]*/)?[a-z0-9][a-z0-9_.-]*\Z")
# A tag, a branch or a commit may follow; no user name that could be read as an option, no host that begins with a dash.
_URL = re.compile(r"^(?:https?|git|ssh)://[A-Za-z0-9\[][^\s\x00-\x1f'\"\\]*\Z|^urn:buildpack:[a-z0-9/_.-]+\Z")
_MOST = 20


def list_of(context: Context, actor: Actor, app_name: str) -> tuple[App, list[BuildpackInstallation]]:
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        return app, buildpacks.list_of(tx, app.id)


def replace(
    context: Context, actor: Actor, app_name: str, urls: Sequence[str]
) -> tuple[App, list[BuildpackInstallation]]:
    """The app's buildpacks, in order; an empty list means detection. Raises InvalidParams."""
    if len(urls) > _MOST:
        raise InvalidParams(f"cannot set {len(urls)} buildpacks: at most {_MOST}")
    for url in urls:
        check(url)
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "buildpack:update")
        install(tx, app, actor, urls)
        return app, buildpacks.list_of(tx, app.id)


def install(tx: Transaction, app: App, by: Actor, urls: Sequence[str]) -> None:
    """As `replace`; the caller has checked the URLs and that it may."""
    buildpacks.replace(tx, app.id, urls)
    events.insert(tx, "buildpack:update", payload={"buildpacks": list(urls)}, app_id=app.id, by=by)
    changes.record(tx, "app", app.id)


def check(url: str) -> None:
    """Raise InvalidParams unless it is a short name (`heroku/python`) or an http(s), git or ssh URL."""
    if len(url) > 1000 or not (_SHORT.match(url) or _URL.match(url)):
        raise InvalidParams(
            f"cannot use {url[:80]!r} as buildpack: give a name such as heroku/python, a git URL (with #ref if you like) "
            "or the URL of a .tgz archive"
        )
