"""Logging in at the dashboard, and out again."""

import re
from dataclasses import replace

from celadon.actions import sessions
from celadon.api import credentials
from celadon.api.answer import Page
from celadon.api.request import Call, Request
from celadon.dashboard import logins
from celadon.dashboard.pages import page, told
from celadon.model.account import Actor
from celadon.model.session import LASTS

HOME = "/dashboard"
# A page of ours, as a header can hold it: printable ASCII.
_PAGE = re.compile(rf"{HOME}(?:/[!-~]*)?")


@told
def ask(call: Call) -> Page:
    if credentials.actor_of_browser(call.context, call.request) is not None:
        return Page(status=303, location=_to(call))
    return page("log_in.html", email="", code=False)


@told
def log_in(call: Call) -> Page:
    """The session's token is in a cookie that no script reads and no page of another site sends along."""
    credentials.require_own_origin(call.request)
    try:
        actor = logins.who(call)
    except logins.REFUSALS as error:
        return page("log_in.html", error.status, logins.wrong(call, error), **logins.again(call, error))
    return begin(call, actor, _to(call))


def begin(call: Call, actor: Actor, location: str) -> Page:
    """Log this browser in, and go there."""
    agent = call.request.headers.get("user-agent", "A browser")
    token = sessions.begin(call.context, actor, agent)
    return Page(status=303, location=location, headers={"Set-Cookie": _cookie(call.request, token)})


@told
def log_out(call: Call) -> Page:
    sessions.destroy(call.context, call.actor, "~")
    return forget(call, Page(status=303, location=f"{HOME}/login"))


def forget(call: Call, page: Page) -> Page:
    """This page, with which the browser forgets its session."""
    return replace(page, headers={**page.headers, "Set-Cookie": _cookie(call.request, "", age=0)})


def _to(call: Call) -> str:
    """Back to the page that was asked for: one of ours, or the first."""
    wanted = call.request.query.get("to", HOME)
    return wanted if _PAGE.fullmatch(wanted) and ".." not in wanted and "//" not in wanted else HOME


def _cookie(request: Request, token: str, age: int = int(LASTS.total_seconds())) -> str:
    guard = "; Secure" if credentials.secure(request) else ""
    return f"{credentials.cookie_name(request)}={token}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{guard}"
