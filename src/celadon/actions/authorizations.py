"""Authorizations: tokens with scopes."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.model.account import GLOBAL_SCOPE, Actor, Authorization
from celadon.model.errors import InvalidParams, NotFound
from celadon.store import authorizations, events, secrets

SCOPES = frozenset({"global", "identity", "read", "write", "read-protected", "write-protected"})
_HINT = 9


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
    unknown = sorted(set(scope) - SCOPES)
    if unknown or not scope:
        raise InvalidParams(
            f"cannot authorize scope {', '.join(unknown) or '(none)'}: there are {', '.join(sorted(SCOPES))}"
        )
    if expires_in is not None and not 0 < expires_in <= 10 * 365 * 86_400:
        raise InvalidParams("cannot authorize: expires_in is a number of seconds, at most ten years")
    token = secrets.random_token("HRKU-")
    authorization = Authorization(
        id=str(uuid.uuid4()),
        account_id=actor.account.id,
        description=(description or "Long-lived user authorization")[:200],
        scope=tuple(scope),
        token_hash=secrets.hash_token(token),
        token_hint=token[:_HINT],
        expires_at=now() + timedelta(seconds=expires_in) if expires_in is not None else None,
        created_at=now(),
        updated_at=now(),
    )
    with context.database.transaction() as tx:
        authorizations.insert(tx, authorization)
        events.insert(tx, "authorization:create", by=actor, resource_id=authorization.id)
    return authorization, token


def list_of(context: Context, actor: Actor) -> list[Authorization]:
    access.require_account_read(actor)
    with context.database.read() as tx:
        return authorizations.list_of(tx, actor.account.id)


def find(context: Context, actor: Actor, authorization_id: str) -> Authorization:
    """By id, or `~` for the token of this very request; raises NotFound."""
    wanted = actor.authorization_id if authorization_id == "~" else authorization_id
    with context.database.read() as tx:
        found = authorizations.find(tx, actor.account.id, wanted) if wanted else None
    if found is None:
        raise NotFound("authorization")
    return found


def revoke(context: Context, actor: Actor, authorization_id: str) -> Authorization:
    """The token stops working at once; raises NotFound."""
    found = find(context, actor, authorization_id)
    if found.id != actor.authorization_id:
        access.require_account_write(actor)
    with context.database.transaction() as tx:
        authorizations.delete(tx, found.id)
        events.insert(tx, "authorization:destroy", by=actor, resource_id=found.id)
    return found
