"""Pages that lead to the page of an add-on: a third party's by a form that the browser sends by itself."""

from celadon.actions import sign_ons
from celadon.actions.sign_ons import Form
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import logins
from celadon.dashboard.pages import page, told
from celadon.model.errors import TwoFactorRequired, Unauthorized

_SUBMIT = "document.forms[0].submit()"


@told
def take(call: Call) -> Page:
    """By a link that the API has given out."""
    return _sending(sign_ons.take(call.context, call.params["token"]))


@told
def ask(call: Call) -> Page:
    return page("sign_on.html", email="", code=False)


@told
def sign_on(call: Call) -> Page:
    """By address and password."""
    try:
        actor = logins.who(call)
    except (Unauthorized, TwoFactorRequired) as error:
        return page("sign_on.html", error.status, logins.wrong(call, error), **logins.again(call, error))
    named, app = call.params["addon"], call.params["app"]
    if (own := sign_ons.own_page(call.context, actor, named, app)) is not None:
        return Page(status=303, location=own)
    return _sending(sign_ons.form(call.context, actor, named, app))


def _sending(form: Form) -> Page:
    made = page("sending.html", form=form, script=_SUBMIT)
    return Page(text=made.text, status=made.status, script=_SUBMIT)
