"""What happened to an app, the newest first: for its owner the whole audit trail, for everybody else its deploys."""

from dataclasses import dataclass
from datetime import datetime

from celadon.actions import apps, builds, events, releases
from celadon.actions.events import Told
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.pages import Shown, app_page, shown, told
from celadon.model import event as rules
from celadon.model.app import App
from celadon.model.build import Build
from celadon.model.release import Release
from celadon.model.repository_link import commit_url

_SHOWN = 50
_PLATFORM = "the platform"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Who did what when. `release` is the version it is about, `commit_url` where that commit can be looked at."""

    at: datetime
    who: str
    what: str
    kind: str
    address: str = ""
    release: str = ""
    build: str = ""
    commit: str = ""
    commit_url: str | None = None


@told
def show(call: Call) -> Page:
    found = shown(call)
    kind = call.request.query.get("kind", "")
    kind = kind if kind in rules.KINDS else ""
    whole = "event:read" in apps.allowed(call.context, call.actor, found.app.id)
    number = _number(call.request.query.get("page", ""))
    entries, count = (_events if whole else _deploys)(call, found, kind, number)
    return app_page(
        call,
        found,
        "activity",
        "activity.html",
        entries=entries,
        kinds=rules.KINDS if whole else (),
        kind=kind if whole else "",
        whole=whole,
        number=number,
        pages=max(1, -(-count // _SHOWN)),
        # Its parts are asked for again as they are shown.
        here=f"{_path(found)}?kind={kind}&page={number}",
        path=_path(found),
    )


def _path(found: Shown) -> str:
    return f"/dashboard/apps/{found.app.name}/activity"


def _number(given: str) -> int:
    return max(1, int(given)) if given.isascii() and given.isdigit() and len(given) < 7 else 1


def _events(call: Call, found: Shown, kind: str, number: int) -> tuple[list[Entry], int]:
    numbers = events.of_kind(call.context, call.actor, found.app.id, kind)[::-1]
    chosen = events.told(call.context, numbers[(number - 1) * _SHOWN : number * _SHOWN])
    return [_entry(found.app, one) for one in chosen], len(numbers)


def _entry(app: App, one: Told) -> Entry:
    who = one.account.email if one.account else _PLATFORM
    return Entry(
        at=one.event.at,
        who=who,
        what=rules.words(one.event, who),
        kind=rules.kind_of(one.event.action),
        address=one.event.address or "",
        release=one.release.name if one.release else "",
        build=one.event.resource_id or "" if one.event.action.startswith("build:") else "",
        commit=one.commit or "",
        commit_url=commit_url(_repository(app), one.commit),
    )


def _deploys(call: Call, found: Shown, kind: str, number: int) -> tuple[list[Entry], int]:
    """Releases, and builds that made none: whoever sees the app may see them."""
    _, made, _ = releases.list_of(call.context, call.actor, found.app.id)
    _, built = builds.list_of(call.context, call.actor, found.app.id)
    by_release = {build.release_id: build for build in built if build.release_id}
    several: list[Release | Build] = [*made, *(build for build in built if not build.release_id)]
    several.sort(key=lambda one: one.created_at, reverse=True)
    chosen = several[(number - 1) * _SHOWN : number * _SHOWN]
    people = releases.authors(call.context, [one for one in chosen if isinstance(one, Release)])
    people |= builds.authors(call.context, [one for one in chosen if isinstance(one, Build)])
    return [_deploy(found.app, one, by_release.get(one.id), people[one.account_id].email) for one in chosen], len(
        several
    )


def _deploy(app: App, one: Release | Build, made_by: Build | None, who: str) -> Entry:
    build = made_by if isinstance(one, Release) else one
    if isinstance(one, Release):
        what = one.description
    else:
        what = f"Build {one.status}" + (f" -- {one.error}" if one.error else "")
    return Entry(
        at=one.created_at,
        who=who,
        what=what,
        kind="deploys",
        release=one.name if isinstance(one, Release) else "",
        build=build.id if build else "",
        commit=(build.commit or "") if build else "",
        commit_url=commit_url(_repository(app), build.commit if build else None),
    )


def _repository(app: App) -> str | None:
    """Where people look at the app's code, once somebody has said so in its settings."""
    return app.repository_url
