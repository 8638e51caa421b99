"""Authorizations: tokens with scopes. A token is shown once, when it is made."""

from datetime import UTC, datetime

from celadon.actions import authorizations, oauth_tokens
from celadon.api import shapes
from celadon.api.answer import BY_TIME, Answer, Listing
from celadon.api.oauth_tokens import refresh_id, token_id
from celadon.api.request import Call
from celadon.model.account import GLOBAL_SCOPE, Account, Authorization
from celadon.model.oauth_client import OauthClient

# Between what is shown of a token and its end; clients look for this very run.
REDACTED = "*" * 10


def create(call: Call) -> Answer:
    body = call.body()
    scope, client_id = body.texts("scope"), body.reference("client")
    wanted = GLOBAL_SCOPE if scope is None else scope
    description = body.text("description")
    if client_id:
        found, code = authorizations.grant(call.context, call.actor, client_id, description=description, scope=wanted)
        return _answer(call, found, None, status=201, code=code)
    expires_in = body.integer("expires_in")
    found, token = authorizations.create(
        call.context, call.actor, description=description, scope=wanted, expires_in=expires_in
    )
    return _answer(call, found, token, status=201)


def list_of(call: Call) -> Listing:
    account = call.actor.account
    found = authorizations.list_of(call.context, call.actor)
    clients = authorizations.clients_of(call.context, found)
    return Listing(
        items=found,
        attributes=BY_TIME,
        shape=lambda item: shape(item, account, _redacted(item), clients.get(item.client_id or "")),
    )


def show(call: Call) -> Answer:
    wanted = call.params["authorization"]
    found = authorizations.find(call.context, call.actor, wanted)
    # By `~` clients ask for the account's lasting token, to spare it when they log out; there is none apart from theirs.
    return _answer(call, found, None if wanted == "~" else _redacted(found))


def update(call: Call) -> Answer:
    description = call.body().text("description")
    found = authorizations.update(call.context, call.actor, call.params["authorization"], description=description)
    return _answer(call, found, _redacted(found))


def regenerate(call: Call) -> Answer:
    tokens = oauth_tokens.regenerate(call.context, call.actor, call.params["authorization"])
    return _answer(call, tokens.authorization, tokens.access_token, refresh=tokens.refresh_token)


def revoke(call: Call) -> Answer:
    found = authorizations.revoke(call.context, call.actor, call.params["authorization"])
    return _answer(call, found, _redacted(found))


def _answer(
    call: Call,
    found: Authorization,
    token: str | None,
    *,
    status: int = 200,
    code: str | None = None,
    refresh: str | None = None,
) -> Answer:
    client = authorizations.clients_of(call.context, [found]).get(found.client_id or "")
    value = shape(found, call.actor.account, token, client)
    if code:
        value["grant"] = {"code": code, "expires_in": _seconds(found.grant_expires_at), "id": found.id}
    if refresh:
        value["refresh_token"] = {"expires_in": None, "id": refresh_id(found.id), "token": refresh}
    return Answer(value=value, status=status, changed_at=found.updated_at)


def _redacted(authorization: Authorization) -> str:
    return authorization.token_hint + REDACTED


def shape(
    authorization: Authorization, account: Account, token: str | None, client: OauthClient | None
) -> dict[str, object]:
    access_token = {
        "expires_in": _seconds(authorization.expires_at),
        "id": token_id(authorization.id),
        "token": token,
    }
    return {
        "access_token": access_token if token else None,
        "client": {"id": client.id, "name": client.name, "redirect_uri": client.redirect_uri} if client else None,
        "created_at": shapes.instant(authorization.created_at),
        "description": authorization.description,
        "grant": None,
        "id": authorization.id,
        "refresh_token": None,
        "scope": authorization.scope,
        "session": {"id": authorization.session_id} if authorization.session_id else None,
        "updated_at": shapes.instant(authorization.updated_at),
        "user": {**shapes.user(account), "full_name": account.name},
    }


def _seconds(until: datetime | None) -> int | None:
    """How many are left."""
    return None if until is None else max(0, round((until - datetime.now(UTC)).total_seconds()))
