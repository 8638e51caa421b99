"""An app's log lines as they come: the page asks for a log session, and its browser reads the lines from Logplex."""

from celadon.actions import log_sessions
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import steps
from celadon.dashboard.pages import app_page, shown, told

# Without scripts, and to begin with.
_PLAIN, _LINES = 200, 200
_CHOICES = (50, 200, 500, log_sessions.MOST_LINES)


@told
def show(call: Call) -> Page:
    """The page; `?plain=` leads to the last lines as text."""
    found, query = shown(call), call.request.query
    wanted = {name: query.get(name, "").strip() for name in ("source", "dyno")}
    lines = steps.number(query.get("lines", ""), 0, log_sessions.MOST_LINES, _LINES)
    if "plain" in query:
        return Page(status=303, location=_session(call, lines if "lines" in query else _PLAIN, wanted, tail=False))
    return app_page(call, found, "logs", "logs.html", wanted=wanted, lines=lines, choices=sorted({*_CHOICES, lines}))


@told
def follow(call: Call) -> Page:
    """The address of a log session, on the page's own host: what is asked elsewhere the page's policy would forbid."""
    form = call.form()
    wanted = {name: form.get(name, "").strip() for name in ("source", "dyno")}
    lines = steps.number(form.get("lines", ""), 0, log_sessions.MOST_LINES, _LINES)
    return Page(text=_session(call, lines, wanted, tail=True), kind="text/plain; charset=utf-8")


def _session(call: Call, lines: int, wanted: dict[str, str], *, tail: bool) -> str:
    _, secret = log_sessions.create(
        call.context,
        call.actor,
        call.app,
        lines=lines,
        tail=tail,
        dyno=wanted["dyno"] or None,
        source=wanted["source"] or None,
    )
    return f"/streams/{secret}"
