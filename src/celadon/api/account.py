"""The account of whoever asks."""

from celadon.actions import access, accounts, teams, two_factor
from celadon.api import credentials, shapes
from celadon.api.answer import Answer
from celadon.api.request import Call
from celadon.model.account import Account
from celadon.model.errors import InvalidParams, NotFound
from celadon.model.team import Team


def show(call: Call) -> Answer:
    access.require_account_read(call.actor)
    return _answer(call, call.actor.account)


def show_user(call: Call) -> Answer:
    require_self(call)
    return show(call)


def update(call: Call) -> Answer:
    body = call.body()
    two_factor_wanted = body.flag("two_factor_authentication")
    if two_factor_wanted is not None:
        _switch_two_factor(call, two_factor_wanted)
    old, new, email = body.text("password", 1024), body.text("new_password", 1024), body.text("email")
    if (new is not None or email is not None) and old is None:
        raise InvalidParams("cannot change this: give the present password as `password` too")
    if email is not None and old is not None:
        accounts.offer_email(call.context, call.actor, email, old)
    password = (old, new) if old is not None and new is not None else None
    tracking = body.flag("allow_tracking")
    return _answer(
        call,
        accounts.update(call.context, call.actor, name=body.text("name"), allow_tracking=tracking, password=password),
    )


def _switch_two_factor(call: Call, wanted: bool) -> None:
    code = credentials.code_of(call.request)
    if wanted:
        two_factor.enable(call.context, call.actor, code)
    else:
        two_factor.disable(call.context, call.actor, _password(call), code)


def _password(call: Call) -> str:
    """The account's password, by a header or in the body; raises InvalidParams."""
    given = credentials.password_of(call.request) or call.body().text("password", 1024)
    if given is None:
        raise InvalidParams("cannot do that without your password: give it as the header Heroku-Password")
    return given


def update_user(call: Call) -> Answer:
    require_self(call)
    return update(call)


def destroy(call: Call) -> Answer:
    return _answer(call, accounts.delete(call.context, call.actor, _password(call)))


def destroy_user(call: Call) -> Answer:
    require_self(call)
    return destroy(call)


def begin_two_factor(call: Call) -> Answer:
    """A new secret for an app that makes codes; it counts once PATCH /account is given a code of it."""
    secret, url = two_factor.begin(call.context, call.actor, _password(call))
    return Answer(value={"secret": secret, "url": url}, status=201)


def create_recovery_codes(call: Call) -> Answer:
    code = credentials.code_of(call.request)
    return Answer(value=two_factor.new_recovery_codes(call.context, call.actor, _password(call), code), status=201)


def require_self(call: Call) -> None:
    """`/users/:account` is for oneself: by `~`, id or address. Raises NotFound."""
    account = call.actor.account
    if call.params["account"].lower() not in ("~", account.id, account.email):
        raise NotFound("user")


def shape(account: Account, default: Team | None = None) -> dict[str, object]:
    """An account; `default` is the team it means when it names none."""
    team = shapes.team(default) if default else None
    return {
        "allow_tracking": account.allow_tracking,
        "beta": False,
        "country_of_residence": None,
        "created_at": shapes.instant(account.created_at),
        "default_organization": team,
        "default_team": team,
        "delinquent_at": None,
        "email": account.email,
        "federated": False,
        "id": account.id,
        "identity_provider": None,
        "last_login": shapes.instant_or_none(account.last_login),
        "name": account.name,
        "sms_number": None,
        "suspended_at": None,
        "two_factor_authentication": account.two_factor,
        "updated_at": shapes.instant(account.updated_at),
        "verified": account.verified,
    }


def _answer(call: Call, account: Account) -> Answer:
    return Answer(value=shape(account, teams.default_of(call.context, account.id)), changed_at=account.updated_at)
