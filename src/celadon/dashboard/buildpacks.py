"""Buildpacks of an app, in their order."""

from collections.abc import Mapping

from celadon.actions import buildpacks
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import settings, steps
from celadon.dashboard.pages import told
from celadon.model.errors import InvalidParams


@told
def show(call: Call) -> Page:
    return _page(call)


@told
def update(call: Call) -> Page:
    return steps.take(call, {"add": _add, "up": _up, "down": _down, "remove": _remove}, _page)


def _page(call: Call, status: int = 200, wrong: str = "") -> Page:
    _, found = buildpacks.list_of(call.context, call.actor, call.app)
    return settings.settings_page(call, "buildpacks", "buildpacks.html", status, wrong, buildpacks=found)


def _urls(call: Call) -> list[str]:
    return [one.url for one in buildpacks.list_of(call.context, call.actor, call.app)[1]]


def _add(call: Call, form: Mapping[str, str]) -> None:
    url, urls = form.get("url", "").strip(), _urls(call)
    if url in urls:
        raise InvalidParams(f"cannot add {url[:80]}: the app has it already")
    buildpacks.replace(call.context, call.actor, call.app, [*urls, url])


def _at(form: Mapping[str, str], urls: list[str]) -> int:
    """The place of the one that is named: who looked at an older page changes no other."""
    if form.get("url") not in urls:
        raise InvalidParams("cannot change that buildpack: it is not the app's any more; look again")
    return urls.index(form["url"])


def _up(call: Call, form: Mapping[str, str]) -> None:
    _move(call, form, -1)


def _down(call: Call, form: Mapping[str, str]) -> None:
    _move(call, form, 1)


def _move(call: Call, form: Mapping[str, str], by: int) -> None:
    urls = _urls(call)
    at = _at(form, urls)
    url = urls.pop(at)
    urls.insert(max(0, at + by), url)
    buildpacks.replace(call.context, call.actor, call.app, urls)


def _remove(call: Call, form: Mapping[str, str]) -> None:
    urls = _urls(call)
    urls.pop(_at(form, urls))
    buildpacks.replace(call.context, call.actor, call.app, urls)
