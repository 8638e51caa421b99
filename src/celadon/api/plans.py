"""Plans of add-on services."""

from celadon.actions import addon_services
from celadon.api import shapes
from celadon.api.answer import Answer, Listing
from celadon.api.request import Call
from celadon.model.addon import AddOnService, Plan
from celadon.model.errors import NotFound


def list_of_service(call: Call) -> Listing:
    service = found_service(call, call.params["service"])
    attributes = {"id": lambda plan: plan_id(service, plan), "name": lambda plan: plan.name}
    return Listing(items=service.plans, attributes=attributes, shape=lambda plan: shape(service, plan))


def show_of_service(call: Call) -> Answer:
    service, wanted = found_service(call, call.params["service"]), call.params["plan"]
    for plan in service.plans:
        if wanted in (plan_id(service, plan), plan.name, f"{service.name}:{plan.name}"):
            return _answer(service, plan)
    raise NotFound("plan")


def show(call: Call) -> Answer:
    """By its id, or as `service:plan`."""
    name, _, plan_name = named(call, call.params["plan"]).partition(":")
    for service in addon_services.list_of(call.context):
        plan = service.plan(plan_name) if service.name == name else None
        if plan is not None:
            return _answer(service, plan)
    raise NotFound("plan")


def named(call: Call, identity: str) -> str:
    """`service:plan` of a plan's id; what is none stays as it is."""
    for service in addon_services.list_of(call.context):
        for plan in service.plans:
            if identity == plan_id(service, plan):
                return f"{service.name}:{plan.name}"
    return identity


def found_service(call: Call, identity: str) -> AddOnService:
    """By its name or id; raises NotFound."""
    for service in addon_services.list_of(call.context):
        if identity == service_id(service):
            return service
    return addon_services.find(call.context, identity)


def service_id(service: AddOnService) -> str:
    return shapes.fixed_id("addon-service", service.name)


def plan_id(service: AddOnService, plan: Plan) -> str:
    return shapes.fixed_id("plan", service.name, plan.name)


def price(plan: Plan) -> dict[str, object]:
    return {"cents": plan.cents, "contract": False, "unit": "month"}


def _answer(service: AddOnService, plan: Plan) -> Answer:
    return Answer(value=shape(service, plan), changed_at=shapes.BUILT_IN_AT)


def shape(service: AddOnService, plan: Plan) -> dict[str, object]:
    at = shapes.instant(shapes.BUILT_IN_AT)
    return {
        "addon_service": {"id": service_id(service), "name": service.name},
        "compliance": None,
        "created_at": at,
        "default": plan == service.plan(""),
        "description": f"{service.human_name} {plan.human_name}",
        "human_name": plan.human_name,
        "id": plan_id(service, plan),
        "installable_inside_private_network": False,
        "installable_outside_private_network": True,
        "name": f"{service.name}:{plan.name}",
        "price": price(plan),
        "space_default": False,
        "state": "public",
        "updated_at": at,
        "visible": True,
    }
