"""Authorizations: tokens with scopes."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from celadon.actions import access, partners, two_factor
from celadon.actions.context import Context, now
from celadon.actions.oauth_tokens import HINT
from celadon.model.account import GLOBAL_SCOPE, Actor, Authorization
from celadon.model.errors import Forbidden, InvalidParams, NotFound
from celadon.model.feature import PRIVATE_ACCOUNT
from celadon.model.oauth_client import CODE_LASTS, OauthClient
from celadon.store import accounts, authorizations, events, oauth_clients, secrets, sessions
from celadon.store.database import Transaction

API_KEY = "API key"
SCOPES = frozenset({"global", "identity", "read", "write", "read-protected", "write-protected"})


def create(
    context: Context,
    actor: Actor,
    *,
    description: str | None = None,
    scope: Sequence[str] = GLOBAL_SCOPE,
    expires_in: int | None = None,
) -> tuple[Authorization, str]:
    """Make a token that lasts `expires_in` seconds (None: until revoked); returns it once, only its hash is kept."""
    access.require_account_write(actor)
    check_scope(scope)
    if expires_in is not None and not 0 < expires_in <= 10 * 365 * 86_400:
        raise InvalidParams("cannot authorize: expires_in is a number of seconds, at most ten years")
    expires_at = now() + timedelta(seconds=expires_in) if expires_in is not None else None
    with context.database.transaction() as tx:
        return insert(tx, actor, description=description, scope=scope, expires_at=expires_at)


def grant(
    context: Context, actor: Actor, client_id: str, *, description: str | None = None, scope: Sequence[str]
) -> tuple[Authorization, str]:
    """Let a client act for the account: returns the code that it exchanges for tokens. Raises NotFound, InvalidParams."""
    access.require_account_write(actor)
    check_scope(scope)
    code = secrets.random_token()
    with context.database.transaction() as tx:
        client = oauth_clients.find(tx, client_id)
        if client is None:
            raise NotFound("oauth_client")
        if accounts.features(tx, actor.account.id).get(PRIVATE_ACCOUNT):
            raise Forbidden(
                f"cannot let {client.name} act for you: your account is private; `features:disable {PRIVATE_ACCOUNT}` first"
            )
        authorization, _ = insert(
            tx,
            actor,
            description=description or client.name,
            scope=scope,
            # Nobody has its first token: the client gets one for the code.
            expires_at=now(),
            client_id=client.id,
            grant_hash=secrets.hash_token(code),
            grant_expires_at=now() + CODE_LASTS,
        )
    return authorization, code


def check_scope(scope: Sequence[str]) -> None:
    """Raises InvalidParams."""
    unknown = sorted(set(scope) - SCOPES)
    if unknown or not scope:
        named = ", ".join(unknown)[:80] or "(none)"
        raise InvalidParams(f"cannot authorize scope {named}: there are {', '.join(sorted(SCOPES))}")


def insert(
    tx: Transaction,
    actor: Actor,
    *,
    description: str | None,
    scope: Sequence[str] = GLOBAL_SCOPE,
    expires_at: datetime | None = None,
    **of_client: Any,
) -> tuple[Authorization, str]:
    """Make an authorization within a transaction; returns it with its token."""
    token = secrets.random_token("HRKU-")
    authorization = Authorization(
        id=str(uuid.uuid4()),
        account_id=actor.account.id,
        description=(description or "Long-lived user authorization")[:200],
        scope=tuple(dict.fromkeys(scope)),
        token_hash=secrets.hash_token(token),
        token_hint=token[:HINT],
        expires_at=expires_at,
        lifetime=round((expires_at - now()).total_seconds()) if expires_at is not None else None,
        created_at=now(),
        updated_at=now(),
        **of_client,
    )
    authorizations.insert(tx, authorization)
    events.insert(tx, "authorization:create", by=actor, resource_id=authorization.id)
    return authorization, token


def regenerate_api_key(context: Context, actor: Actor, password: str) -> str:
    """A new API key, a token with all scopes that lasts: it is returned once, and the one of before works no more.

    Raises Unauthorized for a wrong password.
    """
    access.require_account_write(actor)
    two_factor.check_password(context, actor, password)
    with context.database.transaction() as tx:
        accounts.lock(tx, actor.account.id)
        for before in authorizations.list_of(tx, actor.account.id):
            if is_api_key(before):
                authorizations.delete(tx, before.id)
                events.insert(tx, "authorization:destroy", by=actor, resource_id=before.id)
        return insert(tx, actor, description=API_KEY)[1]


def is_api_key(authorization: Authorization) -> bool:
    """Whether it is the account's API key: made by itself, for nobody's program."""
    own = authorization.client_id is None and authorization.session_id is None
    return own and authorization.description == API_KEY and authorization.scope == GLOBAL_SCOPE


def clients_of(context: Context, found: list[Authorization]) -> dict[str, OauthClient]:
    """Client id → client, for those that these authorizations are for."""
    with context.database.read() as tx:
        return oauth_clients.by_ids(tx, {item.client_id for item in found if item.client_id})


def update(context: Context, actor: Actor, authorization_id: str, *, description: str | None) -> Authorization:
    """Describe it otherwise; raises NotFound."""
    access.require_account_write(actor)
    found = find(context, actor, authorization_id)
    if description is not None:
        with context.database.transaction() as tx:
            authorizations.update(tx, found.id, now=now(), description=description[:200])
    return find(context, actor, found.id)


def list_of(context: Context, actor: Actor) -> list[Authorization]:
    access.require_account_read(actor)
    with context.database.read() as tx:
        found = authorizations.list_of(tx, actor.account.id)
    # Those of providers are for their add-ons, and go with them.
    return [one for one in found if not partners.of_provider(one)]


def find(context: Context, actor: Actor, authorization_id: str) -> Authorization:
    """By id, or `~` for the token of this very request; raises NotFound."""
    wanted = actor.authorization_id if authorization_id == "~" else authorization_id
    with context.database.read() as tx:
        found = authorizations.find(tx, actor.account.id, wanted) if wanted else None
    if found is None:
        raise NotFound("authorization")
    return found


def revoke(context: Context, actor: Actor, authorization_id: str) -> Authorization:
    """The token stops working at once, and the session that it is of is over; raises NotFound."""
    found = find(context, actor, authorization_id)
    if found.id != actor.authorization_id:
        access.require_account_write(actor)
    with context.database.transaction() as tx:
        authorizations.delete(tx, found.id)
        events.insert(tx, "authorization:destroy", by=actor, resource_id=found.id)
        if found.session_id is not None:
            sessions.delete(tx, found.session_id)
            events.insert(tx, "session:destroy", by=actor, resource_id=found.session_id)
    return found
