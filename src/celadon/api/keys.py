"""SSH keys of the account."""

from celadon.actions import keys
from celadon.api import shapes
from celadon.api.answer import BY_TIME, Answer, Listing
from celadon.api.request import Call
from celadon.model.account import Key

_ATTRIBUTES = {**BY_TIME, "fingerprint": lambda key: key.fingerprint}


def list_of(call: Call) -> Listing:
    email = call.actor.email
    found = keys.list_of(call.context, call.actor)
    return Listing(items=found, attributes=_ATTRIBUTES, shape=lambda key: shape(key, email))


def show(call: Call) -> Answer:
    return _answer(call, keys.find(call.context, call.actor, call.params["key"]))


def create(call: Call) -> Answer:
    public_key = call.body().needed_text("public_key", 20_000)
    return _answer(call, keys.create(call.context, call.actor, public_key), 201)


def delete(call: Call) -> Answer:
    return _answer(call, keys.delete(call.context, call.actor, call.params["key"]))


def _answer(call: Call, key: Key, status: int = 200) -> Answer:
    return Answer(value=shape(key, call.actor.email), status=status, changed_at=key.created_at)


def shape(key: Key, email: str) -> dict[str, object]:
    return {
        "comment": key.comment,
        "created_at": shapes.instant(key.created_at),
        "email": email,
        "fingerprint": key.fingerprint,
        "id": key.id,
        "public_key": key.public_key,
        "updated_at": shapes.instant(key.created_at),
    }
