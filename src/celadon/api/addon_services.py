"""Add-on services, and where they can be used."""

from collections.abc import Sequence

from celadon.actions import addon_services
from celadon.api import regions, shapes
from celadon.api.answer import BY_ID, Answer, Listing
from celadon.api.plans import found_service, service_id
from celadon.api.request import Call
from celadon.model.addon import AddOnService
from celadon.model.errors import NotFound


def list_all(call: Call) -> Listing:
    attributes = {"name": lambda service: service.name, "id": service_id}
    return Listing(items=addon_services.list_of(call.context), attributes=attributes, shape=shape)


def show(call: Call) -> Answer:
    return Answer(value=shape(found_service(call, call.params["service"])), changed_at=shapes.BUILT_IN_AT)


def create(call: Call) -> Answer:
    """By a manifest."""
    return Answer(value=shape(addon_services.register(call.context, call.actor, call.body().values)), status=201)


def destroy(call: Call) -> Answer:
    name = found_service(call, call.params["service"]).name
    return Answer(value=shape(addon_services.remove(call.context, call.actor, name)))


def list_providers(call: Call) -> Listing:
    """Third parties, and how many add-ons there are of each."""
    found = addon_services.providers(call.context, call.actor)
    return Listing(items=found, attributes={"name": lambda one: one.name}, shape=_provider)


def _provider(found: addon_services.Registered) -> dict[str, object]:
    return {"addons": found.addons, "human_name": found.human_name, "name": found.name, "url": found.url}


def list_capabilities(call: Call) -> Listing:
    return _capabilities(addon_services.list_of(call.context))


def list_capabilities_of(call: Call) -> Listing:
    return _capabilities([found_service(call, call.params["service"])])


def list_capabilities_in(call: Call) -> Listing:
    region = regions.shape()
    if call.params["region"] not in (region["id"], region["name"]):
        raise NotFound("region")
    return _capabilities(addon_services.list_of(call.context))


def _capabilities(services: Sequence[AddOnService]) -> Listing:
    offered = [service for service in services if not service.regions or shapes.REGION in service.regions]
    shown = [
        {
            "addon_service": shape(service),
            "id": shapes.fixed_id("addon-region-capability", service.name, shapes.REGION),
            "region": regions.shape(),
            "supports_private_networking": False,
        }
        for service in offered
    ]
    return Listing(items=shown, attributes={name: lambda entry: str(entry["id"]) for name in BY_ID}, shape=dict)


def shape(service: AddOnService) -> dict[str, object]:
    at = shapes.instant(shapes.BUILT_IN_AT)
    return {
        "cli_plugin_name": None,
        "created_at": at,
        "human_name": service.human_name,
        "id": service_id(service),
        "name": service.name,
        "state": "ga",
        "supported_generations": [shapes.generation()],
        "supports_multiple_installations": service.many,
        "supports_sharing": service.sharable,
        "updated_at": at,
    }
