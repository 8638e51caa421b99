"""The account of whoever asks."""

from celadon.actions import access, accounts
from celadon.api import shapes
from celadon.api.answer import Answer
from celadon.api.request import Call
from celadon.model.account import Account
from celadon.model.errors import InvalidParams, NotFound


def show(call: Call) -> Answer:
    access.require_account_read(call.actor)
    return _answer(call.actor.account)


def show_user(call: Call) -> Answer:
    require_self(call)
    return show(call)


def update(call: Call) -> Answer:
    body = call.body()
    old, new = body.text("password", 1024), body.text("new_password", 1024)
    if new is not None and old is None:
        raise InvalidParams("cannot change the password: give the present one as `password` too")
    password = (old, new) if old is not None and new is not None else None
    return _answer(accounts.update(call.context, call.actor, name=body.text("name"), password=password))


def update_user(call: Call) -> Answer:
    require_self(call)
    return update(call)


def require_self(call: Call) -> None:
    """`/users/:account` is for oneself: by `~`, id or address. Raises NotFound."""
    account = call.actor.account
    if call.params["account"].lower() not in ("~", account.id, account.email):
        raise NotFound("user")


def shape(account: Account) -> dict[str, object]:
    return {
        "allow_tracking": False,
        "beta": False,
        "country_of_residence": None,
        "created_at": shapes.instant(account.created_at),
        "default_organization": None,
        "default_team": None,
        "delinquent_at": None,
        "email": account.email,
        "federated": False,
        "id": account.id,
        "identity_provider": None,
        "last_login": shapes.instant_or_none(account.last_login),
        "name": account.name,
        "sms_number": None,
        "suspended_at": None,
        "two_factor_authentication": False,
        "updated_at": shapes.instant(account.updated_at),
        "verified": account.verified,
    }


def _answer(account: Account) -> Answer:
    return Answer(value=shape(account), changed_at=account.updated_at)
