"""Pages that lead to the page of an add-on: a third party's by a form that the browser sends by itself."""

from dataclasses import replace
from urllib.parse import urlsplit

from celadon.actions import sign_ons
from celadon.actions.sign_ons import Form
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import logins
from celadon.dashboard.pages import page, told


@told
def take(call: Call) -> Page:
    """By a link that the API has given out."""
    return _sending(sign_ons.take(call.context, call.params["token"]))


@told
def ask(call: Call) -> Page:
    return _asking(call, email="", code=False)


@told
def sign_on(call: Call) -> Page:
    """By address and password."""
    try:
        actor = logins.who(call)
    except logins.REFUSALS as error:
        return _asking(call, error.status, logins.wrong(call, error), **logins.again(call, error))
    named, app = call.params["addon"], call.params["app"]
    if (own := sign_ons.own_page(call.context, actor, named, app)) is not None:
        return Page(status=303, location=own)
    return _sending(sign_ons.form(call.context, actor, named, app))


def _sending(form: Form) -> Page:
    """The browser sends it by itself; without scripts there is a button."""
    return replace(page("sending.html", form=form, to=urlsplit(form.url).netloc), forms_to=form.url)


def _asking(call: Call, status: int = 200, wrong: str = "", **again: object) -> Page:
    """Who it is; a page of ours that the answer leads to may have another port."""
    return replace(page("sign_on.html", status, wrong, **again), forms_to=call.settings.api_https_url)
