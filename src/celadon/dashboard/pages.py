"""Making pages: Jinja's templates, which escape whatever they are given."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, wraps

import jinja2

from celadon.actions import apps, favourites
from celadon.actions.apps import Owned
from celadon.api import live
from celadon.api.answer import Live, Page
from celadon.api.request import Call
from celadon.dashboard import static_files
from celadon.model import price
from celadon.model.app import App
from celadon.model.errors import CeladonError
from celadon.model.repository_link import commit_url

Answering = Callable[[Call], Page]


@cache
def _templates() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("celadon.dashboard"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["static"] = static_files.url
    made.filters["instant"] = lambda at: at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    made.filters["ago"] = ago
    made.filters["dollars"] = price.dollars
    made.filters["memory"] = lambda size: f"{size >> 30} GB" if size % (1 << 30) == 0 else f"{size >> 20} MB"
    made.filters["percent"] = percent
    made.filters["bytes"] = size_of
    made.filters["commit_url"] = commit_url
    return made


def ago(at: datetime, now: datetime | None = None) -> str:
    """How long before now, in one unit."""
    seconds = max(0, int(((now or datetime.now(UTC)) - at).total_seconds()))
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if count := seconds // size:
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def percent(share: float) -> str:
    """A share, 0 to 1; what is not whole is not rounded up to it."""
    return "100 %" if share >= 1 else f"{min(share * 100, 99.99):.2f} %"


def size_of(count: int) -> str:
    """A number of bytes for a person: 9.0 MB, 12 KB."""
    if count < 1 << 20:
        return f"{count / (1 << 10):.0f} KB"
    return f"{count / (1 << 20):.1f} MB"


def page(template: str, status: int = 200, wrong: str = "", **values: object) -> Page:
    """A page of this template; `wrong` is what did not work."""
    return Page(
        text=_templates().get_template(template).render(wrong=wrong, **values), status=status, of_dashboard=True
    )


def dashboard_page(call: Call, template: str, status: int = 200, wrong: str = "", **values: object) -> Page:
    """A page for somebody who is logged in. `section` is the item of the navigation that it belongs to."""
    here = "/" + "/".join(call.request.path)
    common = {"me": call.actor.account, "here": here, "section": "apps"}
    return page(template, status, wrong, **{**common, **values})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The app that a page is about. `after` is where the change feed was before anything was looked at. `favourite`: of
    who looks at the page.
    """

    app: App
    owner: str
    url: str
    after: int
    favourite: bool


def shown(call: Call) -> Shown:
    """The app that the path names; raises NotFound. The first thing that a page about an app asks for."""
    after = live.latest(call.context)
    (owned,) = apps.owned(call.context, [apps.find(call.context, call.actor, call.app)])
    app = owned[0]
    return Shown(
        app=app,
        owner=owner_of(owned),
        url=call.settings.web_url(app.name),
        after=after,
        favourite=favourites.is_one(call.context, call.actor, app),
    )


def owner_of(owned: Owned) -> str:
    """The team whose app it is, or the person."""
    _, owner, team = owned
    return team.name if team else owner.email


def app_page(
    call: Call, shown: Shown, tab: str, template: str, status: int = 200, wrong: str = "", **values: object
) -> Page:
    """A page about one app, under the tab of this name; its templates extend `app.html`."""
    return dashboard_page(call, template, status, wrong, tab=tab, shown=shown, app=shown.app, **values)


def styled(page: Page, nonce: str) -> Page:
    """The page, whose scripts may add style elements that have this nonce."""
    return replace(page, nonce=nonce)


def new_nonce() -> str:
    """For one page, shown once."""
    return secrets.token_urlsafe(18)


def changes(call: Call) -> Live:
    """What changes about an app while somebody looks at a page of it."""
    app = apps.find(call.context, call.actor, call.app)
    given = call.request.headers.get("last-event-id") or call.request.query.get("after", "")
    latest = live.latest(call.context)
    after = min(int(given), latest) if given.isascii() and given.isdigit() and len(given) < 19 else latest
    return Live(app_id=app.id, account_id=call.actor.account.id, after=after)


def said(heading: str, text: str, status: int = 200, *, link: str = "", label: str = "") -> Page:
    """A page that says something; `link` is where one goes on to, under this label."""
    return page("said.html", status, heading=heading, text=text, link=link, label=label)


def told(answering: Answering) -> Answering:
    """Errors of a page are a page too, with the navigation for those who are logged in."""

    @wraps(answering)
    def answer(call: Call) -> Page:
        try:
            return answering(call)
        except CeladonError as error:
            if call.known is None:
                return said("That did not work", error.message, error.status)
            return dashboard_page(call, "wrong.html", error.status, error.message, section="")

    return answer
