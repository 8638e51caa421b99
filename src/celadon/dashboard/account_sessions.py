"""Where one is logged in, and ending that."""

from celadon.actions import sessions
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import logging_in
from celadon.dashboard.account_pages import Form, Step, account_page, answered
from celadon.dashboard.pages import told
from celadon.model.session import agent


@told
def show(call: Call) -> Page:
    return _page(call)


@told
def update(call: Call) -> Page:
    return answered(call, _STEPS, _page)


def _page(call: Call, status: int = 200, wrong: str = "", typed: Form | None = None) -> Page:
    found = sessions.list_of(call.context, call.actor)
    return account_page(
        call,
        "sessions",
        "account_sessions.html",
        status,
        wrong,
        sessions=[(one, agent(one.description)) for one in sorted(found, key=lambda one: one.created_at, reverse=True)],
        own=sessions.own_id(call.context, call.actor),
    )


def _end(call: Call, form: Form) -> Page | str:
    """The session of this very browser is logged out of."""
    wanted = form.get("id", "")
    if wanted == sessions.own_id(call.context, call.actor):
        return logging_in.log_out(call)
    sessions.destroy(call.context, call.actor, wanted)
    return "ended"


def _end_others(call: Call, form: Form) -> str:
    sessions.destroy_others(call.context, call.actor)
    return "ended"


_STEPS: dict[str, Step] = {"end": _end, "end-others": _end_others}
