"""Pages behind the links of our letters: make an account, set a password, use an address."""

from celadon.actions import accounts, invitations, password_resets
from celadon.api import credentials
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import logging_in
from celadon.dashboard.pages import page, said, told
from celadon.model.account import Actor, check_email
from celadon.model.errors import InvalidParams

_SENT = "If that address can have one, a letter with a link is on its way."
_UNSENT = (
    "If that address can have one, a letter is written. This platform sends no mail: ask its operator for the link."
)


@told
def ask_to_sign_up(call: Call) -> Page:
    if not invitations.open_to_all(call.context):
        return _to_log_in(
            "By invitation",
            "On this platform its operator invites people, and so does whoever gives them access to an app.",
        )
    return _ask_address("Make an account", "A link to set your password comes by mail.")


@told
def sign_up(call: Call) -> Page:
    email = call.form().get("email", "").strip()[:320]
    try:
        invitations.sign_up(call.context, email)
    except InvalidParams as error:
        return _ask_address("Make an account", "A link to set your password comes by mail.", error.message, email)
    return _written(call)


@told
def show_invitation(call: Call) -> Page:
    found = invitations.find(call.context, call.params["token"])
    return _ask_password("Make your account", f"Set the password of {found.email}.")


@told
def accept_invitation(call: Call) -> Page:
    found = invitations.find(call.context, call.params["token"])
    try:
        password = _password(call)
        made = invitations.accept(call.context, call.params["token"], password, call.request.address)
    except InvalidParams as error:
        return _ask_password("Make your account", f"Set the password of {found.email}.", error.message)
    # Who comes from elsewhere is not logged in as somebody that others have chosen.
    if credentials.from_own_origin(call.request):
        return logging_in.begin(call, Actor(account=made, address=call.request.address), logging_in.HOME)
    return _to_log_in("Welcome", f"The account {made.email} is yours.")


@told
def ask_to_reset(call: Call) -> Page:
    return _ask_address("A new password", "A link to set it comes by mail.")


@told
def request_reset(call: Call) -> Page:
    email = call.form().get("email", "").strip()[:320]
    try:
        password_resets.request(call.context, check_email(email))
    except InvalidParams as error:
        return _ask_address("A new password", "A link to set it comes by mail.", error.message, email)
    return _written(call)


@told
def show_reset(call: Call) -> Page:
    password_resets.check(call.context, call.params["token"])
    return _ask_password("A new password", "Every token and session of before ends when you save it.")


@told
def reset(call: Call) -> Page:
    try:
        password_resets.finalize(call.context, call.params["token"], _password(call), call.request.address)
    except InvalidParams as error:
        return _ask_password("A new password", "Every token and session of before ends.", error.message)
    return _to_log_in("Saved", "Your new password works from now on. Command lines have to log in again.")


@told
def show_email(call: Call) -> Page:
    """Following a link changes nothing: programs that look through mail follow links too."""
    return page(
        "confirm.html", heading="Use this address?", text="It becomes the address you log in with.", button="Use it"
    )


@told
def take_email(call: Call) -> Page:
    accounts.take_email(call.context, call.params["token"], call.request.address)
    return _to_log_in("Saved", "Log in with your new address from now on.")


def _to_log_in(heading: str, text: str) -> Page:
    return said(heading, text, link=f"{logging_in.HOME}/login", label="Log in")


def _ask_address(heading: str, text: str, wrong: str = "", email: str = "") -> Page:
    return page("ask_address.html", 422 if wrong else 200, wrong, heading=heading, text=text, email=email)


def _written(call: Call) -> Page:
    if call.settings.smtp_url:
        return said("Look into your mail", _SENT)
    return said("Ask for your link", _UNSENT)


def _password(call: Call) -> str:
    form = call.form()
    password = form.get("password", "")
    if form.get("again") != password:
        raise InvalidParams("The two passwords are not the same.")
    return accounts.check_password(password)


def _ask_password(heading: str, text: str, wrong: str = "") -> Page:
    return page(
        "set_password.html",
        422 if wrong else 200,
        wrong,
        heading=heading,
        text=text,
        shortest=accounts.MIN_PASSWORD,
    )
