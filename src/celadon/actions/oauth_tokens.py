"""OAuth tokens: what a client gets for a code, and again for its refresh token (RFC 6749, 4.1.3 and 6)."""

import hmac
from dataclasses import dataclass, field
from datetime import timedelta

from celadon.actions import access, partners
from celadon.actions.context import Context, now
from celadon.model.account import Account, Actor, Authorization
from celadon.model.errors import InvalidParams, NotFound, Unauthorized
from celadon.model.oauth_client import ACCESS_LASTS, OauthClient
from celadon.store import accounts, authorizations, events, oauth_clients, secrets
from celadon.store.database import Transaction

HINT = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """An authorization with its tokens, which only now are known."""

    authorization: Authorization
    account: Account
    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)


def exchange(context: Context, *, code: str, secret: str, address: str | None) -> Tokens:
    """Tokens for a code, once; a provider of add-ons gets them by the code of an add-on. Raises Unauthorized."""
    with context.database.transaction() as tx:
        of_addon = partners.authorize(context, tx, code, secret)
        if of_addon is not None:
            return _issue(tx, of_addon, f"the provider of {of_addon.description}", address)
        found = authorizations.find_by_grant_hash(tx, secrets.hash_token(code), now())
        client = _client(tx, found, secret)
        assert found is not None
        return _issue(tx, found, client.name, address)


def refresh(context: Context, *, token: str, secret: str, address: str | None) -> Tokens:
    """New tokens for a refresh token, which works no more; raises Unauthorized."""
    with context.database.transaction() as tx:
        found = authorizations.find_by_refresh_hash(tx, secrets.hash_token(token))
        if found is not None and partners.of_provider(found):
            partners.check_secret(tx, found, secret)
            return _issue(tx, found, f"the provider of {found.description}", address)
        client = _client(tx, found, secret)
        assert found is not None
        return _issue(tx, found, client.name, address)


def _client(tx: Transaction, authorization: Authorization | None, secret: str) -> OauthClient:
    client = oauth_clients.find(tx, authorization.client_id) if authorization and authorization.client_id else None
    if client is None or not hmac.compare_digest(client.secret.encode(), secret.encode()):
        raise Unauthorized(
            "cannot give tokens: the code or refresh token is unknown or used, or the client's secret is wrong"
        )
    return client


def _issue(tx: Transaction, found: Authorization, client: str, address: str | None) -> Tokens:
    account = accounts.find(tx, found.account_id)
    if account is None or account.deleted_at is not None:
        raise Unauthorized("cannot give tokens: the account has been deleted")
    token, refresh_token = secrets.random_token("HRKU-"), secrets.random_token()
    authorizations.update(
        tx,
        found.id,
        now=now(),
        token_hash=secrets.hash_token(token),
        token_hint=token[:HINT],
        expires_at=now() + ACCESS_LASTS,
        lifetime=round(ACCESS_LASTS.total_seconds()),
        refresh_hash=secrets.hash_token(refresh_token),
        grant_hash=None,
        grant_expires_at=None,
    )
    by = Actor(account=account, address=address)
    events.insert(tx, "oauth-token:create", by=by, payload={"client": client}, resource_id=found.id)
    issued = authorizations.find(tx, account.id, found.id)
    assert issued is not None
    return Tokens(authorization=issued, account=account, access_token=token, refresh_token=refresh_token)


def regenerate(context: Context, actor: Actor, authorization_id: str) -> Tokens:
    """A new token in place of the old one; raises NotFound, InvalidParams for one that a client has not fetched yet."""
    access.require_account_write(actor)
    wanted = actor.authorization_id if authorization_id == "~" else authorization_id
    with context.database.transaction() as tx:
        found = authorizations.find(tx, actor.account.id, wanted) if wanted else None
        if found is None:
            raise NotFound("authorization")
        if found.grant_hash is not None:
            raise InvalidParams("cannot regenerate its tokens: its client has not fetched the first ones yet")
        token = secrets.random_token("HRKU-")
        refresh_token = secrets.random_token() if found.refresh_hash else None
        expires_at = now() + timedelta(seconds=found.lifetime) if found.lifetime is not None else None
        authorizations.update(
            tx,
            found.id,
            now=now(),
            token_hash=secrets.hash_token(token),
            token_hint=token[:HINT],
            expires_at=expires_at,
            refresh_hash=secrets.hash_token(refresh_token) if refresh_token else None,
        )
        events.insert(tx, "authorization:regenerate", by=actor, resource_id=found.id)
        issued = authorizations.find(tx, actor.account.id, found.id)
    assert issued is not None
    return Tokens(authorization=issued, account=actor.account, access_token=token, refresh_token=refresh_token)
