"""Authorizations: tokens with scopes. A token is shown once, when it is made."""

from datetime import UTC, datetime

from celadon.actions import authorizations
from celadon.api import shapes
from celadon.api.answer import BY_TIME, Answer, Listing
from celadon.api.request import Call
from celadon.model.account import GLOBAL_SCOPE, Account, Authorization

# Between what is shown of a token and its end; clients look for this very run.
REDACTED = "*" * 10


def create(call: Call) -> Answer:
    body = call.body()
    scope = body.texts("scope")
    authorization, token = authorizations.create(
        call.context,
        call.actor,
        description=body.text("description"),
        scope=GLOBAL_SCOPE if scope is None else scope,
        expires_in=body.integer("expires_in"),
    )
    value = shape(authorization, call.actor.account, token)
    return Answer(value=value, status=201, changed_at=authorization.updated_at)


def list_of(call: Call) -> Listing:
    account = call.actor.account
    return Listing(
        items=authorizations.list_of(call.context, call.actor),
        attributes=BY_TIME,
        shape=lambda found: shape(found, account, _redacted(found)),
    )


def show(call: Call) -> Answer:
    wanted = call.params["authorization"]
    found = authorizations.find(call.context, call.actor, wanted)
    # By `~` clients ask for the account's lasting token, to spare it when they log out; there is none apart from theirs.
    token = None if wanted == "~" else _redacted(found)
    return Answer(value=shape(found, call.actor.account, token), changed_at=found.updated_at)


def revoke(call: Call) -> Answer:
    found = authorizations.revoke(call.context, call.actor, call.params["authorization"])
    return Answer(value=shape(found, call.actor.account, _redacted(found)), changed_at=found.updated_at)


def _redacted(authorization: Authorization) -> str:
    return authorization.token_hint + REDACTED


def shape(authorization: Authorization, account: Account, token: str | None) -> dict[str, object]:
    access_token = {
        "expires_in": _seconds_left(authorization),
        "id": shapes.fixed_id("token", authorization.id),
        "token": token,
    }
    return {
        "access_token": access_token if token else None,
        "client": None,
        "created_at": shapes.instant(authorization.created_at),
        "description": authorization.description,
        "grant": None,
        "id": authorization.id,
        "refresh_token": None,
        "scope": authorization.scope,
        "session": None,
        "updated_at": shapes.instant(authorization.updated_at),
        "user": {**shapes.user(account), "full_name": account.name},
    }


def _seconds_left(authorization: Authorization) -> int | None:
    if authorization.expires_at is None:
        return None
    return max(0, round((authorization.expires_at - datetime.now(UTC)).total_seconds()))
