"""OAuth tokens: a client exchanges a code or a refresh token, as JSON or by the form of RFC 6749."""

from celadon.actions import authorizations, oauth_tokens
from celadon.actions.oauth_tokens import Tokens
from celadon.api import shapes
from celadon.api.answer import Answer
from celadon.api.request import Call
from celadon.model.errors import InvalidParams
from celadon.model.oauth_client import ACCESS_LASTS


def create(call: Call) -> Answer:
    body = call.body()
    grant, client, refresh = body.entry("grant"), body.entry("client"), body.entry("refresh_token")
    kind = grant.text("type") if grant else None
    secret = (client.text("secret") if client else None) or ""
    code = grant.text("code") if grant else None
    token = refresh.text("token") if refresh else None
    tokens = _tokens(call, kind, code=code, token=token, secret=secret)
    value = shape(tokens, code=code, kind=kind, secret=secret)
    return Answer(value=value, status=201, changed_at=tokens.authorization.updated_at)


def create_by_form(call: Call) -> Answer:
    form = call.form()
    kind = form.get("grant_type")
    secret = form.get("client_secret", "")
    tokens = _tokens(call, kind, code=form.get("code"), token=form.get("refresh_token"), secret=secret)
    value = {
        "access_token": tokens.access_token,
        "expires_in": int(ACCESS_LASTS.total_seconds()),
        "refresh_token": tokens.refresh_token,
        "token_type": "Bearer",
        "user_id": tokens.account.id,
    }
    return Answer(value=value)


def destroy(call: Call) -> Answer:
    """By the id of a token: its authorization ends."""
    wanted = call.params["token"]
    for found in authorizations.list_of(call.context, call.actor):
        if wanted in (token_id(found.id), refresh_id(found.id), found.id):
            wanted = found.id
    ended = authorizations.revoke(call.context, call.actor, wanted)
    tokens = Tokens(authorization=ended, account=call.actor.account, access_token="", refresh_token=None)
    return Answer(value=shape(tokens, code=None, kind=None, secret=None), changed_at=ended.updated_at)


def _tokens(call: Call, kind: str | None, *, code: str | None, token: str | None, secret: str) -> Tokens:
    address = call.request.address
    if kind == "authorization_code" and code:
        return oauth_tokens.exchange(call.context, code=code, secret=secret, address=address)
    if kind == "refresh_token" and token:
        return oauth_tokens.refresh(call.context, token=token, secret=secret, address=address)
    raise InvalidParams(
        "cannot give tokens: the grant's type is authorization_code with its code, or refresh_token with its token"
    )


def token_id(authorization_id: str) -> str:
    """The id of an authorization's access token."""
    return shapes.fixed_id("token", authorization_id)


def refresh_id(authorization_id: str) -> str:
    return shapes.fixed_id("refresh-token", authorization_id)


def shape(tokens: Tokens, *, code: str | None, kind: str | None, secret: str | None) -> dict[str, object]:
    found = tokens.authorization
    seconds = int(ACCESS_LASTS.total_seconds())
    return {
        "access_token": {"expires_in": seconds, "id": token_id(found.id), "token": tokens.access_token},
        "authorization": {"id": found.id},
        "client": {"secret": secret} if secret else None,
        "created_at": shapes.instant(found.created_at),
        "grant": {"code": code or "", "type": kind or "authorization_code"},
        "id": shapes.fixed_id("oauth-token", found.id),
        "refresh_token": {"expires_in": None, "id": refresh_id(found.id), "token": tokens.refresh_token or ""},
        "session": {"id": found.session_id or found.id},
        "updated_at": shapes.instant(found.updated_at),
        "user": {"id": tokens.account.id},
    }
