"""Pages where somebody says who they are, to let a command line or a program of others act for them.

Each asks for address and password anew: there is no cookie that a page of somebody else could use.
"""

from dataclasses import replace
from urllib.parse import urlencode

from celadon.actions import accounts, authorizations, oauth_clients, sessions
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.pages import page, said, told
from celadon.model.account import Actor
from celadon.model.errors import CeladonError, InvalidParams, RateLimited, TwoFactorRequired, Unauthorized
from celadon.model.oauth_client import OauthClient

# Why somebody is not let in: told in the form that they have sent.
REFUSALS = (Unauthorized, TwoFactorRequired, RateLimited)

SCOPES = {
    "global": "do everything that you can do",
    "identity": "see your name and address",
    "read": "see your apps, but no config vars",
    "write": "see and change your apps, but no config vars",
    "read-protected": "see your apps and their config vars",
    "write-protected": "see and change your apps and their config vars",
}


@told
def show_login(call: Call) -> Page:
    login = sessions.find_login(call.context, call.params["login"])
    return page("log_in_command_line.html", login=login, email="", code=False)


@told
def answer_login(call: Call) -> Page:
    login = sessions.find_login(call.context, call.params["login"])
    if call.form().get("answer") != "allow":
        sessions.deny_login(call.context, login.id)
        return said("Refused", "The command line was not let in. If you did not expect it, change your password.")
    try:
        actor = who(call)
    except REFUSALS as error:
        return page("log_in_command_line.html", error.status, wrong(call, error), login=login, **again(call, error))
    sessions.approve_login(call.context, actor, login.id)
    return said("You are logged in", "Close this page and go back to your terminal.")


@told
def show_authorize(call: Call) -> Page:
    client, scope = _asked(call)
    return _asking(client, scope, email="", code=False)


@told
def authorize(call: Call) -> Page:
    """What somebody says goes back to the program, at the address it has registered and no other (RFC 6749, 4.1.2)."""
    client, scope = _asked(call)
    if call.form().get("answer") != "allow":
        return _back(call, client, {"error": "access_denied"})
    try:
        actor = who(call)
    except REFUSALS as error:
        return _asking(client, scope, error.status, wrong(call, error), **again(call, error))
    _, code = authorizations.grant(call.context, actor, client.id, scope=scope)
    return _back(call, client, {"code": code})


def _asked(call: Call) -> tuple[OauthClient, list[str]]:
    """Which program asks for what; raises NotFound, InvalidParams."""
    query = call.request.query
    client = oauth_clients.find(call.context, query.get("client_id", ""))
    if query.get("response_type", "code") != "code":
        raise InvalidParams("cannot authorize that: response_type is code")
    if query.get("redirect_uri", client.redirect_uri) != client.redirect_uri:
        raise InvalidParams("cannot authorize that: redirect_uri is another one than the program has registered")
    scope = query.get("scope", "global").replace(",", " ").split()
    authorizations.check_scope(scope)
    return client, scope


def _asking(client: OauthClient, scope: list[str], status: int = 200, wrong: str = "", **again: object) -> Page:
    """The answer to the form leads to the program."""
    asked = [SCOPES[name] for name in scope]
    return replace(
        page("authorize.html", status, wrong, client=client, asked=asked, **again), forms_to=client.redirect_uri
    )


def _back(call: Call, client: OauthClient, answer: dict[str, str]) -> Page:
    state = call.request.query.get("state")
    query = urlencode({**answer, "state": state} if state else answer)
    joined = "&" if "?" in client.redirect_uri else "?"
    return Page(status=303, location=f"{client.redirect_uri}{joined}{query}")


def who(call: Call) -> Actor:
    """Raises Unauthorized, TwoFactorRequired, RateLimited."""
    form = call.form()
    return accounts.log_in(
        call.context,
        form.get("email", "")[:320],
        form.get("password", "")[:1024],
        code=form.get("code", "")[:40] or None,
        address=call.request.address,
    )


def again(call: Call, error: CeladonError) -> dict[str, object]:
    """The form once more, with the field for a code once it is known that one is needed."""
    form = call.form()
    return {"email": form.get("email", "")[:320], "code": isinstance(error, TwoFactorRequired) or "code" in form}


def wrong(call: Call, error: CeladonError) -> str:
    """What was wrong; that a code is needed is nothing wrong until one was given."""
    return "" if isinstance(error, TwoFactorRequired) and not call.form().get("code") else error.message
