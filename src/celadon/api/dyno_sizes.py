"""Dyno sizes."""

from celadon.actions import apps
from celadon.api import shapes
from celadon.api.answer import Answer, Listing
from celadon.api.request import Call
from celadon.model.errors import InvalidParams, NotFound
from celadon.model.size import DynoSize

# From the smallest, as clients print them.
_BY_SHARE = {"share": lambda size: size.share, "name": lambda size: size.name, "id": lambda size: size.id}


def list_all(call: Call) -> Listing:
    return Listing(items=call.settings.sizes.all, attributes=_BY_SHARE, shape=shape)


def list_of_app(call: Call) -> Listing:
    apps.find(call.context, call.actor, call.app)
    return list_all(call)


def show(call: Call) -> Answer:
    try:
        found = call.settings.sizes.find(call.params["size"])
    except InvalidParams as error:
        raise NotFound("dyno_size", error.message) from None
    return Answer(value=shape(found))


def shape(size: DynoSize) -> dict[str, object]:
    return {
        "architecture": "amd64",
        "compute": size.share,
        "cost": {"cents": size.cents, "unit": "hour"},
        "dedicated": False,
        "generation": shapes.generation(),
        "id": size.id,
        "memory": size.memory / (1 << 30),
        "name": size.name,
        "precise_dyno_units": float(size.share),
        "private_space_only": False,
    }
