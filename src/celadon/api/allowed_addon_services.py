"""Add-on services that a team allows its members."""

from celadon.actions import allowed_addon_services
from celadon.actions.allowed_addon_services import Described
from celadon.api import shapes
from celadon.api.answer import Answer, Listing
from celadon.api.plans import found_service, service_id
from celadon.api.request import Call
from celadon.model.errors import NotFound

_ATTRIBUTES = {"name": lambda one: one.service.name, "id": lambda one: one.allowed.id}


def list_of(call: Call) -> Listing:
    found = allowed_addon_services.list_of(call.context, call.actor, call.params["team"])
    return Listing(items=found, attributes=_ATTRIBUTES, shape=shape)


def create(call: Call) -> Answer:
    """All that are allowed then, as Heroku answers."""
    named = call.body().needed_reference("addon_service")
    found = allowed_addon_services.create(call.context, call.actor, call.params["team"], _name(call, named))
    return Answer(value=[shape(one) for one in found], status=201)


def _name(call: Call, named: str) -> str:
    """The name of a service, also by its id; what is none stays as it is, for the action to say so."""
    try:
        return found_service(call, named).name
    except NotFound:
        return named


def destroy(call: Call) -> Answer:
    named = call.params["allowed_addon_service"]
    return Answer(value=shape(allowed_addon_services.remove(call.context, call.actor, call.params["team"], named)))


def shape(found: Described) -> dict[str, object]:
    return {
        "added_at": shapes.instant(found.allowed.added_at),
        "added_by": {"email": found.by.email, "id": found.by.id},
        "addon_service": {
            "human_name": found.service.human_name,
            "id": service_id(found.service),
            "name": found.service.name,
        },
        "id": found.allowed.id,
    }
