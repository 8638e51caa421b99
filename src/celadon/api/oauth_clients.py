"""OAuth clients of the account that asks."""

from celadon.actions import oauth_clients
from celadon.api import shapes
from celadon.api.answer import BY_TIME, Answer, Listing
from celadon.api.request import Call
from celadon.model.oauth_client import OauthClient


def create(call: Call) -> Answer:
    body = call.body()
    name, uri = body.needed_text("name"), body.needed_text("redirect_uri")
    return _answer(oauth_clients.create(call.context, call.actor, name, uri), status=201)


def list_of(call: Call) -> Listing:
    return Listing(items=oauth_clients.list_of(call.context, call.actor), attributes=BY_TIME, shape=shape)


def show(call: Call) -> Answer:
    """Anybody's, but its secret only to its owner."""
    client = oauth_clients.find(call.context, call.params["client"])
    whole = shape(client)
    own = client.account_id == call.actor.account.id and "global" in call.actor.scope
    return Answer(
        value=whole if own else {name: whole[name] for name in ("id", "name", "redirect_uri")},
        changed_at=client.updated_at,
    )


def update(call: Call) -> Answer:
    body = call.body()
    name, uri = body.text("name"), body.text("redirect_uri")
    return _answer(oauth_clients.update(call.context, call.actor, call.params["client"], name=name, redirect_uri=uri))


def rotate(call: Call) -> Answer:
    return _answer(oauth_clients.rotate(call.context, call.actor, call.params["client"]))


def destroy(call: Call) -> Answer:
    return _answer(oauth_clients.destroy(call.context, call.actor, call.params["client"]))


def shape(client: OauthClient) -> dict[str, object]:
    return {
        "created_at": shapes.instant(client.created_at),
        "id": client.id,
        "ignores_delinquent": client.ignores_delinquent,
        "name": client.name,
        "redirect_uri": client.redirect_uri,
        "secret": client.secret,
        "updated_at": shapes.instant(client.updated_at),
    }


def _answer(client: OauthClient, status: int = 200) -> Answer:
    return Answer(value=shape(client), status=status, changed_at=client.updated_at)
