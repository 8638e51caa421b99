"""One's own account: name, address, password, privacy, its end."""

from celadon.actions import accounts, features
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import logging_in
from celadon.dashboard.account_pages import Form, Step, account_page, answered, password_of
from celadon.dashboard.pages import said, told
from celadon.model.errors import InvalidParams
from celadon.model.feature import PRIVATE_ACCOUNT


@told
def show(call: Call) -> Page:
    return _page(call)


@told
def update(call: Call) -> Page:
    return answered(call, _STEPS, _page)


def _page(call: Call, status: int = 200, wrong: str = "", typed: Form | None = None) -> Page:
    switched = {feature.name: on for feature, on in features.list_of_account(call.context, call.actor)}
    return account_page(
        call,
        "profile",
        "account_profile.html",
        status,
        wrong,
        private=switched[PRIVATE_ACCOUNT],
        typed=typed or {},
        shortest=accounts.MIN_PASSWORD,
    )


def _name(call: Call, form: Form) -> str:
    accounts.update(call.context, call.actor, name=form.get("name", "").strip())
    return "saved"


def _address(call: Call, form: Form) -> str:
    accounts.offer_email(call.context, call.actor, form.get("email", "").strip()[:320], password_of(form))
    return "sent"


def _password(call: Call, form: Form) -> str:
    new = form.get("new", "")[:1025]
    if new != form.get("again", ""):
        raise InvalidParams("cannot change your password: the two new ones are not the same")
    accounts.update(call.context, call.actor, password=(password_of(form), new))
    return "password"


def _privacy(call: Call, form: Form) -> str:
    features.update_of_account(call.context, call.actor, PRIVATE_ACCOUNT, form.get("private") == "yes")
    return "saved"


def _delete(call: Call, form: Form) -> Page:
    accounts.delete(call.context, call.actor, password_of(form))
    return logging_in.forget(call, said("Deleted", "Your account is deleted, and everything that gave access to it."))


_STEPS: dict[str, Step] = {
    "name": _name,
    "address": _address,
    "password": _password,
    "privacy": _privacy,
    "delete": _delete,
}
