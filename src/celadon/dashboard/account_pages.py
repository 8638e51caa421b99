"""What the pages of an account share: their frame with the navigation, and how a form of one is answered."""

from collections.abc import Callable, Mapping

from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.pages import dashboard_page
from celadon.model.errors import CeladonError, NotFound

HOME = "/dashboard/account"
# Shown once, after the form that has done it.
_DONE = {
    "saved": "Saved.",
    "sent": "A letter with a link went to the new address. It is yours once the link is followed.",
    "password": "Your password is changed. Every other session and token of yours has ended.",
    "added": "Added.",
    "removed": "Removed.",
    "revoked": "Revoked: it works no more.",
    "ended": "Ended.",
    "off": "Two-factor authentication is off.",
    "invited": "Invited: a letter with a link is on its way.",
    "accepted": "Accepted.",
    "declined": "Declined.",
    "cancelled": "Cancelled.",
    "left": "You have left the team.",
}

Form = Mapping[str, str]
# What a form does: the page that tells it, or the name of what was done.
Step = Callable[[Call, Form], Page | str]
Show = Callable[..., Page]


def account_page(call: Call, item: str, template: str, status: int = 200, wrong: str = "", **values: object) -> Page:
    """A page under this item of the account's navigation; its templates extend `account.html`."""
    done = _DONE.get(call.request.query.get("done", ""), "") if call.request.method == "GET" else ""
    return dashboard_page(call, template, status, wrong, section="account", item=item, done=done, **values)


def answered(call: Call, steps: Mapping[str, Step], show: Show) -> Page:
    """Do what a form's button says; where that is refused, the page again with what was wrong and what was typed.

    `show` is called with the call, and in that case with `status`, `wrong` and `typed`.
    """
    form = call.form()
    wanted = form.get("step", "")
    if wanted not in steps:
        raise NotFound("page", "Couldn't find that step: go back and use the page's buttons.")
    try:
        found = steps[wanted](call, form)
    except CeladonError as error:
        return show(call, status=error.status, wrong=error.message, typed=form)
    return found if isinstance(found, Page) else done(call, found)


def done(call: Call, what: str) -> Page:
    """Back to the page of the form, which says that it is done: nothing is sent twice."""
    here = "/" + "/".join(call.request.path)
    return Page(status=303, location=f"{here}?done={what}" if what else here)


def password_of(form: Form) -> str:
    return form.get("password", "")[:1024]
