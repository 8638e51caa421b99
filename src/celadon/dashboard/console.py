"""The console: a terminal to a one-off dyno. What it speaks with is `terminal.Consoles`."""

from celadon.actions import apps, releases
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.pages import app_page, new_nonce, shown, styled, told
from celadon.model.errors import Forbidden


@told
def show(call: Call) -> Page:
    found = shown(call)
    nonce = new_nonce()
    page = app_page(
        call,
        found,
        "console",
        "console.html",
        nonce=nonce,
        refusal=refusal(call),
        sizes=[size.name for size in call.settings.sizes.all],
    )
    return styled(page, nonce)


def refusal(call: Call) -> str:
    """Why there can be no console for who looks at this page; empty when there can."""
    try:
        apps.find(call.context, call.actor, call.app, "dyno:run")
    except Forbidden as error:
        return error.message
    _, _, current = releases.list_of(call.context, call.actor, call.app)
    if current is None or current.slug_id is None:
        return "Nothing has been deployed yet: a console runs in the code of the current release. Deploy some first."
    return ""
