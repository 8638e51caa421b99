"""Filters: many things of one kind by their ids, with one request."""

from operator import itemgetter

from celadon.actions import apps
from celadon.api import apps as shapes
from celadon.api.answer import Listing
from celadon.api.request import Call
from celadon.model.errors import InvalidParams

_MOST = 1000


def apps_of(call: Call) -> Listing:
    """Those of the apps named by `in.id` that the actor sees."""
    wanted = call.body().entry("in")
    ids = wanted.texts("id") if wanted else None
    if ids is None:
        raise InvalidParams("cannot filter apps: give `in` with a list of ids as `id`")
    if len(ids) > _MOST:
        raise InvalidParams(f"cannot filter apps: name at most {_MOST} at once")
    found = apps.list_of(call.context, call.actor, ids)
    return Listing(
        items=shapes.shapes_of(call, found), attributes={"id": lambda shaped: shaped[0].id}, shape=itemgetter(1)
    )
