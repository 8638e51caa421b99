"""Favourites of the account, in the spelling of Heroku's command: apps that it likes to see first."""

from celadon.actions import favourites
from celadon.api import shapes
from celadon.api.answer import BY_NAME, Answer, Listing
from celadon.api.request import Call
from celadon.model.errors import InvalidParams


def list_of(call: Call) -> Listing:
    return Listing(items=favourites.list_of(call.context, call.actor), attributes=BY_NAME, shape=shapes.app)


def create(call: Call) -> Answer:
    named = call.body().reference("app")
    if named is None:
        raise InvalidParams("cannot tell which app is meant: give it as `app`")
    return Answer(value=shapes.app(favourites.add(call.context, call.actor, named)), status=201)


def destroy(call: Call) -> Answer:
    return Answer(value=shapes.app(favourites.remove(call.context, call.actor, call.app)))
