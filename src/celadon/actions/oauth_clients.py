"""OAuth clients: programs of others that accounts may let act for them."""

import uuid

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.model import oauth_client as rules
from celadon.model.account import Actor
from celadon.model.errors import Forbidden, NotFound
from celadon.model.oauth_client import OauthClient
from celadon.store import accounts, events, oauth_clients, secrets
from celadon.store.database import Transaction

_LIMIT = 100


def create(context: Context, actor: Actor, name: str, redirect_uri: str) -> OauthClient:
    """Raises InvalidParams, Forbidden."""
    access.require_account_write(actor)
    client = OauthClient(
        id=str(uuid.uuid4()),
        account_id=actor.account.id,
        name=rules.check_name(name),
        redirect_uri=rules.check_redirect_uri(redirect_uri),
        secret=secrets.random_token(),
        ignores_delinquent=None,
        created_at=now(),
        updated_at=now(),
    )
    with context.database.transaction() as tx:
        accounts.lock(tx, actor.account.id)
        if len(oauth_clients.list_of(tx, actor.account.id)) >= _LIMIT:
            raise Forbidden(f"cannot create another OAuth client: you have {_LIMIT}, destroy one first")
        oauth_clients.insert(tx, client)
        events.insert(tx, "oauth-client:create", by=actor, resource_id=client.id)
    return client


def list_of(context: Context, actor: Actor) -> list[OauthClient]:
    access.require_account_read(actor)
    with context.database.read() as tx:
        return oauth_clients.list_of(tx, actor.account.id)


def find(context: Context, client_id: str) -> OauthClient:
    """Anybody's, as whoever is asked to authorize it must see it; raises NotFound."""
    with context.database.read() as tx:
        found = oauth_clients.find(tx, client_id)
    if found is None:
        raise NotFound("oauth_client")
    return found


def update(
    context: Context, actor: Actor, client_id: str, *, name: str | None, redirect_uri: str | None
) -> OauthClient:
    """Raises NotFound, InvalidParams."""
    with context.database.transaction() as tx:
        client = _own(tx, actor, client_id)
        oauth_clients.update(
            tx,
            client.id,
            now=now(),
            name=client.name if name is None else rules.check_name(name),
            redirect_uri=client.redirect_uri if redirect_uri is None else rules.check_redirect_uri(redirect_uri),
        )
        events.insert(tx, "oauth-client:update", by=actor, resource_id=client.id)
        return _own(tx, actor, client_id)


def rotate(context: Context, actor: Actor, client_id: str) -> OauthClient:
    """A new secret: the old one works no more. Raises NotFound."""
    with context.database.transaction() as tx:
        client = _own(tx, actor, client_id)
        oauth_clients.update(tx, client.id, now=now(), secret=secrets.random_token())
        events.insert(tx, "oauth-client:rotate", by=actor, resource_id=client.id)
        return _own(tx, actor, client_id)


def destroy(context: Context, actor: Actor, client_id: str) -> OauthClient:
    """With all that accounts have authorized it for; raises NotFound."""
    with context.database.transaction() as tx:
        client = _own(tx, actor, client_id)
        oauth_clients.delete(tx, client.id)
        events.insert(tx, "oauth-client:destroy", by=actor, resource_id=client.id)
    return client


def _own(tx: Transaction, actor: Actor, client_id: str) -> OauthClient:
    access.require_account_write(actor)
    found = oauth_clients.find(tx, client_id)
    if found is None or found.account_id != actor.account.id:
        raise NotFound("oauth_client")
    return found
