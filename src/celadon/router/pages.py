"""The pages that the router itself answers with: one frame, `pages/frame.html`, and the texts of each.

HAProxy reads them as log-format files (`lf-file`), in which a per cent sign begins an expression and several blanks are
one. So the only per cent signs are those of our expressions, neither frame nor texts have any other. HAProxy's buffer has
16 kB, a page less than 4.
"""

import importlib.resources
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ERROR_PAGES = "error_pages.map"
MAINTENANCE_PAGES = "maintenance_pages.map"

_REQUEST = "%[var(txn.rid)]"
_AGAIN = '<a href="">try again</a>'
_IN_REPOSITORY = "In the app’s git repository; elsewhere add <code>--app NAME</code>."

# What a page of the app's own may do in its iframe: all that a page needs, but not lead the visitor away unasked, open
# dialogs or start downloads.
_SANDBOX = (
    "allow-scripts allow-same-origin allow-forms allow-popups allow-popups-to-escape-sandbox "
    "allow-top-navigation-by-user-activation"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """The texts of a page, as HTML. `commands`: what the owner types → what it does.

    `own` is the map, app id → URL, of the pages that apps have of their own in place of this one.
    """

    title: str
    heading: str
    visitor: str
    whose: str = "If this is your app"
    commands: Mapping[str, str]
    note: str = _IN_REPOSITORY
    code: str = ""
    own: str = ""


_TEXTS: Mapping[str, _Page] = {
    "error.html": _Page(
        title="Application error",
        heading="Application error",
        visitor=f"This app could not answer your request. Please {_AGAIN} in a moment.",
        commands={
            "celadon logs --ps router": "shows the router’s line of this request: its code says what went wrong",
            "celadon logs --tail": "shows what the app says, as it comes",
            "celadon rollback": "goes back to the release before, if the latest one is the cause",
        },
        own=ERROR_PAGES,
    ),
    "crashed.html": _Page(
        title="Application error: app crashed",
        heading="This app has crashed",
        visitor=f"It cannot answer at the moment. Please {_AGAIN} in a few minutes.",
        commands={
            "celadon logs": "shows what the app said before it crashed",
            "celadon ps:restart": "starts its dynos again, at once",
            "celadon rollback": "goes back to the release before, if the latest one is the cause",
        },
        code="H10",
        own=ERROR_PAGES,
    ),
    "no_web.html": _Page(
        title="Application error: no web processes running",
        heading="This app is not running",
        visitor="Nothing runs that could answer your request. Please come back later.",
        commands={
            "celadon ps:scale web=1": "starts a web dyno",
            "celadon ps:scale": "lists the formation; if it has no web at all, the Procfile needs a line for it",
        },
        code="H14",
        own=ERROR_PAGES,
    ),
    "boot.html": _Page(
        title="Application error: app boot timeout",
        heading="This app takes too long to start",
        visitor=f"Your request has waited for it as long as it could. Please {_AGAIN} in a minute.",
        commands={
            "celadon logs --tail": "shows what its dynos do while they start",
            "celadon ps:restart web": "starts the web dynos again",
            "celadon rollback": "goes back to the release before, if the latest one is the cause",
        },
        note=f"A web dyno is up once it listens on <code>$PORT</code>: slow work belongs after that. {_IN_REPOSITORY}",
        code="H20",
        own=ERROR_PAGES,
    ),
    "busy.html": _Page(
        title="Application error: too many requests",
        heading="This app is very busy",
        visitor=f"More requests have come than it can take just now. Please {_AGAIN} in a moment.",
        commands={
            "celadon ps:scale web+1": "adds a web dyno",
            "celadon ps:resize web=2X": "gives each web dyno more memory and CPU",
            "celadon logs --ps router": "shows what is slow: H11 is a backlog too deep, H22 too many connections",
        },
        own=ERROR_PAGES,
    ),
    "maintenance.html": _Page(
        title="Offline for maintenance",
        heading="Offline for maintenance",
        visitor="This app is being worked on. Please come back later.",
        commands={
            "celadon maintenance:off": "lets visitors in again",
            "celadon config:set MAINTENANCE_PAGE_URL=URL": "shows a page of your own instead of this one",
        },
        code="H80",
        own=MAINTENANCE_PAGES,
    ),
    "blank.html": _Page(
        title="Nothing deployed yet",
        heading="Nothing deployed yet",
        visitor="This app waits for its first release. Please come back later.",
        commands={
            "celadon git:remote --app NAME": "connects your git repository to the app",
            "git push celadon main": "builds your code and releases it",
        },
        note="Both in the git repository with your code.",
        code="H81",
    ),
    "nothing.html": _Page(
        title="Nothing here yet",
        heading="There is nothing here yet",
        visitor="No app has this address. Please check how it is spelled.",
        whose="If it should be yours",
        commands={
            "celadon create NAME": "makes a new app",
            "celadon domains:add DOMAIN --app NAME": "gives an app of yours this name",
            "celadon apps": "lists the apps that you have",
        },
        note="",
    ),
    "misdirected.html": _Page(
        title="Misdirected request",
        heading="This connection is for another app",
        visitor="Your browser opened it for one app and then asked it for a different one. "
        f"Please {_AGAIN}; if that does not help, restart the browser.",
        whose="If you wrote the client",
        commands={
            "curl --resolve DOMAIN:443:ADDRESS https://DOMAIN/": "asks an address of your choice under the right name",
            "celadon domains --app NAME": "lists the names of an app",
        },
        note="The name in TLS (SNI) and the <code>Host</code> header must be of the same app.",
        code="H31",
    ),
    "bad_request.html": _Page(
        title="Bad request",
        heading="This is not a valid request",
        visitor=f"What arrived is against the rules of HTTP. Please {_AGAIN}; if that does not help, "
        "delete this site’s cookies.",
        whose="If you wrote the client",
        commands={"curl -v URL": "shows a request as it should be, and its answer"},
        note="No app has seen this request: the router answered by itself.",
        code="H26",
    ),
}


def _render(page: _Page) -> str:
    frame = importlib.resources.files(__package__).joinpath("pages", "frame.html").read_text("utf-8")
    return string.Template(frame).substitute(
        title=page.title,
        heading=page.heading,
        visitor=page.visitor,
        whose=page.whose,
        owner=_owner(page),
        footer=_footer(page),
        iframe=_iframe(page),
    )


def _owner(page: _Page) -> str:
    rows = "\n".join(f"<dt><code>{command}</code></dt>\n<dd>{what}</dd>" for command, what in page.commands.items())
    note = f"\n<p>{page.note}</p>" if page.note else ""
    return f"<dl>\n{rows}\n</dl>{note}"


def _footer(page: _Page) -> str:
    error = f"Error {page.code}" if page.code else ""
    text = " · ".join(part for part in (error, f"request <code>{_REQUEST}</code>") if part)
    return f"<footer>{text[0].upper()}{text[1:]}</footer>\n"


def _iframe(page: _Page) -> str:
    if not page.own:
        return ""
    url = f"%[var(txn.app),map(@files@/{page.own})]"
    return f'<iframe title="{page.title}" src="{url}" referrerpolicy="no-referrer" sandbox="{_SANDBOX}"></iframe>\n'


PAGES: Mapping[str, str] = {name: _render(page) for name, page in _TEXTS.items()}


def pages(files: Path) -> dict[str, str]:
    """File name → text of every page, for a router with its files in this directory."""
    return {name: text.replace("@files@", str(files)) for name, text in PAGES.items()}
